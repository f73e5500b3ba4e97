package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/app"
	"github.com/atssync/atssync/daemon/internal/store/badger"
)

// patient is what is examined. What several checks need is found out by the first that asks.
type patient struct {
	o Options
	// config is nil when the file cannot be read, and has defaults in place of what is wrong in it.
	config   *config.Config
	problems config.Problems
	daemon   func() daemonFacts
	store    func() (badger.Glance, error)
	hosts    func() []hostLook
}

// daemonFacts are what a daemon tells of itself at once.
type daemonFacts struct {
	version     string // "" when none answered
	err         error
	connections []api.Connection
	adapters    []api.Adapter
}

func newPatient(ctx context.Context, o Options) *patient {
	p := &patient{o: o}
	p.config, p.problems = app.ReadConfig(o.ConfigPath)
	p.daemon = sync.OnceValue(func() daemonFacts { return askDaemon(ctx, o.Daemon) })
	p.store = sync.OnceValues(func() (badger.Glance, error) {
		if p.config == nil {
			return badger.Glance{}, nil
		}
		return badger.Look(p.config.Store.Dir)
	})
	p.hosts = sync.OnceValue(func() []hostLook { return lookAtHosts(ctx, p) })
	return p
}

// askTimeout is how long the daemon may take to say that it is there.
const askTimeout = 5 * time.Second

func askDaemon(ctx context.Context, c *api.Client) (d daemonFacts) {
	first, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if d.version, d.err = c.Version(first); d.err != nil {
		return d
	}
	if d.adapters, d.err = c.Adapters(ctx); d.err != nil {
		return d
	}
	for x, err := range api.All("", func(after string) (api.Page[api.Connection], error) {
		var q api.ConnectionQuery
		q.After, q.Limit = after, page
		return c.Connections(ctx, q)
	}) {
		if err != nil {
			d.err = err
			break
		}
		if x.State != "removed" {
			d.connections = append(d.connections, x)
		}
	}
	return d
}

// page is how many things are asked for at once.
const page = 500

// withoutConfig is what a check says that needs the config file.
func (p *patient) withoutConfig(subject string) []Finding {
	return []Finding{notRun(subject, "the config file cannot be read", "see the check config")}
}

// withoutDaemon is what a check says that needs the daemon; nil when it answers.
func (p *patient) withoutDaemon(subject string) []Finding {
	d := p.daemon()
	switch {
	case d.err == nil:
		return nil
	case d.version != "":
		return []Finding{trouble(subject, "the daemon does not tell: "+said(d.err), "see what it says: journalctl -u atssync")}
	}
	return []Finding{notRun(subject, "no daemon answers", "see the check service")}
}

// said is what an error says, without what the client would do about it.
func said(err error) string {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// name is how a connection is called.
func (p *patient) name(id, name string) string {
	if p.o.Anonymous || name == "" {
		return id
	}
	return name
}

// uid is the user that the daemon runs as: of the process that has the store open, else the owner of the data folder. ok is
// false when neither tells.
func (p *patient) uid() (uid int, ok bool) {
	if p.config == nil {
		return 0, false
	}
	look := func(path string) (int, bool) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, false
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return 0, false
		}
		return int(st.Uid), true
	}
	if g, err := p.store(); err == nil && g.Holder > 0 {
		if uid, ok = look(fmt.Sprintf("/proc/%d", g.Holder)); ok {
			return uid, true
		}
	}
	return look(p.config.Daemon.DataDir)
}

// mayNotLook reports whether an error only says that this user may not look.
func mayNotLook(err error) bool {
	return errors.Is(err, os.ErrPermission) && os.Geteuid() != 0
}
