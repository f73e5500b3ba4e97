package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/systemd"
)

const (
	// afterDrain is what closing the store may take beyond the time that calls in flight have.
	afterDrain = 30 * time.Second
	// startStep is how often a start that takes its time asks for more of it, and startMost how long it does: a large store
	// that was killed is read before anything else, and whoever hangs for longer is not helped by waiting.
	startStep = 5 * time.Second
	startMost = 30 * time.Minute
	// longestCall is more than any call may take by its deadline; longestTurn more than upkeep needs for a turn.
	longestCall = 75 * time.Minute
	longestTurn = 5 * time.Minute
)

// service is the daemon as the service manager knows it.
type service struct {
	manager *systemd.Manager
	began   time.Time
}

func newService(w io.Writer, c *config.Config) *service {
	level := new(logLevel)
	level.configure(c.Daemon.LogLevel)
	return &service{manager: systemd.New(newLogger(w, c.Daemon, &level.level, new(logLines)).With("component", "systemd")), began: time.Now()}
}

// start builds the daemon, and asks for more time while that goes on.
func (s *service) start(ctx context.Context, build func() (*App, error)) (*App, error) {
	ctx, cancel := context.WithTimeout(ctx, startMost)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(startStep)
		defer t.Stop()
		for {
			s.manager.Starting(fmt.Sprintf("opening the store, for %s so far", time.Since(s.began).Round(time.Second)), 3*startStep)
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	}()
	a, err := build()
	cancel()
	<-done
	return a, err
}

// running says that the daemon does its work.
func (s *service) running(a *App) {
	s.manager.Ready(fmt.Sprintf("running with %d adapters and %d connections", len(a.fleet.List()), len(a.leases.Held())))
}

// reload reads the config file again for whoever sent a hangup. What is wrong is in the log, and in the status.
func (s *service) reload(ctx context.Context, a *App) {
	s.manager.Reloading()
	if _, err := a.Reload(ctx); err != nil {
		s.manager.Ready("the config file is not good: the configuration of before is in force; the log says more")
		return
	}
	s.running(a)
}

// moves says whether the daemon is worth keeping alive: the store takes writes, tasks are looked at, and no call outlives its
// deadline.
func (a *App) moves(ctx context.Context) error {
	select {
	case <-a.failed:
		return a.failure()
	default:
	}
	if err := a.leases.alive(ctx); err != nil {
		return err
	}
	if at := a.upkeep.turnedAt.Load(); at > 0 && time.Since(time.Unix(at, 0)) > longestTurn {
		return fmt.Errorf("upkeep has made no turn since %s", time.Unix(at, 0).UTC().Format(time.RFC3339))
	}
	if connection, since := a.submit.Longest(); connection != "" && time.Since(since) > longestCall {
		return fmt.Errorf("a call for connection %s does not end; it began at %s", connection, since.UTC().Format(time.RFC3339))
	}
	return nil
}
