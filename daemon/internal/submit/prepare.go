package submit

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ready is one submission with all that its call carries.
type ready struct {
	sub  atssync.Submission
	link atssync.JobLink
	job  *atssync.ATSJob
	item sdk.SubmitItem
	note []byte // sealed

	resume  *atssync.Resume // to be looked at before it goes; nil: it is not
	warning string
}

// aside is why a submission cannot go now.
type aside struct {
	reason  atssync.HeldReason
	trouble *atssync.Trouble
}

// prepare opens and renders what is due. What cannot go is put aside with its reason, so that one bad submission
// stands in nobody's way.
func (w *Worker) prepare(ctx context.Context, r *round, due []atssync.Due) ([]ready, error) {
	notes, err := w.noteOf(r)
	if err != nil {
		return nil, w.badTemplate(ctx, r, err)
	}
	out := make([]ready, 0, len(due))
	held := make(map[atssync.HeldReason][]string)
	expired := false
	now := r.now()
	for _, d := range due {
		if over(d.Submission, now) {
			expired = true
			continue
		}
		rd, a := w.prepareOne(r, d, notes)
		switch {
		case a == nil:
			out = append(out, rd)
		case a.trouble == nil:
			held[a.reason] = append(held[a.reason], d.Submission.ID)
		default:
			if err := w.o.Store.HoldSubmissions(ctx, r.lease, []string{d.Submission.ID}, a.reason, a.trouble, now); err != nil {
				return nil, err
			}
			w.o.Log.Error("hold a submission that cannot be made ready", "connection", r.c.ID, "submission", d.Submission.ID, "cause", a.trouble.Message)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(held)) {
		if err := w.o.Store.HoldSubmissions(ctx, r.lease, held[reason], reason, nil, now); err != nil {
			return nil, err
		}
	}
	if expired {
		if _, err := w.o.Uncertain.Expire(ctx, expireMost, now); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// expireMost bounds what one lane ends that waited too long.
const expireMost = 500

// over reports whether a submission's time is over. One of which the ATS holds a part is finished all the same.
func over(s atssync.Submission, now time.Time) bool {
	return !s.ExpiresAt.IsZero() && !s.ExpiresAt.After(now) && len(s.Continuation) == 0
}

func (w *Worker) noteOf(r *round) (atssync.NoteTemplate, error) {
	if r.c.NoteTemplate != "" {
		return w.notes.parse(r.c.NoteTemplate)
	}
	return w.notes.parse(w.policy.Load().Note)
}

// badTemplate stops the lane: without its note nothing can go.
func (w *Worker) badTemplate(ctx context.Context, r *round, cause error) error {
	now := r.now()
	t := &atssync.Trouble{
		Kind: sdk.KindConfigRequired, Turn: sdk.TurnOperator, Message: "the note cannot be written: " + cause.Error(),
		Remedy: "mend the note template of the connection or of the config",
	}
	_, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Fail(atssync.OpSubmit, string(sdk.KindConfigRequired), t, now)
	}, now)
	return err
}

func (w *Worker) prepareOne(r *round, d atssync.Due, notes atssync.NoteTemplate) (ready, *aside) {
	if state, reason := atssync.Judge(r.c, r.lane, d.Link, d.Job); state == atssync.StateHeld {
		return ready{}, &aside{reason: reason}
	}
	doc, err := w.o.Vault.OpenDocument(d.Submission, d.Payload)
	if err != nil {
		return ready{}, unreadable("document", err)
	}
	doc = doc.ForReading()
	if atssync.Blank(doc.Person.LastName) {
		doc.Person.LastName = r.c.LastNameFallback
	}
	note, err := notes.Render(doc, w.o.Platform, r.manifest.Note)
	if err != nil {
		return ready{}, unreadable("note", err)
	}
	out := ready{sub: d.Submission, link: *d.Link, job: d.Job, item: itemOf(d, doc, note)}
	if out.link.As == "" {
		out.link.As = sdk.AsCandidate
	}
	if w.checkOf(r.c) != atssync.ResumeCheckOff && len(d.Submission.Continuation) == 0 { // a part that is there is finished
		out.resume = doc.Resume
	}
	if out.item.Continuation, err = w.o.Vault.OpenContinuation(d.Submission); err != nil {
		return ready{}, unreadable("continuation", err)
	}
	if out.note, err = w.o.Vault.SealNote(d.Submission, note); err != nil {
		return ready{}, unreadable("note", err)
	}
	return out, nil
}

// unreadable puts a submission aside whose own content is at fault. Errors of vault and template hold nothing of it.
func unreadable(what string, err error) *aside {
	return &aside{atssync.HeldOperator, &atssync.Trouble{
		Kind: sdk.KindInternal, Turn: sdk.TurnOperator, Message: "the submission's " + what + " cannot be made ready: " + err.Error(),
		Remedy: "send a revision of it and release it (atssync submissions release), or cancel it",
	}}
}
