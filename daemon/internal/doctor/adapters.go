package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/app"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

// slowStart is how long an adapter may take to say what it is.
const slowStart = 5 * time.Second

func checkAdapters(ctx context.Context, p *patient) []Finding {
	if p.config == nil {
		return p.withoutConfig("adapters")
	}
	files := app.AdapterFiles(ctx, p.config)
	if len(files) == 0 {
		return []Finding{trouble(p.config.Adapters.Dir, "there is no adapter: none is named in the config file, and the folder holds none", "install one there, or name it in [adapters.NAME]")}
	}
	var out []Finding
	for _, f := range files {
		out = append(out, p.file(f))
	}
	if missing := p.withoutDaemon("daemon's view"); missing != nil {
		return append(out, missing...)
	}
	for _, a := range p.daemon().adapters {
		out = append(out, running(a)...)
	}
	return out
}

// file judges an adapter's program, which was started for a moment.
func (p *patient) file(f app.AdapterFile) Finding {
	if f.Cause != nil {
		if p.ownedByDaemon(f) || mayNotLook(f.Cause) {
			return notRun(f.Name, "its program can be started by the daemon's user only: "+f.Path, asRoot)
		}
		out := trouble(f.Name, f.Error, remedyOf(f))
		if errors.Is(f.Cause, host.ErrHandshake) || errors.Is(f.Cause, host.ErrExited) {
			out.WhoseTurn = sdk.TurnAdapter
		}
		return out
	}
	if f.Manifest.Name != f.Name {
		out := trouble(f.Name, fmt.Sprintf("%s calls itself %s", f.Path, f.Manifest.Name), "name the file, or [adapters."+f.Manifest.Name+"], as the adapter is called")
		return out
	}
	pinned := "not pinned"
	if f.Pinned {
		pinned = "its checksum is the pinned one"
	}
	text := fmt.Sprintf("version %s, contract %s, starts in %s, %s", f.Version, f.Contract, short(f.Started), pinned)
	out := well(f.Name, text)
	if f.Started > slowStart {
		out = warning(f.Name, text, "see what it does at its start, or what else this machine does")
	}
	out.DurationMS = f.Started.Milliseconds()
	return out
}

// ownedByDaemon reports whether a file was refused only because it is the daemon's user's, and this one is another.
func (p *patient) ownedByDaemon(f app.AdapterFile) bool {
	if !errors.Is(f.Cause, host.ErrUnsafe) {
		return false
	}
	info, err := os.Stat(f.Path)
	if err != nil || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	uid, known := p.uid()
	return ok && known && int(st.Uid) == uid && uid != os.Geteuid()
}

func remedyOf(f app.AdapterFile) string {
	switch {
	case errors.Is(f.Cause, host.ErrMissing):
		return "install it, or correct [adapters." + f.Name + "] path"
	case errors.Is(f.Cause, host.ErrUnsafe):
		return "give the file and its folder to root, and let nobody else write there"
	case errors.Is(f.Cause, host.ErrChecksum):
		return "see who replaced it; after an update of your own, correct [adapters." + f.Name + "] sha256"
	case errors.Is(f.Cause, host.ErrProtocol):
		return "install the adapter and the daemon of versions that belong together"
	}
	return "see what it prints: atssync adapters test " + f.Path
}

// running judges an adapter's process as the daemon sees it.
func running(a api.Adapter) []Finding {
	text := fmt.Sprintf("the daemon runs it, since %s", a.Since.UTC().Format(time.RFC3339))
	if a.Restarts > 0 {
		text += ", after " + some(a.Restarts, "restart")
	}
	if a.Error != "" {
		text += ": " + a.Error
	}
	const look = "see what it printed: atssync adapters show "
	var out []Finding
	switch {
	case a.State == "running" && a.Restarts > 0:
		out = append(out, warning(a.Name, text, look+a.Name))
	case a.State == "running":
		out = append(out, well(a.Name, text))
	case a.State == "starting":
		out = append(out, warning(a.Name, "the daemon is starting it", "look again in a moment"))
	default:
		f := trouble(a.Name, strings.TrimSuffix(fmt.Sprintf("its process is %s: %s", a.State, a.Error), ": "), look+a.Name)
		f.WhoseTurn = sdk.TurnAdapter
		if a.State == "missing" {
			f.WhoseTurn = sdk.TurnOperator
		}
		out = append(out, f)
	}
	for _, problem := range a.Problems {
		out = append(out, warning(a.Name, problem, "correct [adapters."+a.Name+"]"))
	}
	return out
}
