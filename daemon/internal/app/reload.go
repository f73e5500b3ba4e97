package app

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/fleet"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/schedule"
)

// piece is a part of the configuration.
type piece struct {
	name string
	at   func(*config.Config) any // a pointer to it
}

// lasting are the parts that stay as they were until the next start: listeners, folders, and what pages were made from.
var lasting = []piece{
	{"[platform]", func(c *config.Config) any { return &c.Platform }},
	{"[daemon] data_dir", func(c *config.Config) any { return &c.Daemon.DataDir }},
	{"[daemon] runtime_dir", func(c *config.Config) any { return &c.Daemon.RuntimeDir }},
	{"[daemon] socket", func(c *config.Config) any { return &c.Daemon.Socket }},
	{"[daemon] socket_group", func(c *config.Config) any { return &c.Daemon.SocketGroup }},
	{"[daemon] log_format", func(c *config.Config) any { return &c.Daemon.LogFormat }},
	{"[store]", func(c *config.Config) any { return &c.Store }},
	{"[submissions] max_document", func(c *config.Config) any { return &c.Submissions.MaxDocument }},
	{"[delivery] max_in_flight", func(c *config.Config) any { return &c.Delivery.MaxInFlight }},
	{"[http]", func(c *config.Config) any { return &c.HTTP }},
	{"[console]", func(c *config.Config) any { return &c.Console }},
	{"[ops]", func(c *config.Config) any { return &c.Ops }},
	{"[metrics]", func(c *config.Config) any { return &c.Metrics }},
}

// reloaded are the parts that a reload puts in force.
var reloaded = []piece{
	{"[daemon]", func(c *config.Config) any { return &c.Daemon }},
	{"[submissions]", func(c *config.Config) any { return &c.Submissions }},
	{"[status]", func(c *config.Config) any { return &c.Status }},
	{"[schedules]", func(c *config.Config) any { return &c.Schedules }},
	{"[adapters]", func(c *config.Config) any { return &c.Adapters }},
	{"[delivery]", func(c *config.Config) any { return &c.Delivery }},
	{"[backup]", func(c *config.Config) any { return &c.Backup }},
	{"[retention]", func(c *config.Config) any { return &c.Retention }},
	{"[[connections]]", func(c *config.Config) any { return &c.Connections }},
	{"[[job_links]]", func(c *config.Config) any { return &c.JobLinks }},
	{"[[webhooks]]", func(c *config.Config) any { return &c.Webhooks }},
}

// keepLasting gives next what lasts until the next start from was, and names what would have been changed.
func keepLasting(was, next *config.Config) (restart []string) {
	for _, p := range lasting {
		have, want := reflect.ValueOf(p.at(was)).Elem(), reflect.ValueOf(p.at(next)).Elem()
		if !reflect.DeepEqual(have.Interface(), want.Interface()) {
			restart = append(restart, p.name)
			want.Set(have)
		}
	}
	return restart
}

func changedParts(was, next *config.Config) (changed []string) {
	for _, p := range reloaded {
		if !reflect.DeepEqual(p.at(was), p.at(next)) {
			changed = append(changed, p.name)
		}
	}
	return changed
}

// Reload reads the config file again: first everything that can fail, then the swap. An error is atssync.CodeInvalid with
// every problem, and leaves the configuration in force as it was. One reload is made at a time.
func (a *App) Reload(ctx context.Context) (manage.Reloaded, error) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	began := clock()
	out, err := a.reload(ctx)
	a.metrics.reloaded(err == nil, began)
	if err != nil {
		a.log.Error("the configuration was not read again: the one in force stays", "file", a.file, "err", err)
		return out, err
	}
	a.log.Info("the configuration was read again", "file", a.file, "changed", out.Changed, "restart", out.Restart,
		"adapters_added", out.Added, "adapters_replaced", out.Replaced, "adapters_removed", out.Removed, "duration_ms", time.Since(began).Milliseconds())
	if len(out.Restart) > 0 {
		a.log.Warn("what was changed here comes into force with the next start", "keys", out.Restart)
	}
	for _, w := range out.Warnings {
		a.log.Warn("the config file is good, but", "problem", w)
	}
	a.tellFile(out.Connections)
	a.tellFile(out.Webhooks)
	return out, nil
}

// plan is a configuration that is ready to be put in force.
type plan struct {
	config   *config.Config
	doors    *doors
	adapters *fleet.Change
	passes   map[string]schedule.Spec
}

func (a *App) reload(ctx context.Context) (manage.Reloaded, error) {
	out := manage.Reloaded{At: clock()}
	was := a.conf()
	p, err := a.prepare(ctx, was, &out)
	if err != nil {
		return manage.Reloaded{}, err
	}
	a.force(ctx, p)
	out.Changed = changedParts(was, p.config)
	out.Added, out.Replaced, out.Removed = p.adapters.Added, p.adapters.Replaced, p.adapters.Removed
	a.fleet.Ready(ctx)                  // the connections of a new adapter are judged by its manifest
	whole := context.WithoutCancel(ctx) // what is in force is so as a whole, whether or not somebody still waits for the answer
	out.Webhooks = a.applyWebhooks(whole, p.config)
	out.Connections = a.applyConnections(whole, p.config)
	a.checkApplied(ctx, out.Connections)
	return out, nil
}

// prepare does all that can fail.
func (a *App) prepare(ctx context.Context, was *config.Config, out *manage.Reloaded) (*plan, error) {
	c := checks()
	next, err := config.Load(a.file, c)
	if err != nil {
		return nil, badFile(err)
	}
	c.Connection = a.connectionFindings(ctx, next) // by the settings that the same file gives to adapters
	if next, err = config.Load(a.file, c); err != nil {
		return nil, badFile(err)
	}
	for _, w := range next.Warnings {
		out.Warnings = append(out.Warnings, w.String())
	}
	out.Restart = keepLasting(was, next)
	p := &plan{config: next, passes: make(map[string]schedule.Spec)}
	for _, s := range scheduled(next.Schedules) {
		if p.passes[s.name], err = schedule.Parse(s.s.Spec, s.s.Zone); err != nil {
			return nil, badFile(fmt.Errorf("schedules.%s: %w", s.name, err))
		}
	}
	if p.doors, err = openDoors(next); err != nil {
		return nil, badFile(err)
	}
	for _, w := range next.Webhooks {
		if err := p.doors.webhooks.CheckURL(w.URL); err != nil {
			return nil, badFile(fmt.Errorf("webhooks[%s].url: %w", w.ID, err))
		}
	}
	if p.adapters, err = a.fleet.Prepare(ctx, adapterSpecs(next.Adapters, a.log), surroundings(next)); err != nil {
		return nil, badFile(err)
	}
	return p, nil
}

// force puts a plan in force. It cannot fail.
func (a *App) force(ctx context.Context, p *plan) {
	a.config.Store(p.config)
	a.doors.Store(p.doors)
	a.level.configure(p.config.Daemon.LogLevel)
	a.manage.Reconfigure(managePolicy(p.config))
	a.intake.Reconfigure(intakePolicy(p.config, p.doors))
	a.submit.Reconfigure(submitPolicy(p.config, p.doors))
	a.collect.Reconfigure(collectPolicy(p.config))
	a.deliver.Reconfigure(deliverPolicy(p.config, p.doors))
	a.passes.respecify(p.passes)
	p.adapters.Apply(ctx)
}

// connectionFindings judges the connections of the file by what their adapters say of themselves.
func (a *App) connectionFindings(ctx context.Context, next *config.Config) func(config.Connection) []config.Finding {
	return func(c config.Connection) []config.Finding {
		var out []config.Finding
		one := fileConnections(&config.Config{Connections: []config.Connection{c}})[0]
		for _, p := range a.manage.CheckFileConnection(ctx, managePolicy(next), one) {
			key := p.Path
			if name, ok := strings.CutPrefix(key, "fields."); ok {
				key = "settings." + name
				if _, secret := c.Settings[name]; !secret {
					key = "credentials." + name
				}
			}
			out = append(out, config.Finding{Key: key, Message: p.Message})
		}
		return out
	}
}

// badFile is a refusal of the config file with a field for each problem: its path is file, line and key.
func badFile(err error) error {
	out := atssync.Errorf(atssync.CodeInvalid, "what the config file says cannot be put in force; the configuration of before stays").
		WithRemedy("mend the file and reload again; atssync config check reads it without the daemon")
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			out.Fields = append(out.Fields, atssync.FieldError{Message: line})
		}
		return out
	}
	for _, p := range problems {
		at := p.File
		if p.Line > 0 {
			at += fmt.Sprintf(":%d", p.Line)
		}
		out.Fields = append(out.Fields, atssync.FieldError{Path: at, Message: strings.TrimPrefix(strings.TrimPrefix(p.String(), at), ": ")})
	}
	return out
}
