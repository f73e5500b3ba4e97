package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	// oldBackup is how old the last backup may be: a day, and two hours for one that takes its time.
	oldBackup = 26 * time.Hour
	// lateTask is how long after its time a task may still wait for its turn.
	lateTask = time.Hour
	// maxAnswer bounds what is read of an answer of the ops endpoints.
	maxAnswer = 64 << 10
)

func healthQuery() api.HealthQuery { return api.HealthQuery{Limit: page} }

func checkStore(ctx context.Context, p *patient) []Finding {
	if p.config == nil {
		return p.withoutConfig("store")
	}
	dir := p.config.Store.Dir
	if p.config.Store.Engine == "memory" {
		return append([]Finding{warning("store", "it is in memory: everything is lost when the daemon ends", `set [store] engine = "badger"`)}, p.storeOfDaemon(ctx)...)
	}
	g, err := p.store()
	switch {
	case mayNotLook(err):
		return append([]Finding{notRun(dir, "this user may not look at it", asRoot)}, p.storeOfDaemon(ctx)...)
	case err != nil:
		return append([]Finding{trouble(dir, err.Error(), "nothing was changed; see atssync restore --help")}, p.storeOfDaemon(ctx)...)
	case !g.Found:
		return []Finding{notRun(dir, "there is no store yet", "the daemon makes it at its first start")}
	case g.State != "ready":
		return []Finding{warning(dir, "it is not whole: "+g.State, "finish what was begun: a first start, or atssync restore")}
	}
	text := fmt.Sprintf("format %d, which this program knows", g.Version)
	if g.Version < badger.FormatVersion() {
		text = fmt.Sprintf("format %d, which the next start brings forward to %d", g.Version, badger.FormatVersion())
	}
	if p.daemon().err != nil && g.Holder == 0 {
		return []Finding{well(dir, text+"; nobody has it open: atssync verify reads all of it")}
	}
	return append([]Finding{well(dir, text)}, p.storeOfDaemon(ctx)...)
}

// storeOfDaemon is what the running daemon tells of what it keeps.
func (p *patient) storeOfDaemon(ctx context.Context) []Finding {
	if missing := p.withoutDaemon("daemon's view"); missing != nil {
		return missing
	}
	out := p.ready(ctx)
	out = append(out, p.ledger(ctx), p.lastBackup(ctx), p.tasks(ctx))
	return append(out, p.restored(ctx)...)
}

// ready asks the daemon's own checks, which are on its listener for probes.
func (p *patient) ready(ctx context.Context) []Finding {
	at := p.config.Ops.Listen
	if _, port, err := net.SplitHostPort(at); at == "" || err != nil || port == "0" {
		return []Finding{notRun("readiness", "the config names no address of the daemon's probes", "set [ops] listen")}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/readyz?verbose", http.NoBody)
	if err != nil {
		return []Finding{trouble("readiness", err.Error(), "set [ops] listen to an address such as 127.0.0.1:9475")}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return []Finding{trouble("readiness", fmt.Sprintf("nobody answers on %s: %v", at, cause(err)), "restart the daemon if [ops] was changed since its start")}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return []Finding{trouble("readiness", fmt.Sprintf("the answer of %s broke off", at), "ask again")}
	}
	var out []Finding
	for line := range strings.Lines(string(text)) {
		if what, ok := strings.CutPrefix(strings.TrimSpace(line), "[-] "); ok {
			out = append(out, trouble("readiness", "the daemon is not ready: "+what, "see what it says: journalctl -u atssync"))
		}
	}
	if len(out) == 0 {
		out = append(out, well("readiness", "the daemon is ready"))
	}
	return out
}

// ledger asks whether everything that was accepted is accounted for.
func (p *patient) ledger(ctx context.Context) Finding {
	n, accepted := 0, int64(0)
	for after := ""; ; {
		view, err := p.o.Daemon.Ledger(ctx, "", false, after, page)
		if err != nil {
			return trouble("ledger", "the daemon does not tell: "+said(err), "see what it says: journalctl -u atssync")
		}
		for _, l := range view.Connections {
			if !l.OK {
				f := trouble(l.Connection, "the ledger does not add up: an application may be lost", "tell the maintainers, with what atssync ledger --recount prints")
				f.WhoseTurn = sdk.TurnOperator
				return f
			}
			n, accepted = n+1, accepted+l.Accepted
		}
		if after = view.Next; after == "" {
			return well("ledger", fmt.Sprintf("all of %d accepted applications of %s are accounted for", accepted, some(n, "connection")))
		}
	}
}

func (p *patient) lastBackup(ctx context.Context) Finding {
	view, err := p.o.Daemon.Health(ctx, healthQuery())
	if err != nil {
		return trouble("last backup", "the daemon does not tell: "+said(err), "see what it says: journalctl -u atssync")
	}
	return judgeBackup(view.Backup, time.Now())
}

func judgeBackup(b *api.BackupHealth, now time.Time) Finding {
	const remedy = "make one now: atssync backup FOLDER; every day by itself: [backup] dir"
	if b != nil && b.Restored != nil {
		return warning("last backup", fmt.Sprintf("no backup was made since this store was restored, %s, from the backup of %s",
			b.Restored.At.UTC().Format(time.RFC3339), b.Restored.MadeAt.UTC().Format(time.RFC3339)), remedy)
	}
	if b == nil || b.LastSuccess.IsZero() {
		return warning("last backup", "no backup was made yet", remedy)
	}
	text := fmt.Sprintf("of %s, %s old", b.LastSuccess.UTC().Format(time.RFC3339), now.Sub(b.LastSuccess).Round(time.Minute))
	if now.Sub(b.LastSuccess) > oldBackup {
		return warning("last backup", text, remedy)
	}
	return well("last backup", text)
}

func (p *patient) tasks(ctx context.Context) Finding {
	tasks, err := p.o.Daemon.Tasks(ctx, "")
	if err != nil {
		return trouble("tasks", "the daemon does not tell: "+said(err), "see what it says: journalctl -u atssync")
	}
	return judgeTasks(tasks, time.Now())
}

func judgeTasks(tasks []api.Task, now time.Time) Finding {
	late := 0
	for _, t := range tasks {
		if now.Sub(t.NextAt) > lateTask {
			late++
		}
	}
	if late > 0 {
		return warning("tasks", fmt.Sprintf("%d of %s have waited for their turn for more than an hour", late, some(len(tasks), "task")), "see atssync tasks, and what the daemon says: journalctl -u atssync")
	}
	return well("tasks", some(len(tasks), "task")+" under way")
}

// restored tells of a restore that holds work.
func (p *patient) restored(ctx context.Context) []Finding {
	view, err := p.o.Daemon.Restoration(ctx)
	if err != nil || len(view.Held) == 0 {
		return nil // what it cannot tell, the others have told
	}
	return []Finding{warning("restore", some(len(view.Held), "connection")+" send nothing, as the store was restored from a backup", "see atssync connections release")}
}
