package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// enoughFiles is how many open files a daemon should be allowed.
const enoughFiles = 4096

func checkService(_ context.Context, p *patient) []Finding {
	out := []Finding{p.answers()}
	g, err := p.store()
	if p.config == nil || err != nil || g.Holder == 0 {
		return out
	}
	return append(out, openFiles(g.Holder))
}

// answers says whether a daemon answers, and whether it should.
func (p *patient) answers() Finding {
	d := p.daemon()
	if d.version != "" {
		if d.version != p.o.Version {
			return warning("daemon", fmt.Sprintf("the daemon is version %s and this program %s", d.version, p.o.Version), "restart the daemon after an update: systemctl restart atssync")
		}
		return well("daemon", "it answers, version "+d.version)
	}
	if errors.Is(d.err, os.ErrPermission) {
		return notRun("daemon", "this user may not speak to the daemon", "use a user of the socket's group, or root")
	}
	g, err := p.store()
	switch {
	case p.config == nil || err != nil:
		return trouble("daemon", said(d.err), startDaemon)
	case g.Holder > 0:
		return trouble("daemon", fmt.Sprintf("process %d has the store open, and it does not answer: %s", g.Holder, said(d.err)), "it may be starting, or hang: journalctl -u atssync; name its socket with --socket if that is another one")
	case !g.Found:
		return warning("daemon", said(d.err)+", and there is no data yet", "start it: systemctl enable --now atssync")
	}
	return trouble("daemon", said(d.err), startDaemon)
}

// openFiles looks how many files a process may have open.
func openFiles(pid int) Finding {
	subject := fmt.Sprintf("process %d", pid)
	f, err := os.Open(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return notRun(subject, "its limits cannot be read", asRoot)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), "Max open files")
		if !ok {
			continue
		}
		soft, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, err := strconv.Atoi(soft)
		if err == nil && n < enoughFiles {
			return warning(subject, fmt.Sprintf("the daemon may have only %d files open, connections included", n), "set LimitNOFILE=65536 in its unit")
		}
		return well(subject, "it may have "+soft+" files open")
	}
	return notRun(subject, "its limits cannot be read", asRoot)
}
