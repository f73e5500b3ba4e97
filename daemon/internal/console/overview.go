package console

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	overviewTroubles  = 50 // lines; the list of connections has the rest
	overviewUncertain = 20
)

// overviewView is the first page: what does not work, whose turn it is, what waits.
type overviewView struct {
	At        time.Time
	Counts    counts
	Oldest    *waiting
	Uncertain []uncertainLine
	Troubles  []troubleLine
	More      int // connections with troubles that are not shown
	Webhooks  []manage.WebhookHealth
	Adapters  []manage.Adapter // that do not run
	Passes    []manage.Pass    // whose last run failed
	Held      int              // connections that a restore holds
	Backup    *atssync.Audit   // the last one that was made
	Restored  *atssync.Restore // the last restore, when no backup was made since
	Whole     bool             // the caller sees the daemon as a whole
	Admin     bool             // and its audit record
	Ledger    []ledgerLine
	Total     int64
	Balanced  bool
}

type counts struct{ Connections, Well, Troubled, Uncertain, Held, Queued int64 }

type waiting struct {
	Submission manage.Submission
	Connection string
	Since      time.Time
}

type uncertainLine struct {
	manage.Submission
	Name string // of the connection
}

// troubleLine is one thing that does not work.
type troubleLine struct {
	ID, Name, Account string
	Operation         string
	State             atssync.HealthState
	Message           string
	Turn              sdk.Turn
	Remedy            string
	Since, NextAt     time.Time
}

type ledgerLine struct {
	State atssync.State
	N     int64
}

func (c *Console) overview(v *visit) error {
	if !v.who.may(reads) {
		return v.back("/submissions", "") // all that a token that only submits may look at
	}
	s, err := v.m.Survey(v.ctx())
	if err != nil {
		return err
	}
	out := overviewView{At: s.At, Whole: v.who.may(readsAll), Balanced: s.Total.Balanced() && len(s.Unbalanced) == 0, Total: s.Total.Accepted}
	for _, state := range atssync.States() {
		out.Ledger = append(out.Ledger, ledgerLine{state, s.Total.States[state]})
	}
	out.count(s)
	if err := out.waits(v.ctx(), v.m, s); err != nil {
		return err
	}
	if out.Whole {
		if err := out.daemon(v); err != nil {
			return err
		}
	}
	view := page.View{Title: "Overview", Data: out}
	if old := time.Since(s.At); old > surveyOld {
		view.Message = &page.Message{Kind: page.KindInfo, Title: "This was counted " + span(old) + " ago", Text: "It is being counted anew: load the page again in some seconds."}
	}
	return v.show("overview", view)
}

// surveyOld is when counters are called old: nobody had looked for a while.
const surveyOld = 30 * time.Second

// count counts connections, and lists what does not work on the worst of them.
func (o *overviewView) count(s manage.Survey) {
	o.Counts = counts{
		Connections: int64(len(s.Connections)), Uncertain: s.Total.States[atssync.StateUncertain], Held: s.Total.States[atssync.StateHeld],
		Queued: s.Total.States[atssync.StateQueued] + s.Total.States[atssync.StateSending],
	}
	for _, c := range s.Connections {
		lines := troublesOf(c)
		if len(lines) == 0 {
			o.Counts.Well++
			continue
		}
		o.Counts.Troubled++
		if len(o.Troubles) >= overviewTroubles {
			o.More++
			continue
		}
		o.Troubles = append(o.Troubles, lines...)
	}
}

// troublesOf lists what does not work on a connection.
func troublesOf(c manage.Surveyed) []troubleLine {
	var out []troubleLine
	line := troubleLine{ID: c.ID, Name: c.Name, Account: c.Account}
	if c.HoldReason != "" {
		l := line
		l.Operation, l.State, l.Message = "everything", atssync.HealthStopped, "nothing is sent: "+reasonWords(c.HoldReason)
		l.Turn, l.Remedy = c.HoldReason.Remedy()
		out = append(out, l)
	}
	for _, op := range atssync.Operations() {
		h, ok := c.Operations[op]
		if !ok {
			continue
		}
		l := line
		l.Operation, l.State, l.Since, l.NextAt = string(op), h.State, h.Since, h.NextAt
		switch t := h.Trouble; {
		case h.State == atssync.HealthDraining:
			l.Message = "it works again: what waited goes out little by little"
		case t != nil:
			l.Message, l.Turn, l.Remedy = t.Message, t.Turn, t.Remedy
		}
		out = append(out, l)
	}
	if c.State == atssync.ConnectionPaused {
		l := line
		l.Operation, l.State, l.Message, l.Turn, l.Remedy = "everything", "paused", "paused: "+c.PausedReason, sdk.TurnOperator, "resume it when it is time"
		out = append(out, l)
	}
	if c.JobTroubles > 0 {
		l := line
		l.Operation, l.State, l.Message, l.Turn = "jobs", atssync.HealthFailing, "some of its jobs take nothing at the moment", sdk.TurnEmployer
		l.Remedy = "see which, and why, on the page of the connection"
		out = append(out, l)
	}
	return out
}

// waits finds the oldest submission that waits, and the uncertain ones.
func (o *overviewView) waits(ctx context.Context, m *manage.Service, s manage.Survey) error {
	var oldest manage.Surveyed
	var state atssync.State
	var since time.Time
	for _, c := range s.Connections {
		if st, at := c.Waits(); !at.IsZero() && (since.IsZero() || at.Before(since)) {
			oldest, state, since = c, st, at
		}
		if c.Ledger.States[atssync.StateUncertain] == 0 || len(o.Uncertain) >= overviewUncertain {
			continue
		}
		page, err := m.Submissions(ctx, atssync.SubmissionQuery{
			Connection: c.ID, State: atssync.StateUncertain, Paging: atssync.Paging{Limit: overviewUncertain - len(o.Uncertain)},
		})
		if err != nil {
			return err
		}
		for _, sub := range page.Items {
			o.Uncertain = append(o.Uncertain, uncertainLine{sub, c.Name})
		}
	}
	if since.IsZero() {
		return nil
	}
	page, err := m.Submissions(ctx, atssync.SubmissionQuery{Connection: oldest.ID, State: state, Paging: atssync.Paging{Limit: 1}})
	if err == nil && len(page.Items) > 0 {
		o.Oldest = &waiting{page.Items[0], oldest.Name, page.Items[0].AcceptedAt}
	}
	return err
}

// daemon looks at what belongs to nobody's account.
func (o *overviewView) daemon(v *visit) error {
	var err error
	if o.Webhooks, err = v.m.WebhookHealth(v.ctx()); err != nil {
		return err
	}
	adapters, err := v.shownAdapters()
	if err != nil {
		return err
	}
	for _, a := range adapters {
		if a.State != adapterRuns || len(a.Problems) > 0 {
			o.Adapters = append(o.Adapters, a)
		}
	}
	passes, err := v.m.Schedule(v.ctx())
	if err != nil && atssync.CodeOf(err) != atssync.CodeUnavailable {
		return err
	}
	for _, p := range passes {
		if p.Last != nil && p.Last.Error != "" {
			o.Passes = append(o.Passes, p)
		}
	}
	restore, err := v.m.Restoration(v.ctx())
	if err != nil {
		return err
	}
	o.Held = len(restore.Held)
	if !v.who.may(adminsAll) {
		return nil
	}
	o.Admin = true
	backups, err := v.m.Audit(v.ctx(), "backup", atssync.Paging{Limit: 1})
	if err == nil && len(backups.Items) > 0 {
		o.Backup = &backups.Items[0]
	}
	if n := len(restore.Restores); n > 0 && (o.Backup == nil || o.Backup.At.Before(restore.Restores[n-1].At)) {
		o.Restored = &restore.Restores[n-1] // the backup that it was made from is newer than any that it knows of
	}
	return err
}

const adapterRuns = "running"
