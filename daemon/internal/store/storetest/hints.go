package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// hook has the ATS of a connection call.
func (w *world) hook(c atssync.Connection, event string, touched ...atssync.Touch) atssync.HookResult {
	w.t.Helper()
	r, err := w.s.QueueHints(w.ctx, atssync.Hook{Connection: c.ID, EventKey: event, Touched: touched}, w.now)
	require.NoError(w.t, err)
	return r
}

func (w *world) hints(l atssync.Lease, after int64, limit int) []atssync.Hint {
	w.t.Helper()
	got, err := w.s.NextHints(w.ctx, l, after, limit)
	require.NoError(w.t, err)
	return got
}

// hinted lists the submissions that wait to be read, the oldest first.
func (w *world) hinted(l atssync.Lease) []string {
	w.t.Helper()
	out := []string{}
	for _, h := range w.hints(l, 0, 500) {
		out = append(out, h.Submission)
	}
	return out
}

// hookWorld is a connection with its lease and two submitted applications.
func (w *world) hookWorld() (c atssync.Connection, l atssync.Lease, one, two atssync.Submission) {
	w.t.Helper()
	c = w.connect("acme")
	w.link(c, "job-1")
	l = w.lease(c, "daemon-1")
	return c, l, w.submitted(c, l, "app-1", "job-1"), w.submitted(c, l, "app-2", "job-1")
}

var hintTests = map[string]func(*world){
	"found by external key, application and candidate, each once": func(w *world) {
		c, l, one, two := w.hookWorld()
		r := w.hook(c, "evt-1", atssync.Touch{CandidateID: one.Receipt.CandidateID},
			atssync.Touch{ExternalKey: two.ExternalKey, ApplicationID: two.Receipt.ApplicationID},
			atssync.Touch{ApplicationID: one.Receipt.ApplicationID}, atssync.Touch{ApplicationID: "a new one", CandidateID: two.Receipt.CandidateID})
		require.Equal(w.t, atssync.HookResult{Queued: 2}, r)
		require.Equal(w.t, []string{one.ID, two.ID}, w.hinted(l))
	},
	"who was never sent is not queued": func(w *world) {
		c, l, one, _ := w.hookWorld()
		other := w.connect("globex")
		require.Zero(w.t, w.hook(c, "evt-1", atssync.Touch{CandidateID: "stranger", ApplicationID: "strange", ExternalKey: "none"}, atssync.Touch{}))
		require.Zero(w.t, w.hook(other, "evt-1", atssync.Touch{ExternalKey: one.ExternalKey, CandidateID: one.Receipt.CandidateID}), "another connection's")
		require.Empty(w.t, w.hinted(l))
		b, err := w.s.HintBacklog(w.ctx, "")
		require.NoError(w.t, err)
		require.Zero(w.t, b)
	},
	"many hooks for one application are one hint": func(w *world) {
		c, l, one, two := w.hookWorld()
		began := w.now
		for i := range 5 {
			w.hook(c, fmt.Sprintf("evt-%d", i), atssync.Touch{ExternalKey: one.ExternalKey})
			w.pass(time.Second)
		}
		w.hook(c, "evt-9", atssync.Touch{ExternalKey: two.ExternalKey})
		got := w.hints(l, 0, 10)
		require.Len(w.t, got, 2)
		require.Equal(w.t, 5, got[0].Touches)
		require.Equal(w.t, began, got[0].At)
		require.Equal(w.t, began.Add(4*time.Second), got[0].LastAt)
		b, err := w.s.HintBacklog(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.HintBacklog{Waiting: 2, OldestAt: began}, b)
		require.Equal(w.t, got[1:], w.hints(l, got[0].Number, 10), "read on after a number")
		require.Equal(w.t, got[:1], w.hints(l, 0, 1))
	},
	"touched again while it was read stays": func(w *world) {
		c, l, one, two := w.hookWorld()
		w.hook(c, "evt-1", atssync.Touch{ExternalKey: one.ExternalKey}, atssync.Touch{ExternalKey: two.ExternalKey})
		read := w.hints(l, 0, 10)
		w.hook(c, "evt-2", atssync.Touch{ExternalKey: one.ExternalKey})
		require.NoError(w.t, w.s.FinishHints(w.ctx, l, read, w.now))
		require.Equal(w.t, []string{one.ID}, w.hinted(l))
		require.NoError(w.t, w.s.FinishHints(w.ctx, l, w.hints(l, 0, 10), w.now))
		require.NoError(w.t, w.s.FinishHints(w.ctx, l, read, w.now), "finishing twice is finishing once")
		b, err := w.s.HintBacklog(w.ctx, "")
		require.NoError(w.t, err)
		require.Zero(w.t, b)
		w.hook(c, "evt-3", atssync.Touch{ExternalKey: one.ExternalKey})
		require.NoError(w.t, w.s.FinishHints(w.ctx, l, read, w.now), "an old one is not this one")
		require.Equal(w.t, []string{one.ID}, w.hinted(l))
	},
	"the same event changes nothing, as far as they are remembered": func(w *world) {
		c, l, one, _ := w.hookWorld()
		touch := atssync.Touch{ExternalKey: one.ExternalKey}
		require.Equal(w.t, atssync.HookResult{Queued: 1}, w.hook(c, "evt-1", touch))
		before := w.hints(l, 0, 10)
		w.pass(time.Minute)
		require.Equal(w.t, atssync.HookResult{Replayed: true}, w.hook(c, "evt-1", touch))
		require.Equal(w.t, before, w.hints(l, 0, 10))
		require.NoError(w.t, w.s.FinishHints(w.ctx, l, before, w.now))
		require.True(w.t, w.hook(c, "evt-1", touch).Replayed, "after it was read too")
		require.Equal(w.t, 1, w.hook(c, "", touch).Queued)
		require.Equal(w.t, 1, w.hook(c, "", touch).Queued, "what has no id cannot be recognised")
		for i := range atssync.SeenHooks - 1 {
			w.hook(c, fmt.Sprintf("later-%d", i), touch)
		}
		require.True(w.t, w.hook(c, "evt-1", touch).Replayed)
		w.hook(c, "one more", touch)
		require.Equal(w.t, 1, w.hook(c, "evt-1", touch).Queued, "the oldest is forgotten")
		require.True(w.t, w.hook(c, "later-7", touch).Replayed, "the others are not")
	},
	"only what names our id claims what became of it": func(w *world) {
		c, l, one, two := w.hookWorld()
		receipt := &atssync.Receipt{CandidateID: "c", ApplicationID: "a", ProfileURL: "https://ats.example.com/c"}
		w.hook(c, "evt-1", atssync.Touch{CandidateID: one.Receipt.CandidateID, Receipt: receipt})
		w.hook(c, "evt-2", atssync.Touch{ExternalKey: "not ours", ApplicationID: one.Receipt.ApplicationID, Receipt: receipt})
		w.hook(c, "evt-3", atssync.Touch{ExternalKey: two.ExternalKey, CandidateID: "c2"})
		got := w.hints(l, 0, 10)
		require.Zero(w.t, got[0].Claim)
		require.False(w.t, got[0].Proved)
		require.Equal(w.t, atssync.Receipt{CandidateID: "c2"}, got[1].Claim)
		require.False(w.t, got[1].Proved)
		w.hook(c, "evt-4", atssync.Touch{ExternalKey: two.ExternalKey, Receipt: receipt})
		w.hook(c, "evt-5", atssync.Touch{ExternalKey: two.ExternalKey, CandidateID: "c3"})
		got = w.hints(l, 0, 10)
		require.Equal(w.t, *receipt, got[1].Claim)
		require.True(w.t, got[1].Proved)
	},
	"what is being sent and what is uncertain is found by our id": func(w *world) {
		c, l, _, _ := w.hookWorld()
		sending := w.submit(c, "app-3", "job-1")
		w.begin(l, sending)
		uncertain := w.uncertain(c, l, "app-4", "job-1")
		w.hook(c, "", atssync.Touch{ExternalKey: sending.ExternalKey}, atssync.Touch{ExternalKey: uncertain.ExternalKey})
		require.Equal(w.t, []string{sending.ID, uncertain.ID}, w.hinted(l))
	},
	"a hook of very many is cut": func(w *world) {
		c, l, _, _ := w.hookWorld()
		var docs []atssync.NewSubmission
		var touched []atssync.Touch
		for i := range atssync.MaxHintsOfHook + 50 {
			d := w.document(c, fmt.Sprintf("many-%d", i), "job-1")
			docs, touched = append(docs, d), append(touched, atssync.Touch{ExternalKey: d.Submission.ExternalKey})
		}
		for from := 0; from < len(docs); from += 350 {
			w.accept(docs[from:min(from+350, len(docs))]...)
		}
		require.Equal(w.t, atssync.MaxHintsOfHook, w.hook(c, "evt-1", touched...).Queued)
		n := 0
		for after := int64(0); ; n++ {
			got := w.hints(l, after, 500)
			if len(got) == 0 {
				break
			}
			after = got[len(got)-1].Number
			require.NoError(w.t, w.s.FinishHints(w.ctx, l, got, w.now))
		}
		require.Equal(w.t, 2, n)
	},
	"a removed connection takes none and keeps none": func(w *world) {
		c, l, one, two := w.hookWorld()
		w.hook(c, "evt-1", atssync.Touch{ExternalKey: one.ExternalKey}, atssync.Touch{ExternalKey: two.ExternalKey})
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, w.hinted(l))
		_, err = w.s.QueueHints(w.ctx, atssync.Hook{Connection: c.ID, Touched: []atssync.Touch{{ExternalKey: one.ExternalKey}}}, w.now)
		w.code(err, atssync.CodeConflict)
		b, err := w.s.HintBacklog(w.ctx, "")
		require.NoError(w.t, err)
		require.Zero(w.t, b)
	},
	"a stale lease reads and finishes nothing": func(w *world) {
		c, l, one, _ := w.hookWorld()
		w.hook(c, "evt-1", atssync.Touch{ExternalKey: one.ExternalKey})
		read := w.hints(l, 0, 10)
		w.pass(2 * time.Hour)
		w.lease(c, "daemon-2")
		_, err := w.s.NextHints(w.ctx, l, 0, 10)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		require.ErrorIs(w.t, w.s.FinishHints(w.ctx, l, read, w.now), atssync.ErrFenced)
		require.Equal(w.t, []string{one.ID}, w.hinted(w.leased[c.ID]))
	},
	"hooks and readers at once lose none": func(w *world) {
		c, l, one, two := w.hookWorld()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 10 {
					_, err := w.s.QueueHints(w.ctx, atssync.Hook{
						Connection: c.ID, EventKey: fmt.Sprintf("evt-%d-%d", i, j/2), Touched: []atssync.Touch{{ExternalKey: []string{one.ExternalKey, two.ExternalKey}[j%2]}},
					}, w.now)
					if err != nil {
						panic(err)
					}
				}
			})
		}
		wg.Go(func() {
			for range 20 {
				got, err := w.s.NextHints(w.ctx, l, 0, 1)
				if err == nil {
					err = w.s.FinishHints(w.ctx, l, got, w.now)
				}
				if err != nil {
					panic(err)
				}
			}
		})
		wg.Wait()
		waiting := w.hints(l, 0, 500)
		b, err := w.s.HintBacklog(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Len(w.t, waiting, int(b.Waiting), "the count is that of the hints")
		require.LessOrEqual(w.t, len(waiting), 2)
	},
	"the secret of the hook lives with the credentials": func(w *world) {
		w.ctx = atssync.WithActor(w.ctx, atssync.Actor{Name: "uid:0", Via: "socket"})
		in := w.newConnection("acme")
		in.Hook, in.HookAt = []byte("sealed secret"), w.now
		c, err := w.s.CreateConnection(w.ctx, in, w.now)
		require.NoError(w.t, err)
		w.pass(time.Minute)
		_, err = w.s.UpdateConnection(w.ctx, c.ID, 0, func(c *atssync.Connection) error {
			c.Hook, c.HookAt = []byte("another"), w.now
			return nil
		}, w.now)
		require.NoError(w.t, err)
		got, err := w.s.Connection(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, []byte("another"), got.Hook)
		p, err := w.s.AuditRecords(w.ctx, c.ID, atssync.Paging{})
		require.NoError(w.t, err)
		require.Equal(w.t, "connection.rotate_hook", p.Items[0].Action)
		gone, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		require.Nil(w.t, gone.Hook)
		require.Zero(w.t, gone.HookAt)
	},
}
