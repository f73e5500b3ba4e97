package intake

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// well is how things stand when nothing is in the way of job-1001.
func well(c atssync.Connection) Outlook {
	return Outlook{
		Link: &atssync.JobLink{Connection: c.ID, PlatformJob: "job-1001", ATSJob: "1", As: sdk.AsCandidate},
		Job:  &atssync.ATSJob{ID: "1", Name: "Engineer", State: sdk.JobOpen, Visibility: atssync.Visible},
		Manifest: &sdk.Manifest{
			Label: "Fake ATS", Powers: []sdk.Power{sdk.PowerSubmit}, Note: sdk.NoteRule{Format: sdk.NotePlain, Max: 100},
			Resume: sdk.ResumeRule{Types: []string{"pdf", "docx"}},
		},
	}
}

func finding(t *testing.T, p Preflight, id string) atssync.CheckResult {
	t.Helper()
	for _, c := range p.Checks {
		if c.ID == id {
			return c
		}
	}
	require.Failf(t, "not looked at", "%s in %+v", id, p.Checks)
	return atssync.CheckResult{}
}

func TestPreflight_NamesWhatIsInTheWayAndWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		doc   func(*atssync.Document)
		world func(*Outlook, *atssync.CheckResult)
		id    string
		ok    bool // of the whole
		state atssync.State
		turn  sdk.Turn
		says  string
	}{
		"nothing":              {id: "job", ok: true, state: atssync.StateQueued},
		"the document":         {doc: func(d *atssync.Document) { d.Person.FirstName = "" }, id: "document", turn: sdk.TurnPlatform, says: "1 of its fields"},
		"a stopped connection": {world: func(o *Outlook, _ *atssync.CheckResult) { stop(o, "auth") }, id: "health", state: atssync.StateQueued, turn: sdk.TurnEmployer, says: "the key is refused"},
		"a failing one": {world: func(o *Outlook, _ *atssync.CheckResult) {
			o.Lane.Operations = map[atssync.Operation]atssync.Health{atssync.OpSubmit: {State: atssync.HealthFailing, Trouble: &atssync.Trouble{Message: "a hiccup"}}}
		}, id: "health", ok: true, state: atssync.StateQueued, says: "a hiccup"},
		"no adapter":         {world: func(o *Outlook, _ *atssync.CheckResult) { o.AdapterTrouble = "it is not installed" }, id: "adapter", state: atssync.StateQueued, turn: sdk.TurnOperator, says: "not installed"},
		"a closed job":       {world: func(o *Outlook, _ *atssync.CheckResult) { o.Job.State = sdk.JobClosed }, id: "job", state: atssync.StateQueued, turn: sdk.TurnEmployer, says: "job_closed"},
		"a job out of sight": {world: func(o *Outlook, _ *atssync.CheckResult) { o.Job.Visibility = atssync.NotVisible }, id: "job", ok: true, state: atssync.StateQueued, says: "missing from the last listing"},
		"a job never listed": {world: func(o *Outlook, _ *atssync.CheckResult) { o.Job = nil }, id: "job", ok: true, state: atssync.StateQueued, says: "not listed yet"},
		"a job with trouble": {world: func(o *Outlook, _ *atssync.CheckResult) {
			o.Lane.Jobs = map[string]atssync.JobTrouble{"1": {Reason: atssync.HeldJobNotAccessible, Trouble: &atssync.Trouble{Message: "403", Turn: sdk.TurnEmployer, Remedy: "let us in"}}}
		}, id: "job", state: atssync.StateQueued, turn: sdk.TurnEmployer, says: "job_not_accessible: 403"},
		"no link":                    {doc: func(d *atssync.Document) { d.Job = "unlinked" }, world: func(o *Outlook, _ *atssync.CheckResult) { o.Link, o.Job = nil, nil }, id: "job", state: atssync.StateHeld, turn: sdk.TurnPlatform, says: "job_not_linked"},
		"another's job":              {doc: func(d *atssync.Document) { d.Job = "theirs" }, id: "known", turn: sdk.TurnPlatform, says: "belongs to another account"},
		"a resume's type":            {doc: func(d *atssync.Document) { d.Resume.FileName = "ada.pages" }, id: "fields", state: atssync.StateQueued, turn: sdk.TurnPlatform, says: "pages"},
		"no prospects":               {world: func(o *Outlook, _ *atssync.CheckResult) { o.Link.As = sdk.AsProspect }, id: "fields", state: atssync.StateQueued, turn: sdk.TurnPlatform, says: "no prospects"},
		"no note":                    {world: func(o *Outlook, _ *atssync.CheckResult) { o.Manifest.Note.Format = sdk.NoteNone }, id: "fields", ok: true, state: atssync.StateQueued, says: "takes no note"},
		"a resume that is not there": {world: func(_ *Outlook, r *atssync.CheckResult) { r.OK, r.Cause, r.WhoseTurn = false, "404", sdk.TurnPlatform }, id: "resume", state: atssync.StateQueued, turn: sdk.TurnPlatform, says: "404"},
		"a resume out of reach":      {world: func(_ *Outlook, r *atssync.CheckResult) { r.OK, r.Cause, r.ID = false, "no such host", "out" }, id: "resume", ok: true, state: atssync.StateQueued, says: "no such host"},
		"no quota":                   {world: func(o *Outlook, _ *atssync.CheckResult) { o.QuietUntil = time.Now().Add(time.Hour) }, id: "quota", state: atssync.StateQueued, turn: sdk.TurnATS, says: "used up until"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store, c := onStore(t)
			o, res := well(c), atssync.CheckResult{ID: "resume", Label: "The resume can be fetched", OK: true}
			if tt.world != nil {
				tt.world(&o, &res)
			}
			s.o.Outlook = func(context.Context, atssync.Connection, string) (Outlook, error) { return o, nil }
			s.policy.Load().Resumes = func(context.Context, atssync.Resume, sdk.ResumeRule, time.Time) atssync.ResumeLook {
				if res.ID == "out" {
					res.ID = "resume"
					return atssync.ResumeLook{CheckResult: res, Unreached: "files.example.com"}
				}
				return atssync.ResumeLook{CheckResult: res}
			}
			doc := document("1")
			doc.Connection = c.ID
			if tt.doc != nil {
				tt.doc(&doc)
			}
			p := look(t, s, doc)
			got := finding(t, p, tt.id)
			require.Equal(t, tt.ok, p.OK, "%+v", p)
			require.Equal(t, tt.state, p.State)
			require.Equal(t, tt.turn, got.WhoseTurn)
			require.Contains(t, got.Cause, tt.says)
			require.Equal(t, tt.ok, got.OK)
			if !tt.ok {
				require.NotEmpty(t, got.Label)
			}
			ledger, err := store.Ledger(t.Context(), c.ID)
			require.NoError(t, err)
			require.Zero(t, ledger.Accepted, "a preflight made a submission")
		})
	}
}

func stop(o *Outlook, cause string) {
	o.Lane.Operations = map[atssync.Operation]atssync.Health{atssync.OpSubmit: {
		State: atssync.HealthStopped, Cause: cause,
		Trouble: &atssync.Trouble{Message: "the key is refused", Turn: sdk.TurnEmployer, Remedy: "make a new one"},
	}}
}

func look(t *testing.T, s *Service, doc atssync.Document) Preflight {
	t.Helper()
	data, err := json.Marshal(doc)
	require.NoError(t, err)
	p, err := s.PreflightJSON(t.Context(), data)
	require.NoError(t, err)
	return p
}

func TestPreflight_KnowsWhatWasHandedOverBefore(t *testing.T) {
	t.Parallel()
	s, store, c := onStore(t)
	doc := document("1")
	doc.Connection = c.ID
	first, err := s.Submit(t.Context(), doc)
	require.NoError(t, err)

	p := look(t, s, doc)
	require.Equal(t, atssync.AcceptedReplay, p.Result)
	require.Equal(t, first.Submission.ID, p.Submission)
	require.True(t, finding(t, p, "person").OK, "it was taken for another of the same person")
	require.False(t, finding(t, p, "person").Warning)
	require.Contains(t, finding(t, p, "known").Cause, "changes nothing")

	changed := doc
	changed.Notes = []string{"Something new."}
	p = look(t, s, changed)
	require.Equal(t, atssync.AcceptedRevision, p.Result)
	require.Contains(t, finding(t, p, "known").Cause, "its revision 2")

	other := document("2")
	other.Connection, other.Person.ID = c.ID, "another id"
	other.Person.Emails = []atssync.Email{{Address: strings.ToUpper(doc.Person.Emails[0].Address)}}
	p = look(t, s, other)
	require.Equal(t, atssync.AcceptedNew, p.Result)
	require.True(t, p.OK, "a warning is no obstacle")
	person := finding(t, p, "person")
	require.True(t, person.Warning)
	require.Contains(t, person.Cause, "1 times before")
	require.Contains(t, person.Cause, "one of them is for this job")

	stranger := other
	stranger.Person.Emails = []atssync.Email{{Address: "grace@example.com"}}
	require.False(t, finding(t, look(t, s, stranger), "person").Warning)

	l := lease(t, store, c)
	begun, err := store.BeginAttempts(t.Context(), l, []atssync.BeginAttempt{{Submission: first.Submission.ID, Revision: 1, ATSJob: "1"}}, time.Now().Add(time.Second))
	require.NoError(t, err)
	require.Len(t, begun, 1)
	p = look(t, s, changed)
	require.False(t, p.OK)
	require.Equal(t, atssync.AcceptRefused, p.Result)
	require.Contains(t, finding(t, p, "known").Cause, "cannot be changed any more")
	require.True(t, look(t, s, doc).OK, "it is on its way")
}

func lease(t *testing.T, store interface {
	Heartbeat(ctx context.Context, owner string, until, now time.Time) error
	Acquire(ctx context.Context, owner string, connections []string, now time.Time) ([]atssync.Lease, error)
}, c atssync.Connection,
) atssync.Lease {
	t.Helper()
	now := time.Now()
	require.NoError(t, store.Heartbeat(t.Context(), "test", now.Add(time.Hour), now))
	got, err := store.Acquire(t.Context(), "test", []string{c.ID}, now)
	require.NoError(t, err)
	require.Len(t, got, 1)
	return got[0]
}

func TestPreflight_TellsNothingOfOthers(t *testing.T) {
	t.Parallel()
	s, _, c := onStore(t)
	doc := document("1")
	doc.Connection = c.ID
	data, err := json.Marshal(doc)
	require.NoError(t, err)
	_, err = s.Within(Scope{Accounts: []string{"globex"}}).PreflightJSON(t.Context(), data)
	require.Equal(t, atssync.CodeNotFound, atssync.CodeOf(err))
	doc.Job = "theirs"
	told, err := json.Marshal(look(t, s.Within(Scope{Accounts: []string{"acme"}}), doc))
	require.NoError(t, err)
	doc.Job = "nobodys"
	unknown, err := json.Marshal(look(t, s.Within(Scope{Accounts: []string{"acme"}}), doc))
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(unknown), "nobodys", "theirs"), string(told), "as unknown as one that nobody has")
	doc.Job = "theirs"
	p := look(t, s.Within(Scope{Accounts: []string{"acme", "globex"}}), doc)
	require.False(t, p.OK)
	all, err := json.Marshal(p)
	require.NoError(t, err)
	require.NotContains(t, string(all), "another account")
	require.Contains(t, finding(t, p, "job").Cause, "no platform job")
}

func TestPreflight_WhatCannotBeReadIsAFinding(t *testing.T) {
	t.Parallel()
	s, _, _ := onStore(t)
	for _, text := range []string{"", "{", `{"person":1}`, "null", `{"connection":"\xff"}`} {
		p, err := s.PreflightJSON(t.Context(), []byte(text))
		require.NoError(t, err, text)
		require.False(t, p.OK)
		require.NotEmpty(t, p.Errors, text)
		require.Equal(t, atssync.AcceptRefused, p.Result)
	}
}

func TestRevise_NeedsNeitherConnectionNorIDAndTakesNoOther(t *testing.T) {
	t.Parallel()
	s, _, c := onStore(t)
	doc := document("1")
	doc.Connection = c.ID
	first, err := s.Submit(t.Context(), doc)
	require.NoError(t, err)
	revise := func(change func(*atssync.Document)) (atssync.Accepted, error) {
		d := doc
		change(&d)
		data, err := json.Marshal(d)
		require.NoError(t, err)
		return s.ReviseJSON(t.Context(), Revised{Connection: c.ID, ExternalID: "1"}, data)
	}
	got, err := revise(func(d *atssync.Document) { d.Connection, d.ExternalID = "", "" })
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedReplay, got.Result)
	got, err = revise(func(d *atssync.Document) { d.Connection, d.Notes = "", []string{"new"} })
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedRevision, got.Result)
	require.Equal(t, first.Submission.ID, got.Submission.ID)
	_, err = revise(func(d *atssync.Document) { d.ExternalID = "2" })
	require.ErrorContains(t, err, "external_id: is another one")
	_, err = revise(func(d *atssync.Document) { d.Connection = "con_x" })
	require.ErrorContains(t, err, "connection: is another one")
	_, err = s.ReviseJSON(t.Context(), Revised{Connection: c.ID, ExternalID: "1"}, []byte("{"))
	require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
}
