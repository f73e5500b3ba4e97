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
		return hasEvent(w.world, w.one.ID, "job-0-0-00003", `"phase":"screen"`)
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

// link1 makes a one-time link and puts the listener's own address where the public one stands.
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
	w.enter()
	of := "/connections/" + w.one.ID
	for _, p := range [][2]string{
		{"overview", ""}, {"connections", "/connections"}, {"connection", of}, {"connection-paused", "/connections/" + w.paused.ID},
		{"settings", of + "/settings"}, {"repair", of + "/repair"}, {"jobs", of + "/jobs"}, {"suggestions", of + "/jobs?view=suggestions"},
		{"exchanges", of + "/exchanges"}, {"submissions", "/submissions"}, {"submissions-held", "/submissions?state=held"},
		{"submissions-none", "/submissions?external=nobody"}, {"submission", "/submissions/" + w.submitted.ID},
		{"submission-uncertain", "/submissions/" + w.unknown.ID}, {"submission-held", "/submissions/" + w.submission("job-0-1-00000").ID},
		{"events", "/events"}, {"webhooks", "/webhooks"}, {"webhook", "/webhooks/" + w.hook.ID}, {"delivery", "/webhooks/" + w.hook.ID + "/1"},
		{"passes", "/passes"}, {"adapters", "/adapters"}, {"audit", "/audit"}, {"tokens", "/tokens"}, {"connect-link", "/connect-link"},
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
}
