package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

var ledgerTests = map[string]func(*world){
	"nothing accepted is zero": func(w *world) {
		c := w.connect("acme")
		l, err := w.s.Ledger(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Zero(w.t, l.Accepted)
		require.True(w.t, l.Balanced())
		_, err = w.s.Ledger(w.ctx, "con_none")
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.Recount(w.ctx, "con_none")
		w.code(err, atssync.CodeNotFound)
	},
	"counts every way that a submission goes": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		w.submitted(c, l, "submitted", "job-1")
		w.uncertain(c, l, "uncertain", "job-1")
		w.begin(l, w.submit(c, "sending", "job-1"))
		w.submit(c, "queued", "job-1")
		w.submit(c, "held", "job-2")
		w.act(w.submit(c, "cancelled", "job-1"), atssync.ActCancel)
		require.Equal(w.t, map[atssync.State]int64{
			atssync.StateSubmitted: 1, atssync.StateUncertain: 1, atssync.StateSending: 1, atssync.StateQueued: 1,
			atssync.StateHeld: 1, atssync.StateCancelled: 1,
		}, w.balanced(c))
		got, err := w.s.Ledger(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, int64(6), got.Accepted)
	},
	"all connections, removed ones too": func(w *world) {
		var ids []string
		for i := range 5 {
			c := w.connect(fmt.Sprintf("account-%d", i))
			for j := range i {
				w.submit(c, fmt.Sprintf("app-%d", j), "job-1")
			}
			ids = append(ids, c.ID)
		}
		_, err := w.s.RemoveConnection(w.ctx, ids[4], 0, w.now)
		require.NoError(w.t, err)
		all, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Ledger], error) {
			return w.s.Ledgers(w.ctx, atssync.LedgerQuery{Paging: p})
		})
		require.Len(w.t, all, 5)
		accepted := map[string]int64{}
		for _, l := range all {
			accepted[l.Connection] = l.Accepted
		}
		for i, id := range ids {
			require.Equal(w.t, int64(i), accepted[id])
		}
	},
	"the oldest that waits, by state": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		start := w.now
		w.submitted(c, l, "gone", "job-1")
		w.pass(time.Minute)
		first := w.submit(c, "queued", "job-1")
		w.pass(time.Minute)
		w.submit(c, "held", "job-2")
		w.pass(time.Minute)
		w.submit(c, "younger", "job-1")
		got, err := w.s.OldestWaiting(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, map[atssync.State]time.Time{
			atssync.StateQueued: start.Add(time.Minute), atssync.StateHeld: start.Add(2 * time.Minute),
		}, got)
		w.begin(l, first)
		got, err = w.s.OldestWaiting(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, map[atssync.State]time.Time{
			atssync.StateSending: start.Add(time.Minute), atssync.StateQueued: start.Add(3 * time.Minute), atssync.StateHeld: start.Add(2 * time.Minute),
		}, got)
	},
}

var auditTests = map[string]func(*world){
	"every act of a person is recorded, the daemon's own is not": func(w *world) {
		actor := atssync.Actor{Name: "uid:1000(ops)", Via: "socket"}
		quiet := w.ctx
		w.ctx = atssync.WithActor(w.ctx, actor)
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		w.act(s, atssync.ActHold)
		w.act(s, atssync.ActRelease)
		u := w.uncertain(c, l, "app-2", "job-1")
		_, err := w.s.Resolve(w.ctx, u.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		require.NoError(w.t, err)
		w.pause(c)
		w.setState(c, atssync.ConnectionActive)
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-1", Account: "acme"}}, atssync.Scope{}, w.now))
		w.task(atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldRestored})
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now))
		_, err = w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		_, err = w.s.Act(w.ctx, s.ID, atssync.ActRetry, w.now)
		w.code(err, atssync.CodeConflict)
		w.ctx = quiet
		w.work(c)

		p, err := w.s.AuditRecords(w.ctx, "", atssync.Paging{})
		require.NoError(w.t, err)
		var actions []string
		for _, a := range p.Items {
			require.Equal(w.t, actor, a.Actor)
			require.Equal(w.t, w.now.Year(), a.At.Year())
			actions = append(actions, a.Action)
		}
		require.ElementsMatch(w.t, []string{
			"connection.create", "job_link.create", "submission.hold", "submission.release", "submission.resolve",
			"connection.pause", "connection.resume", "platform_jobs.put", "task.release", "job_link.remove", "connection.remove",
		}, actions)
		p, err = w.s.AuditRecords(w.ctx, s.ID, atssync.Paging{})
		require.NoError(w.t, err)
		require.Len(w.t, p.Items, 2)
	},
	"appended and listed from the newest": func(w *world) {
		for i := range 5 {
			require.NoError(w.t, w.s.AppendAudit(w.ctx, atssync.Audit{At: w.now, Action: fmt.Sprintf("act.%d", i), Object: fmt.Sprintf("thing-%d", i%2)}))
			w.pass(time.Second)
		}
		all, n := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Audit], error) { return w.s.AuditRecords(w.ctx, "", p) })
		require.Equal(w.t, 3, n)
		require.Equal(w.t, "act.4", all[0].Action)
		require.Equal(w.t, "act.0", all[4].Action)
		require.True(w.t, atssync.ValidID(atssync.PrefixAudit, all[0].ID))
		of, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Audit], error) {
			return w.s.AuditRecords(w.ctx, "thing-1", p)
		})
		require.Len(w.t, of, 2)
	},
	"no secret reaches the record": func(w *world) {
		w.ctx = atssync.WithActor(w.ctx, atssync.Actor{Name: "file", Via: "config"})
		c := w.connect("acme")
		w.pass(time.Second)
		_, err := w.s.UpdateConnection(w.ctx, c.ID, 0, func(c *atssync.Connection) error {
			c.Credentials, c.Settings = []byte("hunter2"), map[string]string{"user": "hunter3"}
			return nil
		}, w.now)
		require.NoError(w.t, err)
		p, err := w.s.AuditRecords(w.ctx, c.ID, atssync.Paging{})
		require.NoError(w.t, err)
		require.Equal(w.t, "settings, credentials", p.Items[0].Detail)
	},
}
