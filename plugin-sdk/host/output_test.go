package host_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/plugin-sdk/host"
)

// buffer is a bytes.Buffer for many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestOutput_WhatAnAdapterPrintsAnywhereArrivesBoundedAndRedacted(t *testing.T) {
	t.Parallel()
	var log, sink buffer
	p := launch(t, "", func(o *host.Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Stderr = &sink
		o.Redact = func(s string) string { return strings.ReplaceAll(s, "secret-77aa", "***") }
	})
	_, err := submit(t.Context(), p, "print")
	require.NoError(t, err)
	for _, want := range []string{
		"printed to stdout in a call", "printed to stderr in a call", "printed to fd 1 in a call",
		`msg="adapter log" text="a log line"`, "took=1s", "connection=con_1", "method=Submit",
	} {
		require.Eventually(t, func() bool { return strings.Contains(log.String(), want) },
			10*time.Second, time.Millisecond, want)
	}
	kept := strings.Join(p.Stderr(), "\n")
	for _, text := range []string{log.String(), sink.String(), kept} {
		require.NotContains(t, text, "secret-77aa")
		require.Contains(t, text, "***")
	}
	for _, line := range p.Stderr() {
		require.LessOrEqual(t, len(line), 4<<10)
	}
	require.LessOrEqual(t, len(p.Stderr()), 200)
	require.NoError(t, p.Ping(t.Context()))
}
