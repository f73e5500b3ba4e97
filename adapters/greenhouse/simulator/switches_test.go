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
