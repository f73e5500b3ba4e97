package kv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

var queued = atssync.Submission{
	ID: "sub_06h274zvzsyys84j96wmsx3rqc", Connection: "con_06h274zmddtfz2nc4tf64d6r38",
	NextAt: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
}

func BenchmarkKeyQueue(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if len(keyQueue(&queued)) == 0 {
			b.Fatal("no key")
		}
	}
}

func BenchmarkSubmissionOf(b *testing.B) {
	k := keyQueue(&queued)
	b.ReportAllocs()
	for b.Loop() {
		if submissionOf(k) != queued.ID {
			b.Fatal("another one")
		}
	}
}

// Every step makes a dozen keys.
//
//nolint:paralleltest // allocations are counted for the whole process.
func TestKey_OneAllocation(t *testing.T) {
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = keyQueue(&queued) }), 1.0)
}
