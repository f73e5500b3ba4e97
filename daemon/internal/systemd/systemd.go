// Package systemd tells the service manager how the daemon is: ready, reloading, stopping, alive. It speaks the protocol of
// sd_notify(3), which other managers know as well, and is silent where nobody listens. It knows nothing of what the daemon does.
package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Manager is the service manager that started the process.
type Manager struct {
	log *slog.Logger
	// Watchdog is how long the manager waits for a sign of life before it kills; 0 is for ever.
	Watchdog time.Duration
	listens  bool
}

// New finds the manager in the environment of the process.
func New(log *slog.Logger) *Manager {
	m := &Manager{log: log, listens: os.Getenv("NOTIFY_SOCKET") != ""}
	var err error
	if m.Watchdog, err = daemon.SdWatchdogEnabled(false); err != nil {
		log.Warn("the service manager's watchdog cannot be fed", "err", err)
		m.Watchdog = 0
	}
	return m
}

// Listens says whether a manager listens.
func (m *Manager) Listens() bool { return m.listens }

// Ready says that the daemon does all of its work, at first or again after a reload.
func (m *Manager) Ready(status string) { m.tell(daemon.SdNotifyReady, "STATUS="+line(status)) }

// Reloading says that the configuration is read again; Ready ends it, however it went.
func (m *Manager) Reloading() {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		m.log.Warn("read the monotonic clock", "err", err)
	}
	m.tell(daemon.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", t.Nano()/1000), "STATUS=reading the configuration again")
}

// Stopping says that the daemon ends, and for how long it may.
func (m *Manager) Stopping(within time.Duration) {
	m.tell(daemon.SdNotifyStopping, "STATUS=stopping: calls in flight end first", extend(within))
}

// Starting says what a start is at, and that it may take longer from now on.
func (m *Manager) Starting(status string, within time.Duration) {
	m.tell("STATUS="+line(status), extend(within))
}

// Status says in one line how the daemon is.
func (m *Manager) Status(status string) { m.tell("STATUS=" + line(status)) }

func extend(d time.Duration) string { return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()) }

// line keeps a status from being read as more than one message.
func line(s string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(s) }

func (m *Manager) tell(lines ...string) {
	if !m.listens {
		return
	}
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		m.log.Warn("tell the service manager", "err", err)
	}
}

// Feed feeds the watchdog until ctx ends, while alive finds nothing wrong: a daemon that is stuck is killed and started again.
// It asks four times in the time that the manager waits, and says in the log, once, why it lets the manager go hungry.
func (m *Manager) Feed(ctx context.Context, alive func(context.Context) error) {
	if !m.listens || m.Watchdog <= 0 {
		return
	}
	t := time.NewTicker(m.Watchdog / 4)
	defer t.Stop()
	hungry := false
	for {
		switch err := m.ask(ctx, alive); {
		case err == nil:
			m.tell(daemon.SdNotifyWatchdog)
			hungry = false
		case !hungry && ctx.Err() == nil:
			hungry = true
			m.log.Error("the watchdog is not fed any more; the service manager ends the daemon unless this passes", "within", m.Watchdog.String(), "err", err)
			m.Status("stuck: " + err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// ask bounds alive: one that does not answer is an answer too.
func (m *Manager) ask(ctx context.Context, alive func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.Watchdog/4)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- alive(ctx) }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the daemon did not say within %s whether it is alive", m.Watchdog/4)
	}
}
