package collect

import (
	"context"
	"fmt"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// manyMissing is how few applications never count as many at once.
const manyMissing = 3

// endPass judges what was missing, now that it is clear how much it is, and closes the checkpoint.
func (w *Worker) endPass(ctx context.Context, v *visit, p *statusPass) error {
	now := v.now()
	mass := len(p.missing) >= manyMissing && atssync.Vanished(p.seenBefore, len(p.missing))
	if !mass {
		w.tellMissing(v, p)
	}
	cp := p.cp
	cp.LastKey, cp.Error = "", ""
	cp.PreviousAt, cp.AdvancedAt, cp.FinishedAt = cp.StartedAt, now, now
	cp.Asked, cp.Read = p.asked, p.read
	if err := w.save(ctx, v, p, &cp); err != nil {
		return err
	}
	h := v.lane.Health(atssync.OpRead)
	cause := h.Cause
	switch {
	case mass:
		return w.trouble(ctx, v, atssync.OpRead, atssync.CauseMissingMany, massTrouble(v, len(p.missing), p.seenBefore))
	case p.read == 0 && p.seenBefore > 0 && len(p.unreadable) == 0:
		return w.trouble(ctx, v, atssync.OpRead, atssync.CauseStalled, massTrouble(v, p.seenBefore, p.seenBefore))
	case cause == atssync.CauseThrottled:
		return w.well(ctx, v, atssync.OpRead) // its quiet is over, whether or not anything was due
	case cause == atssync.CannotRead, p.asked == 0:
		return nil // nothing was learned about that
	case len(p.unreadable) > 0:
		return w.hamper(ctx, v, atssync.OpRead, atssync.CauseUnreadable, unreadableTrouble(p))
	case cause == atssync.CauseUnreadable && p.rested > 0:
		return nil // they may be among those
	case p.read == 0 && (p.asked == p.extras.asked || p.asked >= manyMissing || p.extras.missing > 0 || now.Sub(h.Since) < day):
		return nil // what was missing is still missing; one or two that are gone for good were told as such
	case cause == atssync.CauseMissingMany && (p.seenBefore+p.extras.shown == 0 || p.stillMissing()):
		return nil // they were not asked for, or are not shown yet
	}
	return w.well(ctx, v, atssync.OpRead)
}

// tellMissing counts what was not shown, each for itself.
func (w *Worker) tellMissing(v *visit, p *statusPass) {
	rules, now := w.rules(v), v.now()
	note := func(a atssync.Application, judge func(*atssync.Application) (bool, []atssync.EventDraft)) {
		was := a.Version
		if changed, events := judge(&a); changed {
			p.changes = append(p.changes, atssync.ApplicationChange{Application: a, Was: was, Events: events})
		}
	}
	for _, a := range p.missing {
		note(a, func(a *atssync.Application) (bool, []atssync.EventDraft) { return a.ApplyReadings(nil, rules, now) })
	}
	for _, a := range p.unseen {
		if p.shownOn[a.ATSJob] {
			note(a, func(a *atssync.Application) (bool, []atssync.EventDraft) { return a.Unseen(rules, now) })
		}
	}
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
