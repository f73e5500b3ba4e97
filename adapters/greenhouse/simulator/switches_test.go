package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func jobsIn(t *testing.T, a answer) []listedJob {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	var jobs []listedJob
	require.NoError(t, json.Unmarshal(a.body, &jobs))
	return jobs
}

func TestSwitches_DefaultsAreTheirOwnVariants(t *testing.T) {
	t.Parallel()
	rows := make(map[int]bool)
	names := make(map[string]bool)
	for _, d := range SwitchTable() {
		var s Switches
		require.NoError(t, d.set(&s, d.defaultJSON()), d.Name)
		require.Equal(t, d.Default, d.get(&s), d.Name)
		require.NotEmpty(t, d.Question, d.Name)
		require.False(t, names[d.Name], d.Name)
		for _, v := range d.Variants {
			require.NotEmpty(t, v.About, d.Name)
		}
		names[d.Name], rows[d.Row] = true, true
	}
	for row := 1; row <= 25; row++ {
		require.True(t, rows[row], "row %d has no switch", row)
	}
}

func TestSwitches_EveryDocumentedWordIsAccepted(t *testing.T) {
	t.Parallel()
	for _, d := range SwitchTable() {
		if _, words := d.Default.(string); !words {
			continue
		}
		for _, v := range d.Variants {
			var s Switches
			require.NoError(t, d.set(&s, mustJSON(v.Value)), d.Name)
			require.Equal(t, v.Value, d.get(&s))
		}
	}
}

func TestSwitches_DefaultsAreThoseOfTheDailyRun(t *testing.T) {
	t.Parallel()
	s := DefaultSwitches()
	require.Equal(t, Switches{
		Duplicate: DuplicateSecond, DuplicateBy: ByExternalID, PostStatus: 200, InvalidStatus: 422, InvalidBody: InvalidErrors,
		BatchFailure: BatchWhole, MaxBatch: 50, MaxCandidateIDs: 50, OverLimit: Over422, UnknownKey: Tolerate, ProspectAsText: Tolerate,
		SingleCandidate: SingleArray, StatusCase: StatusMixed, StageOfProspect: StageNull, StageOfRejected: StageName, StageOfHired: StageName,
		Applications: ApplicationsOne, FurtherStatuses: FurtherAbsent, DisabledUser: Disabled401, UnseenJob: 404, ProspectsDisabled: 403,
		RateLimitReply: RateRetryAfter, RateWindow: 10 * time.Second, ErrorBody: ErrorErrors, ResumeFetch: ResumeLater,
		ResumeDelay: 3 * time.Second, ResumeMethod: ResumeGet, ResumeFailure: ResumeSilent, NotesOver: NotesUnlimited, NotesMax: 10000,
		OAuthToken: TokenNoExpiry, OAuthTokenLife: time.Hour, MergedCandidate: MergedAbsent, ProspectConverted: ConvertedNewID,
		JobsList: JobsOneArray, JobsPageSize: 100, BasicUserJobs: BasicLive, ReadLag: 2 * time.Second, HarvestKey: 401,
		ConfidentialJobs: ConfidentialSiteAdmin, LiveJobPost: LivePostAllowed,
	}, s)
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	var back Switches
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, s, back)
}

func TestSwitches_NonsenseIsRefusedWithItsPath(t *testing.T) {
	t.Parallel()
	for patch, want := range map[string]string{
		`{"duplicat":"same_ids"}`:   `$.duplicat: unknown switch, did you mean "duplicate"?`,
		`{"duplicate":"same_id"}`:   `$.duplicate: "same_id" is no variant, did you mean "same_ids"?`,
		`{"duplicate":1}`:           `$.duplicate: expected one of`,
		`{"post_status":204}`:       `$.post_status: 204 is no variant, known are [200 201]`,
		`{"post_status":"x"}`:       `$.post_status: expected one of the statuses`,
		`{"max_batch":-1}`:          `$.max_batch: expected a whole number`,
		`{"read_lag":2}`:            `$.read_lag: expected a duration as a text`,
		`{"read_lag":"soon"}`:       `$.read_lag: "soon" is not a duration`,
		`{"read_lag":"-1s"}`:        `$.read_lag: a duration cannot be negative`,
		`{"jobs_list":"one_array"}`: "",
	} {
		s := DefaultSwitches()
		var p SwitchPatch
		require.NoError(t, json.Unmarshal([]byte(patch), &p))
		err := s.Apply(p)
		require.Equal(t, DefaultSwitches(), s, "a refused patch changes nothing")
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

func TestSwitches_OneEmployersWinOverTheCommonOnes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	other := w.s.Employers()[1]
	require.NoError(t, w.s.SetSwitches(w.e.Name(), SwitchPatch{"post_status": json.RawMessage("201")}))
	w.set("unseen_job", 403)
	require.Equal(t, 201, w.e.Switches().PostStatus)
	require.Equal(t, 403, w.e.Switches().UnseenJob)
	require.Equal(t, 200, other.Switches().PostStatus)
	require.NoError(t, w.s.ChangeSwitches("", func(s *Switches) { s.PostStatus = 200; s.MaxBatch = 3 }))
	require.Equal(t, 201, w.e.Switches().PostStatus)
	require.Equal(t, 3, w.e.Switches().MaxBatch)
	require.NoError(t, w.s.ChangeSwitches(w.e.Name(), func(s *Switches) { s.PostStatus = 200 }))
	require.Equal(t, 200, w.e.Switches().PostStatus)
	require.ErrorContains(t, w.s.SetSwitches("nobody", nil), "no employer")
}

func TestSwitch01_Duplicate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variant string
		status  int
		people  int
	}{{"second_candidate", 200, 2}, {"same_ids", 200, 1}, {"refuse_409", 409, 1}, {"refuse_422", 422, 1}} {
		w := setup(t, with("duplicate", c.variant))
		first := w.post(w.person("x")).receipt()
		a := w.post(w.person("x", field("first_name", "Other")))
		require.Equal(t, c.status, a.status, c.variant)
		require.Len(t, w.e.ByExternalID("x"), c.people, c.variant)
		require.Equal(t, c.people == 2, w.e.Counts().Doubled == 1)
		if c.variant == "same_ids" {
			require.Equal(t, first, a.receipt())
			require.False(t, w.e.Received()[1].Applied)
		}
	}
}

func TestSwitch01_DuplicateBy(t *testing.T) {
	t.Parallel()
	mail := field("emails", []map[string]string{{"email": "Same@example.com", "type": "work"}})
	for variant, want := range map[string][2]int{
		"external_id": {409, 200}, "email": {200, 409}, "external_id_or_email": {409, 409},
	} {
		w := setup(t, with("duplicate", "refuse_409", "duplicate_by", variant))
		w.post(w.person("a", mail))
		sameID := w.post(w.person("a", field("emails", nil))).status
		sameMail := w.post(w.person("b", mail)).status
		require.Equal(t, want, [2]int{sameID, sameMail}, variant)
	}
}

func TestSwitch01_SameIDsOfAMergedCandidateAreThoseOfTheSurvivor(t *testing.T) {
	t.Parallel()
	w := setup(t, with("duplicate", "same_ids"))
	w.post(w.person("x"))
	survivor, err := w.e.Merge(Target{ExternalID: "x"}, Target{})
	require.NoError(t, err)
	require.Equal(t, survivor, w.post(w.person("x")).receipt().ID)
}

func TestSwitch02_PostStatus(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, 200, w.post(w.person("a")).status)
	w.set("post_status", 201)
	require.Equal(t, 201, w.post(w.person("b")).status)
}

func TestSwitch03_ValidationFailure(t *testing.T) {
	t.Parallel()
	w := setup(t)
	bad := w.person("a", without("last_name"))
	require.Equal(t, []FieldError{{Message: "Missing required field: last_name", Field: "last_name"}}, w.post(bad).errors())
	w.set("invalid_status", 400, "invalid_body", "message")
	a := w.post(bad)
	require.Equal(t, 400, a.status)
	require.JSONEq(t, `{"message":"Missing required field: last_name"}`, string(a.body))
}

func TestSwitch04_OneBadElementInAnArray(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variant string
		status  int
		made    []string
	}{{"whole", 422, nil}, {"partial", 200, []string{"a", "c"}}, {"first_then_error", 422, []string{"a"}}} {
		w := setup(t, with("batch_failure", c.variant))
		a := w.post("[" + w.person("a") + "," + w.person("b", without("first_name")) + "," + w.person("c") + "]")
		require.Equal(t, c.status, a.status, c.variant)
		var made []string
		for _, one := range w.e.Candidates() {
			made = append(made, one.ExternalID)
		}
		require.Equal(t, c.made, made, c.variant)
		require.Equal(t, len(c.made) > 0, w.e.Received()[0].Applied)
		if c.variant != "partial" {
			require.Equal(t, "[1].first_name", a.errors()[0].Field)
			continue
		}
		var parts []map[string]any
		require.NoError(t, json.Unmarshal(a.body, &parts))
		require.Contains(t, parts[0], "id")
		require.Contains(t, parts[1], "errors")
		require.Contains(t, parts[2], "id")
	}
}

func TestSwitch05_Limits(t *testing.T) {
	t.Parallel()
	for variant, status := range map[string]int{"refuse_422": 422, "refuse_400": 400, "refuse_414": 414, "truncate": 200} {
		w := setup(t, with("max_batch", 2, "max_candidate_ids", 2, "over_limit", variant))
		batch := "[" + w.person("a") + "," + w.person("b") + "," + w.person("c") + "]"
		require.Equal(t, status, w.post(batch).status, variant)
		want := 0
		if variant == "truncate" {
			want = 2
		}
		require.Equal(t, want, w.e.Counts().Candidates)
		require.Equal(t, status, w.get("candidates?candidate_ids=1,2,3").status, variant)
		require.Equal(t, 200, w.get("candidates?candidate_ids=1,2").status)
	}
	w := setup(t, with("max_batch", 0, "max_candidate_ids", 0))
	var all, ids []string
	for i := range 60 {
		all = append(all, w.person(strconv.Itoa(i)))
		ids = append(ids, strconv.Itoa(i))
	}
	require.Equal(t, 200, w.post("["+strings.Join(all, ",")+"]").status)
	require.Equal(t, 200, w.get("candidates?candidate_ids="+strings.Join(ids, ",")).status)
}

func TestSwitch06_UnknownKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	odd := w.person("a", field("website", "https://example.com"))
	require.Equal(t, 200, w.post(odd).status)
	w.set("unknown_key", "refuse")
	a := w.post(odd)
	require.Equal(t, 422, a.status)
	require.Equal(t, "website", a.errors()[0].Field)
	nested := w.post(w.person("b", field("emails", []map[string]string{{"email": "b@example.com", "type": "work", "label": "x"}})))
	require.Equal(t, "emails[0].label", nested.errors()[0].Field)
	require.Equal(t, 200, w.post(w.person("c")).status)
}

func TestSwitch07_ProspectAsText(t *testing.T) {
	t.Parallel()
	w := setup(t)
	text := w.person("a", jobless, field("prospect", "true"))
	w.post(text).receipt()
	require.True(t, w.e.ByExternalID("a")[0].Applications[0].Prospect)
	w.set("prospect_as_text", "refuse")
	require.Equal(t, "prospect", w.post(text).errors()[0].Field)
}

func TestProspectLeftOut_MeansTrue(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(w.person("a", without("prospect"))).receipt()
	require.True(t, w.e.ByExternalID("a")[0].Applications[0].Prospect)
}

func TestSwitch08_SingleCandidate(t *testing.T) {
	t.Parallel()
	w := setup(t, with("single_candidate", "object"))
	r := w.post(w.person("a")).receipt()
	var one listedCandidate
	require.NoError(t, json.Unmarshal(w.get("candidates?candidate_ids="+strconv.FormatInt(r.ID, 10)).body, &one))
	require.Equal(t, r.ID, one.ID)
	require.Equal(t, "[]", string(w.get("candidates?candidate_ids=1").body))
	require.Len(t, w.get(fmt.Sprintf("candidates?candidate_ids=%d,1", r.ID)).list(), 1)
}

func TestSwitch09_StatusCase(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.post(w.person("a")).receipt(), w.post(w.person("b")).receipt()
	words := func() []string {
		return []string{w.read(a)[0].Applications[0].Status, w.read(b)[0].Applications[0].Status}
	}
	require.ElementsMatch(t, []string{"active", "Active"}, words())
	w.set("status_case", "lower")
	require.Equal(t, []string{"active", "active"}, words())
	w.set("status_case", "title")
	require.Equal(t, []string{"Active", "Active"}, words())
}

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
