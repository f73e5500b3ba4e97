package systemd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// manager listens as systemd does.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func listen(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, conn}
}

func (m *manager) message() []string {
	m.t.Helper()
	require.NoError(m.t, m.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	require.NoError(m.t, err)
	return strings.Split(string(b[:n]), "\n")
}

func TestManager_SaysWhatTheDaemonIsAt(t *testing.T) {
	l := listen(t)
	m := New(slog.New(slog.DiscardHandler))
	require.True(t, m.Listens())
	m.Starting("opening the store", 90*time.Second)
	require.Equal(t, []string{"STATUS=opening the store", "EXTEND_TIMEOUT_USEC=90000000"}, l.message())
	m.Ready("3 connections\nREADY=0")
	require.Equal(t, []string{"READY=1", "STATUS=3 connections READY=0"}, l.message())
	m.Reloading()
	got := l.message()
	require.Equal(t, "RELOADING=1", got[0])
	require.Regexp(t, `^MONOTONIC_USEC=[1-9]\d+$`, got[1])
	m.Status("all well")
	require.Equal(t, []string{"STATUS=all well"}, l.message())
	m.Stopping(30 * time.Second)
	require.Equal(t, []string{"STOPPING=1", "STATUS=stopping: calls in flight end first", "EXTEND_TIMEOUT_USEC=30000000"}, l.message())
}

func TestManager_IsSilentWhereNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	m := New(slog.New(slog.DiscardHandler))
	require.False(t, m.Listens())
	m.Ready("ready")
	m.Feed(t.Context(), func(context.Context) error { panic("nobody asks") })
}

func TestManager_AWatchdogThatCannotBeReadIsNone(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "soon")
	require.Zero(t, New(slog.New(slog.DiscardHandler)).Watchdog)
}

func TestFeed_StopsWhileSomethingIsStuckAndGoesOn(t *testing.T) {
	l := listen(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	m := New(slog.New(slog.DiscardHandler))
	require.Equal(t, 20*time.Millisecond, m.Watchdog)
	var stuck atomic.Bool
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Feed(ctx, func(context.Context) error {
			if stuck.Load() {
				return errors.New("the store does not answer")
			}
			return nil
		})
	}()
	require.Equal(t, []string{"WATCHDOG=1"}, l.message())
	stuck.Store(true)
	got := l.message()
	for got[0] == "WATCHDOG=1" { // those that were on their way
		got = l.message()
	}
	require.Equal(t, []string{"STATUS=stuck: the store does not answer"}, got)
	stuck.Store(false)
	require.Equal(t, []string{"WATCHDOG=1"}, l.message(), "it was said once, and nothing was fed meanwhile")
	cancel()
	<-done
}

func TestFeed_OneThatDoesNotAnswerIsStuck(t *testing.T) {
	l := listen(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	m := New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Feed(ctx, func(context.Context) error { <-ctx.Done(); return nil })
	}()
	require.Equal(t, []string{"STATUS=stuck: the daemon did not say within 5ms whether it is alive"}, l.message())
	cancel()
	<-done
}
