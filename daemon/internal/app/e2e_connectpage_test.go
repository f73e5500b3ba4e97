package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/browser"
)

// hostileTitle is the title of a platform job that would be a program if a page took it for one.
const hostileTitle = `Clerk <script>alert("x")</script> & <b>Sons</b>`

// pageWorld is a daemon that serves pages, and one employer of the simulator.
type pageWorld struct {
	*world
	addr    string
	account string
	link    api.NewConnectLink
	page    string // the connect page's address, as a browser reaches it
}

func newPageWorld(t *testing.T, frames ...string) *pageWorld {
	t.Helper()
	may := ""
	if len(frames) > 0 {
		may = fmt.Sprintf("frame_ancestors = [%q]\n", frames[0])
	}
	w := newWorld(t, newATS(t), "[http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1\"\n"+may)
	w.start()
	m := httpLine.FindStringSubmatch(w.log.String())
	require.NotNil(t, m, "the log names no address")
	p := &pageWorld{world: w, addr: m[1], account: w.ats.Employers[0].Name}
	p.link, p.page = p.linkTo(api.ConnectLinkRequest{Account: p.account, Adapter: "greenhouse", ReturnURL: "https://talent.example.com/settings"})
	return p
}

// end ends the daemon, when nobody looks at it any more.
func (p *pageWorld) end(tabs ...*browser.Tab) {
	p.t.Helper()
	for _, b := range tabs {
		b.Close()
	}
	p.stop()
}

func (p *pageWorld) linkTo(r api.ConnectLinkRequest) (api.NewConnectLink, string) {
	p.t.Helper()
	l, err := p.client.CreateConnectLink(p.t.Context(), r)
	require.NoError(p.t, err)
	require.True(p.t, strings.HasPrefix(l.URL, "http://127.0.0.1/connect/"), l.URL)
	return l, strings.Replace(l.URL, "http://127.0.0.1", "http://"+p.addr, 1)
}

// platformJobs gives the account jobs: one with the id of an ATS job, one of the same title, one that is hostile.
func (p *pageWorld) platformJobs() {
	p.t.Helper()
	e := p.ats.Employers[0]
	jobs := []api.PlatformJob{
		{ID: strconv.FormatInt(e.Jobs[0].ID, 10), Account: p.account, Title: e.Jobs[0].Name, Location: "Hamburg", Open: true},
		{ID: "job-frontend", Account: p.account, Title: e.Jobs[1].Name, Open: true},
		{ID: "job/with ?odd&id", Account: p.account, Title: hostileTitle, Location: "Hull", Open: true},
	}
	require.NoError(p.t, p.client.PutPlatformJobs(p.t.Context(), jobs))
}

func (p *pageWorld) connection() api.Connection {
	p.t.Helper()
	got, err := p.client.Connections(p.t.Context(), api.ConnectionQuery{Account: p.account})
	require.NoError(p.t, err)
	require.Len(p.t, got.Items, 1)
	return got.Items[0]
}

// enter fills the form of key and user in and sends it.
func enter(b *browser.Tab, key, user string) {
	if key != "" {
		b.Fill("#f-field-api_key", key)
	}
	b.Fill("#f-field-on_behalf_of", user)
	b.Follow("Check and connect")
}

// twice sends a form of the page as a double click does: the browser leaves the first request for the second.
func twice(b *browser.Tab, form string) {
	browser.Evaluate[bool](b, `(f => { f.submit(); setTimeout(() => f.submit(), 30); return true })(document.querySelector('form[method=post][action$="/`+form+`"]'))`)
}

func TestConnectPage_FromNoConnectionToACandidatesStatus(t *testing.T) {
	t.Parallel()
	p, b := newPageWorld(t), browser.Open(t)
	e := p.ats.Employers[0]
	require.Equal(t, http.StatusOK, b.Go(p.page))
	b.Sees("Before you connect")
	b.Look("connect-1-before")
	b.Follow("Make the key")
	for _, words := range []string{"Configure > Dev Center > API Credential Management", "Create New API Key", "Candidate Ingestion", "Can manage ALL organization's API Credentials", "Description: Example Talent", "Created by"} {
		b.Sees(words)
	}
	b.Look("connect-2-key")
	b.Follow("I have the key")
	b.Look("connect-3-credentials")

	for name, wrong := range map[string][2]string{
		"wrong-key": {"0123456789abcdef", e.SiteAdmin}, "harvest-key": {e.Harvest, e.SiteAdmin}, "wrong-user": {e.Key, "nobody@harbor-robotics.example.com"},
	} {
		enter(b, wrong[0], wrong[1])
		require.Equal(t, http.StatusUnprocessableEntity, b.Status(), name)
		for _, words := range []string{"Greenhouse does not accept this yet", "Candidate Ingestion", "What to do", "help@talent.example.com"} {
			b.Sees(words)
		}
		require.NotContains(t, browser.Evaluate[string](b, "document.documentElement.outerHTML"), wrong[0], "%s: the page shows a secret", name)
		require.Equal(t, wrong[1], browser.Evaluate[string](b, `document.querySelector("#f-field-on_behalf_of").value`))
	}
	b.Look("connect-3-refused")

	b.Fill("#f-field-api_key", e.Key)
	b.Fill("#f-field-on_behalf_of", e.SiteAdmin)
	twice(b, "credentials")
	b.Sees("The key and the user were checked and work")
	b.Sees("First create a job on Example Talent")
	b.Look("connect-4-no-jobs")
	c := p.connection()
	require.Equal(t, "greenhouse", c.Adapter)

	p.platformJobs()
	p.submit(c.ID, "job-frontend", 0, 3) // they wait for the job
	b.Go(p.page + "/jobs")
	b.Sees(hostileTitle)
	require.Equal(t, 1, b.Has("input[name=job]:checked"), "only what names the same id is ticked beforehand")
	require.Equal(t, 2, b.Has("input[name=job]"))
	b.Look("connect-4-jobs")
	b.Click("input[name=job]:not(:checked)")
	b.Follow("Connect the ticked jobs")
	b.Sees("Please say what shall become of the applications that wait")
	require.Equal(t, 2, b.Has("input[name=job]:checked"), "what was ticked stays ticked")
	b.Look("connect-4-question")
	b.Click("input[name=backlog][value=all]")
	b.Follow("Connect the ticked jobs")
	b.Sees("The jobs are connected")
	b.Look("connect-4-connected")

	b.Follow("Choose for " + hostileTitle)
	b.Sees("Choose the job in Greenhouse")
	b.Fill("#q", "recruiter")
	b.Follow("Search")
	require.Equal(t, 1, b.Has("input[name=ats_job]"))
	b.Look("connect-4-job")
	b.Click("input[name=ats_job]")
	b.Click("input[name=as][value=prospect]")
	b.Follow("Connect this job")
	b.Sees("The job is connected")

	b.Follow("Test candidate")
	b.Look("connect-5-test")
	b.Choose("#f-job", strconv.FormatInt(e.Jobs[0].ID, 10))
	twice(b, "test")
	b.Sees("Arrived")
	b.Sees("Open the candidate’s page")
	p.eventually(20*time.Second, func() bool {
		if strings.Contains(b.Text(), "Not yet") {
			b.Follow("Look again")
		}
		return strings.Contains(b.Text(), "Application Review")
	}, "the test candidate was not read back")
	b.Look("connect-5-arrived")

	p.settled(20 * time.Second)
	b.Follow("Status")
	b.Sees("Works")
	b.Look("connect-6-status")
	b.Follow("Check now")
	b.Sees("Everything was checked and works")
	require.Equal(t, 4, p.ats.candidates(), "three that waited and the test candidate")
	p.ats.do(http.MethodPost, "/employers/"+e.Name+"/move", map[string]string{"external_id": "job-frontend-00001", "stage": "Phone Screen"}, nil)
	p.eventually(20*time.Second, func() bool {
		_, _ = p.client.RunNow(t.Context(), "status")
		return hasEvent(p.world, c.ID, "job-frontend-00001", `"phase":"screen"`)
	}, "the status did not come back")
	p.end(b)
	require.NotContains(t, p.log.String(), e.Key)
	require.NotContains(t, p.log.String(), p.page[strings.LastIndex(p.page, "/")+1:], "the log holds the link")
}

// enterByAPI connects the employer as ops would, so that a test begins behind the first pages.
func (p *pageWorld) enterByAPI() api.Connection {
	p.t.Helper()
	c := p.connect(0, "")
	p.platformJobs()
	return c
}

func TestConnectPage_WhatNobodyKnowsIsAnsweredByThePage(t *testing.T) {
	t.Parallel()
	p, b := newPageWorld(t), browser.OpenWithoutScripts(t)
	c := p.enterByAPI()
	e := p.ats.Employers[0]
	p.link0(c)
	b.Go(p.page + "/arrived")
	b.Sees("No open question")
	b.Look("connect-7-no-question")
	p.ats.do(http.MethodPost, "/faults", []fault{{"kind": "cut_after", "method": "POST", "endpoint": "candidates", "count": 1}}, nil)
	p.submit(c.ID, "job-frontend", 0, 1)
	p.eventually(20*time.Second, func() bool {
		v, err := p.client.Ledger(t.Context(), "", false, "", 500)
		return err == nil && v.Total.States[atssync.StateUncertain] == 1
	}, "the answer was not lost")
	b.Reload()
	b.Sees("Ada Example 0")
	b.Look("connect-7-arrived")
	b.Follow("It is there: Ada Example 0, " + e.Jobs[1].Name)
	b.Sees("Please give the address of the candidate’s page")
	b.Fill("input[name=profile]", "https://www.example.com/")
	b.Follow("It is there: Ada Example 0, " + e.Jobs[1].Name)
	b.Sees("This is not the address of a candidate’s page of Greenhouse")
	b.Look("connect-7-refused")
	var people []struct {
		ID int64 `json:"id"`
	}
	p.ats.do(http.MethodGet, "/employers/"+e.Name+"/candidates", nil, &people)
	require.Len(t, people, 1)
	b.Fill("input[name=profile]", "https://app.greenhouse.io/people/999999999999")
	b.Follow("It is there: Ada Example 0, " + e.Jobs[1].Name)
	b.Sees("does not show this candidate")
	b.Fill("input[name=profile]", fmt.Sprintf("https://app.greenhouse.io/people/%d", people[0].ID))
	b.Follow("It is there: Ada Example 0, " + e.Jobs[1].Name)
	b.Sees("The candidate was read back and is ours")
	b.Sees("No open question")
	require.EqualValues(t, 1, p.ledger().States[atssync.StateSubmitted])
	require.Equal(t, 1, p.ats.candidates())

	p.ats.do(http.MethodPost, "/faults", []fault{{"kind": "cut_before", "method": "POST", "endpoint": "candidates", "count": 1}}, nil)
	p.submit(c.ID, "job-frontend", 1, 1)
	p.eventually(20*time.Second, func() bool {
		v, err := p.client.Ledger(t.Context(), "", false, "", 500)
		return err == nil && v.Total.States[atssync.StateUncertain] == 1
	}, "the answer was not lost")
	b.Reload()
	b.Follow("It is not there – send it again: Ada Example 1, " + e.Jobs[1].Name)
	b.Sees("It is sent again")
	p.settled(60 * time.Second)
	require.Equal(t, 2, p.ats.candidates())
	require.Empty(t, p.ats.doubled())
	p.end(b)
}

// link0 links the job that the tests of applications send to.
func (p *pageWorld) link0(c api.Connection) {
	p.t.Helper()
	p.world.link(c, "job-frontend", p.ats.Employers[0].Jobs[1].ID)
}

func TestConnectPage_TwoPeopleOverwriteNothing(t *testing.T) {
	t.Parallel()
	p, ada, eve := newPageWorld(t), browser.OpenWithoutScripts(t), browser.Open(t)
	c := p.enterByAPI()
	e := p.ats.Employers[0]
	_, err := p.client.RefreshJobs(t.Context(), c.ID)
	require.NoError(t, err)
	for _, b := range []*browser.Tab{ada, eve} {
		b.Go(p.page + "/jobs/job-frontend")
		b.Click(fmt.Sprintf(`input[name=ats_job][value="%d"]`, e.Jobs[1].ID))
	}
	eve.Click(fmt.Sprintf(`input[name=ats_job][value="%d"]`, e.Jobs[2].ID))
	ada.Follow("Connect this job")
	ada.Sees("The job is connected")
	eve.Follow("Connect this job")
	eve.Sees("Somebody else changed this job meanwhile")
	eve.Look("connect-4-changed-meanwhile")
	l, err := p.client.JobLink(t.Context(), c.ID, "job-frontend")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(e.Jobs[1].ID), l.ATSJob)

	// The table too: what it proposed is linked to something else by now.
	eve.Go(p.page + "/jobs")
	ada.Go(p.page + "/jobs/" + fmt.Sprint(e.Jobs[0].ID))
	ada.Click(fmt.Sprintf(`input[name=ats_job][value="%d"]`, e.Jobs[3].ID))
	ada.Follow("Connect this job")
	eve.Follow("Connect the ticked jobs")
	eve.Sees("1 of 1 jobs could not be connected")
	eve.Sees("Nothing was overwritten")

	// An end of a link that was changed since is no end of the new one.
	for _, b := range []*browser.Tab{ada, eve} {
		b.Go(p.page + "/jobs/job-frontend")
	}
	ada.Click("input[name=as][value=prospect]")
	ada.Follow("Save")
	eve.Follow("Disconnect this job")
	eve.Sees("Somebody else changed this job meanwhile")
	eve.Follow("Disconnect this job")
	eve.Sees("The job is no longer connected")
	p.end(ada, eve)
}

func TestConnectPage_LinksEndAndAreReopened(t *testing.T) {
	t.Parallel()
	p, b := newPageWorld(t), browser.Open(t)
	c := p.enterByAPI()
	e := p.ats.Employers[0]
	for range 3 { // looking uses nothing up
		require.Equal(t, http.StatusOK, b.Go(p.page))
		b.Sees("How things stand between Example Talent and Greenhouse")
	}

	// A key that was revoked is replaced here.
	const another = "fedcba98765432100123456789abcdef-7"
	p.ats.do(http.MethodPost, "/employers/"+e.Name+"/add_key", map[string]any{"key": another, "type": "ingestion"}, nil)
	p.ats.do(http.MethodPost, "/employers/"+e.Name+"/revoke_key", map[string]any{"key": e.Key}, nil)
	b.Follow("Check now")
	b.Sees("Something does not work")
	b.Look("connect-6-broken")
	b.Go(p.page + "/credentials")
	require.Empty(t, browser.Evaluate[string](b, `document.querySelector("#f-field-api_key").value`))
	b.Look("connect-3-replace")
	b.Fill("#f-field-api_key", another)
	b.Follow("Check and replace")
	b.Sees("The new key works")

	b.Follow("Disconnect …")
	b.Look("connect-8-disconnect")
	b.Follow("Disconnect")
	b.Sees("Please tick the box")
	b.Click("input[name=yes]")
	b.Follow("Disconnect")
	b.Sees("The key was destroyed")
	b.Sees("Before you connect")
	b.Go(p.page + "/jobs")
	b.Sees("Please connect first")
	b.Go(p.page + "/credentials")
	enter(b, another, e.SiteAdmin)
	b.Sees("The key and the user were checked and work")
	require.Equal(t, c.ID, p.connection().ID, "it goes on where it ended")

	_, err := p.client.RevokeConnectLink(t.Context(), p.link.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusGone, b.Go(p.page))
	b.Sees("This link has ended")
	b.Sees("help@talent.example.com")
	b.Look("connect-9-ended")
	require.Equal(t, http.StatusNotFound, b.Go(p.page[:len(p.page)-1]))
	b.Sees("This link does not work")
	b.Look("connect-9-unknown")
	_, short := p.linkTo(api.ConnectLinkRequest{Connection: c.ID, ExpiresAt: time.Now().Add(time.Second)})
	p.eventually(20*time.Second, func() bool { return b.Go(short) == http.StatusGone }, "the link does not expire")
	_, again := p.linkTo(api.ConnectLinkRequest{Connection: c.ID})
	require.Equal(t, http.StatusOK, b.Go(again))
	b.Sees("How things stand between Example Talent and Greenhouse")
	p.end(b)
}

func TestConnectPage_AUserWithoutPermissionIsToldAndReplaced(t *testing.T) {
	t.Parallel()
	p, b := newPageWorld(t), browser.OpenWithoutScripts(t)
	e := p.ats.Employers[0]
	p.platformJobs()
	p.ats.do(http.MethodPatch, "/employers/"+e.Name+"/switches", map[string]string{"basic_user_jobs": "none"}, nil)
	b.Go(p.page + "/credentials")
	enter(b, e.Key, e.Basic)
	b.Sees("Greenhouse shows no jobs to this user")
	b.Look("connect-4-no-permission")
	b.Go(p.page)
	b.Follow("Check now")
	b.Sees("In Greenhouse, make the user Job Admin on the jobs to connect, or Site Admin")
	b.Look("connect-6-remark")
	b.Follow("Replace the key")
	b.Fill("#f-field-on_behalf_of", e.SiteAdmin)
	b.Follow("Check and replace")
	b.Sees("This key belongs to somebody else")
	b.Sees("Connected before")
	b.Sees("This key reaches")
	b.Sees(e.SiteAdmin)
	b.Look("connect-3-other-account")
	b.Click("input[name=other]")
	b.Follow("Check and replace")
	b.Sees("The new key works")
	b.Follow("Jobs")
	b.Follow("List the jobs of Greenhouse again")
	b.Follow("Connect the ticked jobs")
	b.Sees("The jobs are connected")
	p.end(b)
}

func TestConnectPage_RefusesFormsOfOtherSites(t *testing.T) {
	t.Parallel()
	p, b := newPageWorld(t), browser.Open(t)
	c := p.enterByAPI()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Other</title><form method="post" action="%s/disconnect"><input name="yes" value="yes"><input name="version" value="%d"><button>Win</button></form>`, p.page, c.Version)
	}))
	t.Cleanup(other.Close)
	b.Go(other.URL)
	b.Follow("Win")
	require.Equal(t, http.StatusForbidden, b.Status())
	b.Sees("This form was sent from another site")
	require.Equal(t, c.ID, p.connection().ID)

	res, err := http.Get(p.page)
	require.NoError(t, err)
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	require.Equal(t, "same-origin", res.Header.Get("Referrer-Policy"))
	require.Empty(t, res.Cookies())
	p.end(b)
}

func TestConnectPage_IsShownInsideTheSitesThatMay(t *testing.T) {
	t.Parallel()
	var shown string
	outer := func() *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/favicon.ico" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, `<!doctype html><title>Outer</title><iframe title="Connect" src="%s" width="900" height="700"></iframe>`, shown)
		}))
		t.Cleanup(s.Close)
		return s
	}
	ours, others := outer(), outer()
	p, b := newPageWorld(t, ours.URL), browser.Open(t)
	shown = p.page
	b.Go(ours.URL)
	require.Empty(t, b.Complaints())
	b.Go(others.URL)
	require.Eventually(t, func() bool { return len(b.Complaints()) > 0 }, time.Minute, 20*time.Millisecond)
	require.Contains(t, strings.Join(b.Forgive(), "\n"), "frame-ancestors")
	p.end(b)
}
