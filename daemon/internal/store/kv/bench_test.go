package kv_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// bench is a store with one connection, one linked job and its lease.
type bench struct {
	s     *kv.Store
	c     atssync.Connection
	lease atssync.Lease
	now   time.Time
	n     int
}

func newBench(b testing.TB) *bench {
	b.Helper()
	ctx := context.Background()
	e := memory.New()
	require.NoError(b, kv.Prepare(ctx, e))
	w := &bench{s: kv.New(e, kv.Options{}), now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	b.Cleanup(func() { _ = w.s.Close() })
	var err error
	w.c, err = w.s.CreateConnection(ctx, atssync.Connection{Name: "one", Account: "acme", Adapter: "reference", IdentityKeys: []string{"a", "b"}}, w.now)
	require.NoError(b, err)
	_, _, err = w.s.PutJobLink(ctx, atssync.PutJobLink{Link: atssync.JobLink{Connection: w.c.ID, PlatformJob: "job-1", ATSJob: "4711", As: sdk.AsCandidate}}, 0, w.now)
	require.NoError(b, err)
	require.NoError(b, w.s.Heartbeat(ctx, "daemon", w.now.Add(24*time.Hour), w.now))
	leases, err := w.s.Acquire(ctx, "daemon", []string{w.c.ID}, w.now)
	require.NoError(b, err)
	w.lease = leases[0]
	return w
}

// documents makes n new submissions with a payload of 3 kB. The clock goes on, so that ids rise as they do in
// life.
func (w *bench) documents(n int) []atssync.NewSubmission {
	out := make([]atssync.NewSubmission, n)
	payload := make(atssync.Payload, 3<<10)
	w.now = w.now.Add(time.Millisecond)
	for i := range out {
		w.n++
		hmac := fmt.Sprintf("%016x%048x", rand.Uint64(), w.n)
		out[i] = atssync.NewSubmission{
			Submission: atssync.Submission{
				ID: atssync.NewID(atssync.PrefixSubmission, w.now), Connection: w.c.ID, ExternalID: fmt.Sprint("application-", w.n),
				ExternalKey: hmac, Fingerprint: hmac, PersonKeys: []string{"p" + hmac, "m" + hmac}, PlatformJob: "job-1",
				ExpiresAt: w.now.Add(60 * 24 * time.Hour),
			},
			Payload: payload,
		}
	}
	return out
}

func (w *bench) accept(b testing.TB, n int) []atssync.Accepted {
	out, err := w.s.Accept(context.Background(), w.documents(n), w.now)
	require.NoError(b, err)
	return out
}

func perSecond(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
}

func BenchmarkAccept(b *testing.B) {
	for _, n := range []int{1, 50, 500} {
		b.Run(fmt.Sprintf("%d at once", n), func(b *testing.B) {
			w := newBench(b)
			b.ReportAllocs()
			for b.Loop() {
				w.accept(b, n)
			}
			perSecond(b, n)
		})
	}
}

func BenchmarkBeginFinish(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprintf("%d at once", n), func(b *testing.B) {
			ctx := context.Background()
			w := newBench(b)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				accepted := w.accept(b, n)
				begin := make([]atssync.BeginAttempt, n)
				finish := make([]atssync.Finish, n)
				for i, a := range accepted {
					s := a.Submission
					begin[i] = atssync.BeginAttempt{Submission: s.ID, Revision: 1, ATSJob: "4711", As: sdk.AsCandidate, Note: make([]byte, 2<<10)}
					r := atssync.Receipt{CandidateID: "c" + s.ID, ApplicationID: "a" + s.ID, ProfileURL: "https://ats.example.com/people/1"}
					app := atssync.NewApplication(s, r, "Engineer", w.now)
					finish[i] = atssync.Finish{Submission: s.ID, Attempt: 1, To: atssync.StateSubmitted, Receipt: &r, Application: &app}
				}
				b.StartTimer()
				got, err := w.s.BeginAttempts(ctx, w.lease, begin, w.now)
				if err != nil || len(got) != n {
					b.Fatal(err, len(got))
				}
				if err := w.s.FinishAttempts(ctx, w.lease, finish, nil, w.now); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b, n)
		})
	}
}

func BenchmarkNextSubmissions(b *testing.B) {
	w := newBench(b)
	for range 20 {
		w.accept(b, 500)
	}
	b.ReportAllocs()
	for b.Loop() {
		due, _, err := w.s.NextSubmissions(context.Background(), w.lease, 20, w.now)
		if err != nil || len(due) != 20 {
			b.Fatal(err, len(due))
		}
	}
	perSecond(b, 20)
}

func BenchmarkApplicationsPage(b *testing.B) {
	w := newBench(b)
	for range 10 {
		for _, d := range w.documents(100) {
			app := atssync.NewApplication(d.Submission, atssync.Receipt{CandidateID: "c" + d.Submission.ID, ApplicationID: "a" + d.Submission.ID}, "Engineer", w.now)
			_, err := w.s.Import(context.Background(), d, app, w.now)
			require.NoError(b, err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p, err := w.s.Applications(context.Background(), atssync.ApplicationQuery{Connection: w.c.ID, Paging: atssync.Paging{Limit: 500}})
		if err != nil || len(p.Items) != 500 {
			b.Fatal(err, len(p.Items))
		}
	}
	perSecond(b, 500)
}
