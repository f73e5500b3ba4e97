package collect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// page is how many applications are looked at before changes and checkpoint are committed.
const page = 500

// manyMissing is how few applications never count as many at once.
const manyMissing = 3

// StatusPass reads the status of what is due on every connection.
func (w *Worker) StatusPass(ctx context.Context, spread time.Duration) (Summary, error) {
	return w.pass(ctx, atssync.OpRead, spread, w.status)
}

// status reads one connection from its checkpoint on.
func (w *Worker) status(ctx context.Context, v *visit) (Summary, error) {
	var sum Summary
	if !v.manifest.Has(sdk.PowerReadStatuses) {
		return sum, errSkip
	}
	if h := v.lane.Health(atssync.OpRead); h.State == atssync.HealthStopped && waits(h.Cause) && v.now().Before(h.NextAt) {
		return sum, errSkip
	}
	cp, err := w.o.Store.Checkpoint(ctx, v.c.ID, atssync.OpRead)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return sum, err
	}
	p := newPass(v, cp)
	for {
		apps, err := w.o.Store.Applications(ctx, atssync.ApplicationQuery{
			Connection: v.c.ID, Paging: atssync.Paging{After: p.cp.LastKey, Limit: page},
		})
		if err != nil {
			return sum, err
		}
		if err := w.readPage(ctx, v, p, apps); err != nil {
			sum.Asked, sum.Read, sum.Changed = p.asked, p.read, p.changed
			return sum, w.interrupted(ctx, v, p, err)
		}
		if apps.Next == "" {
			break
		}
	}
	err = w.endPass(ctx, v, p)
	sum.Asked, sum.Read, sum.Changed = p.asked, p.read, p.changed
	return sum, err
}

// waits reports whether a stop of reading for that cause is worth no try before its time: a person has to act.
func waits(cause string) bool {
	switch sdk.Kind(cause) {
	case sdk.KindAuth, sdk.KindPermission, sdk.KindConfigRequired:
		return true
	}
	return false
}

// statusPass is one connection's pass under way.
type statusPass struct {
	cp                   atssync.Checkpoint
	rules                atssync.Rules
	asked, read, changed int
	seenBefore           int                   // asked ones that were visible before
	missing              []atssync.Application // of those, not shown now
	savedAt              time.Time
}

func newPass(v *visit, cp atssync.Checkpoint) *statusPass {
	now := v.now()
	if cp.LastKey == "" { // a new pass; else one that was interrupted goes on
		cp.Connection, cp.Operation = v.c.ID, atssync.OpRead
		cp.Pass++
		cp.StartedAt = now
	}
	return &statusPass{cp: cp, savedAt: now}
}

// readPage reads what is due of one page and commits what changed.
func (w *Worker) readPage(ctx context.Context, v *visit, p *statusPass, apps atssync.Page[atssync.Application]) error {
	var wanted []atssync.Application
	reads := cadence{w.o.QuietAfter, w.o.QuietIntervals}
	for _, a := range apps.Items {
		if reads.due(&a, p.cp.PreviousAt, p.cp.StartedAt) && (a.CandidateID != "" || a.ApplicationID != "" || a.Pending != "") {
			wanted = append(wanted, a)
		}
	}
	var changes []atssync.ApplicationChange
	size := max(1, v.manifest.Batch.ReadStatuses)
	for len(wanted) > 0 {
		n := min(size, len(wanted))
		got, err := w.readBatch(ctx, v, p, wanted[:n])
		if err != nil {
			return err
		}
		changes, wanted = append(changes, got...), wanted[n:]
	}
	if len(apps.Items) > 0 {
		p.cp.LastKey, p.cp.AdvancedAt = apps.Items[len(apps.Items)-1].ID, v.now()
	}
	var cp *atssync.Checkpoint
	if apps.Next != "" && (len(changes) > 0 || v.now().Sub(p.savedAt) > 30*time.Second) {
		cp, p.savedAt = &p.cp, v.now()
	}
	if cp == nil && len(changes) == 0 {
		return nil
	}
	recorded, err := w.o.Store.RecordReadings(ctx, v.lease, changes, cp, v.now())
	p.changed += recorded
	return err
}

// readBatch makes one call and judges every application asked for.
func (w *Worker) readBatch(ctx context.Context, v *visit, p *statusPass, apps []atssync.Application) ([]atssync.ApplicationChange, error) {
	readings, err := w.ask(ctx, v, apps)
	if err != nil {
		return nil, err
	}
	rules := w.rules(v)
	var out []atssync.ApplicationChange
	for _, a := range apps {
		p.asked++
		got := readings.of(&a)
		known := !a.SeenAt.IsZero() && a.Visibility == atssync.Visible
		if known {
			p.seenBefore++
		}
		if len(got) == 0 {
			if known {
				p.missing = append(p.missing, a) // judged at the end, when it is clear how many they are
			}
			continue
		}
		p.read++
		was := a.Version
		if changed, events := a.ApplyReadings(got, rules, v.now()); changed {
			out = append(out, atssync.ApplicationChange{Application: a, Was: was, Events: events})
		}
	}
	w.o.Metrics.readings(v.c.Adapter, len(apps), len(out))
	return out, nil
}

func (w *Worker) rules(v *visit) atssync.Rules {
	return atssync.Rules{
		Overrides: v.c.StatusOverrides, Table: v.manifest.Statuses, Causes: v.manifest.MissingCauses,
		Settle: w.o.Settle, MissingAfter: w.o.MissingAfter,
	}
}

// found is a reply's readings, by candidate and by pending reference.
type found struct{ byCandidate, byPending map[string][]sdk.Reading }

func (f found) of(a *atssync.Application) []sdk.Reading {
	if a.CandidateID != "" {
		if got := f.byCandidate[a.CandidateID]; len(got) > 0 {
			return got
		}
	}
	if a.Pending != "" {
		return f.byPending[a.Pending]
	}
	return nil
}

func (w *Worker) ask(ctx context.Context, v *visit, apps []atssync.Application) (found, error) {
	refs := make([]sdk.ApplicationRef, len(apps))
	for i := range apps {
		refs[i] = apps[i].Ref()
	}
	client, done, err := w.o.Adapters.Reserve(ctx, v.c.Adapter, v.sc, sdk.PowerReadStatuses)
	if err != nil {
		return found{}, err
	}
	defer done()
	reply, err := client.ReadStatuses(ctx, sdk.ReadStatusesRequest{Connection: v.sc, Applications: refs})
	if err != nil {
		return found{}, err
	}
	f := found{byCandidate: make(map[string][]sdk.Reading, len(apps)), byPending: make(map[string][]sdk.Reading)}
	for _, rd := range reply.Readings {
		f.byCandidate[rd.CandidateID] = append(f.byCandidate[rd.CandidateID], rd)
		if rd.Pending != "" {
			f.byPending[rd.Pending] = append(f.byPending[rd.Pending], rd)
		}
	}
	return f, nil
}

// interrupted keeps the checkpoint where the pass stopped and has it resumed when that is soon.
func (w *Worker) interrupted(ctx context.Context, v *visit, p *statusPass, err error) error {
	if ctx.Err() != nil {
		return err
	}
	p.cp.Error = sdk.AsError(err).Message
	if _, serr := w.o.Store.RecordReadings(ctx, v.lease, nil, &p.cp, v.now()); serr != nil {
		return serr
	}
	d := retry.Read(retry.Failure{Err: sdk.AsError(err), Key: v.c.ID, Failures: v.lane.Health(atssync.OpRead).Failures}, v.now())
	if d.Action == retry.Again {
		id := v.c.ID
		w.later(max(d.At.Sub(v.now()), time.Second), func() { w.one(atssync.OpRead, id, w.status) })
	}
	return w.failed(ctx, v, atssync.OpRead, err)
}

// endPass judges what was missing, now that it is clear how much it is, and closes the checkpoint.
func (w *Worker) endPass(ctx context.Context, v *visit, p *statusPass) error {
	now := v.now()
	mass := len(p.missing) >= manyMissing && atssync.Vanished(p.seenBefore, len(p.missing))
	var changes []atssync.ApplicationChange
	if !mass {
		rules := w.rules(v)
		for _, a := range p.missing {
			was := a.Version
			if changed, events := a.ApplyReadings(nil, rules, now); changed {
				changes = append(changes, atssync.ApplicationChange{Application: a, Was: was, Events: events})
			}
		}
	}
	p.cp.LastKey, p.cp.Error = "", ""
	p.cp.PreviousAt, p.cp.AdvancedAt, p.cp.FinishedAt = p.cp.StartedAt, now, now
	p.cp.Asked, p.cp.Read = p.asked, p.read
	for len(changes) > page {
		n, err := w.o.Store.RecordReadings(ctx, v.lease, changes[:page], nil, now)
		if err != nil {
			return err
		}
		p.changed, changes = p.changed+n, changes[page:]
	}
	n, err := w.o.Store.RecordReadings(ctx, v.lease, changes, &p.cp, now)
	if err != nil {
		return err
	}
	p.changed += n
	switch {
	case mass:
		return w.trouble(ctx, v, atssync.CauseMissingMany, massTrouble(v, len(p.missing), p.seenBefore))
	case p.asked > 0 && p.read == 0 && p.seenBefore > 0:
		return w.trouble(ctx, v, atssync.CauseStalled, massTrouble(v, p.seenBefore, p.seenBefore))
	case p.read > 0 && v.lane.Health(atssync.OpRead).Cause != atssync.CannotRead:
		return w.well(ctx, v, atssync.OpRead)
	}
	return nil
}

func (w *Worker) trouble(ctx context.Context, v *visit, cause string, t *atssync.Trouble) error {
	now := v.now()
	_, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Fail(atssync.OpRead, cause, t, now)
	}, now)
	return err
}

func massTrouble(v *visit, missing, of int) *atssync.Trouble {
	t := &atssync.Trouble{
		Kind: sdk.KindPermission, Turn: sdk.TurnEmployer,
		Message: fmt.Sprintf("%d of %d applications that were visible are no longer shown to %s", missing, of, actingUser(v.c)),
		Remedy:  "check that this user is active and may read these jobs",
	}
	if v.manifest.ReadPermission != "" {
		t.Remedy += ": " + v.manifest.ReadPermission
	}
	return t
}

func actingUser(c atssync.Connection) string {
	for _, s := range []string{c.ActingUser.Email, c.ActingUser.Name} {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return "the connection's user"
}
