package connectpage

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// looks are all pages below a link that only show something.
var looks = []string{"", "/key", "/credentials", "/jobs", "/test", "/arrived", "/which", "/disconnect"}

// acts are all forms below a link.
var acts = []string{"/credentials", "/jobs", "/refresh", "/jobs/acme-1", "/test", "/check", "/arrived/sub_1", "/which/sub_1", "/disconnect"}

func TestPages_ShowWhatOthersWroteAsText(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/jobs/acme-2", "version", "-1", "ats_job", "102", "as", "candidate").Code)
	w.uncertain(c, "app-1", "acme-2")
	w.accept(c, "app-2", "acme-1")
	pages := map[string]string{}
	for _, p := range append(looks, "/jobs/acme-1", "/jobs?q="+url.QueryEscape(hostile), "/jobs/acme-1?q="+url.QueryEscape(hostile)) {
		res := w.get(path + p)
		require.Equal(t, http.StatusOK, res.Code, p)
		pages[p] = res.Body.String()
	}
	pages["refused"] = w.post(path+"/credentials", "repair", "yes", "field.api_key", hostile, "field.user", hostile).Body.String()
	pages["no such job"] = w.post(path+"/jobs/acme-1", "version", "-1", "ats_job", hostile, "as", "candidate").Body.String()
	for p, body := range pages {
		require.NotContains(t, body, "<script>alert", p)
		require.Contains(t, body, "help@talent.example.com", p)
		require.NotContains(t, body, goodKey, "%s shows a secret", p)
		require.NotContains(t, body, "atssync ", "%s names a command of the operator's", p)
	}
	for _, p := range []string{"/jobs", "/arrived", "/jobs/acme-1", "refused"} {
		require.Contains(t, pages[p], "&lt;script&gt;", p)
	}
	require.NotContains(t, w.log.String(), goodKey)
	require.NotContains(t, w.log.String(), hostile)
}

func TestPages_LookingUsesNothingUpAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	before, err := w.manage.Audit(t.Context(), "", atssync.Paging{})
	require.NoError(t, err)
	for range 2 {
		for _, p := range append(looks, "/jobs/acme-1") {
			require.Equal(t, http.StatusOK, w.get(path+p).Code, p)
		}
	}
	after, err := w.manage.Audit(t.Context(), "", atssync.Paging{})
	require.NoError(t, err)
	require.Equal(t, before, after)
	again, err := w.manage.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, c.Version, again.Version)
	require.Empty(t, w.links(c))
}

func TestPages_LeadToTheBeginningBeforeThereIsAConnection(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _ := w.link("acme")
	for _, p := range []string{"", "/key", "/credentials"} {
		require.Equal(t, http.StatusOK, w.get(path+p).Code, p)
	}
	for _, p := range []string{"/jobs", "/jobs/acme-1", "/test", "/arrived", "/disconnect"} {
		res := w.get(path + p)
		require.Equal(t, http.StatusSeeOther, res.Code, p)
		require.Equal(t, path+"?said=not-connected", res.Header().Get("Location"))
	}
	for _, p := range acts[1:] {
		require.Equal(t, http.StatusSeeOther, w.post(path+p).Code, p)
	}
}

func TestPages_ADeadLinkSaysWhomToAsk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	revoked, id := w.link("acme")
	_, err := w.manage.RevokeConnectLink(t.Context(), id)
	require.NoError(t, err)
	ended, token, hash := atssync.NewConnectLinkSecret(time.Now())
	_, err = w.store.CreateConnectLink(t.Context(), atssync.ConnectLink{ID: ended, Hash: hash, Account: "acme", Adapter: "fake", ExpiresAt: time.Now()}, time.Now())
	require.NoError(t, err)
	mixed := path[:len(path)-32] + revoked[len(revoked)-32:]
	for at, want := range map[string]int{
		revoked: http.StatusGone, "/connect/" + token.Reveal(): http.StatusGone, mixed: http.StatusNotFound, path + "0": http.StatusNotFound,
		"/connect/": http.StatusNotFound, "/connect/" + url.PathEscape(hostile): http.StatusNotFound,
	} {
		for _, p := range looks {
			res := w.get(at + p)
			if res.Code == http.StatusTemporaryRedirect || res.Code == http.StatusMovedPermanently {
				continue // a path with an empty part
			}
			require.Equal(t, want, res.Code, at+p)
			require.Contains(t, res.Body.String(), "help@talent.example.com")
			require.NotContains(t, res.Body.String(), "acme")
			require.NotContains(t, res.Body.String(), "<script>alert")
		}
		for _, p := range acts {
			if at != "/connect/" {
				require.Equal(t, want, w.post(at+p, "yes", "yes", "version", "1").Code, at+p)
			}
		}
	}
	_, err = w.manage.Connection(t.Context(), c.ID)
	require.NoError(t, err)
}

func TestPages_NeverReachWhatIsAnotherAccounts(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, ours := w.connected("acme")
	theirPath, theirs := w.connected("globex")
	require.Equal(t, http.StatusSeeOther, w.post(theirPath+"/jobs/globex-2", "version", "-1", "ats_job", "102", "as", "candidate").Code)
	sub := w.uncertain(theirs, "app-1", "globex-2")
	test := w.post(theirPath+"/test", "job", "globex-2", "form", w.formOn(theirPath))
	require.Equal(t, http.StatusSeeOther, test.Code)
	sent, err := url.Parse(test.Header().Get("Location"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, w.get(theirPath+"/test?"+sent.RawQuery).Code)

	for _, p := range []string{"/jobs/globex-2", "/test?" + sent.RawQuery} {
		require.Equal(t, http.StatusNotFound, w.get(path+p).Code, p)
	}
	for p, form := range map[string][]string{
		"/jobs/globex-2":     {"version", "1", "act", "unlink"},
		"/jobs/globex-1":     {"version", "-1", "ats_job", "101", "as", "candidate"},
		"/jobs":              {"job", "globex-1", "ats:globex-1", "101"},
		"/arrived/" + sub.ID: {"answer", "not-there"},
	} {
		require.Equal(t, http.StatusNotFound, w.post(path+p, form...).Code, p)
	}
	require.Equal(t, http.StatusUnprocessableEntity, w.post(path+"/test", "job", "globex-2", "form", strings.Repeat("a", 26)).Code)
	require.Empty(t, w.links(ours))
	require.Equal(t, []string{"globex-2 → 102 as candidate"}, w.links(theirs))
	got, err := w.store.Submission(t.Context(), sub.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.StateUncertain, got.State)
	for _, p := range looks {
		require.NotContains(t, w.get(path+p).Body.String(), "globex", p)
	}
}

func TestCredentials_TheOperatorsFieldsAreNotTaken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _ := w.link("acme")
	require.NotContains(t, w.get(path+"/credentials").Body.String(), "base_url")
	res := w.post(path+"/credentials", "field.api_key", goodKey, "field.user", "ada", "field.base_url", "https://thief.example.com", "base_url", "https://thief.example.com")
	require.Equal(t, http.StatusSeeOther, res.Code)
	for _, c := range w.ats.seen {
		require.Equal(t, "https://ats.example.com", c.Value("base_url"))
	}
}

func TestCredentials_SayEachFieldThatIsMissing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _ := w.link("acme")
	res := w.post(path+"/credentials", "field.api_key", " ", "field.user", "")
	require.Equal(t, http.StatusUnprocessableEntity, res.Code)
	for _, want := range []string{`href="#f-field-api_key"`, `href="#f-field-user"`, "Is required: API key; it is found here: Configure &gt; Keys", `aria-invalid="true"`} {
		require.Contains(t, res.Body.String(), want)
	}
	w.ats.down = true
	res = w.post(path+"/credentials", "field.api_key", goodKey, "field.user", "ada")
	require.Equal(t, http.StatusServiceUnavailable, res.Code)
}

func TestCredentials_AnotherUserIsAskedForBeforeItReplacesTheFirst(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	form := []string{"repair", "yes", "field.api_key", goodKey + "new", "field.user", "bob"}
	res := w.post(path+"/credentials", form...)
	require.Equal(t, http.StatusUnprocessableEntity, res.Code)
	require.Contains(t, res.Body.String(), "This key belongs to somebody else")
	other := otherOf(t, res.Body.String())
	require.Contains(t, res.Body.String(), "acme (acme@example.com), at ats.example.com")
	require.Contains(t, res.Body.String(), "bob (bob@example.com), at ats.example.com")
	for _, unmeant := range []string{"yes", "", "x"} {
		require.Equal(t, http.StatusUnprocessableEntity, w.post(path+"/credentials", append(form, "other", unmeant)...).Code)
	}
	third := w.post(path+"/credentials", "repair", "yes", "field.api_key", goodKey+"new", "field.user", "cy", "other", other)
	require.Equal(t, http.StatusUnprocessableEntity, third.Code, "the yes was to somebody else")
	require.Contains(t, third.Body.String(), "cy (cy@example.com)")
	require.NotEqual(t, other, otherOf(t, third.Body.String()))
	res = w.post(path+"/credentials", append(form, "other", other)...)
	require.Equal(t, path+"?said=repaired", res.Header().Get("Location"))
	got, err := w.manage.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, "bob", got.ActingUser.Name)
}

func TestJobs_OnlyWhatNamesTheSameIsTickedBeforehand(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	body := w.get(path + "/jobs").Body.String()
	require.Contains(t, body, `value="acme-1" id="t-acme-1" checked`)
	require.Contains(t, body, `value="acme-2" id="t-acme-2" aria-label`)
	require.Contains(t, body, "Same requisition")
	require.Contains(t, body, "No similar job was found")
	require.Contains(t, w.get(path+"/jobs?q=designer").Body.String(), "Designer")
	require.NotContains(t, w.get(path+"/jobs?q=designer").Body.String(), "Astronaut")
	require.Contains(t, w.get(path+"/jobs?q=nobody").Body.String(), "No job fits")

	res := w.post(path+"/jobs", "job", "acme-1", "ats:acme-1", "101", "as:acme-1", "prospect", "job", "acme-2", "ats:acme-2", "102", "as:acme-2", "anything")
	require.Equal(t, path+"/jobs?said=jobs-linked", res.Header().Get("Location"))
	require.Equal(t, []string{"acme-1 → 101 as prospect", "acme-2 → 102 as candidate"}, w.links(c))
	res = w.post(path+"/jobs", "job", "acme-2", "ats:acme-2", "103")
	require.Equal(t, http.StatusConflict, res.Code)
	require.Contains(t, res.Body.String(), "Somebody else changed this job meanwhile")
	require.Len(t, w.links(c), 2)
	require.Contains(t, w.get(path+"/jobs?show=linked").Body.String(), "Connected")
	require.Equal(t, http.StatusUnprocessableEntity, w.post(path+"/jobs").Code, "nothing is ticked")
}

func TestJobs_ABacklogAsks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	w.accept(c, "app-1", "acme-2")
	form := []string{"job", "acme-2", "ats:acme-2", "102"}
	for _, missing := range [][]string{nil, {"backlog", "since"}, {"backlog", "since", "since", "yesterday"}, {"backlog", "perhaps"}} {
		res := w.post(path+"/jobs", append(form, missing...)...)
		require.Equal(t, http.StatusUnprocessableEntity, res.Code, missing)
		require.Contains(t, res.Body.String(), "One application waits for these jobs")
		require.Contains(t, res.Body.String(), `value="acme-2" id="t-acme-2" checked`, "what was ticked stays ticked")
		require.NotContains(t, res.Body.String(), `id="t-acme-1" checked`)
	}
	require.Empty(t, w.links(c))
	single := w.post(path+"/jobs/acme-2", "version", "-1", "ats_job", "102", "as", "candidate")
	require.Equal(t, http.StatusConflict, single.Code)
	require.Contains(t, single.Body.String(), "Please say what shall become of the applications that wait")
	res := w.post(path+"/jobs", append(form, "backlog", "since", "since", "2026-01-31")...)
	require.Equal(t, http.StatusSeeOther, res.Code)
	require.Equal(t, []string{"acme-2 → 102 as candidate"}, w.links(c))
}

func TestJob_KeepsWhatTheFormDoesNotAskFor(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	_, err := w.manage.Link(t.Context(), manage.LinkRequest{Connection: c.ID, PlatformJob: "acme-1", ATSJob: "101", As: sdk.AsProspect, Pool: "pool-1"})
	require.NoError(t, err)
	res := w.post(path+"/jobs/acme-1", "version", "1", "ats_job", "102", "as", "prospect")
	require.Equal(t, http.StatusSeeOther, res.Code, res.Body)
	l, err := w.manage.JobLink(t.Context(), c.ID, "acme-1")
	require.NoError(t, err)
	require.Equal(t, "pool-1", l.PoolID)
	for _, version := range []string{"1", "", "0", "x", "-5", "99"} { // a form that is old, or that is no form of ours
		require.Equal(t, http.StatusConflict, w.post(path+"/jobs/acme-1", "version", version, "ats_job", "103", "as", "candidate").Code, version)
		require.Equal(t, http.StatusConflict, w.post(path+"/jobs/acme-1", "version", version, "act", "unlink").Code, version)
	}
	require.Equal(t, []string{"acme-1 → 102 as prospect"}, w.links(c))
}

func TestTest_IsNobodyThatCouldBeAPerson(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	require.Contains(t, w.get(path+"/test").Body.String(), "No job is connected yet")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/jobs/acme-2", "version", "-1", "ats_job", "102", "as", "candidate").Code)
	require.Equal(t, http.StatusUnprocessableEntity, w.post(path+"/test").Code)
	res := w.post(path+"/test", "job", "acme-2", "form", w.formOn(path))
	require.Equal(t, http.StatusSeeOther, res.Code)
	at := strings.TrimSuffix(res.Header().Get("Location"), "#result")
	require.Regexp(t, `^/connect/[0-9a-z]{58}/test\?sent=sub_[0-9a-z]{26}$`, at, "nothing personal stands in an address")
	require.Contains(t, w.get(at).Body.String(), "On its way")
	id := at[strings.LastIndex(at, "=")+1:]
	sub, err := w.manage.Submission(t.Context(), id, true)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(sub.ExternalID, TestPrefix))
	require.Equal(t, "Test", sub.Document.Person.FirstName)
	require.Contains(t, sub.Document.Person.LastName, "not a person")
	require.Contains(t, sub.Document.Answers[0].Answer, "No. Talent sent this test candidate")
	require.Equal(t, http.StatusNotFound, w.get(path+"/test?sent="+w.accept(c, "app-1", "acme-2").ID).Code, "of others nothing is told")
}

func TestArrived_TakesTheAnswerOnlyOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/jobs/acme-2", "version", "-1", "ats_job", "102", "as", "candidate").Code)
	sub := w.uncertain(c, "app-1", "acme-2")
	require.Contains(t, w.get(path).Body.String(), "A question is waiting for you")
	at := path + "/arrived/" + sub.ID
	require.Equal(t, http.StatusUnprocessableEntity, w.post(at).Code)
	require.NotEqual(t, http.StatusSeeOther, w.post(at, "answer", "not-there", "attempt", "9").Code, "another attempt was looked for")
	w.ats.readings = []sdk.Reading{{CandidateID: "7", ApplicationID: "70", ExternalID: "somebody-else"}}
	res := w.post(at, "answer", "there", "profile", "https://ats.example.com/people/7")
	require.Equal(t, http.StatusConflict, res.Code)
	require.Contains(t, res.Body.String(), "This candidate is another application")
	w.ats.readings[0].ExternalID = "app-1"
	res = w.post(at, "answer", "there", "profile", "https://ats.example.com/people/7")
	require.Equal(t, path+"/arrived?said=arrived", res.Header().Get("Location"))
	res = w.post(at, "answer", "not-there")
	require.Equal(t, path+"/arrived?said=settled-before", res.Header().Get("Location"))
	got, err := w.store.Submission(t.Context(), sub.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.StateSubmitted, got.State)
}

func TestDisconnect_NeedsAYesToWhatWasShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	for _, form := range [][]string{nil, {"yes", "no", "version", "1"}} {
		require.Equal(t, http.StatusUnprocessableEntity, w.post(path+"/disconnect", form...).Code)
	}
	require.Equal(t, http.StatusConflict, w.post(path+"/disconnect", "yes", "yes").Code)
	require.Equal(t, http.StatusConflict, w.post(path+"/disconnect", "yes", "yes", "version", "99").Code)
	got, err := w.manage.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.ConnectionActive, got.State)
	form := w.get(path + "/disconnect").Body.String()
	_, version, _ := strings.Cut(form, `name="version" value="`)
	version, _, _ = strings.Cut(version, `"`)
	res := w.post(path+"/disconnect", "yes", "yes", "version", version)
	require.Equal(t, path+"?said=disconnected", res.Header().Get("Location"))
	require.Contains(t, w.get(path+"?said=disconnected").Body.String(), "Before you connect")

	audit, err := w.manage.Audit(t.Context(), c.ID, atssync.Paging{})
	require.NoError(t, err)
	require.Equal(t, "connect page", audit.Items[0].Actor.Via)
	require.True(t, strings.HasPrefix(audit.Items[0].Actor.Name, "cln_"))
}

func TestStatus_SaysWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	l, _ := w.Lease(c.ID)
	_, err := w.store.UpdateLane(t.Context(), l, func(lane *atssync.Lane) []atssync.EventDraft {
		return lane.Fail(atssync.OpSubmit, "auth", &atssync.Trouble{Kind: sdk.KindAuth, Message: "the key is refused " + hostile, Turn: sdk.TurnEmployer, Remedy: "give it: atssync connections repair"}, time.Now())
	}, time.Now())
	require.NoError(t, err)
	body := w.get(path).Body.String()
	for _, want := range []string{"Needs you", "Sending applications", "Your turn", "The key is refused &lt;script&gt;", "Make a new key and enter it under “Replace the key”."} {
		require.Contains(t, body, want)
	}
	require.NotContains(t, body, "atssync connections")
	w.ats.down = true
	require.Equal(t, http.StatusBadGateway, w.post(path+"/check").Code)
	require.Equal(t, http.StatusBadGateway, w.post(path+"/refresh").Code)
}

func TestJobs_ManyStandOnPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _ := w.connected("acme")
	var many []atssync.PlatformJob
	for i := range 2*perPage + 1 {
		many = append(many, atssync.PlatformJob{ID: fmt.Sprintf("many-%03d", i), Account: "acme", Title: fmt.Sprintf("Welder %03d", i), Open: i%2 == 0})
	}
	require.NoError(t, w.manage.PutPlatformJobs(t.Context(), many))
	first := w.get(path + "/jobs?q=welder").Body.String()
	require.Contains(t, first, "1 to 50 of 51 jobs", "closed ones that are not linked are left out")
	require.Contains(t, first, `/jobs?page=1&amp;q=welder" rel="next"`)
	require.Contains(t, first, "Welder 000")
	last := w.get(path + "/jobs?q=welder&page=1").Body.String()
	require.Contains(t, last, "Welder 100")
	require.NotContains(t, last, "Welder 000")
	require.Contains(t, last, `rel="prev"`)
	for _, page := range []string{"2", "-1", "99999999999999999999", "x"} {
		require.Equal(t, http.StatusOK, w.get(path+"/jobs?q=welder&page="+page).Code, page)
	}
	require.Contains(t, w.get(path+"/jobs/acme-1?q=engineer").Body.String(), "Engineer")
}

func TestPages_SayWhatCannotBeReadOrDone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path+"/jobs", strings.NewReader("%"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.page.ServeHTTP(rec, r)
	require.Equal(t, http.StatusBadRequest, rec.Code)
	require.Contains(t, rec.Body.String(), "This could not be read")
	_, err := w.manage.Pause(t.Context(), c.ID, "a test", 0)
	require.NoError(t, err)
	require.Contains(t, w.get(path).Body.String(), "Talent paused it. Nothing is sent or read until it goes on.")
	res := w.post(path + "/refresh")
	require.Equal(t, http.StatusConflict, res.Code)
	require.Contains(t, res.Body.String(), "The connection is paused")
	require.NotContains(t, w.log.String(), "level=ERROR")
}
