package atssync

import (
	"slices"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Rules are what a reading is judged by.
type Rules struct {
	Overrides    []StatusOverride // the connection's, first
	Table        []sdk.StatusRule // the adapter's
	Causes       []string         // why an application may not be visible
	Settle       time.Duration    // how long a terminal change is held back
	MissingAfter int              // missing this often → not_visible; 0 means 3
}

// ApplyReadings judges everything that the ATS showed of an application's candidate, and returns whether
// the record changed and what the platform is told. No readings means that the candidate was not shown.
// An unchanged application is returned as unchanged, and nothing is to be written; so is one that is Unreadable.
func (a *Application) ApplyReadings(readings []sdk.Reading, r Rules, now time.Time) (bool, []EventDraft) {
	if len(readings) == 0 {
		return a.missed(r, now)
	}
	if a.Unreadable(readings) != "" {
		return false, nil
	}
	readings = Readable(readings)
	for i := range readings {
		if readings[i].Gone != "" && a.matches(readings[i]) {
			return a.gone(readings[i], now)
		}
	}
	for i := range readings {
		if a.matches(readings[i]) && readings[i].ApplicationID != "" {
			return a.seen(readings[i], r, now)
		}
	}
	return a.lost(readings, r, now)
}

// Readable returns the readings that the adapter could read.
func Readable(readings []sdk.Reading) []sdk.Reading {
	unreadable := func(r sdk.Reading) bool { return r.Unreadable != "" }
	if !slices.ContainsFunc(readings, unreadable) {
		return readings
	}
	return slices.DeleteFunc(slices.Clone(readings), unreadable)
}

// Unreadable says what the adapter could not read of this application, "" when it could be read or is not shown. Where ours is
// not among the person's applications that could be read, one that could not may be ours: it has neither vanished nor another id.
func (a *Application) Unreadable(readings []sdk.Reading) string {
	what := ""
	for i := range readings {
		switch rd := readings[i]; {
		case rd.Unreadable == "" && a.matches(rd) && (rd.ApplicationID != "" || rd.Gone != ""):
			return ""
		case rd.Unreadable != "" && (what == "" || rd.ApplicationID != "" && rd.ApplicationID == a.ApplicationID):
			what = rd.Unreadable
		}
	}
	return what
}

// matches reports whether a reading is of our own application. While its id is not known, it is the one that the ATS
// names by the reference it gave, or the person's on our job.
func (a *Application) matches(rd sdk.Reading) bool {
	if a.ApplicationID == "" {
		if a.Pending != "" && rd.Pending == a.Pending {
			return true
		}
		return a.CandidateID != "" && rd.CandidateID == a.CandidateID && (rd.Gone != "" || a.mayBeOn(rd))
	}
	return rd.ApplicationID == a.ApplicationID || rd.ApplicationID == "" && rd.Gone != "" && rd.CandidateID == a.CandidateID
}

// missed counts; it never calls what is not shown deleted.
func (a *Application) missed(r Rules, now time.Time) (bool, []EventDraft) {
	if a.SeenAt.IsZero() || a.Visibility != Visible {
		return false, nil // never seen: see Unseen; else it is told already
	}
	return a.miss(r, now)
}

// Unseen counts that an application is not shown that was never read, while others on its job are. Where none is, it is the job
// that cannot be read, which its read-back tells.
func (a *Application) Unseen(r Rules, now time.Time) (bool, []EventDraft) {
	if !a.SeenAt.IsZero() || a.Visibility != Visible || a.ApplicationID == "" || a.young(now) {
		return false, nil
	}
	return a.miss(r, now)
}

// unseenAfter is how long an ATS may take until it shows what was put into it, however often somebody looks meanwhile.
const unseenAfter = time.Hour

func (a *Application) young(now time.Time) bool { return now.Sub(a.CreatedAt) < unseenAfter }

func (a *Application) miss(r Rules, now time.Time) (bool, []EventDraft) {
	limit := r.MissingAfter
	if limit <= 0 {
		limit = 3
	}
	a.Missing++
	if a.Missing < limit {
		return true, nil
	}
	a.Visibility = NotVisible
	d := a.draft(EventNotVisible, a.Standing, now)
	d.Data = withCauses(d.Data, r.Causes)
	return true, []EventDraft{d}
}

func withCauses(data any, causes []string) any {
	e, ok := data.(ApplicationEvent)
	if !ok {
		return data
	}
	e.Causes = causes
	return e
}

func (a *Application) gone(rd sdk.Reading, now time.Time) (bool, []EventDraft) {
	to, t := Deleted, EventDeleted
	if rd.Gone == sdk.GoneMerged {
		to, t = Merged, EventMerged
	}
	if a.Visibility == to {
		return false, nil
	}
	a.Visibility = to
	a.forgetQuestion() // it was about a person as it is no more
	if rd.MergedInto != "" {
		a.CandidateID = rd.MergedInto
	}
	d := a.draft(t, a.Standing, now)
	if e, ok := d.Data.(ApplicationEvent); ok {
		e.MergedInto = rd.MergedInto
		d.Data = e
	}
	return true, []EventDraft{d}
}

// seen judges the words of our own application.
func (a *Application) seen(rd sdk.Reading, r Rules, now time.Time) (bool, []EventDraft) {
	changed := false
	var out []EventDraft
	if rd.Prospect == nil { // the ATS does not say; it is what it went in as until it is followed under another id
		prospect := a.As == sdk.AsProspect
		rd.Prospect = &prospect
	}
	if a.SeenAt.IsZero() {
		a.SeenAt, changed = now, true
	}
	if a.Missing != 0 || a.asks() {
		a.Missing, changed = 0, true
		a.forgetQuestion()
	}
	if a.fill(rd) {
		changed = true
	}
	back := a.Visibility != Visible
	if back {
		a.Visibility, changed = Visible, true
	}
	was := a.Standing
	next := MapStanding(r, rd, was)
	settled, waits := a.settle(next, r.Settle, now)
	if waits {
		changed = changed || settled
	} else if next != was {
		a.Standing, changed = next, true
		t := EventStatusChanged
		if was.Status.Terminal() && !next.Status.Terminal() {
			t = EventReopened
		}
		if sameWords(was, next) {
			a.ObservedAt = now // only the ATS's clock or the way of mapping moved: kept, not told
		} else {
			out = append(out, a.draft(t, was, now))
		}
	} else if settled {
		changed = true
	}
	if back {
		out = append([]EventDraft{a.draft(EventVisible, a.Standing, now)}, out...)
	}
	return changed, renumber(a, out)
}

// renumber gives the drafts of one reading rising revisions, in the order they are told.
func renumber(a *Application, drafts []EventDraft) []EventDraft {
	for i := range drafts {
		if e, ok := drafts[i].Data.(ApplicationEvent); ok {
			e.Revision = a.Revision - len(drafts) + 1 + i
			drafts[i].Data = e
		}
	}
	return drafts
}

func sameWords(a, b Standing) bool {
	return a.Status == b.Status && a.Phase == b.Phase && a.Raw == b.Raw && a.NotBefore.Equal(b.NotBefore)
}

// settle holds a terminal change back until it has stood for d. It returns whether its own record changed
// and whether the change waits.
func (a *Application) settle(next Standing, d time.Duration, now time.Time) (changed, waits bool) {
	turning := d > 0 && next.Status.Terminal() && next.Status != a.Status
	if !turning {
		if a.Settling == nil {
			return false, false
		}
		a.Settling, a.SettlingSince = nil, time.Time{}
		return true, false
	}
	if a.Settling == nil || a.Settling.Status != next.Status {
		a.Settling, a.SettlingSince = &next, now
		return true, true
	}
	if now.Sub(a.SettlingSince) < d {
		return false, true
	}
	a.Settling, a.SettlingSince = nil, time.Time{}
	return true, false
}

// fill takes ids that were not known yet.
func (a *Application) fill(rd sdk.Reading) bool {
	changed := false
	for _, f := range []struct {
		to   *string
		from string
	}{{&a.ApplicationID, rd.ApplicationID}, {&a.CandidateID, rd.CandidateID}, {&a.ProfileURL, rd.ProfileURL}, {&a.ATSJobName, rd.JobName}} {
		if *f.to == "" && f.from != "" {
			*f.to, changed = f.from, true
		}
	}
	if a.Pending != "" && a.ApplicationID != "" {
		a.Pending, changed = "", true
	}
	return changed
}

// lost is a candidate that is shown while our application is not. Exactly one other application on the
// linked job is followed; anything else is a question to the employer, until it is settled that none of them is ours.
func (a *Application) lost(readings []sdk.Reading, r Rules, now time.Time) (bool, []EventDraft) {
	var on []sdk.Reading
	for _, rd := range readings {
		if rd.ApplicationID != "" && a.sameJob(rd) {
			on = append(on, rd)
		}
	}
	if a.ApplicationID == "" {
		return false, nil
	}
	if len(on) == 1 {
		return true, a.rekey(on[0], r, now)
	}
	if !a.QuestionSettledAt.IsZero() {
		return false, nil
	}
	asked := a.ask(now)
	never := a.SeenAt.IsZero()
	if a.Visibility != Visible || never && a.young(now) { // the ATS may not have made it yet
		return asked, nil
	}
	if !never {
		r.MissingAfter = 1
	}
	return a.miss(r, now)
}

// mayBeOn reports whether a reading is on our job, as far as both sides name one.
func (a *Application) mayBeOn(rd sdk.Reading) bool {
	if rd.JobID != "" && a.ATSJob != "" || rd.JobName != "" && a.ATSJobName != "" {
		return a.sameJob(rd)
	}
	return true
}

func (a *Application) sameJob(rd sdk.Reading) bool {
	if rd.JobID != "" && a.ATSJob != "" {
		return rd.JobID == a.ATSJob
	}
	return a.ATSJobName != "" && strings.EqualFold(strings.TrimSpace(rd.JobName), strings.TrimSpace(a.ATSJobName))
}
