package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	// page is how many applications are looked at before changes and checkpoint are committed.
	page = 500
	// saveEvery is how often the checkpoint of a pass is stored that changes nothing.
	saveEvery = 30 * time.Second
)

// StatusPass reads the status of what is due on every connection.
func (w *Worker) StatusPass(ctx context.Context, spread time.Duration) (Summary, error) {
	return w.pass(ctx, spread, operation{op: atssync.OpRead, do: w.status})
}

// StatusPassAsked is StatusPass for a person: it waits for no probe.
func (w *Worker) StatusPassAsked(ctx context.Context, spread time.Duration) (Summary, error) {
	return w.pass(ctx, spread, operation{op: atssync.OpRead, do: w.statusAsked})
}

// ReadSoon reads the statuses of one connection in the background if reading is in trouble, because something says that the
// trouble may be over. Of a connection that is well nothing is asked.
func (w *Worker) ReadSoon(connection string) {
	w.spawn(func() {
		lane, err := w.o.Lanes.Lane(w.ctx, connection)
		if err == nil && lane.Health(atssync.OpRead).State != atssync.HealthOK {
			w.one(operation{op: atssync.OpRead, do: w.statusAsked}, connection)
		}
	})
}

func (w *Worker) statusAsked(ctx context.Context, v *visit) (Summary, error) {
	v.asked = true
	return w.status(ctx, v)
}

// status reads one connection from its checkpoint on.
func (w *Worker) status(ctx context.Context, v *visit) (Summary, error) {
	if !v.manifest.Has(sdk.PowerReadStatuses) {
		return Summary{}, errSkip
	}
	h := v.lane.Health(atssync.OpRead)
	if h.State == atssync.HealthStopped && waits(h.Cause) && v.now().Before(h.NextAt) && !v.asked {
		return Summary{}, errSkip
	}
	cp, err := w.o.Store.Checkpoint(ctx, v.c.ID, atssync.OpRead)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return Summary{}, err
	}
	p := newPass(v, cp, max(1, v.manifest.Batch.ReadStatuses))
	if looksAgain(h.Cause) {
		p.again = lookAgain
	}
	for after := p.cp.LastKey; ; {
		apps, err := w.o.Store.Applications(ctx, atssync.ApplicationQuery{
			Connection: v.c.ID, Paging: atssync.Paging{After: after, Limit: page},
		})
		if err != nil {
			return p.summary(), err
		}
		if err := w.readPage(ctx, v, p, after, apps); err != nil {
			err = w.interrupted(ctx, v, p, err)
			return p.summary(), err
		}
		if after = apps.Next; after == "" {
			break
		}
	}
	err = w.endPass(ctx, v, p)
	return p.summary(), err
}

// stalledAfter is how long limits may keep a checkpoint from moving before that is a trouble of its own.
const stalledAfter = 2 * time.Hour

func stalledTrouble(still time.Duration) *atssync.Trouble {
	return &atssync.Trouble{
		Kind: sdk.KindRateLimited, Turn: sdk.TurnOperator,
		Message: fmt.Sprintf("statuses have not been read on for %s: the limits of the ATS leave no room", still.Round(time.Minute)),
		Remedy:  "see what else uses this credential, or have the limit raised; see: atssync checkpoints",
	}
}

// waits reports whether a stop of reading for that cause is worth no try before its time: a person has to act, or the ATS
// asked for it.
func waits(cause string) bool {
	switch sdk.Kind(cause) {
	case sdk.KindAuth, sdk.KindPermission, sdk.KindConfigRequired, sdk.KindRateLimited:
		return true
	}
	return false
}

// statusPass is one connection's pass under way.
type statusPass struct {
	cp                   atssync.Checkpoint
	size                 int                   // of a look-up
	due                  []atssync.Application // for the next look-up
	before               string                // the marker of the page that the first one of due stands on
	changes              []atssync.ApplicationChange
	asked, read, changed int
	seenBefore           int                   // asked ones that were visible before
	missing              []atssync.Application // of those, not shown now
	unseen               []atssync.Application // not shown now nor ever before
	shownOn              map[string]bool       // ATS jobs of which something was shown
	unreadable           []unreadable
	again                int // how many more may be asked for that are not due
	extras               extras
	rested               int // neither due nor asked for again
	savedAt              time.Time
}

func newPass(v *visit, cp atssync.Checkpoint, size int) *statusPass {
	now := v.now()
	if cp.AdvancedAt.IsZero() {
		cp.AdvancedAt = now
	}
	if cp.LastKey == "" { // a new pass; else one that was interrupted goes on
		cp.Connection, cp.Operation = v.c.ID, atssync.OpRead
		cp.Pass++
		cp.StartedAt = now
	}
	return &statusPass{cp: cp, size: size, shownOn: make(map[string]bool), savedAt: now}
}

func (p *statusPass) summary() Summary {
	return Summary{Asked: p.asked, Read: p.read, Changed: p.changed, Unreadable: len(p.unreadable)}
}

// done is the marker of the page where a killed pass has to go on: everything in front of it was read or was not due.
func (p *statusPass) done(next string) string {
	if len(p.due) > 0 {
		return p.before
	}
	return next
}

// readPage collects what is due, looks it up in whole batches, and commits what changed. A batch that is not full
// waits for the next page, so that what is rarely due costs few calls.
func (w *Worker) readPage(ctx context.Context, v *visit, p *statusPass, marker string, apps atssync.Page[atssync.Application]) error {
	reads := cadence{w.policy.Load().QuietAfter, w.policy.Load().QuietIntervals}
	for i := range apps.Items {
		a := &apps.Items[i]
		if a.CandidateID == "" && a.ApplicationID == "" && a.Pending == "" {
			continue
		}
		if !reads.due(a, p.cp.PreviousAt, p.cp.StartedAt) && !p.looksAgain(a) {
			p.rested++
			continue
		}
		if len(p.due) == 0 {
			p.before = marker
		}
		if p.due = append(p.due, *a); len(p.due) == p.size {
			if err := w.readBatch(ctx, v, p); err != nil {
				return err
			}
		}
	}
	if apps.Next == "" { // the end of the pass stores the rest
		return w.readBatch(ctx, v, p)
	}
	p.cp.LastKey, p.cp.AdvancedAt = p.done(apps.Next), v.now()
	if len(p.changes) == 0 && v.now().Sub(p.savedAt) < saveEvery {
		return nil
	}
	return w.save(ctx, v, p, &p.cp)
}

// save commits what changed, with the checkpoint where one is given.
func (w *Worker) save(ctx context.Context, v *visit, p *statusPass, cp *atssync.Checkpoint) error {
	for {
		n := min(page, len(p.changes))
		part, rest := p.changes[:n], p.changes[n:]
		with := cp
		if len(rest) > 0 {
			with = nil
		}
		recorded, err := w.o.Store.RecordReadings(ctx, v.lease, part, with, v.now())
		if err != nil {
			return err
		}
		p.changed += recorded
		p.changes = rest
		if len(rest) == 0 {
			p.changes, p.savedAt = nil, v.now()
			return nil
		}
	}
}

// readBatch makes one call and judges every application asked for.
func (w *Worker) readBatch(ctx context.Context, v *visit, p *statusPass) error {
	if len(p.due) == 0 {
		return nil
	}
	readings, err := w.ask(ctx, v, p.due)
	if err != nil {
		return err
	}
	broken := unreadableOf(p.due, readings)
	if tooMany(broken, len(p.due)) {
		return changedAnswer(broken, len(p.due))
	}
	w.noteUnreadable(v, p, broken)
	rules, reads := w.rules(v), cadence{w.policy.Load().QuietAfter, w.policy.Load().QuietIntervals}
	changed := 0
	for _, a := range p.due {
		p.asked++
		got := readings.of(&a)
		known := !a.SeenAt.IsZero() && a.Visibility == atssync.Visible
		if p.extras.took(&a, known, len(got) > 0) {
			known = false // whether it is missing is judged when it is due
		}
		if known {
			p.seenBefore++
		}
		if len(got) == 0 {
			if known {
				p.missing = append(p.missing, a) // judged at the end, when it is clear how many they are
			} else if a.SeenAt.IsZero() {
				p.unseen = append(p.unseen, a)
			}
			continue
		}
		p.shownOn[a.ATSJob] = true
		if a.Unreadable(got) != "" {
			continue // it is there, and stays as it is
		}
		p.read++
		was, before := a.Version, reads.readBefore(&a, p.cp.PreviousAt, p.cp.StartedAt)
		if ok, events := a.ApplyReadings(got, rules, v.now()); ok {
			w.dated(v.c.Adapter, &a, events, Since{before, SinceLook})
			p.changes = append(p.changes, atssync.ApplicationChange{Application: a, Was: was, Events: events})
			changed++
		}
	}
	w.o.Metrics.readings(v.c.Adapter, len(p.due), changed)
	p.due = nil
	return nil
}

func (w *Worker) rules(v *visit) atssync.Rules {
	return atssync.Rules{
		Overrides: v.c.StatusOverrides, Table: v.manifest.Statuses, Causes: v.manifest.MissingCauses,
		Settle: w.policy.Load().Settle, MissingAfter: w.policy.Load().MissingAfter,
	}
}

// interrupted keeps what was read and the checkpoint where the pass stopped, and has it resumed when that is soon.
func (w *Worker) interrupted(ctx context.Context, v *visit, p *statusPass, err error) error {
	if ctx.Err() != nil || errors.Is(err, atssync.ErrFenced) {
		return err
	}
	e := sdk.AsError(err)
	p.cp.Error = e.Message
	p.cp.LastKey = p.done(p.cp.LastKey)
	if serr := w.save(ctx, v, p, &p.cp); serr != nil {
		return serr
	}
	if still := v.now().Sub(p.cp.AdvancedAt); e.Kind == sdk.KindRateLimited && still > stalledAfter {
		if terr := w.trouble(ctx, v, atssync.OpRead, atssync.CauseStalled, stalledTrouble(still)); terr != nil {
			return terr
		}
	}
	d := retry.Read(retry.Failure{Err: e, Key: v.c.ID, Failures: v.lane.Health(atssync.OpRead).Failures}, v.now())
	if d.Action == retry.Again {
		id := v.c.ID
		w.appoint("resume/"+id, d.At.Add(time.Second), func() { // not before the operation may go on
			w.one(operation{op: atssync.OpRead, do: w.status}, id)
		})
	}
	return w.failed(ctx, v, atssync.OpRead, err)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
