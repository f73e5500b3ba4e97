package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// dropPayloads works a whole pass in shares of limit and returns how many were dropped.
func (w *world) dropPayloads(before time.Time, limit int) int {
	w.t.Helper()
	return w.wholePass(before, limit, func(q atssync.DropQuery) (int, string, error) { return w.s.DropPayloads(w.ctx, q, w.now) })
}

func (w *world) dropEvents(before time.Time, limit int) int {
	w.t.Helper()
	return w.wholePass(before, limit, func(q atssync.DropQuery) (int, string, error) { return w.s.DropEvents(w.ctx, q, w.now) })
}

func (w *world) wholePass(before time.Time, limit int, share func(atssync.DropQuery) (int, string, error)) int {
	w.t.Helper()
	total := 0
	q := atssync.DropQuery{Before: before, Limit: limit}
	for range 1000 {
		n, next, err := share(q)
		require.NoError(w.t, err)
		require.LessOrEqual(w.t, n, limit)
		if total += n; next == "" {
			return total
		}
		require.NotEqual(w.t, q.After, next, "a share goes on")
		q.After = next
	}
	require.Fail(w.t, "the pass does not end")
	return total
}

func (w *world) hasPayload(s atssync.Submission) bool {
	w.t.Helper()
	_, err := w.s.Payload(w.ctx, s.ID)
	if err != nil {
		w.code(err, atssync.CodeNotFound)
	}
	return err == nil
}

var retentionTests = map[string]func(*world){
	"documents of what is decided go, with the notes; the rest stays": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		gone := []atssync.Submission{
			w.submitted(c, l, "submitted", "job-1"), w.act(w.submit(c, "cancelled", "job-1"), atssync.ActCancel),
		}
		sending := w.submit(c, "sending", "job-1")
		w.begin(l, sending)
		kept := []atssync.Submission{
			sending, w.uncertain(c, l, "uncertain", "job-1"), w.submit(c, "held", "job-2"), w.submit(c, "queued", "job-1"),
		}
		ledger := w.balanced(c)
		w.pass(48 * time.Hour)
		kept = append(kept, w.act(w.submit(c, "young", "job-1"), atssync.ActCancel))
		moved := w.act(w.submit(c, "moved lately", "job-2"), atssync.ActCancel)
		require.Equal(w.t, 2, w.dropPayloads(w.now.Add(-time.Hour), 1))
		for _, s := range gone {
			require.False(w.t, w.hasPayload(s), s.ExternalID)
			got := w.sub(s.ID)
			require.Equal(w.t, w.now, got.PayloadGoneAt)
			require.Equal(w.t, s.Receipt, got.Receipt, "receipts stay")
			require.Equal(w.t, s.ExternalKey, got.ExternalKey)
			attempts, err := w.s.Attempts(w.ctx, s.ID)
			require.NoError(w.t, err)
			for _, a := range attempts {
				require.Empty(w.t, a.Note)
			}
		}
		for _, s := range append(kept, moved) {
			require.True(w.t, w.hasPayload(s), s.ExternalID)
		}
		require.Zero(w.t, w.dropPayloads(w.now.Add(-time.Hour), 100), "twice is once")
		after := w.balanced(c)
		after[atssync.StateCancelled] -= 2
		require.Equal(w.t, ledger, after)
	},
	"what was refused is not tried again without its document, and takes it back": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: w.begin(l, s).Number, To: atssync.StateRefused})
		w.pass(48 * time.Hour)
		require.Equal(w.t, 1, w.dropPayloads(w.now.Add(-time.Hour), 10))
		_, err := w.s.Act(w.ctx, s.ID, atssync.ActRetry, w.now)
		w.code(err, atssync.CodeGone)
		require.Equal(w.t, atssync.StateRefused, w.sub(s.ID).State)
		require.Equal(w.t, atssync.AcceptedReplay, w.accept(w.document(c, "app-1", "job-1"))[0].Result)
		require.True(w.t, w.hasPayload(s))
		require.Equal(w.t, atssync.StateQueued, w.act(s, atssync.ActRetry).State)
		w.balanced(c)
	},
	"a revision brings its own document": func(w *world) {
		c := w.connect("acme")
		s := w.act(w.submit(c, "app-1", "job-1"), atssync.ActCancel)
		w.pass(48 * time.Hour)
		require.Equal(w.t, 1, w.dropPayloads(w.now.Add(-time.Hour), 10))
		in := w.document(c, "app-1", "job-1")
		in.Submission.Fingerprint = "other"
		require.Equal(w.t, atssync.AcceptedRevision, w.accept(in)[0].Result)
		require.True(w.t, w.hasPayload(s))
		require.Zero(w.t, w.sub(s.ID).PayloadGoneAt)
	},
	"old events go, the feed tells where it begins and numbers go on": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		w.link(a, "job-1")
		w.link(b, "job-1")
		w.toldThrice(a)
		first := w.toldThrice(b)
		w.pass(48 * time.Hour)
		w.toldThrice(a)
		require.Equal(w.t, 6, w.dropEvents(w.now.Add(-time.Hour), 4))
		for _, q := range []atssync.EventQuery{{}, {After: 5}, {Connection: a.ID}, {Connection: a.ID, After: 2}, {Connection: b.ID, After: 2}, {Subject: first.ID}} {
			_, _, err := w.s.Events(w.ctx, q)
			w.code(err, atssync.CodeGone)
		}
		require.Len(w.t, w.read(atssync.EventQuery{After: 6}), 3)
		require.Len(w.t, w.read(atssync.EventQuery{After: atssync.FromFirst}), 3)
		got := w.read(atssync.EventQuery{Connection: a.ID, After: atssync.FromFirst})
		require.Len(w.t, got, 3)
		require.Equal(w.t, int64(4), got[0].Sequence)
		require.Empty(w.t, w.read(atssync.EventQuery{Connection: b.ID, After: 3}))
		require.Empty(w.t, w.read(atssync.EventQuery{Subject: first.ID, After: atssync.FromFirst}))
		for connection, want := range map[string]int64{"": 6, a.ID: 3, b.ID: 3} {
			n, err := w.s.FirstEvent(w.ctx, connection)
			require.NoError(w.t, err)
			require.Equal(w.t, want, n)
		}
		w.toldThrice(b)
		got = w.read(atssync.EventQuery{Connection: b.ID, After: atssync.FromFirst})
		require.Equal(w.t, int64(4), got[0].Sequence, "numbers are never given twice")
		require.Zero(w.t, w.dropEvents(w.now.Add(-time.Hour), 100))
	},
	"an event stays for the webhook that has not got it, and no other": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		e := w.endpoint()
		w.toldThrice(c)
		w.pass(48 * time.Hour)
		require.Zero(w.t, w.dropEvents(w.now, 100), "it has not looked at them yet")
		l := w.endpointLease(e)
		w.plan(l)
		w.end(l, atssync.DeliveryDelivered, 1)
		w.end(l, atssync.DeliveryDead, 2)
		require.Equal(w.t, 1, w.dropEvents(w.now, 1), "two are owed")
		_, _, err := w.s.Events(w.ctx, atssync.EventQuery{After: 2})
		w.code(err, atssync.CodeGone)
		late, err := w.s.CreateEndpoint(w.ctx, w.newEndpoint(), 0, w.now)
		require.NoError(w.t, err)
		require.Zero(w.t, w.plan(w.endpointLease(late)), "what was kept for another one")
		due := w.due(l, 10)
		require.Len(w.t, due, 1)
		require.NotEmpty(w.t, due[0].Event.Data)
		w.end(l, atssync.DeliveryDelivered, 3)
		require.Equal(w.t, 1, w.replayAll(atssync.Replay{Endpoint: e.ID, From: 2, To: 2}))
		require.NotEmpty(w.t, w.due(l, 10)[0].Event.ID, "a dead one can be sent again for as long as it is dead")
		w.end(l, atssync.DeliveryDelivered, 2)
		require.Equal(w.t, 2, w.dropEvents(w.now, 1))
		require.Zero(w.t, w.dropEvents(w.now, 1))
	},
	"one clock that was ahead keeps nothing for ever": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.toldThrice(c)
		was := w.now
		w.now = w.now.AddDate(80, 0, 0)
		w.toldThrice(c)
		w.now = was.Add(time.Hour)
		w.toldThrice(c)
		w.now = was.Add(48 * time.Hour)
		require.Equal(w.t, 9, w.dropEvents(w.now.Add(-time.Hour), 100))
	},
	"many": func(w *world) {
		c := w.connect("acme")
		for i := range 450 {
			w.act(w.submit(c, fmt.Sprintf("app-%d", i), "job-1"), atssync.ActCancel)
		}
		w.pass(48 * time.Hour)
		require.Equal(w.t, 450, w.dropPayloads(w.now, 200))
		require.Equal(w.t, 900, w.dropEvents(w.now, 200))
		require.Equal(w.t, int64(450), w.balanced(c)[atssync.StateCancelled])
	},
}
