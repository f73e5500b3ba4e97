package api

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// logLevel plays the daemon's log.
type logLevel struct {
	mu sync.Mutex
	v  manage.LogLevel
}

func (l *logLevel) Level() manage.LogLevel {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.v.Level == "" {
		return manage.LogLevel{Level: "info", Configured: "info"}
	}
	return l.v
}

func (l *logLevel) SetLevel(level string, during time.Duration) manage.LogLevel {
	l.mu.Lock()
	l.v = manage.LogLevel{Level: level, Configured: "info"}
	if during > 0 {
		l.v.Until = time.Now().Add(during).UTC()
	}
	l.mu.Unlock()
	return l.Level()
}

func TestLogLevel_IsReadAndChangedAndThatIsKept(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	v, err := w.LogLevel(ctx)
	require.NoError(t, err)
	require.Equal(t, LogLevel{Level: "info", Configured: "info"}, v)
	v, err = w.SetLogLevel(ctx, "debug", 10*time.Minute)
	require.NoError(t, err)
	require.Equal(t, "debug", v.Level)
	require.False(t, v.Until.IsZero())
	for _, bad := range []struct {
		level string
		of    time.Duration
	}{{"loud", 0}, {"", 0}, {"debug", -time.Second}, {"debug", 8 * 24 * time.Hour}} {
		_, err = w.SetLogLevel(ctx, bad.level, bad.of)
		requireCode(t, err, atssync.CodeInvalid)
	}
	audit, err := w.Audit(ctx, "daemon", "", 0)
	require.NoError(t, err)
	require.Len(t, audit.Items, 1)
	require.Equal(t, "log.level", audit.Items[0].Action)
	require.Equal(t, "debug for 10m0s", audit.Items[0].Detail)
}
