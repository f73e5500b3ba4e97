package app

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/manage"
)

func TestLogLevel_HoldsForAWhileAndThenAsConfigured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(logLevel)
		l.configure("warn")
		require.Equal(t, manage.LogLevel{Level: "warn", Configured: "warn"}, l.Level())
		v := l.SetLevel("debug", 10*time.Minute)
		require.Equal(t, manage.LogLevel{Level: "debug", Configured: "warn", Until: time.Now().Add(10 * time.Minute).UTC()}, v)
		time.Sleep(9 * time.Minute)
		v = l.SetLevel("info", 10*time.Minute)
		require.Equal(t, "info", v.Level)
		time.Sleep(5 * time.Minute)
		require.Equal(t, "info", l.Level().Level, "the first while is over, and the second is not")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Equal(t, manage.LogLevel{Level: "warn", Configured: "warn"}, l.Level())

		l.SetLevel("error", 0)
		time.Sleep(time.Hour)
		l.configure("info")
		require.Equal(t, manage.LogLevel{Level: "error", Configured: "info"}, l.Level(), "what a person asked for outlives another config")
		l.SetLevel("info", 0)
		l.configure("debug")
		require.Equal(t, "debug", l.Level().Level, "who asks for the configured level asks for nothing any more")
		l.SetLevel("warn", time.Hour)
		l.stop()
		require.Equal(t, "debug", l.Level().Level)
	})
}

func TestLogger_CountsWhatItWritesByLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	level, lines := new(logLevel), new(logLines)
	level.configure("info")
	log := newLogger(&out, config.Daemon{LogFormat: "json"}, &level.level, lines).With("component", "test").WithGroup("g")
	log.Debug("not written")
	log.Info("one")
	log.Warn("two")
	log.Error("three")
	level.SetLevel("debug", 0)
	log.Debug("written now")
	log.Log(t.Context(), slog.LevelError+4, "worse than there is")
	for i, want := range []uint64{1, 1, 1, 2} {
		require.Equal(t, want, lines[i].Load(), logLevels[i].name)
	}
	require.Equal(t, 4, testutil.CollectAndCount(lines))
	require.Equal(t, 5, bytes.Count(out.Bytes(), []byte("\n")))
	require.NotContains(t, out.String(), "not written")
}
