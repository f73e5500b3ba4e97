package collect

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// opHints names the reading of hints where a connection is busy with it. Its failures are those of OpRead.
const opHints atssync.Operation = "hints"

const (
	// hintGather is how long hooks are waited for that follow the first one, so that a burst is one reading.
	hintGather = 100 * time.Millisecond
	// hintWait and hintWaitMost are how soon a hint is looked at again whose submission nobody can judge yet.
	hintWait, hintWaitMost = 2 * time.Second, 2 * time.Minute
	// hintPatience is when that is given up: whoever settles what is uncertain does it without the hint then.
	hintPatience = time.Hour
)

// Hinted has what the ATS of a connection hinted at read soon. It never blocks and may be called at any time.
func (w *Worker) Hinted(connection string) { w.hintedAt(connection, time.Now().Add(hintGather)) }

func (w *Worker) hintedAt(connection string, at time.Time) {
	w.appoint("hints/"+connection, at, func() {
		if next := w.readHinted(connection); !next.IsZero() {
			w.hintedAt(connection, next)
		}
	})
}

// readHinted reads what waits and returns when to look again (zero: not before somebody says so).
func (w *Worker) readHinted(connection string) (next time.Time) {
	b, err := w.o.Hints.HintBacklog(w.ctx, connection)
	switch {
	case err != nil && w.ctx.Err() == nil:
		return time.Now().Add(readBackAgain)
	case err != nil || b.Waiting == 0:
		return time.Time{}
	}
	_, err = w.try(operation{op: opHints, do: func(ctx context.Context, v *visit) (Summary, error) {
		var err error
		next, err = w.hints(ctx, v)
		return Summary{}, err
	}}, connection)
	switch {
	case err == nil, w.ctx.Err() != nil:
	case errors.Is(err, errBusy):
		return time.Now().Add(hintGather)
	case errors.Is(err, sdk.ErrNotRunning):
		return time.Now().Add(readBackAgain)
	case !errors.Is(err, errSkip): // paused or another daemon's: whoever ends that calls Hinted
		w.o.Log.Warn("read what an ATS hinted at", "connection", connection, "kind", string(sdk.KindOf(err)), "err", err)
	}
	return next
}

// hints works the hints of a connection off, the oldest first.
func (w *Worker) hints(ctx context.Context, v *visit) (next time.Time, err error) {
	if h := v.lane.Health(atssync.OpRead); h.State == atssync.HealthStopped && waits(h.Cause) && v.now().Before(h.NextAt) {
		return h.NextAt, errSkip
	}
	for after := int64(0); ; {
		list, err := w.o.Hints.NextHints(ctx, v.lease, after, page)
		if err != nil || len(list) == 0 {
			return next, err
		}
		after = list[len(list)-1].Number
		at, err := w.hintPage(ctx, v, list)
		if next = earlier(next, at); err != nil {
			return w.hintsAgain(v, next, err), err
		}
	}
}

// hintsAgain says when to try again after a failure, if that is soon.
func (w *Worker) hintsAgain(v *visit, next time.Time, err error) time.Time {
	d := retry.Read(retry.Failure{Err: sdk.AsError(err), Key: v.c.ID, Failures: v.lane.Health(atssync.OpRead).Failures}, v.now())
	if d.Action != retry.Again {
		return next
	}
	return earlier(next, later(d.At, v.now().Add(time.Second)))
}

// hinted is a hint with what the ATS is asked for. Uncertain is set when nobody knows whether it is there: then the
// application is what the hook claims.
type hinted struct {
	hint      atssync.Hint
	app       atssync.Application
	uncertain *atssync.Submission
}

func (w *Worker) hintPage(ctx context.Context, v *visit, list []atssync.Hint) (next time.Time, err error) {
	var ask []hinted
	var done []atssync.Hint
	for _, h := range list {
		x, verdict, err := w.lookAtHint(ctx, v, h)
		if err != nil {
			return next, err
		}
		switch verdict {
		case hintAsks:
			ask = append(ask, x)
		case hintWaits:
			next = earlier(next, again(h, v.now()))
		case hintEnds:
			done = append(done, h)
		}
	}
	if err := w.o.Hints.FinishHints(ctx, v.lease, done, v.now()); err != nil {
		return next, err
	}
	for part := range slices.Chunk(ask, max(1, v.manifest.Batch.ReadStatuses)) {
		at, err := w.readHints(ctx, v, part)
		if next = earlier(next, at); err != nil {
			return next, err
		}
	}
	return next, nil
}

// again is when a hint is looked at again that waits: the longer it does, the later.
func again(h atssync.Hint, now time.Time) time.Time {
	return now.Add(min(max(now.Sub(h.LastAt), hintWait), hintWaitMost))
}

// hintVerdict says what becomes of a hint.
type hintVerdict uint8

const (
	hintEnds  hintVerdict = iota // there is nothing to read, or it was read
	hintAsks                     // the ATS is asked
	hintWaits                    // it is looked at again
)

// lookAtHint finds what a hint is about. Only what was sent is ever read.
func (w *Worker) lookAtHint(ctx context.Context, v *visit, h atssync.Hint) (hinted, hintVerdict, error) {
	x, reads := hinted{hint: h}, v.manifest.Has(sdk.PowerReadStatuses)
	var err error
	x.app, err = w.o.Store.Application(ctx, h.Submission)
	if err == nil {
		if !reads || x.app.CandidateID == "" && x.app.ApplicationID == "" && x.app.Pending == "" {
			return x, hintEnds, nil
		}
		return x, hintAsks, nil
	}
	if atssync.CodeOf(err) != atssync.CodeNotFound {
		return x, hintEnds, err
	}
	s, err := w.o.Submissions.Submission(ctx, h.Submission)
	switch {
	case atssync.CodeOf(err) == atssync.CodeNotFound:
		return x, hintEnds, nil
	case err != nil:
		return x, hintEnds, err
	case s.State == atssync.StateSending:
		return x, w.patient(v, h), nil
	case s.State != atssync.StateUncertain || h.Claim == atssync.Receipt{}:
		return x, hintEnds, nil
	case !reads && h.Proved: // the adapter vouches for the hook, and nobody can look further
		return x, hintEnds, w.settleHinted(ctx, v, s, h.Claim, "")
	case !reads:
		return x, hintEnds, nil
	}
	x.uncertain, x.app = &s, atssync.NewApplication(s, h.Claim, "", v.now())
	return x, hintAsks, nil
}

// patient has a hint wait unless it did for too long.
func (w *Worker) patient(v *visit, h atssync.Hint) hintVerdict {
	if v.now().Sub(h.LastAt) > hintPatience {
		return hintEnds
	}
	return hintWaits
}

// readHints makes one call, judges what it shows and commits it, and forgets the hints after that.
func (w *Worker) readHints(ctx context.Context, v *visit, part []hinted) (next time.Time, err error) {
	apps := make([]atssync.Application, len(part))
	for i := range part {
		apps[i] = part[i].app
	}
	readings, err := w.ask(ctx, v, apps)
	if err != nil {
		return next, w.failed(ctx, v, atssync.OpRead, err)
	}
	var done, changed []atssync.Hint
	var changes []atssync.ApplicationChange
	for _, x := range part {
		got := readings.of(&x.app)
		if x.uncertain != nil {
			verdict, err := w.judgeClaim(ctx, v, x, got)
			switch {
			case err != nil:
				return next, err
			case verdict == hintEnds:
				done = append(done, x.hint)
			case verdict == hintAsks: // it is followed now: its status is read next
				next = earlier(next, v.now())
			default:
				next = earlier(next, again(x.hint, v.now()))
			}
			continue
		}
		was := x.app.Version
		if len(got) == 0 { // whether it is missing is for the passes to judge, which see how many are
			done = append(done, x.hint)
		} else if ok, events := x.app.ApplyReadings(got, w.rules(v), v.now()); ok {
			changes = append(changes, atssync.ApplicationChange{Application: x.app, Was: was, Events: events})
			w.dated(v.c.Adapter, &x.app, events, Since{x.hint.At, SinceHint})
			changed = append(changed, x.hint)
		} else {
			done = append(done, x.hint)
		}
	}
	w.o.Metrics.readings(v.c.Adapter, len(part), len(changes))
	if len(changes) > 0 {
		recorded, err := w.o.Store.RecordReadings(ctx, v.lease, changes, nil, v.now())
		if err != nil {
			return next, err
		}
		if recorded == len(changes) {
			done = append(done, changed...)
		} else { // a pass read one of them meanwhile, before or after us: the ATS knows which is the newer
			next = earlier(next, v.now().Add(hintGather))
		}
	}
	return next, w.o.Hints.FinishHints(ctx, v.lease, done, v.now())
}

// judgeClaim settles an uncertain submission when what the ATS shows now is ours. What the hook said of it only told where
// to look.
func (w *Worker) judgeClaim(ctx context.Context, v *visit, x hinted, got []sdk.Reading) (hintVerdict, error) {
	s := *x.uncertain
	rd, err := atssync.OwnReading(s, x.app.Ref(), got, v.manifest)
	r := x.hint.Claim
	if err == nil {
		r = atssync.Receipt{CandidateID: rd.CandidateID, ApplicationID: rd.ApplicationID, ProfileURL: rd.ProfileURL}
		if r.ProfileURL == "" {
			r.ProfileURL = x.hint.Claim.ProfileURL
		}
		if r.ApplicationID == "" {
			r.Pending = x.hint.Claim.Pending
		}
		err = w.notFollowed(ctx, s, r)
	}
	switch atssync.CodeOf(err) {
	case "":
		return hintAsks, w.settleHinted(ctx, v, s, r, rd.JobName)
	case atssync.CodeNotFound: // not shown yet
		return w.patient(v, x.hint), nil
	case atssync.CodeConflict:
		w.o.Log.Warn("a hook named an uncertain submission and the ATS shows something else", "connection", v.c.ID, "submission", s.ID)
		return hintEnds, nil
	}
	return hintEnds, err
}

func (w *Worker) notFollowed(ctx context.Context, s atssync.Submission, r atssync.Receipt) error {
	if r.ApplicationID == "" {
		return nil
	}
	others, err := w.o.Submissions.SubmissionsByReceipt(ctx, s.Connection, "", r.ApplicationID)
	if err != nil {
		return err
	}
	return atssync.NotFollowed(s, r, others)
}

// settleHinted settles; somebody else may have been faster.
func (w *Worker) settleHinted(ctx context.Context, v *visit, s atssync.Submission, r atssync.Receipt, job string) error {
	now := v.now()
	app := atssync.NewApplication(s, r, job, now)
	_, err := w.o.Submissions.Resolve(ctx, s.ID, atssync.SettleUncertain{
		Resolution: atssync.ResolvedSubmitted, By: "webhook", Receipt: &r, Application: &app,
	}, now)
	if err != nil {
		if atssync.CodeOf(err) == atssync.CodeConflict {
			err = nil
		}
		return err
	}
	w.o.Log.Info("uncertain submission settled", "connection", v.c.ID, "submission", s.ID, "by", "webhook")
	w.o.Wake(v.c.ID)
	return nil
}
