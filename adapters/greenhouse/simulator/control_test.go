package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ctl calls the control API and decodes the answer into out, when there is one.
func (w *world) ctl(method, path, body string, out any) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+"/control"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	a, err := w.send(req)
	require.NoError(w.t, err)
	require.Equal(w.t, typeJSON, a.header.Get("Content-Type"))
	if out != nil {
		require.NoError(w.t, json.Unmarshal(a.body, out), string(a.body))
	}
	return a.status
}

func (w *world) do(action, args string) int {
	w.t.Helper()
	return w.ctl(http.MethodPost, "/employers/"+w.e.Name()+"/"+action, args, nil)
}

type controlProblem struct {
	Error struct{ Path, Message string }
}

func TestControl_ListsItself(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var index struct {
		Routes  []struct{ Pattern, About string }
		Actions []Action
	}
	require.Equal(t, 200, w.ctl(http.MethodGet, "", "", &index))
	require.Len(t, index.Routes, len(ControlRoutes()))
	for _, r := range index.Routes {
		require.NotEmpty(t, r.About, r.Pattern)
	}
	for _, a := range index.Actions {
		require.NotEmpty(t, a.About, a.Name)
	}
}

func TestControl_StateCountsPeopleAndDoubles(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(w.person("one"))
	w.post(w.person("two"))
	w.post(w.person("two"))
	var state struct {
		Total     map[string]int
		Employers []struct {
			Name, Key string
			Counts    Counts
			Requests  []RequestCount
		}
	}
	require.Equal(t, 200, w.ctl(http.MethodGet, "/state", "", &state))
	require.Equal(t, map[string]int{"candidates": 3, "external_ids": 2, "doubled": 1}, state.Total)
	require.Equal(t, Counts{Candidates: 3, ExternalIDs: 2, Doubled: 1, Status: map[string]int{"active": 3}}, state.Employers[0].Counts)
	require.Equal(t, []RequestCount{{Method: "POST", Endpoint: "candidates", Status: 200, Count: 3}}, state.Employers[0].Requests)
	var doubled map[string]int
	w.ctl(http.MethodGet, "/employers/"+w.e.Name()+"/doubled", "", &doubled)
	require.Equal(t, map[string]int{"two": 2}, doubled)
}

func TestControl_FindsCandidates(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i := range 5 {
		w.post(w.person("p" + strconv.Itoa(i)))
	}
	base := "/employers/" + w.e.Name() + "/candidates"
	var list []Candidate
	w.ctl(http.MethodGet, base+"?external_id=p3", "", &list)
	require.Len(t, list, 1)
	require.Equal(t, "p3", list[0].ExternalID)
	id := strconv.FormatInt(list[0].ID, 10)
	w.ctl(http.MethodGet, base+"?id="+id, "", &list)
	require.Len(t, list, 1)
	w.ctl(http.MethodGet, base+"?id=1", "", &list)
	require.Empty(t, list)
	w.ctl(http.MethodGet, base+"?limit=2&after="+strconv.FormatInt(w.e.Candidates()[1].ID, 10), "", &list)
	require.Equal(t, []string{"p2", "p3"}, []string{list[0].ExternalID, list[1].ExternalID})
	require.Equal(t, 400, w.ctl(http.MethodGet, base+"?limit=many", "", nil))
}

func TestControl_ShowsRequests(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(w.person("x"))
	w.get("jobs")
	base := "/employers/" + w.e.Name() + "/requests"
	var list []struct {
		Seq     uint64
		Body    map[string]any
		Applied bool
	}
	w.ctl(http.MethodGet, base, "", &list)
	require.Equal(t, "x", list[0].Body["external_id"])
	require.True(t, list[0].Applied)
	w.ctl(http.MethodGet, base+"?kind=writes&after="+strconv.FormatUint(list[0].Seq, 10), "", &list)
	require.Empty(t, list)
	w.ctl(http.MethodGet, base+"?kind=reads", "", &list)
	require.Len(t, list, 1)
	require.Equal(t, 400, w.ctl(http.MethodGet, base+"?kind=both", "", nil))
}

func TestControl_ActionsOnACandidate(t *testing.T) {
	t.Parallel()
	w := setup(t, with("status_case", "lower"))
	r := w.post(w.person("x")).receipt()
	seen := func() string {
		list := w.read(r)
		if len(list) == 0 {
			return "absent"
		}
		return list[0].Applications[0].Status + " " + string(list[0].Applications[0].Stage)
	}
	for _, c := range []struct{ action, args, want string }{
		{"move", `{"external_id":"x","stage":"Phone Screen"}`, `active "Phone Screen"`},
		{"advance", `{"external_id":"x"}`, `active "Technical Interview"`},
		{"reject", `{"external_id":"x","reason":"Salary"}`, `rejected "Technical Interview"`},
		{"unreject", `{"candidate_id":` + strconv.FormatInt(r.ID, 10) + `}`, `active "Technical Interview"`},
		{"hire", `{"application_id":` + strconv.FormatInt(r.ApplicationID, 10) + `}`, `hired "Technical Interview"`},
		{"unhire", `{"external_id":"x"}`, `active "Technical Interview"`},
		{"set_status", `{"external_id":"x","status":"archived"}`, `archived "Technical Interview"`},
		{"change_source", `{"external_id":"x","source":"Referral"}`, "absent"},
		{"change_source", `{"external_id":"x","source":"Talent Cove"}`, `archived "Technical Interview"`},
		{"delete", `{"external_id":"x"}`, "absent"},
	} {
		require.Equal(t, 200, w.do(c.action, c.args), c.action)
		require.Equal(t, c.want, seen(), c.action)
	}
	require.Equal(t, 10, w.e.ByExternalID("x")[0].Applications[0].Moves)
}

func TestControl_MergeAndConvertAnswerTheNewID(t *testing.T) {
	t.Parallel()
	w := setup(t)
	one := w.post(w.person("one", jobless)).receipt()
	w.post(w.person("two"))
	var converted struct {
		ApplicationID int64 `json:"application_id"`
	}
	base := "/employers/" + w.e.Name() + "/"
	require.Equal(t, 200, w.ctl(http.MethodPost, base+"convert", `{"external_id":"one","job":"Data Scientist"}`, &converted))
	require.NotEqual(t, one.ApplicationID, converted.ApplicationID)
	var merged struct {
		CandidateID int64 `json:"candidate_id"`
	}
	require.Equal(t, 200, w.ctl(http.MethodPost, base+"merge", `{"external_id":"two","into_external_id":"one"}`, &merged))
	require.Equal(t, one.ID, merged.CandidateID)
}

func TestControl_ActionsOnTheOffice(t *testing.T) {
	t.Parallel()
	w := setup(t)
	job := w.e.Jobs()[0]
	id := strconv.FormatInt(job.ID, 10)
	admin := w.email(SiteAdmin)
	require.Equal(t, 200, w.do("close_job", `{"job":`+id+`}`))
	require.True(t, w.e.Jobs()[0].Closed)
	require.Equal(t, 200, w.do("open_job", `{"job":"`+job.Name+`"}`))
	require.False(t, w.e.Jobs()[0].Closed)
	require.Equal(t, 200, w.do("change_job", `{"job":"`+id+`","name":"Renamed","live":false,"confidential":true}`))
	require.Equal(t, []any{"Renamed", false, true}, []any{w.e.Jobs()[0].Name, w.e.Jobs()[0].Live, w.e.Jobs()[0].Confidential})
	var made Job
	require.Equal(t, 200, w.ctl(http.MethodPost, "/employers/"+w.e.Name()+"/add_job", `{"name":"Night Owl","live":true}`, &made))
	require.Greater(t, made.ID, job.ID)
	require.NotEmpty(t, made.Stages)
	require.Equal(t, 200, w.do("disable_user", `{"email":"`+admin+`"}`))
	a, err := w.try(http.MethodGet, "jobs", admin, "")
	require.NoError(t, err)
	require.Equal(t, 401, a.status)
	require.Equal(t, 200, w.do("enable_user", `{"email":"`+admin+`"}`))
	require.Equal(t, 200, w.do("change_user", `{"email":"`+admin+`","new_email":"moved@example.com","level":"job_admin"}`))
	require.Equal(t, "moved@example.com", w.e.Users()[0].Email)
	require.Equal(t, JobAdmin, w.e.Users()[0].Level)
	require.Equal(t, 200, w.do("add_user", `{"first_name":"N","last_name":"E","email":"new@example.com","level":"basic"}`))
	require.Greater(t, w.e.Users()[5].ID, w.e.Users()[4].ID)
	require.Equal(t, 200, w.do("revoke_key", `{}`))
	require.True(t, w.e.Keys()[0].Revoked)
	require.Equal(t, 200, w.do("restore_key", ``))
	require.False(t, w.e.Keys()[0].Revoked)
	require.Equal(t, 200, w.do("add_key", `{"key":"second"}`))
	require.Equal(t, 200, w.do("set_prospects", `{"enabled":false}`))
	require.True(t, w.s.Seed().Employers[0].ProspectsOff)
	var tok TokenReply
	require.Equal(t, 200, w.ctl(http.MethodPost, "/employers/"+w.e.Name()+"/issue_token", `{"email":"new@example.com"}`, &tok))
	require.Equal(t, 200, w.bearer(tok.AccessToken, http.MethodGet, "current_user", "").status)
	require.Equal(t, 200, w.do("revoke_tokens", `{}`))
	require.Equal(t, 401, w.bearer(tok.AccessToken, http.MethodGet, "current_user", "").status)
}

func TestControl_SwitchesAndFaultsAtRunTime(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, 200, w.ctl(http.MethodPatch, "/switches", `{"post_status":201}`, nil))
	require.Equal(t, 201, w.s.Employers()[1].Switches().PostStatus)
	require.Equal(t, 200, w.ctl(http.MethodPatch, "/employers/"+w.e.Name()+"/switches", `{"post_status":200}`, nil))
	require.Equal(t, 200, w.e.Switches().PostStatus)
	var shown []struct {
		Name  string
		Row   int
		Value any
	}
	w.ctl(http.MethodGet, "/switches", "", &shown)
	require.Len(t, shown, len(SwitchTable()))
	var set struct{ IDs []string }
	require.Equal(t, 200, w.ctl(http.MethodPost, "/faults", `[{"kind":"down","count":1},{"kind":"latency","delay":"1ms"}]`, &set))
	require.Len(t, set.IDs, 2)
	require.Equal(t, "cut", w.outcome(http.MethodGet, "jobs", ""))
	require.Equal(t, 200, w.ctl(http.MethodDelete, "/faults/"+set.IDs[0], "", nil))
	require.Equal(t, 404, w.ctl(http.MethodDelete, "/faults/"+set.IDs[0], "", nil))
	var faults []FaultState
	w.ctl(http.MethodGet, "/faults", "", &faults)
	require.Len(t, faults, 1)
	require.Equal(t, 200, w.do("fault", `{"kind":"error_before"}`))
	require.Equal(t, w.e.Name(), w.s.Faults()[1].Employer)
	require.Equal(t, 200, w.ctl(http.MethodDelete, "/faults", "", nil))
	require.Empty(t, w.s.Faults())
}

func TestControl_ClearForgetsWhatItIsTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.post(w.person("x")).receipt()
	require.Equal(t, 200, w.ctl(http.MethodPost, "/clear", `{"candidates":true}`, nil))
	require.Zero(t, w.e.Counts().Candidates)
	require.Len(t, w.e.Received(), 1)
	require.Equal(t, 200, w.ctl(http.MethodPost, "/clear", `{"requests":true,"faults":true}`, nil))
	require.Empty(t, w.e.Received())
	require.Greater(t, w.post(w.person("x")).receipt().ID, first.ID, "an id never comes back")
}

func TestControl_RefusesWithThePath(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(w.person("x"))
	w.post(w.person("twin"))
	w.post(w.person("twin"))
	base := "/employers/" + w.e.Name() + "/"
	for _, c := range []struct {
		method, path, body string
		status             int
		at, message        string
	}{
		{"POST", base + "move", `{"external_id":"x","stag":"y"}`, 400, "$.stag", `did you mean "stage"?`},
		{"POST", base + "move", `{"external_id":"x","stage":"Phone Scren"}`, 400, "$.stage", `did you mean "Phone Screen"?`},
		{"POST", base + "move", `{"external_id":7,"stage":"Offer"}`, 400, "$.external_id", "expected a text, got the number 7"},
		{"POST", base + "move", `{"external_id":"nobody","stage":"Offer"}`, 404, "$.external_id", `no candidate with the external_id "nobody"`},
		{"POST", base + "move", `{"external_id":"twin","stage":"Offer"}`, 400, "$.external_id", "2 candidates carry"},
		{"POST", base + "move", `{"stage":"Offer"}`, 400, "$", "name the candidate"},
		{"POST", base + "move", `{`, 400, "$", "not valid JSON"},
		{"POST", base + "move", `{} {}`, 400, "$", "something follows"},
		{"POST", base + "unreject", `{"external_id":"x"}`, 400, "$", "is active, not rejected"},
		{"POST", base + "merge", `{"external_id":"x","into_external_id":"x"}`, 400, "$.into", "is the same"},
		{"POST", base + "mov", `{}`, 404, "$.do", `did you mean "move"?`},
		{"POST", base + "close_job", `{"job":"Backend Engineers"}`, 400, "$.job", `did you mean "Backend Engineer"?`},
		{"POST", base + "close_job", `{"job":true}`, 400, "$.job", "the id or the name"},
		{"POST", base + "change_user", `{"email":"x@example.com"}`, 400, "$.email", "no user"},
		{"POST", base + "change_user", `{"email":"` + w.email(Basic) + `","level":"boss"}`, 400, "$.level", "known are"},
		{"POST", base + "add_job", `{}`, 400, "$.name", "needs a name"},
		{"POST", base + "move_random", `{"count":0}`, 400, "$.count", "between"},
		{"POST", "/employers/harbor-robotic/move", `{}`, 404, "$.employer", `did you mean "harbor-robotics"?`},
		{"PATCH", "/switches", `{"post_statu":200}`, 400, "$.post_statu", `did you mean "post_status"?`},
		{"PATCH", "/switches", `[]`, 400, "$", "expected an object, got a list"},
		{"POST", "/faults", `{"kind":"down","probability_":1}`, 400, "$.probability_", `did you mean "probability"?`},
		{"POST", "/faults", `[{"kind":"down"},{"kind":"up"}]`, 400, "$[1].kind", "no kind of fault"},
		{"POST", "/faults", `{"kind":"latency","delay":5}`, 400, "$.delay", "duration as a text"},
		{"GET", "/nothing", ``, 404, "$", "GET /control lists"},
		{"POST", "/do/hire", `{"external_id":"nobody"}`, 404, "$", "no employer knows"},
		{"POST", "/do/close_job", `{"job":1}`, 400, "$.employer", "name the employer in the path"},
	} {
		var p controlProblem
		require.Equal(t, c.status, w.ctl(c.method, c.path, c.body, &p), c.path+c.body)
		require.Equal(t, c.at, p.Error.Path, c.path+c.body)
		require.Contains(t, p.Error.Message, c.message)
	}
	require.Empty(t, w.s.Faults(), "a list with one bad fault sets none")
	require.Equal(t, "Application Review", w.e.ByExternalID("x")[0].Applications[0].Stage)
}

func TestControlDo_FindsTheEmployerByTheCandidate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.e = w.s.Employers()[2]
	w.post(w.person("far")).receipt()
	require.Equal(t, 200, w.ctl(http.MethodPost, "/do/hire", `{"external_id":"far"}`, nil))
	require.Equal(t, "hired", w.e.ByExternalID("far")[0].Applications[0].Status)
	require.Equal(t, 200, w.ctl(http.MethodPost, "/do/move_random", `{"count":1}`, nil))
}

func TestRecruiterActs_OnTheDeadAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, id := range []string{"gone", "merged", "deleted"} {
		w.post(w.person(id, jobless)).receipt()
	}
	gone := w.e.ByExternalID("gone")[0].Applications[0].ID
	require.ErrorContains(t, w.e.Move(Target{ApplicationID: gone}, "x"), "in no pool")
	require.ErrorContains(t, w.e.Hire(Target{ApplicationID: gone}), "convert it first")
	_, err := w.e.Convert(Target{ApplicationID: gone}, JobRef{ID: w.e.Jobs()[0].ID})
	require.NoError(t, err)
	require.ErrorContains(t, w.e.Reject(Target{ApplicationID: gone}, ""), "is gone")
	require.NoError(t, w.e.Delete(Target{ExternalID: "deleted"}))
	require.ErrorContains(t, w.e.Reject(Target{ExternalID: "deleted"}, ""), "is deleted")
	_, err = w.e.Merge(Target{ExternalID: "merged"}, Target{ExternalID: "deleted"})
	require.ErrorContains(t, err, "cannot take")
	_, err = w.e.Merge(Target{ExternalID: "merged"}, Target{ExternalID: "nobody"})
	require.ErrorContains(t, err, "$.into.external_id")
	_, err = w.e.Merge(Target{ExternalID: "merged"}, Target{ExternalID: "gone"})
	require.NoError(t, err)
	require.ErrorContains(t, w.e.Reject(Target{ExternalID: "merged"}, ""), "no application left")
}

func TestProspect_MovesThroughItsPool(t *testing.T) {
	t.Parallel()
	w := setup(t, with("stage_of_prospect", "name"))
	pool := w.e.Pools()[1]
	r := w.post(w.person("p", jobless, field("prospect_pool_id", pool.ID), field("prospect_pool_stage_id", pool.Stages[1].ID))).receipt()
	require.JSONEq(t, `"Contacted"`, string(w.read(r)[0].Applications[0].Stage))
	require.NoError(t, w.e.Advance(Target{ExternalID: "p"}))
	require.ErrorContains(t, w.e.Advance(Target{ExternalID: "p"}), "last stage")
	require.ErrorContains(t, w.e.Move(Target{ExternalID: "p"}, "Contactd"), `did you mean "Contacted"?`)
	require.NoError(t, w.e.Move(Target{ExternalID: "p"}, "Not Contacted"))
	require.JSONEq(t, `"Not Contacted"`, string(w.read(r)[0].Applications[0].Stage))
}
