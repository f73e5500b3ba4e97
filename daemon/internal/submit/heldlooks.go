package submit

import (
	"context"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	// heldLooksATime bounds the held submissions of one step of a lane whose resumes are looked at.
	heldLooksATime = 50
	// heldLookSoon is when a look that is under way is asked for again.
	heldLookSoon = 2 * time.Second
)

// heldLooks remembers when the resume of each held submission is looked at next. It is only memory: after a restart all
// are looked at once.
type heldLooks struct {
	mu sync.Mutex
	m  map[string]*heldOf
}

// heldOf is one connection's, as it was under one lease and with one way to check.
type heldOf struct {
	epoch int64
	how   atssync.ResumeCheck
	due   map[string]heldLook
}

type heldLook struct {
	at    time.Time
	looks int
}

// expect notes a submission that was just held.
func (h *heldLooks) expect(connection, id string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if of := h.m[connection]; of != nil { // else the whole connection is looked through
		of.due[id] = heldLook{at: now.Add(atssync.ResumeLookDelay(0))}
	}
}

// known reports whether a connection's held submissions were looked through under this lease. Another way to check
// makes all of them due.
func (h *heldLooks) known(connection string, epoch int64, how atssync.ResumeCheck, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.m[connection]
	if of == nil || of.epoch != epoch {
		return false
	}
	if of.how != how {
		of.how = how
		for id := range of.due {
			of.due[id] = heldLook{at: now}
		}
	}
	return true
}

// begin takes what is held when a connection is looked through.
func (h *heldLooks) begin(connection string, of *heldOf) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil {
		h.m = make(map[string]*heldOf)
	}
	h.m[connection] = of
}

// next returns at most limit submissions that are due, and when the next one is (zero: none waits).
func (h *heldLooks) next(connection string, limit int, now time.Time) (ids []string, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, x := range h.m[connection].due {
		if !now.Before(x.at) && len(ids) < limit {
			ids = append(ids, id)
			continue
		}
		at = earlier(at, x.at)
	}
	return ids, at
}

// looked sets the time of the next look, and soon when this one is still under way.
func (h *heldLooks) looked(connection, id string, soon bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x, ok := h.m[connection].due[id]
	if !ok {
		return
	}
	if soon {
		x.at = now.Add(heldLookSoon)
	} else {
		x.looks++
		x.at = now.Add(atssync.ResumeLookDelay(x.looks))
	}
	h.m[connection].due[id] = x
}

func (h *heldLooks) forget(connection, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.m[connection].due, id)
}

// lookAgain looks at the resumes that submissions of the lane are held for, and lets those go that can be fetched by now.
// It returns when to look again.
func (w *Worker) lookAgain(ctx context.Context, r *round) (time.Time, error) {
	if w.o.Waiting == nil {
		return time.Time{}, nil
	}
	now := r.now()
	if !w.heldLooks.known(r.c.ID, r.lease.Epoch, w.checkOf(r.c), now) {
		if err := w.lookThrough(ctx, r); err != nil {
			return time.Time{}, err
		}
	}
	ids, at := w.heldLooks.next(r.c.ID, heldLooksATime, now)
	var found []atssync.HeldLook
	for _, id := range ids {
		f, waits, err := w.lookAtHeld(ctx, r, id)
		switch {
		case err != nil:
			return time.Time{}, err
		case !waits:
			w.heldLooks.forget(r.c.ID, id)
			continue
		case f == nil:
			w.heldLooks.looked(r.c.ID, id, true, now)
			continue
		}
		found = append(found, *f)
		w.heldLooks.looked(r.c.ID, id, false, now)
	}
	if len(found) > 0 {
		n, err := w.o.Waiting.LookAgain(ctx, r.lease, atssync.HeldResumeUnavailable, found, now)
		if err != nil {
			return time.Time{}, err
		}
		if n > 0 {
			w.o.Log.Info("resumes can be fetched by now", "connection", r.c.ID, "released", n)
		}
	}
	if len(ids) > 0 {
		_, at = w.heldLooks.next(r.c.ID, 0, now)
	}
	return at, nil
}

// lookThrough finds what is held on a connection since before this lease.
func (w *Worker) lookThrough(ctx context.Context, r *round) error {
	of := &heldOf{epoch: r.lease.Epoch, how: w.checkOf(r.c), due: make(map[string]heldLook)}
	q := atssync.SubmissionQuery{
		Connection: r.c.ID, State: atssync.StateHeld, HeldReason: atssync.HeldResumeUnavailable, Paging: atssync.Paging{Limit: 500},
	}
	for {
		page, err := w.o.Waiting.Submissions(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if page.Items[i].WaitsForLook() {
				of.due[page.Items[i].ID] = heldLook{at: r.now()}
			}
		}
		if page.Next == "" {
			w.heldLooks.begin(r.c.ID, of)
			return nil
		}
		q.After = page.Next
	}
}

// lookAtHeld looks at the resume of one held submission. waits is false when it is not held for that any more; found is
// nil while the look is under way.
func (w *Worker) lookAtHeld(ctx context.Context, r *round, id string) (found *atssync.HeldLook, waits bool, err error) {
	s, err := w.o.Waiting.Submission(ctx, id)
	if atssync.CodeOf(err) == atssync.CodeNotFound || err == nil && (!s.WaitsForLook() || s.Connection != r.c.ID) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	out := &atssync.HeldLook{Submission: s.ID, Revision: s.Revision}
	how := w.checkOf(r.c)
	if how == atssync.ResumeCheckOff {
		return out, true, nil
	}
	payload, err := w.o.Waiting.Payload(ctx, id)
	if err != nil {
		return nil, false, err
	}
	doc, err := w.o.Vault.OpenDocument(s, payload)
	if err != nil || doc.Resume == nil {
		return out, true, nil //nolint:nilerr // what is wrong with the document is told when it is made ready.
	}
	x := w.lookAt(r, *doc.Resume, false)
	if !x.over() {
		return nil, true, nil
	}
	if out.Trouble = x.found.Trouble(how); out.Trouble != nil {
		w.looks.forget(x)
	}
	return out, true, nil
}
