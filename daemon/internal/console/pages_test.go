package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// filled is a world with one connection that has something of everything.
type filled struct {
	*world
	b                        *browser // of the operator
	c                        manage.Connection
	queued, held, lost, sent string // submissions
	hook                     string
}

func fill(t *testing.T) *filled {
	t.Helper()
	w := &filled{world: setup(t)}
	ctx := t.Context()
	hook, err := w.m.CreateWebhook(ctx, manage.WebhookRequest{URL: "https://hooks.example.com/"})
	require.NoError(t, err)
	w.hook = hook.ID
	w.c = w.connected("acme", "ada@example.com", "job-1")
	require.NoError(t, w.m.PutPlatformJobs(ctx, []atssync.PlatformJob{
		{ID: "102", Account: "acme", Title: "Designer " + hostile, Open: true}, {ID: "job-3", Account: "acme", Title: "Baker", Open: true},
	}))
	w.lost = w.submitted(w.c.ID, "app-lost", "job-1")
	w.uncertain(w.c.ID, w.lost)
	w.sent = w.submitted(w.c.ID, "app-sent", "job-1")
	w.arrived(w.sent)
	w.queued, w.held = w.submitted(w.c.ID, "app-queued", "job-1"), w.submitted(w.c.ID, "app-held", "job-2")
	w.b = w.operator()
	return w
}

// arrived has the ATS take a submission, and say something of it in its own words.
func (w *filled) arrived(id string) {
	w.t.Helper()
	ctx, l, now := w.t.Context(), w.lease(w.c.ID), time.Now().Add(2*time.Second)
	begun, err := w.store.BeginAttempts(ctx, l, []atssync.BeginAttempt{{Submission: id, Revision: 1, ATSJob: "101", As: sdk.AsCandidate, Note: []byte("xxxx")}}, now)
	require.NoError(w.t, err)
	sub, err := w.store.Submission(ctx, id)
	require.NoError(w.t, err)
	receipt := atssync.Receipt{CandidateID: "77", ApplicationID: "977", ProfileURL: "https://ats.example.com/people/77"}
	app := atssync.NewApplication(sub, receipt, "Engineer", now)
	require.NoError(w.t, w.store.FinishAttempts(ctx, l, []atssync.Finish{{
		Submission: id, Attempt: begun[0].Number, To: atssync.StateSubmitted, Receipt: &receipt, Application: &app,
		Exchanges: []sdk.Exchange{{Method: http.MethodPost, Endpoint: "/candidates", Status: 201, StartedAt: now, Duration: 20 * time.Millisecond, RequestID: "r-" + hostile}},
	}}, nil, now))
	stored, err := w.store.Application(ctx, id)
	require.NoError(w.t, err)
	was := stored.Version
	changed, drafts := stored.ApplyReadings([]sdk.Reading{{CandidateID: "77", ApplicationID: "977", JobID: "101", Raw: sdk.RawStatus{Status: "rejected " + hostile, StageName: "Screen " + hostile}}}, atssync.Rules{MissingAfter: 3}, now.Add(time.Second))
	require.True(w.t, changed)
	_, err = w.store.RecordReadings(ctx, l, []atssync.ApplicationChange{{Application: stored, Was: was, Events: drafts}}, nil, now.Add(time.Second))
	require.NoError(w.t, err)
}

func TestPages_ShowWhatThereIsAndHTMLOfOthersAsText(t *testing.T) {
	t.Parallel()
	w := fill(t)
	for below, want := range map[string][]string{
		"":                       {"Uncertain: sent", "app-lost", "the operator (you)", "adds up", "it broke", "Oldest waiting"},
		"/connections":           {w.c.Name, "acme on fake"},
		"/connections/" + w.c.ID: {"ada@example.com", "Pause it, because", "adds up", "2"},
		"/connections/" + url.PathEscape(w.c.Name):          {w.c.ID},
		"/connections/" + w.c.ID + "/jobs":                  {"Engineer", "101", "Disconnect"},
		"/connections/" + w.c.ID + "/jobs?view=suggestions": {"same id, 99", `value="102" aria-label="Connect Designer`, "Connect one by hand", "Baker"},
		"/connections/" + w.c.ID + "/exchanges":             {"POST /candidates", "no answer", "201"},
		"/connections/" + w.c.ID + "/settings":              {"Last name of those who have none", "fields.user"},
		"/connections/" + w.c.ID + "/repair":                {`type="password"`, "In the ATS: Configure."},
		"/connect-link?connection=" + w.c.ID:                {w.c.Name},
		"/submissions":                                      {"app-lost", "app-sent", "app-queued", "app-held", "The newest first", "Uncertain: send again"},
		"/submissions?state=held&reason=job_not_linked":     {"app-held", "the job is not connected", "the platform"},
		"/submissions?external=app-sent":                    {"app-sent"},
		"/submissions?job=job-2&since=2020-01-01":           {"app-held"},
		"/submissions?until=2020-01-01":                     {"No application is like that"},
		"/submissions/" + w.lost:                            {"Settle it", "no answer", "the answer was lost", "1,500 ms"},
		"/submissions/" + w.sent:                            {"https://ats.example.com/people/77", "In the ATS", "rejected", "Screen", "nothing was read of it yet"},
		"/submissions/" + w.held:                            {"Whose turn: the platform", "Release", "Cancel"},
		"/submissions/" + w.queued:                          {"Try again now", "Hold"},
		"/events":                                           {"submission.uncertain", "app-sent", w.c.Name},
		"/events?type=submission.held&connection=" + w.c.ID: {"app-held"},
		"/webhooks":           {w.hook, "https://hooks.example.com/"},
		"/webhooks/" + w.hook: {"Send a test event", "every type"},
		"/passes":             {"*/15 * * * *", "it broke", "Run now"},
		"/adapters":           {"Fake ATS", "1.0.0", "4711", "of-the-daemon"},
		"/audit":              {"console.login", "uid:1000(ops)"},
		"/tokens":             {"There is no token"},
	} {
		text := w.b.shows(below)
		for _, x := range want {
			require.Contains(t, text, x, below)
		}
		require.NotContains(t, text, hostile, "%s: what others wrote is text", below)
		require.NotContains(t, text, "ZgotmplZ", below)
		require.NotContains(t, text, goodKey, below)
		require.NotContains(t, text, "style=", below)
		require.NotRegexp(t, `\son[a-z]+=`, text, below)
	}
	require.NotContains(t, w.b.shows("/submissions?state=held&reason=job_not_linked"), "app-lost")
	require.NotContains(t, w.b.shows("/submissions?external=app-sent"), "app-lost")
	require.NotContains(t, w.log.String(), "app-")
}

func TestSubmission_ThePersonIsShownOnAskingAndThatIsRecorded(t *testing.T) {
	t.Parallel()
	w := fill(t)
	escaped := "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;"
	require.NotContains(t, w.b.shows("/submissions/"+w.held), "<dt>Name</dt>")
	rec := w.b.post("/submissions/"+w.held, nil)
	require.Equal(t, http.StatusOK, rec.Code)
	require.Contains(t, rec.Body.String(), "<dt>Name</dt><dd>"+escaped)
	require.NotContains(t, rec.Body.String(), hostile)
	page, err := w.m.Audit(t.Context(), w.held, atssync.Paging{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, "submission.open", page.Items[0].Action)
	require.Equal(t, atssync.Actor{Name: "uid:1000(ops)", Via: "console"}, page.Items[0].Actor)
}

func TestSubmissions_ActsOnManyTellWhatBecameOfEach(t *testing.T) {
	t.Parallel()
	w := fill(t)
	rec := w.b.post("/submissions", url.Values{"act": {"cancel"}, "submission": {w.queued, w.held, w.sent, w.queued, "sub_none"}})
	require.Equal(t, http.StatusOK, rec.Code)
	text := rec.Body.String()
	require.Contains(t, text, "Cancel: 2 of 4 done")
	require.Contains(t, text, "only a queued or held submission can be cancelled")
	require.Equal(t, 2, strings.Count(text, "left alone"))
	for id, want := range map[string]atssync.State{w.queued: atssync.StateCancelled, w.held: atssync.StateCancelled, w.sent: atssync.StateSubmitted} {
		s, err := w.m.Submission(t.Context(), id, false)
		require.NoError(t, err)
		require.Equal(t, want, s.State)
	}
	require.Contains(t, w.b.shows("/submissions"), `name="submission" value="`+w.lost+`:1"`, "a box names the attempt that the page showed")
	for box, why := range map[string]string{w.lost: "the last attempt is 1", w.lost + ":2": "attempt 2 was looked for, and the last one is 1"} {
		rec = w.b.post("/submissions", url.Values{"act": {"send_again"}, "submission": {box}})
		require.Contains(t, rec.Body.String(), "Send again: 0 of 1 done", box)
		require.Contains(t, rec.Body.String(), why)
	}
	rec = w.b.post("/submissions", url.Values{"act": {"give_up"}, "submission": {w.lost + ":1"}})
	require.Contains(t, rec.Body.String(), "Give up: 1 of 1 done")
	for form, status := range map[string]int{"act=cancel": 422, "act=nonsense&submission=x": 422, "submission=x": 422} {
		q, err := url.ParseQuery(form)
		require.NoError(t, err)
		require.Equal(t, status, w.b.post("/submissions", q).Code, form)
	}
	many := url.Values{"act": {"hold"}}
	for i := range manage.MaxActs + 1 {
		many.Add("submission", string(rune('a'+i%26))+strings.Repeat("x", i))
	}
	require.Equal(t, http.StatusUnprocessableEntity, w.b.post("/submissions", many).Code)
}

func TestSubmission_ActsAndResolving(t *testing.T) {
	t.Parallel()
	w := fill(t)
	state := func(id string) atssync.State {
		s, err := w.m.Submission(t.Context(), id, false)
		require.NoError(t, err)
		return s.State
	}
	act := func(id, act string) int { return w.b.post("/submissions/"+id+"/act", url.Values{"act": {act}}).Code }
	require.Equal(t, http.StatusSeeOther, act(w.queued, "hold"))
	require.Equal(t, atssync.StateHeld, state(w.queued))
	require.Equal(t, http.StatusSeeOther, act(w.queued, "release"))
	require.Equal(t, atssync.StateQueued, state(w.queued))
	require.Equal(t, http.StatusSeeOther, act(w.queued, "retry"))
	require.Equal(t, http.StatusConflict, act(w.sent, "hold"))

	resolve := func(form url.Values) (int, string) {
		rec := w.b.post("/submissions/"+w.lost+"/resolve", form)
		return rec.Code, rec.Body.String()
	}
	code, text := resolve(url.Values{"action": {"submitted"}, "profile_url": {"https://elsewhere.example.com/"}, "back": {"/submissions/" + w.lost}})
	require.Equal(t, http.StatusUnprocessableEntity, code)
	require.Contains(t, text, "is not the address of a candidate")
	require.Contains(t, text, `href="/console/submissions/`+w.lost)
	code, _ = resolve(url.Values{"action": {"submitted"}, "profile_url": {"https://ats.example.com/people/78"}})
	require.Equal(t, http.StatusSeeOther, code)
	require.Equal(t, atssync.StateSubmitted, state(w.lost))
	require.Contains(t, w.b.shows("/submissions/"+w.lost+"?said=resolved"), "Settled by person")
}

func TestConnection_TwoPeopleOnTheSameThingTheSecondIsTold(t *testing.T) {
	t.Parallel()
	w := fill(t)
	of := "/connections/" + w.c.ID
	one, err := w.m.Connection(t.Context(), w.c.ID)
	require.NoError(t, err)
	stale := url.Values{"version": {"1"}}
	if one.Version == 1 {
		require.Equal(t, http.StatusSeeOther, w.b.post(of+"/pause", stale).Code)
		require.Equal(t, http.StatusSeeOther, w.b.post(of+"/resume", url.Values{"version": {"2"}}).Code)
	}
	rec := w.b.post(of+"/pause", stale)
	require.Equal(t, http.StatusPreconditionFailed, rec.Code)
	require.Contains(t, rec.Body.String(), "Somebody else changed it meanwhile")
	require.Equal(t, http.StatusUnprocessableEntity, w.b.post(of+"/pause", nil).Code, "a form for no version overwrites nothing")

	rec = w.b.post(of+"/settings", url.Values{"version": {"1"}, "name": {"another"}, "fields.user": {"ada@example.com"}, "on_uncertain": {"hold"}, "resume_check": {"off"}})
	require.Equal(t, http.StatusPreconditionFailed, rec.Code)
	require.Contains(t, rec.Body.String(), `value="another"`, "what was entered is kept")
	require.Equal(t, http.StatusPreconditionFailed, w.b.post(of+"/jobs/unlink", url.Values{"job": {"job-1"}, "version": {"99"}}).Code)

	rec = w.b.post(of+"/jobs", url.Values{"job": {"job-1"}, "ats": {"102"}, "backlog": {"all"}})
	require.Contains(t, rec.Body.String(), "was linked to the ATS job 101 meanwhile")
	link, err := w.m.JobLink(t.Context(), w.c.ID, "job-1")
	require.NoError(t, err)
	require.Equal(t, "101", link.ATSJob)
}

func TestConnection_Acts(t *testing.T) {
	t.Parallel()
	w := fill(t)
	of := "/connections/" + w.c.ID
	version := func() string {
		text := w.b.shows(of)
		_, rest, _ := strings.Cut(text, `name="version" value="`)
		v, _, _ := strings.Cut(rest, `"`)
		return v
	}
	require.Contains(t, w.b.post(of+"/check", nil).Body.String(), "The connection works")
	require.Equal(t, http.StatusSeeOther, w.b.post(of+"/pause", url.Values{"version": {version()}, "reason": {"holidays " + hostile}}).Code)
	text := w.b.shows(of)
	require.Contains(t, text, "paused: holidays &lt;script&gt;")
	require.Equal(t, http.StatusSeeOther, w.b.post(of+"/resume", url.Values{"version": {version()}}).Code)
	require.Contains(t, w.b.post(of+"/release", url.Values{"reason": {"job_not_linked"}, "at_once": {"1"}}).Body.String(), "The release is under way")
	rec := w.b.post(of+"/hook", nil)
	require.Contains(t, rec.Body.String(), "https://ats-sync.example.com/hooks/"+w.c.ID)
	again := w.b.post(of+"/hook", url.Values{"rotate": {"1"}})
	require.NotEqual(t, rec.Body.String(), again.Body.String())

	rec = w.b.post(of+"/repair", url.Values{"version": {version()}, "fields.api_key": {"wrong"}})
	require.Equal(t, http.StatusUnprocessableEntity, rec.Code)
	require.Contains(t, rec.Body.String(), "the key is not accepted")
	require.Contains(t, rec.Body.String(), "the employer: make a new key")
	require.NotContains(t, rec.Body.String(), `value="wrong"`, "a secret is not shown again")
	require.Equal(t, http.StatusSeeOther, w.b.post(of+"/repair", url.Values{"version": {version()}, "fields.api_key": {"key-new"}}).Code)

	rec = w.b.post(of+"/settings", url.Values{"version": {version()}, "name": {" bad "}, "fields.user": {"ada@example.com"}, "on_uncertain": {"hold"}, "resume_check": {"off"}})
	require.Equal(t, http.StatusUnprocessableEntity, rec.Code)
	require.Contains(t, rec.Body.String(), "must be one line without spaces around it")
	rec = w.b.post(of+"/settings", url.Values{
		"version": {version()}, "name": {"Acme"}, "fields.user": {"ada@example.com"}, "on_uncertain": {"resend"}, "resume_check": {"off"},
		"last_name_fallback": {"(none)"}, "note_template": {"{{.Name}}"},
	})
	require.Equal(t, http.StatusUnprocessableEntity, rec.Code, "a template of what there is not")
	rec = w.b.post(of+"/settings", url.Values{"version": {version()}, "name": {"Acme"}, "fields.user": {"ada@example.com"}, "on_uncertain": {"resend"}, "resume_check": {"off"}, "last_name_fallback": {"(none)"}})
	require.Equal(t, http.StatusSeeOther, rec.Code, rec.Body.String())
	one, err := w.m.Connection(t.Context(), w.c.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"Acme", atssync.OnUncertainResend, atssync.ResumeCheckOff, "(none)"}, []any{one.Name, one.OnUncertain, one.ResumeCheck, one.LastNameFallback})

	rec = w.b.post(of+"/jobs", url.Values{"job": {"102", "job-3"}, "ats.102": {"102"}, "ats.job-3": {"999"}, "backlog": {"since"}, "since": {"2026-01-31"}})
	require.Contains(t, rec.Body.String(), "1 of 2 were connected")
	require.Contains(t, rec.Body.String(), "is not among the jobs")
	require.Equal(t, http.StatusUnprocessableEntity, w.b.post(of+"/jobs", nil).Code)
	require.Equal(t, http.StatusUnprocessableEntity, w.b.post(of+"/jobs", url.Values{"job": {"102"}, "backlog": {"since"}, "since": {"soon"}}).Code)
	require.NotContains(t, w.b.shows(of+"/jobs?view=suggestions"), `name="backlog" value="all" checked`, "nothing is chosen beforehand")
	for text, form := range map[string]url.Values{
		"all of them, those since a day, or none": {"job": {"102"}, "ats": {"102"}},
		"since which day":                         {"job": {"102"}, "ats": {"102"}, "backlog": {"since"}},
	} {
		rec := w.b.post(of+"/jobs", form)
		require.Equal(t, http.StatusUnprocessableEntity, rec.Code)
		require.Contains(t, rec.Body.String(), text)
	}
	require.Equal(t, http.StatusSeeOther, w.b.post(of+"/jobs/unlink", url.Values{"job": {"102"}, "version": {"1"}}).Code)
	require.Equal(t, "/console"+of+"/jobs?view=suggestions&said=refreshed", w.b.post(of+"/jobs/refresh", url.Values{"view": {"suggestions"}}).Header().Get("Location"))

	rec = w.b.post("/connect-link", url.Values{"connection": {w.c.ID}})
	require.Contains(t, rec.Body.String(), "https://ats-sync.example.com/connect/")
}

func TestDaemon_Acts(t *testing.T) {
	t.Parallel()
	w := fill(t)
	of := "/webhooks/" + w.hook
	require.Contains(t, w.b.post(of+"/act", url.Values{"act": {"test"}}).Body.String(), "The test event was taken")
	require.Equal(t, http.StatusSeeOther, w.b.post(of+"/act", url.Values{"act": {"pause"}, "version": {"1"}}).Code)
	require.Contains(t, w.b.shows(of), "when it is time")
	require.Equal(t, http.StatusPreconditionFailed, w.b.post(of+"/act", url.Values{"act": {"resume"}, "version": {"1"}}).Code)
	require.Equal(t, http.StatusSeeOther, w.b.post(of+"/act", url.Values{"act": {"resume"}, "version": {"2"}}).Code)
	require.Equal(t, http.StatusSeeOther, w.b.post(of+"/act", url.Values{"act": {"replay"}, "state": {"dead"}}).Code)
	require.Equal(t, http.StatusNotFound, w.b.post(of+"/act", url.Values{"act": {"replay"}, "event": {"evt_none"}}).Code)
	require.Equal(t, http.StatusUnprocessableEntity, w.b.post(of+"/act", url.Values{"act": {"replay"}}).Code)
	require.Equal(t, http.StatusUnprocessableEntity, w.b.post(of+"/act", url.Values{"act": {"nonsense"}}).Code)
	require.Equal(t, http.StatusNotFound, w.b.get(of+"/nonsense").Code)
	require.Equal(t, http.StatusSeeOther, w.b.post("/passes/status", nil).Code)
	require.Equal(t, http.StatusNotFound, w.b.post("/passes/nonsense", nil).Code)
	tok := w.token(atssync.TokenRead)
	require.Contains(t, w.b.shows("/tokens"), tok.Name)
	require.Equal(t, http.StatusSeeOther, w.b.post("/tokens/"+tok.ID+"/revoke", nil).Code)
	require.NotContains(t, w.b.shows("/tokens"), tok.Name)
	require.Contains(t, w.b.shows("/tokens?ended=1"), "revoked")
	page, err := w.m.Audit(t.Context(), "", atssync.Paging{Limit: 500})
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, a := range page.Items {
		seen[a.Action+" "+a.Actor.Name+" "+a.Actor.Via] = true
	}
	for _, act := range []string{"webhook.test", "webhook.pause", "webhook.resume", "pass.run", "token.revoke"} {
		require.True(t, seen[act+" uid:1000(ops) console"], "%s is not in the record: %v", act, seen)
	}
}

func TestLists_Page(t *testing.T) {
	t.Parallel()
	w := fill(t)
	for i := range submissionsPage + 5 {
		w.submitted(w.c.ID, "app-many-"+string(rune('a'+i%26))+strings.Repeat("z", i), "job-2")
	}
	text := w.b.shows("/submissions?state=held")
	require.Contains(t, text, "The oldest first within each connection")
	next := href(t, text, "Next page")
	require.Contains(t, next, "state=held")
	second := w.b.shows(strings.TrimPrefix(next, Root))
	require.Contains(t, second, "First page")
	require.Less(t, strings.Count(second, `name="submission"`), submissionsPage)
	text = w.b.shows("/events")
	for strings.Contains(text, "Next page") {
		text = w.b.shows(strings.TrimPrefix(href(t, text, "Next page"), Root))
	}
	require.Contains(t, text, "app-held", "the first event of all stands on the last page")
	require.Equal(t, http.StatusUnprocessableEntity, w.b.get("/events?after=11").Code)
	require.Equal(t, http.StatusUnprocessableEntity, w.b.get("/submissions?after=nonsense").Code)
	require.Equal(t, http.StatusUnprocessableEntity, w.b.get("/submissions?since=yesterday").Code)
}

// href finds where a link leads by its text.
func href(t *testing.T, text, words string) string {
	t.Helper()
	before, _, ok := strings.Cut(text, ">"+words+"</a>")
	require.True(t, ok, "there is no link %q", words)
	at := before[strings.LastIndex(before, `href="`)+len(`href="`):]
	at, _, _ = strings.Cut(at, `"`)
	return strings.ReplaceAll(at, "&amp;", "&")
}

// The record of a backup is in no backup: a restored store knows of the one that it was made from by its restore alone.
func TestOverview_TellsOfTheBackupThatTheStoreWasRestoredFrom(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b, now := w.operator(), time.Now().UTC()
	backup := func(at time.Time) {
		require.NoError(t, w.store.AppendAudit(t.Context(), atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, at), At: at, Actor: atssync.Actor{Name: "uid:1000(ops)", Via: "socket"}, Action: "backup.make", Object: "backup",
		}))
	}
	require.Contains(t, b.shows(""), "No backup was made through the daemon yet")
	backup(now.Add(-48 * time.Hour))
	require.Contains(t, b.shows(""), "Last backup through the daemon")
	require.NoError(t, w.store.HoldRestored(t.Context(), atssync.Restore{Backup: "b", MadeAt: now.Add(-24 * time.Hour), At: now.Add(-time.Hour)}, now))
	text := b.shows("")
	require.Contains(t, text, "from the backup of <time datetime=\""+now.Add(-24*time.Hour).Format(time.RFC3339))
	require.Contains(t, text, "none was made since")
	require.NotContains(t, text, "Last backup through the daemon")
	backup(now)
	text = b.shows("")
	require.Contains(t, text, "Last backup through the daemon")
	require.NotContains(t, text, "none was made since")
}
