package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// tb is what the helpers need of a test, so that they serve generated runs as well.
type tb interface {
	require.TestingT
	Helper()
}

// world is a store with a clock that only the test moves, and the steps that most tests begin with.
type world struct {
	t   tb
	s   atssync.Store
	ctx context.Context
	now time.Time
	n   int

	leased map[string]atssync.Lease // by connection, the last one taken
}

func newWorld(t tb, s atssync.Store) *world {
	return &world{t: t, s: s, ctx: context.Background(), now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), leased: map[string]atssync.Lease{}}
}

// pass moves the clock.
func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// unique returns a text that no other call of this world returned.
func (w *world) unique(prefix string) string {
	w.n++
	return fmt.Sprintf("%s-%d", prefix, w.n)
}

// connection is what a connection is made from.
func (w *world) newConnection(account string) atssync.Connection {
	name := w.unique("connection")
	return atssync.Connection{
		Name: name, Account: account, Adapter: "reference", ManagedBy: atssync.ManagedByAPI,
		Settings: map[string]string{"base_url": "https://ats.example.com"}, Credentials: []byte("sealed " + name),
		IdentityKeys: []string{"user of " + name, "key of " + name}, ActingUser: atssync.User{ID: "7", Email: "recruiter@example.com"},
		OnUncertain: atssync.OnUncertainHold,
	}
}

func (w *world) connect(account string) atssync.Connection {
	w.t.Helper()
	c, err := w.s.CreateConnection(w.ctx, w.newConnection(account), w.now)
	require.NoError(w.t, err)
	return c
}

func (w *world) pause(c atssync.Connection) {
	w.t.Helper()
	w.setState(c, atssync.ConnectionPaused)
}

func (w *world) setState(c atssync.Connection, to atssync.ConnectionState) {
	w.t.Helper()
	_, err := w.s.UpdateConnection(w.ctx, c.ID, 0, func(c *atssync.Connection) error {
		c.State = to
		return nil
	}, w.now)
	require.NoError(w.t, err)
}

// link links a platform job; the ATS job has the same id with a prefix.
func (w *world) link(c atssync.Connection, job string) atssync.JobLink {
	w.t.Helper()
	l, _, err := w.s.PutJobLink(w.ctx, w.newLink(c, job), 0, w.now)
	require.NoError(w.t, err)
	return l
}

func (w *world) newLink(c atssync.Connection, job string) atssync.PutJobLink {
	return atssync.PutJobLink{Link: atssync.JobLink{
		Connection: c.ID, PlatformJob: job, ATSJob: "ats-" + job, As: sdk.AsCandidate, ManagedBy: atssync.ManagedByAPI,
	}}
}

// document is a submission as intake hands it over.
func (w *world) document(c atssync.Connection, external, job string) atssync.NewSubmission {
	return atssync.NewSubmission{
		Submission: atssync.Submission{
			ID: atssync.NewID(atssync.PrefixSubmission, w.now), Connection: c.ID, ExternalID: external,
			ExternalKey: "hmac of " + c.ID + " " + external, Fingerprint: "print of " + external,
			PersonKeys: []string{"person of " + external}, PlatformJob: job, ExpiresAt: w.now.Add(60 * 24 * time.Hour),
		},
		Payload: atssync.Payload("sealed document of " + external),
	}
}

func (w *world) accept(in ...atssync.NewSubmission) []atssync.Accepted {
	w.t.Helper()
	out, err := w.s.Accept(w.ctx, in, w.now)
	require.NoError(w.t, err)
	require.Len(w.t, out, len(in))
	return out
}

// submit accepts one document that is not refused.
func (w *world) submit(c atssync.Connection, external, job string) atssync.Submission {
	w.t.Helper()
	a := w.accept(w.document(c, external, job))[0]
	require.NoError(w.t, a.Err)
	return a.Submission
}

// lease makes owner live for an hour and takes the connection's lease.
func (w *world) lease(c atssync.Connection, owner string) atssync.Lease {
	w.t.Helper()
	require.NoError(w.t, w.s.Heartbeat(w.ctx, owner, w.now.Add(time.Hour), w.now))
	got, err := w.s.Acquire(w.ctx, owner, []string{c.ID}, w.now)
	require.NoError(w.t, err)
	require.Len(w.t, got, 1)
	w.leased[c.ID] = got[0]
	return got[0]
}

// begin begins one attempt.
func (w *world) begin(l atssync.Lease, s atssync.Submission) atssync.Attempt {
	w.t.Helper()
	got, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{w.attempt(s)}, w.now)
	require.NoError(w.t, err)
	require.Len(w.t, got, 1)
	return got[0]
}

func (w *world) attempt(s atssync.Submission) atssync.BeginAttempt {
	return atssync.BeginAttempt{
		Submission: s.ID, Revision: s.Revision, ATSJob: "ats-" + s.PlatformJob, As: sdk.AsCandidate, Note: []byte("sealed note"),
	}
}

func (w *world) finish(l atssync.Lease, f ...atssync.Finish) {
	w.t.Helper()
	require.NoError(w.t, w.s.FinishAttempts(w.ctx, l, f, nil, w.now))
}

// arrived is the finish of an attempt that the ATS took.
func (w *world) arrived(s atssync.Submission, a atssync.Attempt) atssync.Finish {
	r := atssync.Receipt{CandidateID: "cand " + s.ID, ApplicationID: "app " + s.ID, ProfileURL: "https://ats.example.com/people/1"}
	app := atssync.NewApplication(s, r, "Engineer", w.now)
	return atssync.Finish{
		Submission: s.ID, Attempt: a.Number, To: atssync.StateSubmitted, Receipt: &r, Application: &app,
		Exchanges: []sdk.Exchange{{Method: "POST", Endpoint: "/candidates", Status: 201, StartedAt: w.now}},
	}
}

// submitted brings a submission through to an application.
func (w *world) submitted(c atssync.Connection, l atssync.Lease, external, job string) atssync.Submission {
	w.t.Helper()
	s := w.submit(c, external, job)
	w.finish(l, w.arrived(s, w.begin(l, s)))
	return w.sub(s.ID)
}

// uncertain brings a submission to where nobody knows its outcome.
func (w *world) uncertain(c atssync.Connection, l atssync.Lease, external, job string) atssync.Submission {
	w.t.Helper()
	s := w.submit(c, external, job)
	a := w.begin(l, s)
	w.finish(l, atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateUncertain, Trouble: &atssync.Trouble{Kind: sdk.KindAmbiguous}})
	return w.sub(s.ID)
}

func (w *world) sub(id string) atssync.Submission {
	w.t.Helper()
	s, err := w.s.Submission(w.ctx, id)
	require.NoError(w.t, err)
	return s
}

// state is the state of a submission with what it is held for.
func (w *world) state(id string) string {
	w.t.Helper()
	s := w.sub(id)
	if s.State == atssync.StateHeld {
		return string(s.State) + ": " + string(s.HeldReason)
	}
	return string(s.State)
}

// events lists the types of a connection's events and holds their numbers to be without a gap.
func (w *world) events(c atssync.Connection) []string {
	w.t.Helper()
	out := []string{}
	for i, e := range w.allEvents(c) {
		require.Equal(w.t, int64(i+1), e.Sequence, "a gap in the numbers of events")
		out = append(out, string(e.Type))
	}
	return out
}

func (w *world) allEvents(c atssync.Connection) []atssync.Event {
	w.t.Helper()
	var out []atssync.Event
	var after int64
	for {
		es, next, err := w.s.Events(w.ctx, atssync.EventQuery{Connection: c.ID, After: after, Limit: 1000})
		require.NoError(w.t, err)
		out = append(out, es...)
		if next == after {
			return out
		}
		after = next
	}
}

// work works a connection's tasks off.
func (w *world) work(c atssync.Connection) {
	w.t.Helper()
	tasks, err := w.s.Tasks(w.ctx, c.ID)
	require.NoError(w.t, err)
	for _, task := range tasks {
		for done := false; !done; {
			done, _, err = w.s.WorkTask(w.ctx, task.ID, 500, w.now)
			require.NoError(w.t, err)
			w.pass(time.Minute)
		}
	}
}

// balanced holds the ledger to the records, and returns the counters that are not zero.
func (w *world) balanced(c atssync.Connection) map[atssync.State]int64 {
	w.t.Helper()
	line, err := w.s.Recount(w.ctx, c.ID)
	require.NoError(w.t, err)
	require.True(w.t, line.OK, "the ledger does not add up: %+v", line)
	out := map[atssync.State]int64{}
	for s, n := range line.States {
		if n != 0 {
			out[s] = n
		}
		require.Equal(w.t, n, line.Counted[s], "counted %s", s)
	}
	return out
}

func (w *world) code(err error, want atssync.Code) {
	w.t.Helper()
	require.Error(w.t, err)
	require.Equal(w.t, want, atssync.CodeOf(err), "%v", err)
}

// pages reads a whole list in pages of a size and returns how many pages it took.
func pages[T any](w *world, size int, read func(atssync.Paging) (atssync.Page[T], error)) ([]T, int) {
	w.t.Helper()
	var out []T
	p := atssync.Paging{Limit: size}
	for n := 1; ; n++ {
		page, err := read(p)
		require.NoError(w.t, err)
		require.LessOrEqual(w.t, len(page.Items), size)
		out = append(out, page.Items...)
		if page.Next == "" {
			return out, n
		}
		require.Len(w.t, page.Items, size, "a page that is not the last one is full")
		p.After = page.Next
	}
}
