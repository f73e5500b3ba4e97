package submit

import (
	"cmp"
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	// lookPatience is how long a turn waits for its looks before it goes on with those that are made.
	lookPatience = 400 * time.Millisecond
	// lookAfter is when a lane looks again that nobody woke.
	lookAfter = 30 * time.Second
	// mostSkipped bounds how many a turn reads beyond its own because those before them wait for their looks.
	mostSkipped = 64
)

// checkOf is how strictly the resumes of a connection are looked at.
func (w *Worker) checkOf(c atssync.Connection) atssync.ResumeCheck {
	if w.policy.Load().Resumes == nil {
		return atssync.ResumeCheckOff
	}
	return cmp.Or(c.ResumeCheck, w.policy.Load().ResumeCheck)
}

// seen keeps the submissions that may go as far as their resumes are concerned. Those whose resume the ATS could not
// fetch are held; those whose look takes longer than patience stay queued, looking says that there are such, and the lane is
// woken for them. Without patience a look of any age counts: it was made before the wait for the limits.
func (w *Worker) seen(ctx context.Context, r *round, items []ready, patience time.Duration) (out []ready, looking bool, err error) {
	asked := make([]*look, len(items))
	looked := false
	for i := range items {
		if items[i].resume != nil {
			asked[i], looked = w.lookAt(r, *items[i].resume, patience == 0), true
		}
	}
	if !looked {
		return items, false, nil
	}
	await(ctx, asked, patience)
	how := w.checkOf(r.c)
	out = make([]ready, 0, len(items))
	for i := range items {
		x := asked[i]
		if x == nil {
			out = append(out, items[i])
			continue
		}
		if w.looks.wait(x, r.c.ID) {
			looking = true
			continue
		}
		t := x.found.Trouble(how)
		if t == nil {
			items[i].warning = x.found.Warned(how)
			out = append(out, items[i])
			continue
		}
		if err := w.holdResume(ctx, r, items[i].sub, t); err != nil {
			return nil, false, err
		}
		w.looks.forget(x) // the next look is a new one
	}
	return out, looking, nil
}

// await waits until all looks are made, patience is over or ctx ends.
func await(ctx context.Context, asked []*look, patience time.Duration) {
	if patience <= 0 {
		return
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for _, x := range asked {
		if x == nil {
			continue
		}
		select {
		case <-x.done:
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// holdResume puts a submission aside until its resume can be fetched.
func (w *Worker) holdResume(ctx context.Context, r *round, s atssync.Submission, t *atssync.Trouble) error {
	now := r.now()
	if err := w.o.Store.HoldSubmissions(ctx, r.lease, []string{s.ID}, atssync.HeldResumeUnavailable, t, now); err != nil {
		return err
	}
	w.heldLooks.expect(r.c.ID, s.ID, now)
	w.o.Log.Info("hold a submission whose resume the ATS could not fetch", "connection", r.c.ID, "submission", s.ID, "whose_turn", string(t.Turn))
	return nil
}
