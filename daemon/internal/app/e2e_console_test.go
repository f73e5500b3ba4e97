package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/browser"
)

// consoleWorld is a daemon with a console, and something of everything in it.
type consoleWorld struct {
	*world
	root               string // address of the console
	one, lost, paused  api.Connection
	submitted, unknown api.Submission // what is in the ATS, and what nobody knows of
	hook               api.WebhookShown
	b                  *browser.Tab
}

const hostileName = `<script>alert("x")</script><b>Mallory</b>`

func newConsoleWorld(t *testing.T) *consoleWorld {
	t.Helper()
	w := &consoleWorld{world: newWorld(t, newATS(t), `
[submissions]
resume_check = "off"
[http]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1:1"
[delivery]
allow_networks = ["127.0.0.1"]
`)}
	w.start()
	m := httpLine.FindStringSubmatch(w.log.String())
	require.NotNil(t, m, "the log names no address")
	w.root = "http://" + m[1] + "/console"
	w.fill()
	return w
}

// fill connects three employers: one that works, one with an answer that was lost, one that is paused.
func (w *consoleWorld) fill() {
	w.t.Helper()
	ctx := w.t.Context()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	w.t.Cleanup(receiver.Close)
	var err error
	w.hook, err = w.client.CreateWebhook(ctx, api.WebhookRequest{URL: receiver.URL})
	require.NoError(w.t, err)
	var jobs []api.PlatformJob
	for i, e := range w.ats.Employers[:3] {
		for n, j := range e.Jobs[:min(6, len(e.Jobs))] {
			p := api.PlatformJob{ID: fmt.Sprintf("job-%d-%d", i, n), Account: e.Name, Title: j.Name, Open: true}
			if n == 2 {
				p.ID = fmt.Sprint(j.ID)
			}
			jobs = append(jobs, p)
		}
	}
	jobs[5].Title += hostileName
	require.NoError(w.t, w.client.PutPlatformJobs(ctx, jobs))
	w.one, w.lost, w.paused = w.connect(0, ""), w.connect(1, ""), w.connect(2, "")
	for i, c := range []api.Connection{w.one, w.lost, w.paused} {
		w.link(c, fmt.Sprintf("job-%d-0", i), w.ats.Employers[i].Jobs[0].ID)
	}
	w.submit(w.one.ID, "job-0-0", 0, 12)
	w.submit(w.one.ID, "job-0-1", 0, 3) // not linked: held
	doc := strings.Replace(string(document(w.one.ID, "job-0-0", 99)), `"first_name":"Ada"`, fmt.Sprintf(`"first_name":%q`, hostileName), 1)
	doc = strings.Replace(doc, "Because.", strings.ReplaceAll(hostileName, `"`, `\"`), 1)
	_, err = w.client.Submit(ctx, []byte(doc))
	require.NoError(w.t, err)
	w.settled(20 * time.Second)
	w.ats.do(http.MethodPost, "/faults", []fault{{"kind": "cut_after", "method": "POST", "endpoint": "candidates", "probability": 1}}, nil)
	w.submit(w.lost.ID, "job-1-0", 0, 1)
	w.eventually(20*time.Second, func() bool {
		p, err := w.client.Submissions(ctx, api.SubmissionQuery{State: string(atssync.StateUncertain)})
		return err == nil && len(p.Items) == 1
	}, "nothing is uncertain")
	w.ats.do(http.MethodPost, "/faults", []fault{}, nil)
	w.unknown = w.submission("job-1-0-00000")
	w.paused, err = w.client.PauseConnection(ctx, w.paused.ID, "the employer asked for it", 0)
	require.NoError(w.t, err)
	w.submit(w.paused.ID, "job-2-0", 0, 2)

	e := w.ats.Employers[0]
	w.ats.do(http.MethodPost, "/employers/"+e.Name+"/move", map[string]string{"external_id": "job-0-0-00003", "stage": "Phone Screen"}, nil)
	w.eventually(20*time.Second, func() bool {
		_, _ = w.client.RunNow(ctx, "status")
		return hasEvent(w.world, w.one.ID, "job-0-0-00003", `"phase":"screen"`) //nolint:contextcheck // the world has its own.
	}, "the status did not come back")
	w.submitted = w.submission("job-0-0-00003")
	w.eventually(20*time.Second, func() bool {
		h, err := w.client.Webhook(ctx, w.hook.ID)
		return err == nil && h.Pending == 0 && h.Sequence > 0
	}, "nothing was delivered")
}

// submission finds one by the platform's id.
func (w *consoleWorld) submission(external string) api.Submission {
	w.t.Helper()
	p, err := w.client.Submissions(w.t.Context(), api.SubmissionQuery{Limit: 500})
	require.NoError(w.t, err)
	for _, s := range p.Items {
		if s.ExternalID == external {
			return s
		}
	}
	require.Fail(w.t, "there is no submission "+external)
	return api.Submission{}
}

// oneTimeLink makes a link and puts the listener's own address where the public one stands.
func (w *consoleWorld) oneTimeLink() string {
	w.t.Helper()
	l, err := w.client.ConsoleLink(w.t.Context())
	require.NoError(w.t, err)
	_, secret, ok := strings.Cut(l.URL, "/console")
	require.True(w.t, ok)
	return w.root + secret
}

// enter opens a tab and logs in by a link.
func (w *consoleWorld) enter() {
	w.t.Helper()
	w.b = browser.Open(w.t)
	w.b.Go(w.oneTimeLink())
	w.b.Look("console-open")
	w.b.Follow("Open the console")
	require.Equal(w.t, w.root, w.b.Address())
}

func (w *consoleWorld) look(name, below string) {
	w.t.Helper()
	require.Equal(w.t, http.StatusOK, w.b.Go(w.root+below), below)
	w.b.Look("console-" + name)
}

func TestConsole_EveryPageCanBeUsedByEverybody(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	_, err := w.client.CreateToken(t.Context(), api.TokenRequest{Name: "ops", Scopes: []string{"read"}})
	require.NoError(t, err)
	_, err = w.client.CreateConnectLink(t.Context(), api.ConnectLinkRequest{Connection: w.one.ID})
	require.NoError(t, err)
	w.enter()
	of := "/connections/" + w.one.ID
	for _, p := range [][2]string{
		{"overview", ""},
		{"connections", "/connections"},
		{"connection", of},
		{"connection-paused", "/connections/" + w.paused.ID},
		{"settings", of + "/settings"},
		{"repair", of + "/repair"},
		{"jobs", of + "/jobs"},
		{"suggestions", of + "/jobs?view=suggestions"},
		{"exchanges", of + "/exchanges"},
		{"submissions", "/submissions"},
		{"submissions-held", "/submissions?state=held"},
		{"submissions-none", "/submissions?external=nobody"},
		{"submission", "/submissions/" + w.submitted.ID},
		{"submission-uncertain", "/submissions/" + w.unknown.ID},
		{"submission-held", "/submissions/" + w.submission("job-0-1-00000").ID},
		{"events", "/events"},
		{"webhooks", "/webhooks"},
		{"webhook", "/webhooks/" + w.hook.ID},
		{"delivery", "/webhooks/" + w.hook.ID + "/1"},
		{"passes", "/passes"},
		{"adapters", "/adapters"},
		{"audit", "/audit"},
		{"tokens", "/tokens"},
		{"connect-link", "/connect-link"},
		{"connect-links", "/connect-links"},
	} {
		w.look(p[0], p[1])
	}
	w.b.Go(w.root + "/submissions/" + w.submission("job-0-0-00099").ID)
	w.b.Follow("Show the document and the note")
	w.b.Sees(hostileName)
	w.b.Look("console-submission-opened")
	require.Equal(t, http.StatusNotFound, w.b.Go(w.root+"/connections/con_none"))
	w.b.Look("console-refused")
	w.b.Follow("Log out")
	w.b.Look("console-login")
	w.b.Fill("#f-token", "ats_wrong")
	w.b.Follow("Log in")
	require.Equal(t, http.StatusUnauthorized, w.b.Status())
	w.b.Look("console-login-wrong")
	require.Equal(t, http.StatusGone, w.b.Go(w.root+"/open/used"))
	w.b.Look("console-link-used")
}

// Everything that ops do in the console, with the mouse and the keyboard alone.
func TestConsole_ActsAreDoneInABrowser(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	w.enter()
	b := w.b
	state := func(id string) atssync.State {
		s, err := w.client.Submission(t.Context(), id, false)
		require.NoError(t, err)
		return s.State
	}

	// An uncertain one is settled by the address of the candidate's page, which is read back.
	var found []struct {
		ID int64 `json:"id"`
	}
	w.ats.do(http.MethodGet, "/employers/"+w.ats.Employers[1].Name+"/candidates?external_id="+w.unknown.ExternalID, nil, &found)
	require.Len(t, found, 1)
	b.Go(w.root)
	b.Follow("settle it")
	b.Fill("input[name=profile_url]", "https://app.greenhouse.io/people/1")
	b.Follow("Settle")
	require.NotEqual(t, http.StatusOK, b.Status(), "a candidate that there is not")
	b.Follow("Back")
	b.Fill("input[name=profile_url]", fmt.Sprintf("https://app.greenhouse.io/people/%d", found[0].ID))
	b.Follow("Settle")
	b.Sees("Settled")
	require.Equal(t, atssync.StateSubmitted, state(w.unknown.ID))

	// Many at once: what is held is cancelled, all but one.
	b.Go(w.root + "/submissions?state=held")
	b.Click("input[data-all]")
	b.Click("tbody tr:last-child input[type=checkbox]")
	b.Choose("#act", "cancel")
	b.Follow("Do it")
	b.Sees("Cancel: 4 of 4 done")
	b.Look("console-acted")

	// A connection is checked, resumed, paused and released.
	b.Go(w.root + "/connections/" + w.paused.ID)
	b.Follow("Check it against the ATS now")
	b.Sees("The connection works")
	b.Look("console-check")
	b.Follow("Back to the connection")
	b.Follow("Resume")
	b.Sees("Resumed")
	b.Fill("#reason", hostileName)
	b.Follow("Pause")
	b.Sees("paused: " + hostileName)
	b.Follow("Release")
	b.Sees("The release is under way")
	b.Look("console-released")

	// Jobs: the ticked pair of the same id, another one too, and one is disconnected.
	b.Go(w.root + "/connections/" + w.one.ID)
	b.Follow("Connect jobs")
	b.Click(`input[name=job][value="job-0-1"]`)
	b.Click(`input[name=backlog][value=all]`)
	b.Follow("Connect what is ticked")
	b.Sees("2 of 2 were connected")
	b.Look("console-linked")
	b.Follow("All connected jobs")
	require.Equal(t, 3, b.Has("form[action$=unlink]"))
	b.Follow("Disconnect Backend Engineer")
	b.Sees("Disconnected")
	require.Equal(t, 2, b.Has("form[action$=unlink]"))

	// Settings with a mistake, and without.
	b.Go(w.root + "/connections/" + w.one.ID + "/settings")
	b.Fill("#f-name", "spaces around ")
	b.Follow("Save")
	b.Sees("Nothing was saved")
	b.Look("console-settings-wrong")
	b.Fill("#f-name", "Harbor Robotics")
	b.Fill("#f-last_name_fallback", "(one name only)")
	b.Follow("Save")
	b.Sees("Saved")

	// A wrong key says whose turn it is, and is not shown again.
	b.Go(w.root + "/connections/" + w.one.ID + "/repair")
	b.Fill("#f-fields-api_key", "not-the-key")
	b.Follow("Check and save")
	b.Sees("Nothing was saved")
	b.Look("console-repair-wrong")

	b.Go(w.root + "/webhooks/" + w.hook.ID)
	b.Follow("Send a test event")
	b.Sees("The test event was taken")
	b.Look("console-webhook-tested")
	b.Follow("Pause")
	b.Sees("nothing is sent")
	b.Follow("Resume")
	b.Go(w.root + "/webhooks/" + w.hook.ID + "/1")
	b.Follow("Send it again")
	b.Sees("They are sent again")
	b.Go(w.root + "/passes")
	b.Follow("Run now: status")
	b.Sees("The pass was started")

	// A link for an employer is made, found in the list and withdrawn.
	b.Go(w.root + "/connect-link?connection=" + w.one.ID)
	b.Follow("Make the link")
	b.Sees("It is shown this once")
	b.Follow("Links that were made")
	invited, err := w.client.ConnectLinks(t.Context(), "", false, "", 10)
	require.NoError(t, err)
	require.Len(t, invited.Items, 1)
	b.Follow("Withdraw the link for Harbor Robotics, " + invited.Items[0].ID)
	b.Sees("The link was withdrawn")
	b.Follow("Those that ended, too")
	b.Sees("withdrawn")

	page, err := w.client.Audit(t.Context(), "", "", 500)
	require.NoError(t, err)
	did := map[string]int{}
	for _, a := range page.Items {
		if a.Actor.Via == "console" {
			did[a.Action]++
		}
	}
	for _, act := range []string{
		"console.login", "submission.resolve", "submission.cancel", "connection.resume", "connection.pause", "task.release", "job_link.create",
		"job_link.remove", "connection.update", "webhook.test", "webhook.pause", "webhook.resume", "pass.run", "connect_link.create", "connect_link.revoke",
	} {
		require.Positive(t, did[act], "%s is not in the record: %v", act, did)
	}
	require.NotContains(t, w.log.String(), "not-the-key")
}

func TestConsole_LetsInWithoutScriptsByTokenAndLinkAndNobodyElse(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	made, err := w.client.CreateToken(t.Context(), api.TokenRequest{Name: "of one employer", Scopes: []string{"read"}, Connections: []string{w.one.ID}})
	require.NoError(t, err)
	b := browser.OpenWithoutScripts(t)
	b.Go(w.root + "/submissions?state=submitted")
	b.Sees("Log in to the console")
	b.Fill("#f-token", "ats_wrong")
	b.Follow("Log in")
	require.Equal(t, http.StatusUnauthorized, b.Status())
	b.Fill("#f-token", made.Secret)
	b.Follow("Log in")
	require.Equal(t, w.root+"/submissions?state=submitted", b.Address())
	b.Sees("job-0-0-00003")
	require.NotContains(t, b.Text(), "nordlicht")
	require.Zero(t, b.Has(`a[href$="/audit"]`))
	require.Equal(t, http.StatusForbidden, b.Go(w.root+"/audit"))
	require.Equal(t, http.StatusNotFound, b.Go(w.root+"/connections/"+w.lost.ID))
	require.Equal(t, http.StatusNotFound, b.Go(w.root+"/submissions/"+w.unknown.ID))
	_, err = w.client.RevokeToken(t.Context(), made.ID)
	require.NoError(t, err)
	b.Go(w.root)
	b.Sees("Please log in again")

	link := w.oneTimeLink()
	b.Go(link)
	b.Follow("Open the console")
	b.Sees("Overview")
	b.Follow("Log out")
	require.Equal(t, http.StatusGone, b.Go(link))

	// A page of another site sends a form with the cookie of somebody who is logged in.
	b = browser.Open(t)
	b.Go(w.oneTimeLink())
	b.Follow("Open the console")
	evil := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(rw, `<!doctype html><title>x</title><form method="post" action="%s/submissions/%s/act"><input name="act" value="cancel"><button>Win</button></form>`,
			w.root, w.submission("job-0-1-00000").ID) //nolint:contextcheck // as above.
	}))
	t.Cleanup(evil.Close)
	b.Go(strings.Replace(evil.URL, "127.0.0.1", "localhost", 1))
	b.Follow("Win")
	require.Equal(t, http.StatusForbidden, b.Status())
	b.Sees("another site")
	require.Equal(t, atssync.StateHeld, w.submission("job-0-1-00000").State)
}
