package simulator

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSwitch10_StageThatMeansNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	pool := field("prospect_pool_id", w.e.Pools()[0].ID)
	people := map[string]receipt{
		"stage_of_prospect": w.post(w.person("p", jobless, pool)).receipt(),
		"stage_of_rejected": w.post(w.person("r")).receipt(),
		"stage_of_hired":    w.post(w.person("h")).receipt(),
	}
	require.NoError(t, w.e.Reject(Target{ExternalID: "r"}, "x"))
	require.NoError(t, w.e.Hire(Target{ExternalID: "h"}))
	for name, r := range people {
		stage := "Application Review"
		if name == "stage_of_prospect" {
			require.JSONEq(t, "null", string(w.read(r)[0].Applications[0].Stage), "the default")
			stage = "Not Contacted"
		}
		for variant, want := range map[string]string{"name": `"` + stage + `"`, "null": "null", "empty": `""`, "absent": ""} {
			w.set(name, variant)
			require.Equal(t, want, string(w.read(r)[0].Applications[0].Stage), name+" "+variant)
		}
	}
}

func TestSwitch11_Applications(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.post(w.person("a")).receipt()
	ids := func() []int64 {
		var ids []int64
		for _, a := range w.read(r)[0].Applications {
			ids = append(ids, a.ID)
		}
		return ids
	}
	require.Equal(t, []int64{r.ApplicationID}, ids())
	w.set("applications", "none")
	require.Empty(t, ids())
	w.set("applications", "many")
	many := ids()
	require.Len(t, many, 3)
	require.Equal(t, r.ApplicationID, many[2], "ours is not the first")
	require.Equal(t, many, ids())
	w.set("applications", "many_shuffled")
	first := ids()
	require.ElementsMatch(t, many, first)
	require.NotEqual(t, first, ids())
}

func TestSwitch12_FurtherStatuses(t *testing.T) {
	t.Parallel()
	w := setup(t, with("further_statuses", "present", "status_case", "lower"))
	seen := make(map[string]bool)
	for i := range 3 {
		seen[w.read(w.post(w.person(strconv.Itoa(i))).receipt())[0].Applications[0].Status] = true
	}
	require.Equal(t, map[string]bool{"converted": true, "completed": true, "on_hold": true}, seen)
	require.NoError(t, w.e.SetStatus(Target{ExternalID: "0"}, "archived"))
	w.set("further_statuses", "absent")
	require.Equal(t, "archived", w.read(receipt{ID: w.e.ByExternalID("0")[0].ID})[0].Applications[0].Status)
}

func TestSwitch13_DisabledUser(t *testing.T) {
	t.Parallel()
	for variant, want := range map[string][3]int{
		"unauthorized_401": {401, 401, 401}, "forbidden_403": {403, 403, 403}, "empty_200": {200, 401, 401},
	} {
		w := setup(t, with("disabled_user", variant))
		r := w.post(w.person("a")).receipt()
		admin := w.email(SiteAdmin)
		require.NoError(t, w.e.DisableUser(admin))
		read, err := w.try(http.MethodGet, "candidates?candidate_ids="+strconv.FormatInt(r.ID, 10), admin, "")
		require.NoError(t, err)
		write, err := w.try(http.MethodPost, "candidates", admin, w.person("b"))
		require.NoError(t, err)
		me, err := w.try(http.MethodGet, "current_user", admin, "")
		require.NoError(t, err)
		require.Equal(t, want, [3]int{read.status, write.status, me.status}, variant)
		if variant == "empty_200" {
			require.Equal(t, "[]", string(read.body))
		}
		require.Empty(t, w.e.ByExternalID("b"))
		require.NoError(t, w.e.EnableUser(admin))
		require.Equal(t, 200, w.get("current_user").status)
	}
}

func TestSwitch14_UnseenJob(t *testing.T) {
	t.Parallel()
	w := setup(t)
	closed := w.e.Jobs()[7]
	for _, status := range []int{404, 403, 422} {
		w.set("unseen_job", status)
		require.Equal(t, status, w.post(w.person("a", field("job_id", closed.ID))).status)
		require.Equal(t, status, w.post(w.person("a", field("job_id", 1))).status)
		require.Equal(t, status, w.postAs(JobAdmin, "candidates", w.person("a", field("job_id", w.e.Jobs()[6].ID))).status)
	}
	require.Equal(t, "job_id", w.post(w.person("a", field("job_id", 1))).errors()[0].Field)
}

func TestSwitchLiveJobPost_AssignmentMayBeNeeded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	live := w.person("a", field("job_id", w.e.Jobs()[4].ID))
	require.Equal(t, 200, w.postAs(JobAdmin, "candidates", live).status)
	w.set("live_job_post", "refused")
	require.Equal(t, 404, w.postAs(JobAdmin, "candidates", live).status)
	require.Equal(t, 200, w.postAs(JobAdmin, "candidates", w.person("b")).status)
}

func TestSwitch15_ProspectsNotEnabled(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.e.EnableProspects(false)
	require.Equal(t, 403, w.post(w.person("a", jobless)).status)
	w.set("prospects_disabled", 422)
	require.Equal(t, "prospect", w.post(w.person("a", jobless)).errors()[0].Field)
	require.Equal(t, 200, w.post(w.person("b")).status)
	w.e.EnableProspects(true)
	require.Equal(t, 200, w.post(w.person("a", jobless)).status)
}

func TestSwitch16_RateLimit(t *testing.T) {
	t.Parallel()
	for variant, want := range map[string]struct {
		status      int
		header      bool
		contentType string
	}{
		"retry_after": {429, true, typeJSON}, "no_header": {429, false, typeJSON}, "plain_text": {429, false, typeText},
		"never": {200, false, typeJSON},
	} {
		w := setup(t, with("rate_limit", 2, "rate_window", "1h", "rate_limit_reply", variant))
		require.Equal(t, 200, w.get("jobs").status)
		require.Equal(t, 200, w.get("jobs").status)
		a := w.get("jobs")
		require.Equal(t, want.status, a.status, variant)
		require.Equal(t, want.contentType, a.header.Get("Content-Type"))
		require.Equal(t, want.header, a.header.Get("Retry-After") != "")
		w.e = w.s.Employers()[1]
		require.Equal(t, 200, w.get("jobs").status, "each organisation has a limit of its own")
	}
}

func TestRateLimit_WindowEnds(t *testing.T) {
	t.Parallel()
	var l rateLimiter
	now := time.Now()
	ok, _ := l.take(1, time.Minute, now)
	require.True(t, ok)
	ok, wait := l.take(1, time.Minute, now.Add(15*time.Second))
	require.False(t, ok)
	require.Equal(t, 45*time.Second, wait)
	ok, _ = l.take(1, time.Minute, now.Add(time.Minute))
	require.True(t, ok)
}

func TestSwitch17_ErrorBody(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for variant, check := range map[string]func(answer){
		"errors": func(a answer) { require.NotEmpty(t, a.errors()[0].Message) },
		"message": func(a answer) {
			require.Equal(t, []string{"message"}, keysOf(t, a.body))
		},
		"html": func(a answer) {
			require.Equal(t, typeHTML, a.header.Get("Content-Type"))
			require.Contains(t, string(a.body), "<html>")
		},
		"empty": func(a answer) { require.Empty(t, a.body) },
	} {
		w.set("error_body", variant)
		a := w.get("nothing")
		require.Equal(t, 404, a.status)
		check(a)
		invalid := w.post("{}")
		require.Equal(t, 422, invalid.status)
		if variant == "html" || variant == "empty" {
			check(invalid)
		} else {
			require.NotEmpty(t, invalid.errors())
		}
	}
}

func TestSwitch19_NotesTooLong(t *testing.T) {
	t.Parallel()
	w := setup(t, with("notes_max", 5))
	long := field("notes", "äöü漢字 and more")
	w.post(w.person("whole", long)).receipt()
	require.Equal(t, "äöü漢字 and more", w.e.ByExternalID("whole")[0].Notes)
	w.set("notes_over", "truncate")
	w.post(w.person("cut", long)).receipt()
	require.Equal(t, "äöü漢字", w.e.ByExternalID("cut")[0].Notes)
	w.set("notes_over", "refuse_422")
	require.Equal(t, "notes", w.post(w.person("no", long)).errors()[0].Field)
}

func TestSwitch21_MergedCandidate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	old := w.post(w.person("old")).receipt()
	kept := w.post(w.person("kept")).receipt()
	id, err := w.e.Merge(Target{ExternalID: "old"}, Target{ExternalID: "kept"})
	require.NoError(t, err)
	require.Equal(t, kept.ID, id)
	require.Empty(t, w.read(old))
	w.set("merged_candidate", "new_record")
	list := w.read(old)
	require.Equal(t, kept.ID, list[0].ID)
	require.Len(t, list[0].Applications, 2)
	require.Equal(t, kept.ID, w.e.ByExternalID("old")[0].MergedInto)
}

func TestSwitch22_ProspectConverted(t *testing.T) {
	t.Parallel()
	for variant, want := range map[string]struct {
		ids      int
		same     bool
		statuses []string
	}{
		"new_id_old_gone":      {1, false, []string{"active"}},
		"new_id_old_converted": {2, false, []string{"converted", "active"}},
		"same_id":              {1, true, []string{"active"}},
	} {
		w := setup(t, with("prospect_converted", variant, "status_case", "lower"))
		r := w.post(w.person("p", jobless)).receipt()
		_, err := w.e.Convert(Target{ExternalID: "p"}, JobRef{})
		require.ErrorContains(t, err, "name one", variant)
		id, err := w.e.Convert(Target{ExternalID: "p"}, JobRef{Name: "Data Scientist"})
		require.NoError(t, err)
		require.Equal(t, want.same, id == r.ApplicationID, variant)
		apps := w.read(r)[0].Applications
		require.Len(t, apps, want.ids)
		var statuses []string
		for _, a := range apps {
			statuses = append(statuses, a.Status)
		}
		require.Equal(t, want.statuses, statuses)
		last := apps[len(apps)-1]
		require.Equal(t, id, last.ID)
		require.Equal(t, "Data Scientist", *last.Job)
		require.JSONEq(t, `"Application Review"`, string(last.Stage))
		_, err = w.e.Convert(Target{ExternalID: "p"}, JobRef{})
		require.ErrorContains(t, err, "no prospect")
		require.NoError(t, w.e.Advance(Target{ExternalID: "p"}), "the new application goes on")
	}
}

func TestSwitch23_JobsInPages(t *testing.T) {
	t.Parallel()
	w := setup(t, with("jobs_list", "link_paging", "jobs_page_size", 3))
	a := w.get("jobs")
	require.Len(t, jobsIn(t, a), 3)
	require.Contains(t, a.header.Get("Link"), w.base+"/v1/partner/jobs?page=2>; rel=\"next\"")
	seen := len(jobsIn(t, w.get("jobs?page=2")))
	last := w.get("jobs?page=3")
	require.Equal(t, 7, 3+seen+len(jobsIn(t, last)))
	require.NotContains(t, last.header.Get("Link"), "next")
	require.Empty(t, jobsIn(t, w.get("jobs?page=9")))
	w.set("jobs_list", "one_array")
	whole := w.get("jobs")
	require.Len(t, jobsIn(t, whole), 7)
	require.Empty(t, whole.header.Get("Link"))
}

func TestSwitch24_JobsOfABasicUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Len(t, jobsIn(t, w.getAs(Basic, "jobs")), 6)
	w.set("basic_user_jobs", "all_open")
	require.Len(t, jobsIn(t, w.getAs(Basic, "jobs")), 7)
	w.set("basic_user_jobs", "none")
	require.Equal(t, "[]", string(w.getAs(Basic, "jobs").body))
}

func TestSwitch25_ReadLag(t *testing.T) {
	t.Parallel()
	w := setup(t, with("read_lag", "1h"))
	r := w.post(w.person("a")).receipt()
	require.Empty(t, w.read(r))
	w.set("read_lag", "0s")
	require.Len(t, w.read(r), 1)
	w.set("read_lag", "30ms")
	late := w.post(w.person("b")).receipt()
	require.Eventually(t, func() bool { return len(w.read(late)) == 1 }, waitFor, tick)
}

func TestSwitch37_HarvestKey(t *testing.T) {
	t.Parallel()
	w := setup(t, with("harvest_key", 403))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+partnerPath+"jobs", http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth(w.e.Keys()[1].Key, "")
	req.Header.Set("On-Behalf-Of", w.email(SiteAdmin))
	a, err := w.send(req)
	require.NoError(t, err)
	require.Equal(t, 403, a.status)
}
