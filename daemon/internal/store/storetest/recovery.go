package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// RunRecovery holds a store on disk to what it promises over its end. open opens the folder, which it makes
// when it is not there; the test closes what it opened.
func RunRecovery(t *testing.T, open func(t *testing.T, dir string) atssync.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, func(*testing.T, string) atssync.Store){
		"closed and opened again has everything":    recoverEverything,
		"what was being sent is uncertain":          recoverSending,
		"what was answered before closing is there": recoverAnswered,
		"a closed store answers nothing":            recoverClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// reopen closes a world's store and opens the folder again.
func reopen(t *testing.T, w *world, dir string, open func(*testing.T, string) atssync.Store) {
	t.Helper()
	require.NoError(t, w.s.Close())
	w.s = open(t, dir)
}

func recoverEverything(t *testing.T, open func(*testing.T, string) atssync.Store) {
	dir := t.TempDir()
	w := newWorld(t, open(t, dir))
	c := w.connect("acme")
	w.link(c, "job-1")
	l := w.lease(c, "daemon-1")
	require.NoError(t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-1", Account: "acme", Title: "Engineer"}}, atssync.Scope{}, w.now))
	w.list(l, "ats-job-1", "other")
	submitted, uncertain := w.submitted(c, l, "submitted", "job-1"), w.uncertain(c, l, "uncertain", "job-1")
	for i := range 300 {
		w.submit(c, fmt.Sprintf("app-%d", i), []string{"job-1", "job-2"}[i%2])
	}
	w.task(atssync.Task{Kind: atssync.TaskHold, Connection: c.ID, Reason: atssync.HeldQuota})
	_, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{w.reading(w.app(submitted.ID), "active", "Review")},
		&atssync.Checkpoint{Operation: atssync.OpRead, Pass: 1, LastKey: submitted.ID}, w.now)
	require.NoError(t, err)
	require.NoError(t, w.s.PutRun(w.ctx, atssync.Run{ID: "run_1", Pass: "status", StartedAt: w.now}, w.now))

	w.hook(c, "evt-1", atssync.Touch{ExternalKey: submitted.ExternalKey})

	before := w.everything(c)
	ledger := w.balanced(c)
	for range 2 {
		reopen(t, w, dir, open)
		require.Equal(t, before, w.everything(c))
		require.Equal(t, ledger, w.balanced(c))
	}
	a := w.accept(w.document(c, "app-7", "job-2"))[0]
	require.Equal(t, atssync.AcceptedReplay, a.Result, "external ids are remembered")
	require.Equal(t, uncertain, w.sub(uncertain.ID))
	require.True(t, w.hook(c, "evt-1", atssync.Touch{ExternalKey: submitted.ExternalKey}).Replayed, "hooks are remembered")
	last, err := w.s.LastEvent(w.ctx, c.ID)
	require.NoError(t, err)
	w.submit(c, "one more", "job-2")
	next, err := w.s.LastEvent(w.ctx, c.ID)
	require.NoError(t, err)
	require.Equal(t, last+1, next, "and numbers go on")
	require.NoError(t, w.s.Close())
}

// everything reads what a connection has.
func (w *world) everything(c atssync.Connection) map[string]any {
	w.t.Helper()
	out := map[string]any{}
	add := func(name string, v any, err error) {
		w.t.Helper()
		require.NoError(w.t, err)
		out[name] = v
	}
	conn, err := w.s.Connection(w.ctx, c.ID)
	add("connection", conn, err)
	subs, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{Connection: c.ID, Paging: atssync.Paging{Limit: 500}})
	add("submissions", subs, err)
	for _, s := range subs.Items {
		p, err := w.s.Payload(w.ctx, s.ID)
		add("payload of "+s.ID, p, err)
		a, err := w.s.Attempts(w.ctx, s.ID)
		add("attempts of "+s.ID, a, err)
	}
	apps, err := w.s.Applications(w.ctx, atssync.ApplicationQuery{})
	add("applications", apps, err)
	links, err := w.s.JobLinks(w.ctx, atssync.LinkQuery{})
	add("links", links, err)
	jobs, err := w.s.ATSJobs(w.ctx, atssync.JobQuery{Connection: c.ID})
	add("ATS jobs", jobs, err)
	pjs, err := w.s.PlatformJobs(w.ctx, atssync.JobQuery{})
	add("platform jobs", pjs, err)
	lane, err := w.s.Lane(w.ctx, c.ID)
	add("lane", lane, err)
	tasks, err := w.s.Tasks(w.ctx, "")
	add("tasks", tasks, err)
	cps, err := w.s.Checkpoints(w.ctx, "")
	add("checkpoints", cps, err)
	runs, err := w.s.Runs(w.ctx, atssync.RunQuery{Pass: ""})
	add("runs", runs, err)
	out["hints"] = w.hints(w.leased[c.ID], 0, 500)
	backlog, err := w.s.HintBacklog(w.ctx, c.ID)
	add("hint backlog", backlog, err)
	out["events"] = w.read(atssync.EventQuery{})
	return out
}

func recoverSending(t *testing.T, open func(*testing.T, string) atssync.Store) {
	dir := t.TempDir()
	w := newWorld(t, open(t, dir))
	c := w.connect("acme")
	w.link(c, "job-1")
	l := w.lease(c, "daemon-1")
	sending, queued := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-1")
	a := w.begin(l, sending)
	reopen(t, w, dir, open)
	require.Equal(t, "sending", w.state(sending.ID))
	w.pass(2 * time.Hour)
	w.lease(c, "daemon-2")
	require.Equal(t, "uncertain", w.state(sending.ID))
	require.Equal(t, "queued", w.state(queued.ID))
	require.ErrorIs(t, w.s.FinishAttempts(w.ctx, l, []atssync.Finish{{Submission: sending.ID, Attempt: a.Number, To: atssync.StateQueued}}, nil, w.now), atssync.ErrFenced)
	require.NotErrorIs(t, w.s.FinishAttempts(w.ctx, l, []atssync.Finish{w.arrived(sending, a)}, nil, w.now), atssync.ErrFenced)
	w.balanced(c)
	require.NoError(t, w.s.Close())
}

func recoverAnswered(t *testing.T, open func(*testing.T, string) atssync.Store) {
	dir := t.TempDir()
	w := newWorld(t, open(t, dir))
	c := w.connect("acme")
	w.link(c, "job-1")
	var mu sync.Mutex
	var answered []string
	var wg sync.WaitGroup
	for i := range 8 {
		var in []atssync.NewSubmission
		for j := range 500 {
			in = append(in, w.document(c, fmt.Sprintf("app-%d-%d", i, j), "job-1"))
		}
		wg.Go(func() {
			for _, d := range in {
				out, err := w.s.Accept(w.ctx, []atssync.NewSubmission{d}, w.now)
				if err != nil {
					return // closed under its hands
				}
				mu.Lock()
				answered = append(answered, out[0].Submission.ID)
				mu.Unlock()
			}
		})
	}
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(answered) > 400
	}, time.Minute, time.Millisecond)
	require.NoError(t, w.s.Close())
	wg.Wait()
	w.s = open(t, dir)
	for _, id := range answered {
		require.Equal(t, "queued", w.state(id))
	}
	w.balanced(c)
	require.NoError(t, w.s.Close())
}

func recoverClosed(t *testing.T, open func(*testing.T, string) atssync.Store) {
	w := newWorld(t, open(t, t.TempDir()))
	c := w.connect("acme")
	require.NoError(t, w.s.Close())
	require.NoError(t, w.s.Close(), "closing twice is closing once")
	_, err := w.s.Connection(w.ctx, c.ID)
	require.Error(t, err)
	_, err = w.s.Accept(w.ctx, []atssync.NewSubmission{w.document(c, "app-1", "job-1")}, w.now)
	require.Error(t, err)
}
