package submit

import (
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// judged is what follows one outcome.
type judged struct {
	finish atssync.Finish
	change atssync.LaneChange // nil: the lane stays as it is
	after  func()             // once the finish is durable
}

// outcomesOf spreads an error of the whole call, or a reply of the wrong length, over its items.
func outcomesOf(reply sdk.SubmitReply, err error, n int) ([]sdk.SubmitOutcome, sdk.Meta) {
	if err == nil && len(reply.Outcomes) == n {
		return reply.Outcomes, reply.Meta
	}
	var e *sdk.Error
	switch {
	case errors.Is(err, sdk.ErrNotRunning):
		e = &sdk.Error{Kind: sdk.KindTransient, NotApplied: true, Message: "the adapter's process was not running; nothing was sent", Turn: sdk.TurnOperator}
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
func (w *Worker) judge(r *round, it ready, a atssync.Attempt, o sdk.SubmitOutcome, now time.Time) judged {
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
		f.To = atssync.StateRefused
		f.Trouble = &atssync.Trouble{Kind: sdk.KindInvalid, Message: blockedText(o), Turn: sdk.TurnATS}
		return judged{finish: f, change: w.wellChange(r, it, now), after: w.told(r, it, f, now)}
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

func blockedText(o sdk.SubmitOutcome) string {
	text := o.Message
	if text == "" {
		text = "a policy of the ATS blocks this application"
	}
	if !o.NotBefore.IsZero() {
		text += "; not before " + o.NotBefore.UTC().Format(time.RFC3339)
	}
	return text
}

func (w *Worker) arrived(r *round, it ready, f atssync.Finish, o sdk.SubmitOutcome, now time.Time) judged {
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
	return judged{finish: f, change: w.wellChange(r, it, now), after: w.told(r, it, f, now)}
}

// wellChange is what a proof of a working lane changes; nil where there is nothing to change, so that the
// usual case writes no lane.
func (w *Worker) wellChange(r *round, it ready, now time.Time) atssync.LaneChange {
	job := it.link.ATSJob
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
		l.StartReadBack(job, it.sub.ID, now)
		out := l.Succeed(atssync.OpSubmit, now)
		l.PaceDraining(atssync.OpSubmit, now.Add(w.o.DrainEvery))
		return out
	}
}

func (w *Worker) continued(r *round, it ready, f atssync.Finish, o sdk.SubmitOutcome, now time.Time) judged {
	if len(o.Continuation) == 0 || len(o.Continuation) > sdk.MaxContinuation {
		return w.failed(r, it, f, &sdk.Error{
			Kind: sdk.KindInternal, Message: "the adapter has a further step to do but gave no usable continuation", Turn: sdk.TurnAdapter,
		}, now)
	}
	sealed, err := w.o.Vault.SealContinuation(it.sub, o.Continuation)
	if err != nil {
		return w.failed(r, it, f, &sdk.Error{Kind: sdk.KindInternal, Message: "the continuation could not be sealed", Turn: sdk.TurnOperator}, now)
	}
	f.To, f.NextAt, f.Continuation = atssync.StateQueued, now, sealed
	return judged{finish: f, after: w.told(r, it, f, now)}
}

// failed applies the retry decision. Whatever does not prove that nothing was applied becomes uncertain.
func (w *Worker) failed(r *round, it ready, f atssync.Finish, e *sdk.Error, now time.Time) judged {
	f.Trouble = atssync.TroubleOf(e)
	f.Continuation = it.sub.Continuation
	job := it.link.ATSJob
	d := retry.Write(retry.Failure{
		Err: e, Key: it.sub.ID, Failures: it.sub.Failures, RefusedBeforeProcessing: r.manifest.RefusedBeforeProcessing,
	}, now)
	j := judged{}
	switch d.Action {
	case retry.Again:
		f.To, f.NextAt, f.Counted = atssync.StateQueued, d.At, d.Counted
		if d.Counted {
			j.change = func(l *atssync.Lane) []atssync.EventDraft {
				return l.Fail(atssync.OpSubmit, string(e.Kind), f.Trouble, now)
			}
		}
	case retry.Refuse:
		f.To, f.Continuation = atssync.StateRefused, nil
		j.change = w.wellAnswer(r, now)
	case retry.HoldItem:
		f.To, f.HeldReason = atssync.StateHeld, atssync.HeldResumeUnavailable
		j.change = w.wellAnswer(r, now)
	case retry.HoldJob:
		f.To, f.HeldReason = atssync.StateHeld, atssync.HeldJobNotAccessible
		if e.Kind == sdk.KindJobClosed {
			f.HeldReason = atssync.HeldJobClosed
		}
		j.change = func(l *atssync.Lane) []atssync.EventDraft { return l.FailJob(job, f.HeldReason, f.Trouble, now) }
	case retry.Stop:
		f.To, f.NextAt = atssync.StateQueued, now
		j.change = func(l *atssync.Lane) []atssync.EventDraft {
			return l.Fail(atssync.OpSubmit, string(e.Kind), f.Trouble, now)
		}
	default:
		f.To = atssync.StateUncertain
		j.change = func(l *atssync.Lane) []atssync.EventDraft {
			return l.Fail(atssync.OpSubmit, atssync.CauseUncertain, f.Trouble, now)
		}
	}
	j.finish, j.after = f, w.told(r, it, f, now)
	return j
}

// wellAnswer records that the ATS answered sensibly about the data: the lane works.
func (w *Worker) wellAnswer(r *round, now time.Time) atssync.LaneChange {
	if _, ok := r.lane.Operations[atssync.OpSubmit]; !ok {
		return nil
	}
	return func(l *atssync.Lane) []atssync.EventDraft {
		out := l.Succeed(atssync.OpSubmit, now)
		l.PaceDraining(atssync.OpSubmit, now.Add(w.o.DrainEvery))
		return out
	}
}

// told logs, counts, and tells the incident gate, after the outcome is durable.
func (w *Worker) told(r *round, it ready, f atssync.Finish, now time.Time) func() {
	return func() {
		w.o.Metrics.finished(r.c.Adapter, it.sub, f.To, now)
		args := []any{
			"connection", r.c.ID, "submission", f.Submission, "attempt", f.Attempt,
			"state", string(f.To), "duration_ms", now.Sub(r.start).Milliseconds(),
		}
		if f.Trouble != nil {
			args = append(args, "kind", string(f.Trouble.Kind), "http_status", f.Trouble.Status, "whose_turn", string(f.Trouble.Turn))
		}
		w.o.Log.Info("attempt ended", args...)
		switch f.To {
		case atssync.StateUncertain:
			if w.incidents.uncertain(r.c.Adapter, r.c.ID, now) {
				w.o.Log.Warn("submit stopped for all connections of an adapter: several writes in a row have unknown outcomes", "adapter", r.c.Adapter)
			}
		case atssync.StateSubmitted, atssync.StateAlreadyApplied, atssync.StateRefused:
			if _, ok := r.lane.Verified[it.link.ATSJob]; !ok && w.o.Arrived != nil {
				w.o.Arrived(r.c.ID)
			}
			for _, c := range w.incidents.success(r.c.Adapter, r.c.ID) {
				w.Wake(c)
			}
		default:
			w.incidents.pass(r.c.Adapter, r.c.ID)
		}
	}
}
