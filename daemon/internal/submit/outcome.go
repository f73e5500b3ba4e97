package submit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// judged is what follows one outcome.
type judged struct {
	finish  atssync.Finish
	change  atssync.LaneChange // nil: the lane stays as it is
	answer  answer             // what it says about the ATS
	follows bool               // the first arrival on its job, to be read back
}

// outcomesOf spreads an error of the whole call, or a reply of the wrong length, over its items.
func outcomesOf(reply sdk.SubmitReply, err error, n int) ([]sdk.SubmitOutcome, sdk.Meta) {
	if err == nil && len(reply.Outcomes) == n {
		return reply.Outcomes, reply.Meta
	}
	var e *sdk.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, sdk.ErrNotRunning):
		e = &sdk.Error{Kind: sdk.KindTransient, NotApplied: true, Message: "the adapter's process was not running; nothing was sent", Turn: sdk.TurnOperator}
	case errors.Is(err, context.DeadlineExceeded):
		e = &sdk.Error{Kind: sdk.KindAmbiguous, Message: "no answer came in time", Turn: sdk.TurnATS}
	case errors.Is(err, context.Canceled):
		e = &sdk.Error{Kind: sdk.KindInternal, Message: "the daemon was stopped before the answer came", Turn: sdk.TurnOperator}
	case err != nil:
		e = sdk.AsError(err)
	default:
		e = &sdk.Error{Kind: sdk.KindInternal, Message: "the adapter answered with another number of outcomes than it was given items", Turn: sdk.TurnAdapter}
	}
	out := make([]sdk.SubmitOutcome, n)
	for i := range out {
		out[i] = sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: e}
	}
	return out, e.Meta
}

// judge decides how an attempt ended.
func (w *Worker) judge(r *round, it *ready, a atssync.Attempt, o sdk.SubmitOutcome, now time.Time) judged {
	f := atssync.Finish{Submission: it.sub.ID, Attempt: a.Number}
	switch o.Kind {
	case sdk.OutcomeCreated, sdk.OutcomeCreatedOnExisting, sdk.OutcomeAlreadyApplied, sdk.OutcomePending:
		if o.Receipt.CandidateID == "" && o.Receipt.ApplicationID == "" && o.Receipt.Pending == "" {
			return w.failed(r, it, f, &sdk.Error{
				Kind: sdk.KindRemoteChanged, Message: "the ATS took the application but its answer names no id", Turn: sdk.TurnATS,
			}, now)
		}
		return w.arrived(r, it, f, o, now)
	case sdk.OutcomeBlocked:
		f.To, f.Continuation = atssync.StateRefused, it.sub.Continuation
		f.Trouble = blocked(o)
		return judged{finish: f, change: w.wellAnswer(r, now), answer: says}
	case sdk.OutcomeContinue:
		return w.continued(r, it, f, o, now)
	case sdk.OutcomeFailed:
		if o.Err != nil {
			return w.failed(r, it, f, o.Err, now)
		}
	}
	return w.failed(r, it, f, &sdk.Error{
		Kind: sdk.KindInternal, Message: "the adapter answered with an outcome that the daemon does not know", Turn: sdk.TurnAdapter,
	}, now)
}

func blocked(o sdk.SubmitOutcome) *atssync.Trouble {
	t := &atssync.Trouble{
		Kind: sdk.KindInvalid, Message: o.Message, Turn: sdk.TurnEmployer,
		Remedy: "ask the employer to change the policy in the ATS, then: atssync submissions retry",
	}
	if t.Message == "" {
		t.Message = "a policy of the ATS blocks this application"
	}
	if !o.NotBefore.IsZero() {
		at := o.NotBefore.UTC().Format(time.RFC3339)
		t.Message += "; not before " + at
		t.Turn, t.Remedy = sdk.TurnPlatform, "send it again after "+at+": atssync submissions retry"
	}
	return t
}

func (w *Worker) arrived(r *round, it *ready, f atssync.Finish, o sdk.SubmitOutcome, now time.Time) judged {
	f.To = atssync.StateSubmitted
	if o.Kind == sdk.OutcomeAlreadyApplied {
		f.To = atssync.StateAlreadyApplied
	}
	f.Receipt = &atssync.Receipt{
		CandidateID: o.Receipt.CandidateID, ApplicationID: o.Receipt.ApplicationID,
		ProfileURL: o.Receipt.ProfileURL, Pending: o.Receipt.Pending,
	}
	name := ""
	if it.job != nil {
		name = it.job.Name
	}
	sub := it.sub
	sub.ATSJob, sub.As = it.link.ATSJob, it.link.As
	app := atssync.NewApplication(sub, *f.Receipt, name, now)
	f.Application = &app
	_, verified := r.lane.Verified[sub.ATSJob]
	_, following := r.lane.ReadBacks[sub.ATSJob]
	return judged{finish: f, change: w.wellSent(r, it, now), answer: says, follows: !verified && !following}
}

// wellSent is what a proof of a working lane changes; nil where there is nothing to change, so that the
// usual case writes no lane.
func (w *Worker) wellSent(r *round, it *ready, now time.Time) atssync.LaneChange {
	job, id := it.link.ATSJob, it.sub.ID
	_, verified := r.lane.Verified[job]
	_, following := r.lane.ReadBacks[job]
	_, troubled := r.lane.Jobs[job]
	_, health := r.lane.Operations[atssync.OpSubmit]
	recent := now.Sub(r.lane.LastSentAt) < time.Minute
	if (verified || following) && !troubled && !health && len(r.lane.JobsFailedInRow) == 0 && recent {
		return nil
	}
	return func(l *atssync.Lane) []atssync.EventDraft {
		l.LastSentAt = now
		l.JobOK(job)
		l.StartReadBack(job, id, now)
		out := l.Succeed(atssync.OpSubmit, now)
		l.PaceDraining(atssync.OpSubmit, now.Add(w.policy.Load().DrainEvery))
		return out
	}
}

// continued keeps what the next step of several needs. The submission keeps its place in the queue, so that what the
// ATS holds a part of is finished first.
func (w *Worker) continued(r *round, it *ready, f atssync.Finish, o sdk.SubmitOutcome, now time.Time) judged {
	if len(o.Continuation) == 0 || len(o.Continuation) > sdk.MaxContinuation || bytes.Equal(o.Continuation, it.item.Continuation) {
		return w.failed(r, it, f, &sdk.Error{
			Kind: sdk.KindInternal, Message: "the adapter has a further step to do but its continuation is empty, too long or the one it was given", Turn: sdk.TurnAdapter,
		}, now)
	}
	sealed, err := w.o.Vault.SealContinuation(it.sub, o.Continuation)
	if err != nil {
		return w.failed(r, it, f, &sdk.Error{Kind: sdk.KindInternal, Message: "the continuation could not be sealed", Turn: sdk.TurnOperator}, now)
	}
	f.To, f.NextAt, f.Continuation = atssync.StateQueued, placeOf(it.sub, now), sealed
	return judged{finish: f}
}

// placeOf is the place in the queue of a submission that goes back there unharmed: the one it had. What was queued by a
// clock that was ahead, and is right by now, is due like everything else that was sent.
func placeOf(s atssync.Submission, now time.Time) time.Time { return earlier(s.NextAt, now) }

// failed applies the retry decision. Whatever does not prove that nothing was applied becomes uncertain.
func (w *Worker) failed(r *round, it *ready, f atssync.Finish, e *sdk.Error, now time.Time) judged {
	f.Trouble = atssync.TroubleOf(e)
	f.Continuation = it.sub.Continuation
	d := retry.Write(retry.Failure{
		Err: e, Key: it.sub.ID, Failures: it.sub.Failures, RefusedBeforeProcessing: r.manifest.RefusedBeforeProcessing,
	}, now)
	fail := func(cause string) atssync.LaneChange {
		return func(l *atssync.Lane) []atssync.EventDraft { return l.Fail(atssync.OpSubmit, cause, f.Trouble, now) }
	}
	j := judged{}
	switch d.Action {
	case retry.Again:
		f.To, f.NextAt, f.Counted = atssync.StateQueued, d.At, d.Counted
		switch {
		case d.Counted:
			j.change = fail(string(e.Kind))
		case e.Kind == sdk.KindRateLimited:
			stops := d.At.Sub(now) > retry.Short
			if stops { // the lane waits, not this one: new credentials, or a person, free all of them at once
				f.NextAt = placeOf(it.sub, now)
			}
			j.change = throttle(e, stops, d.At, now)
		}
	case retry.Refuse:
		f.To = atssync.StateRefused // with its continuation: what the ATS holds a part of is never begun anew
		if e.Kind == sdk.KindNotFound && e.Subject == sdk.SubjectCandidate {
			f.Continuation = nil // the part is gone
		}
		j.change, j.answer = w.wellAnswer(r, now), says
	case retry.HoldItem:
		f.To, f.HeldReason = atssync.StateHeld, atssync.HeldResumeUnavailable
		j.change, j.answer = w.wellAnswer(r, now), says
	case retry.HoldJob:
		job := it.link.ATSJob
		f.To, f.HeldReason = atssync.StateHeld, atssync.HeldJobNotAccessible
		if e.Kind == sdk.KindJobClosed {
			f.HeldReason = atssync.HeldJobClosed
		}
		j.change = func(l *atssync.Lane) []atssync.EventDraft { return l.FailJob(job, f.HeldReason, f.Trouble, now) }
	case retry.Stop:
		f.To, f.NextAt = atssync.StateQueued, now // behind the others: the next canary is another one
		j.change = fail(string(e.Kind))
	default:
		f.To, f.Trouble = atssync.StateUncertain, it.sub.Uncertain(f.Attempt, f.Trouble)
		j.change = fail(atssync.CauseUncertain)
		if e.Kind != sdk.KindInternal { // a fault of ours or of the adapter says nothing about the ATS
			j.answer = inDoubt
		}
	}
	j.finish = f
	return j
}

// throttle records that the ATS asked for quiet.
func throttle(e *sdk.Error, stops bool, until, now time.Time) atssync.LaneChange {
	t := atssync.ThrottledTrouble(e, until)
	return func(l *atssync.Lane) []atssync.EventDraft { return l.Throttle(atssync.OpSubmit, stops, until, t, now) }
}

// wellAnswer records that the ATS answered sensibly about the data: the lane works.
func (w *Worker) wellAnswer(r *round, now time.Time) atssync.LaneChange {
	if _, ok := r.lane.Operations[atssync.OpSubmit]; !ok {
		return nil
	}
	return func(l *atssync.Lane) []atssync.EventDraft {
		out := l.Succeed(atssync.OpSubmit, now)
		l.PaceDraining(atssync.OpSubmit, now.Add(w.policy.Load().DrainEvery))
		return out
	}
}

// told says what became of an attempt, once that is durable: to the log, the metrics, and whoever goes on from there.
func (w *Worker) told(r *round, it *ready, j judged, took time.Duration) {
	now := r.now()
	f := j.finish
	w.o.Metrics.finished(r.c.Adapter, it.sub, f.To, now)
	if w.o.Log.Enabled(w.calls, slog.LevelInfo) {
		attrs := []slog.Attr{
			slog.String("connection", r.c.ID), slog.String("submission", f.Submission), slog.Int("attempt", f.Attempt),
			slog.String("state", string(f.To)), slog.Int64("duration_ms", took.Milliseconds()),
		}
		if t := f.Trouble; t != nil {
			attrs = append(attrs, slog.String("kind", string(t.Kind)), slog.Int("http_status", t.Status), slog.String("whose_turn", string(t.Turn)))
		}
		w.o.Log.LogAttrs(w.calls, slog.LevelInfo, "attempt ended", attrs...)
	}
	if f.To == atssync.StateUncertain {
		w.lookups.expect(r.c.ID, f.Submission, now)
	}
	if j.follows && w.o.Arrived != nil {
		w.o.Arrived(r.c.ID)
	}
}

// toldIncident tells the adapter's incident what the outcomes of one call say about the ATS.
func (w *Worker) toldIncident(r *round, a answer) {
	began, wake := w.incidents.ended(r.c.Adapter, r.c.ID, a, r.now())
	if began {
		w.o.Log.Warn("submit stopped for all connections of an adapter: several writes in a row have unknown outcomes", "adapter", r.c.Adapter)
	}
	w.wakeAll(wake)
}
