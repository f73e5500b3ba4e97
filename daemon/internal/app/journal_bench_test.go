package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/journal"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// BenchmarkAttempts measures durable attempts, begun and ended one after the other on each of 50 connections, without and with
// the journal of attempts on the same disk.
func BenchmarkAttempts(b *testing.B) {
	for _, journaled := range []bool{false, true} {
		b.Run(fmt.Sprintf("journal=%v", journaled), func(b *testing.B) { benchmarkAttempts(b, journaled) })
	}
}

func benchmarkAttempts(b *testing.B, journaled bool) {
	const lanes = 50
	ctx, dir, now := b.Context(), b.TempDir(), time.Now().UTC()
	o := badger.Options{Dir: filepath.Join(dir, "store"), Ballast: -1, MinFree: 1, ReadOnlyFree: 1, KindOf: kv.KindOf}
	if scratch, err := os.MkdirTemp("/dev/shm", "atssync-bench-"); err == nil {
		o.Scratch = scratch
		b.Cleanup(func() { _ = os.RemoveAll(scratch) })
	}
	var commits atomic.Int64
	o.OnCommit = func(badger.Commit) { commits.Add(1) }
	e, err := badger.Open(ctx, o)
	require.NoError(b, err)
	require.NoError(b, kv.Prepare(ctx, e))
	var s atssync.Store = kv.New(e, kv.Options{SoleOwner: true})
	defer func() { _ = s.Close() }()
	if journaled {
		j, err := journal.Open(journal.Options{Path: filepath.Join(dir, "attempts.log")})
		require.NoError(b, err)
		defer func() { _ = j.Close() }()
		s = journal.NewStore(s, j)
	}
	require.NoError(b, s.Heartbeat(ctx, "bench", now.Add(time.Hour), now))
	work := make([]*benchLane, lanes)
	for i := range work {
		work[i] = newBenchLane(b, s, i, b.N/lanes+1, now)
	}
	commits.Store(0)
	b.ResetTimer()
	var group sync.WaitGroup
	for _, l := range work {
		group.Go(func() { l.run(ctx, b, s) })
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "attempts/s")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(max(commits.Load(), 1)), "µs/commit")
}

// benchLane is one connection with what it has to send.
type benchLane struct {
	lease atssync.Lease
	subs  []atssync.Submission
}

func newBenchLane(b *testing.B, s atssync.Store, i, n int, now time.Time) *benchLane {
	ctx := b.Context()
	id := fmt.Sprintf("con-%d", i)
	_, err := s.CreateConnection(ctx, atssync.Connection{ID: id, Name: id, Account: id, Adapter: "bench"}, now)
	require.NoError(b, err)
	_, _, err = s.PutJobLink(ctx, atssync.PutJobLink{Link: atssync.JobLink{Connection: id, PlatformJob: "job", ATSJob: "7"}}, 0, now)
	require.NoError(b, err)
	got, err := s.Acquire(ctx, "bench", []string{id}, now)
	require.NoError(b, err)
	l := &benchLane{lease: got[0]}
	for len(l.subs) < n {
		var docs []atssync.NewSubmission
		for range min(n-len(l.subs), 200) {
			sub := atssync.NewID(atssync.PrefixSubmission, now)
			docs = append(docs, atssync.NewSubmission{
				Submission: atssync.Submission{
					ID: sub, Connection: id, ExternalID: sub, ExternalKey: "0123456789012345678901234567890123456789" + sub, AccountKey: "account " + sub,
					Fingerprint: sub, PlatformJob: "job", ExpiresAt: now.Add(time.Hour),
				},
				Payload: make(atssync.Payload, 1024),
			})
		}
		out, err := s.Accept(ctx, docs, now)
		require.NoError(b, err)
		for _, a := range out {
			l.subs = append(l.subs, a.Submission)
		}
	}
	return l
}

func (l *benchLane) run(ctx context.Context, b *testing.B, s atssync.Store) {
	for _, sub := range l.subs {
		begun, err := s.BeginAttempts(ctx, l.lease, []atssync.BeginAttempt{{
			Submission: sub.ID, Revision: 1, ATSJob: "7", Note: make([]byte, 512), Number: 1, ExternalKey: sub.ExternalKey, AccountKey: sub.AccountKey,
		}}, time.Now().UTC())
		if err != nil || len(begun) != 1 {
			b.Error("begin", err)
			return
		}
		r := atssync.Receipt{CandidateID: "c" + sub.ID, ApplicationID: "a" + sub.ID}
		app := atssync.NewApplication(sub, r, "Engineer", time.Now().UTC())
		err = s.FinishAttempts(ctx, l.lease, []atssync.Finish{{
			Submission: sub.ID, Attempt: 1, To: atssync.StateSubmitted, Receipt: &r, Application: &app,
		}}, nil, time.Now().UTC())
		if err != nil {
			b.Error("finish", err)
			return
		}
	}
}
