package collect

import (
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// What a change of an application in its ATS is dated by: what the ATS says of it; else the ATS's call that hinted at it;
// else the reading before, after which it must have been.
const (
	SinceChange = "change"
	SinceHint   = "hint"
	SinceLook   = "look"
)

// Since is when an application changed in its ATS, as far as anybody knows, and by what it is dated.
type Since struct {
	At  time.Time
	How string
}

// dated tells how long a change that was just read took to come here. What only concerns how the application is seen says
// nothing about when it changed.
func (w *Worker) dated(adapter string, a *atssync.Application, events []atssync.EventDraft, since Since) {
	told := slices.ContainsFunc(events, func(e atssync.EventDraft) bool {
		return e.Type == atssync.EventStatusChanged || e.Type == atssync.EventReopened
	})
	if !told {
		return
	}
	if !a.ChangedAt.IsZero() {
		since = Since{a.ChangedAt, SinceChange}
	}
	w.o.Metrics.lagged(adapter, since.How, a.ObservedAt.Sub(since.At))
	if w.o.Dated != nil {
		w.o.Dated(a.ID, a.ObservedAt, since)
	}
}

// readBefore is about when an application was last read before the pass that began at now, when the last whole pass began at
// before. What is seldom read was read an interval ago.
func (c cadence) readBefore(a *atssync.Application, before, now time.Time) time.Time {
	at := before
	if every := c.every(a, now); every > 0 && now.Add(-every).Before(at) {
		at = now.Add(-every)
	}
	return later(a.ToldAt(), at)
}
