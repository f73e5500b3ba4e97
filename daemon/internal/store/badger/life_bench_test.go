package badger_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// life is a store with connections that each have one linked job.
type life struct {
	store       *kv.Store
	connections []atssync.Connection
	leases      []atssync.Lease
	commits     atomic.Int64
	bytes       atomic.Int64
	number      atomic.Int64
}

func newLife(b *testing.B, connections int) *life {
	l := &life{}
	e := openAt(b, b.TempDir(), func(o *badger.Options) {
		o.OnCommit = func(c badger.Commit) { l.commits.Add(1); l.bytes.Add(c.Bytes) }
	})
	require.NoError(b, kv.Prepare(b.Context(), e))
	l.store = kv.New(e, kv.Options{SoleOwner: true})
	now := time.Now().UTC()
	require.NoError(b, l.store.Heartbeat(b.Context(), "bench", now.Add(time.Hour), now))
	for i := range connections {
		c, err := l.store.CreateConnection(b.Context(), atssync.Connection{
			ID: atssync.NewID(atssync.PrefixConnection, now), Name: fmt.Sprint("c", i), Account: fmt.Sprint("account-", i), Adapter: "greenhouse",
			State: atssync.ConnectionActive, ManagedBy: atssync.ManagedByAPI, Credentials: make([]byte, 120),
			IdentityKeys: []string{rand.Text(), rand.Text()}, ActingUser: atssync.User{ID: "1", Email: "recruiter@example.com"},
		}, now)
		require.NoError(b, err)
		_, _, err = l.store.PutJobLink(b.Context(), atssync.PutJobLink{Link: atssync.JobLink{
			Connection: c.ID, PlatformJob: "job", ATSJob: "4000001", As: sdk.AsCandidate, ManagedBy: atssync.ManagedByAPI,
		}}, 0, now)
		require.NoError(b, err)
		leases, err := l.store.Acquire(b.Context(), "bench", []string{c.ID}, now)
		require.NoError(b, err)
		l.connections, l.leases = append(l.connections, c), append(l.leases, leases...)
	}
	return l
}

// document is one as intake hands it over: keys of 43 characters and a sealed payload of about a kilobyte.
func (l *life) document(now time.Time) atssync.NewSubmission {
	n := l.number.Add(1)
	c := l.connections[n%int64(len(l.connections))]
	key := func() string { return rand.Text() + rand.Text()[:17] }
	return atssync.NewSubmission{
		Submission: atssync.Submission{
			ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, Account: c.Account, ExternalID: fmt.Sprintf("application-%09d", n),
			ExternalKey: key(), Fingerprint: key(), PersonKeys: []string{key(), key()}, PlatformJob: "job",
			State: atssync.StateQueued, Revision: 1, NextAt: now, AcceptedAt: now, UpdatedAt: now, ExpiresAt: now.Add(60 * 24 * time.Hour),
		},
		Payload: make([]byte, 1000),
	}
}

// report tells what one of b.N cost: processor time of the whole process, bytes in commits, commits.
func (l *life) report(b *testing.B, do func()) {
	commits, bytes, cpu := l.commits.Load(), l.bytes.Load(), cpuUsed(b)
	b.ReportAllocs()
	b.ResetTimer()
	do()
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "submissions/s")
	b.ReportMetric(float64((cpuUsed(b)-cpu).Microseconds())/n, "cpu-µs/op")
	b.ReportMetric(float64(l.bytes.Load()-bytes)/n, "stored-B/op")
	b.ReportMetric(n/float64(max(l.commits.Load()-commits, 1)), "submissions/commit")
	b.ReportMetric(0, "ns/op")
}

func cpuUsed(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAccept is durable acceptance by the number of callers and of documents that each hands over at a time.
func BenchmarkAccept(b *testing.B) {
	for _, x := range []struct{ callers, size int }{{64, 1}, {4, 500}} {
		b.Run(fmt.Sprintf("callers=%d,documents=%d", x.callers, x.size), func(b *testing.B) {
			l := newLife(b, 8)
			l.report(b, func() { l.accept(b, b.N, x.callers, x.size) })
		})
	}
}

func (l *life) accept(b *testing.B, n, callers, size int) {
	var begun atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for {
				left := n - int(begun.Add(int64(size))) + size
				if left <= 0 {
					return
				}
				in := make([]atssync.NewSubmission, min(size, left))
				now := time.Now().UTC()
				for i := range in {
					in[i] = l.document(now)
				}
				if _, err := l.store.Accept(b.Context(), in, now); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// BenchmarkSend is the store's share of sending: 50 lanes that each look for the next submission, begin its attempt and
// end it, one at a time.
func BenchmarkSend(b *testing.B) {
	l := newLife(b, 50)
	l.accept(b, b.N, 4, 500)
	l.report(b, func() {
		var group sync.WaitGroup
		for i := range l.leases {
			group.Go(func() {
				for {
					sent, err := l.send(b.Context(), l.leases[i])
					if err != nil {
						b.Error(err)
					}
					if !sent || err != nil {
						return
					}
				}
			})
		}
		group.Wait()
	})
}

// send looks once for what is due and sends up to 16 of it, as a lane's turn does.
func (l *life) send(ctx context.Context, lease atssync.Lease) (bool, error) {
	due, _, err := l.store.NextSubmissions(ctx, lease, 16, time.Now().UTC())
	for i := 0; err == nil && i < len(due); i++ {
		err = l.sendOne(ctx, lease, due[i].Submission)
	}
	return len(due) > 0, err
}

func (l *life) sendOne(ctx context.Context, lease atssync.Lease, s atssync.Submission) error {
	now := time.Now().UTC()
	begun, err := l.store.BeginAttempts(ctx, lease, []atssync.BeginAttempt{{
		Submission: s.ID, Revision: s.Revision, ATSJob: "4000001", As: sdk.AsCandidate, Note: make([]byte, 600),
	}}, now)
	if err != nil || len(begun) != 1 {
		return fmt.Errorf("%d attempts begun: %w", len(begun), err)
	}
	receipt := atssync.Receipt{CandidateID: s.ID[4:14], ApplicationID: s.ID[14:], ProfileURL: "https://app.example.com/people/" + s.ID}
	s.ATSJob, s.As = "4000001", sdk.AsCandidate
	app := atssync.NewApplication(s, receipt, "Engineer", now)
	return l.store.FinishAttempts(ctx, lease, []atssync.Finish{{
		Submission: s.ID, Attempt: begun[0].Number, To: atssync.StateSubmitted, Receipt: &receipt, Application: &app,
		Exchanges: []sdk.Exchange{{Method: "POST", Endpoint: "/v1/partner/candidates", Status: 200, StartedAt: now, Duration: time.Millisecond}},
	}}, nil, now)
}
