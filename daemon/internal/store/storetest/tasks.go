package storetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func (w *world) task(t atssync.Task) atssync.Task {
	w.t.Helper()
	got, err := w.s.PutTask(w.ctx, t, w.now)
	require.NoError(w.t, err)
	return got
}

// queue accepts n submissions of a linked job, a second apart.
func (w *world) queue(c atssync.Connection, job string, n int) []string {
	w.t.Helper()
	var ids []string
	for range n {
		ids = append(ids, w.submit(c, w.unique("app"), job).ID)
		w.pass(time.Second)
	}
	return ids
}

func (w *world) pending(c atssync.Connection) []atssync.Task {
	w.t.Helper()
	got, err := w.s.Tasks(w.ctx, c.ID)
	require.NoError(w.t, err)
	return got
}

var taskTests = map[string]func(*world){
	"a task without sense is refused": func(w *world) {
		c := w.connect("acme")
		for _, t := range []atssync.Task{
			{Kind: "dance", Connection: c.ID},
			{Kind: atssync.TaskRelease, Connection: c.ID},
			{Kind: atssync.TaskHold, Connection: c.ID, Reason: "none"},
		} {
			_, err := w.s.PutTask(w.ctx, t, w.now)
			w.code(err, atssync.CodeInvalid)
		}
		_, err := w.s.PutTask(w.ctx, atssync.Task{Kind: atssync.TaskCancel, Connection: "con_none"}, w.now)
		w.code(err, atssync.CodeNotFound)
	},
	"a task that is gone is done": func(w *world) {
		done, wake, err := w.s.WorkTask(w.ctx, "tsk_none", 10, w.now)
		require.NoError(w.t, err)
		require.True(w.t, done)
		require.False(w.t, wake)
	},
	"works in shares and resumes where it was": func(w *world) {
		c := w.connect("acme")
		ids := w.queue(c, "job-1", 7)
		w.linkAnswered(c, "job-1", atssync.BacklogNone)
		t := w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldJobNotLinked})
		for i, want := range []int{3, 6} {
			done, wake, err := w.s.WorkTask(w.ctx, t.ID, 3, w.now)
			require.NoError(w.t, err)
			require.False(w.t, done)
			require.True(w.t, wake)
			require.Equal(w.t, int64(want), w.balanced(c)[atssync.StateQueued])
			require.Equal(w.t, want, w.pending(c)[0].Done, "share %d", i)
			require.NotEmpty(w.t, w.pending(c)[0].Cursor)
		}
		done, wake, err := w.s.WorkTask(w.ctx, t.ID, 3, w.now)
		require.NoError(w.t, err)
		require.True(w.t, done)
		require.True(w.t, wake)
		require.Empty(w.t, w.pending(c))
		for _, id := range ids {
			require.Equal(w.t, "queued", w.state(id))
		}
	},
	"a release passes over what is still held": func(w *world) {
		c := w.connect("acme")
		unlinked := w.queue(c, "job-1", 4)
		linked := w.queue(c, "job-2", 2)
		w.linkAnswered(c, "job-2", atssync.BacklogNone)
		t := w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldJobNotLinked})
		for done := false; !done; {
			var err error
			done, _, err = w.s.WorkTask(w.ctx, t.ID, 2, w.now)
			require.NoError(w.t, err)
		}
		for _, id := range unlinked {
			require.Equal(w.t, "held: job_not_linked", w.state(id))
		}
		for _, id := range linked {
			require.Equal(w.t, "queued", w.state(id))
		}
	},
	"a release keeps its pace": func(w *world) {
		c := w.connect("acme")
		w.queue(c, "job-1", 25)
		w.linkAnswered(c, "job-1", atssync.BacklogNone)
		t := w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldJobNotLinked, PerMinute: 10})
		_, wake, err := w.s.WorkTask(w.ctx, t.ID, 500, w.now)
		require.NoError(w.t, err)
		require.True(w.t, wake)
		require.Equal(w.t, int64(10), w.balanced(c)[atssync.StateQueued])
		require.Equal(w.t, w.now.Add(time.Minute), w.pending(c)[0].NextAt)
		w.pass(30 * time.Second)
		_, wake, err = w.s.WorkTask(w.ctx, t.ID, 500, w.now)
		require.NoError(w.t, err)
		require.False(w.t, wake, "not before its time")
		w.pass(30 * time.Second)
		_, _, err = w.s.WorkTask(w.ctx, t.ID, 500, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, int64(20), w.balanced(c)[atssync.StateQueued])
		w.pass(time.Minute)
		done, _, err := w.s.WorkTask(w.ctx, t.ID, 500, w.now)
		require.NoError(w.t, err)
		require.True(w.t, done)
	},
	"a release of one job or since a date": func(w *world) {
		c := w.connect("acme")
		a := w.queue(c, "job-1", 3)
		b := w.queue(c, "job-2", 3)
		since := w.now.Add(-2 * time.Second)
		for _, id := range append(a, b...) {
			require.Equal(w.t, "held: job_not_linked", w.state(id))
		}
		w.linkAnswered(c, "job-1", atssync.BacklogNone)
		w.linkAnswered(c, "job-2", atssync.BacklogNone)
		w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldJobNotLinked, PlatformJob: "job-2", Since: since})
		w.work(c)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateHeld: 4, atssync.StateQueued: 2}, w.balanced(c))
		w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldJobNotLinked, PlatformJob: "job-1"})
		w.work(c)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateHeld: 1, atssync.StateQueued: 5}, w.balanced(c))
		require.Equal(w.t, "held: job_not_linked", w.state(b[0]))
	},
	"a hold for what no rule knows": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.link(c, "job-2")
		a, b := w.queue(c, "job-1", 2), w.queue(c, "job-2", 2)
		w.task(atssync.Task{Kind: atssync.TaskHold, Connection: c.ID, Reason: atssync.HeldQuota, PlatformJob: "job-1"})
		w.work(c)
		require.Equal(w.t, "held: quota", w.state(a[0]))
		require.Equal(w.t, "held: quota", w.state(a[1]))
		require.Equal(w.t, "queued", w.state(b[0]))
		w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldQuota})
		w.work(c)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 4}, w.balanced(c))
	},
	"the last word stands": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		ids := w.queue(c, "job-1", 2)
		w.task(atssync.Task{Kind: atssync.TaskHold, Connection: c.ID, Reason: atssync.HeldAdapterMissing})
		w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldAdapterMissing})
		require.Len(w.t, w.pending(c), 1, "the opposite took its place")
		w.work(c)
		require.Equal(w.t, "queued", w.state(ids[0]))
	},
	"the same again starts over and is one": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.queue(c, "job-1", 4)
		t := w.task(atssync.Task{Kind: atssync.TaskHold, Connection: c.ID, Reason: atssync.HeldQuota})
		_, _, err := w.s.WorkTask(w.ctx, t.ID, 2, w.now)
		require.NoError(w.t, err)
		again := w.task(atssync.Task{Kind: atssync.TaskHold, Connection: c.ID, Reason: atssync.HeldQuota})
		require.Equal(w.t, t.ID, again.ID)
		require.Empty(w.t, again.Cursor)
		require.Len(w.t, w.pending(c), 1)
	},
	"cancels what waits of a removed connection and nothing else": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		sending := w.submit(c, "sending", "job-1")
		a := w.begin(l, sending)
		submitted := w.submitted(c, l, "submitted", "job-1")
		uncertain := w.uncertain(c, l, "uncertain", "job-1")
		w.queue(c, "job-1", 3)
		w.queue(c, "job-2", 3)
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		w.work(c)
		require.Equal(w.t, "sending", w.state(sending.ID))
		require.Equal(w.t, "submitted", w.state(submitted.ID))
		require.Equal(w.t, "uncertain", w.state(uncertain.ID))
		require.Equal(w.t, int64(6), w.balanced(c)[atssync.StateCancelled])
		w.finish(l, atssync.Finish{Submission: sending.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: w.now})
		w.work(c)
		require.Equal(w.t, "cancelled", w.state(sending.ID), "it came back after the task was done")
	},
	"a revived connection keeps what came in since": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		old := w.queue(c, "job-1", 2)
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		w.pass(time.Minute)
		anew := w.newConnection("acme")
		anew.IdentityKeys = c.IdentityKeys
		c, err = w.s.CreateConnection(w.ctx, anew, w.now)
		require.NoError(w.t, err)
		fresh := w.queue(c, "job-1", 2)
		w.work(c)
		require.Equal(w.t, "cancelled", w.state(old[0]))
		require.Equal(w.t, "held: job_not_linked", w.state(fresh[0]))
	},
	"a revived connection leaves nothing held for its pause when the clock was set back": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.pause(c)
		w.work(c)
		s := w.submit(c, "x", "job-1").ID
		require.Equal(w.t, "held: connection_paused", w.state(s))
		w.pass(-48 * time.Hour)
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		anew := w.newConnection("acme")
		anew.IdentityKeys = c.IdentityKeys
		c, err = w.s.CreateConnection(w.ctx, anew, w.now)
		require.NoError(w.t, err)
		w.work(c)
		require.Equal(w.t, "held: job_not_linked", w.state(s))
	},
	"removal ends the tasks before it": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.queue(c, "job-1", 1)
		w.pause(c)
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		tasks := w.pending(c)
		require.Len(w.t, tasks, 1)
		require.Equal(w.t, atssync.TaskCancel, tasks[0].Kind)
	},
	"tasks of all connections": func(w *world) {
		for i := range 3 {
			c := w.connect(fmt.Sprintf("account-%d", i))
			w.task(atssync.Task{Kind: atssync.TaskCancel, Connection: c.ID})
		}
		all, err := w.s.Tasks(w.ctx, "")
		require.NoError(w.t, err)
		require.Len(w.t, all, 3)
	},
	"a share that is too much for one commit is made smaller": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		ids := w.queue(c, "job-1", 60)
		long := &atssync.Trouble{Message: string(bytes.Repeat([]byte("long "), 12<<10))}
		require.NoError(w.t, w.s.HoldSubmissions(w.ctx, w.lease(c, "daemon-1"), ids, atssync.HeldQuota, long, w.now))
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		w.work(c)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateCancelled: 60}, w.balanced(c))
	},
	"many with few of the job's own": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.link(c, "job-2")
		for range 12 {
			var in []atssync.NewSubmission
			for range 500 {
				in = append(in, w.document(c, w.unique("app"), "job-1"))
			}
			w.accept(in...)
		}
		mine := w.queue(c, "job-2", 2)
		w.task(atssync.Task{Kind: atssync.TaskHold, Connection: c.ID, Reason: atssync.HeldOperator, PlatformJob: "job-2"})
		w.work(c)
		require.Equal(w.t, "held: operator", w.state(mine[0]))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 6000, atssync.StateHeld: 2}, w.balanced(c))
	},
}

// linkAnswered links a job with an answer to the backlog question.
func (w *world) linkAnswered(c atssync.Connection, job string, mode atssync.BacklogMode) {
	w.t.Helper()
	p := w.newLink(c, job)
	p.Backlog = &atssync.Backlog{Mode: mode}
	_, _, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
	require.NoError(w.t, err)
}
