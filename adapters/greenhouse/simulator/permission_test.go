package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const disabled = Level("disabled")

// matrixRow is one line of the documented table: a call, and what each level gets.
type matrixRow struct {
	name string
	// do makes the call for a user and gives the status, and whether something was in the answer.
	do   func(w *world, email string) (int, bool)
	want map[Level]string
}

func matrixCall(method, path, body string) func(*world, string) (int, bool) {
	return func(w *world, email string) (int, bool) {
		a, err := w.try(method, path, email, body)
		require.NoError(w.t, err)
		return a.status, string(a.body) != "[]"
	}
}

// documentedMatrix is who may do what on behalf of whom.
func documentedMatrix() []matrixRow {
	// The seed's Job Admin and Interviewer are assigned to the first two jobs; job 6 is not live and unassigned, 7 is closed.
	post := func(job int, change ...func(map[string]any)) func(*world, string) (int, bool) {
		return func(w *world, email string) (int, bool) {
			change := append([]func(map[string]any){field("job_id", w.e.Jobs()[job].ID)}, change...)
			return matrixCall(http.MethodPost, "candidates", w.person("p", change...))(w, email)
		}
	}
	read := func(job int, extra bool, change ...func(map[string]any)) func(*world, string) (int, bool) {
		return func(w *world, email string) (int, bool) {
			change := append([]func(map[string]any){field("job_id", w.e.Jobs()[job].ID)}, change...)
			r := w.post(w.person("p", change...)).receipt()
			require.NoError(w.t, w.e.ChangeUser(email, UserChange{UnattachedProspects: &extra}))
			return matrixCall(http.MethodGet, "candidates?candidate_ids="+strconv.FormatInt(r.ID, 10), "")(w, email)
		}
	}
	everyone := map[Level]string{SiteAdmin: "yes", JobAdmin: "yes", Interviewer: "yes", Basic: "yes", disabled: "401"}
	onlySite := map[Level]string{SiteAdmin: "yes", JobAdmin: "404", Interviewer: "404", Basic: "yes", disabled: "401"}
	return []matrixRow{
		{"GET current_user", matrixCall(http.MethodGet, "current_user", ""), everyone},
		{"GET jobs", matrixCall(http.MethodGet, "jobs", ""), everyone},
		{"GET prospect_pools", matrixCall(http.MethodGet, "prospect_pools", ""), everyone},
		{"POST candidate on an assigned job", post(0), everyone},
		{"POST candidate on an unassigned hidden job", post(6), onlySite},
		{
			"POST candidate on a closed job", post(7),
			map[Level]string{SiteAdmin: "404", JobAdmin: "404", Interviewer: "404", Basic: "404", disabled: "401"},
		},
		{"POST prospect on no job", post(0, jobless), everyone},
		{
			"POST prospect on a job", post(0, field("prospect", true)),
			map[Level]string{SiteAdmin: "yes", JobAdmin: "yes", Interviewer: "yes", Basic: "403", disabled: "401"},
		},
		{
			"GET candidate on an assigned job", read(0, false),
			map[Level]string{SiteAdmin: "yes", JobAdmin: "yes", Interviewer: "nothing", Basic: "nothing", disabled: "401"},
		},
		{
			"GET candidate on another job", read(4, true),
			map[Level]string{SiteAdmin: "yes", JobAdmin: "nothing", Interviewer: "nothing", Basic: "nothing", disabled: "401"},
		},
		{
			"GET prospect on no job with the extra permission", read(0, true, jobless),
			map[Level]string{SiteAdmin: "yes", JobAdmin: "yes", Interviewer: "yes", Basic: "nothing", disabled: "401"},
		},
		{
			"GET prospect on no job without it", read(0, false, jobless),
			map[Level]string{JobAdmin: "nothing", Interviewer: "nothing", Basic: "nothing"},
		},
		{
			"POST tracking_link", func(w *world, email string) (int, bool) {
				return matrixCall(http.MethodPost, "tracking_link", fmt.Sprintf(`{"job_id":%d}`, w.e.Jobs()[0].ID))(w, email)
			},
			map[Level]string{SiteAdmin: "yes", JobAdmin: "yes", Interviewer: "yes", Basic: "403", disabled: "401"},
		},
	}
}

func TestPermissionMatrix(t *testing.T) {
	t.Parallel()
	for _, r := range documentedMatrix() {
		for level, want := range r.want {
			t.Run(r.name+"/"+string(level), func(t *testing.T) {
				t.Parallel()
				w := setup(t)
				email := w.e.Users()[4].Email
				if level != disabled {
					email = w.email(level)
				}
				status, some := r.do(w, email)
				got := strconv.Itoa(status)
				switch {
				case status == http.StatusOK && some:
					got = "yes"
				case status == http.StatusOK:
					got = "nothing"
				}
				require.Equal(t, want, got)
			})
		}
	}
}

func TestSiteAdmin_WithoutExtraPermissionDoesNotSeeJoblessProspects(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.post(w.person("p", jobless)).receipt()
	require.Len(t, w.read(r), 1)
	no := false
	require.NoError(t, w.e.ChangeUser(w.email(SiteAdmin), UserChange{UnattachedProspects: &no}))
	require.Empty(t, w.read(r))
}

func TestJobList_DependsOnLevelAndAssignment(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.e = w.s.Employer("maple-finch")
	for _, c := range []struct {
		level  Level
		change func()
		want   int
	}{
		{SiteAdmin, func() {}, 7},
		{SiteAdmin, func() { w.set("confidential_jobs", "assigned_only") }, 6},
		{JobAdmin, func() {}, 6},
		{Interviewer, func() {}, 6},
		{Basic, func() {}, 6},
		{JobAdmin, func() {
			require.NoError(t, w.e.ChangeUser(w.email(JobAdmin), UserChange{AssignJob: &JobRef{Name: "Chief Financial Officer"}}))
		}, 7},
		{Interviewer, func() {
			for _, j := range w.e.Jobs()[1:6] {
				require.NoError(t, w.e.changeJob(JobRef{ID: j.ID}, func(j *Job) { j.Live = false }))
			}
		}, 2},
		{Basic, func() {}, 1},
	} {
		c.change()
		require.Len(t, jobsIn(t, w.getAs(c.level, "jobs")), c.want, c.level)
	}
}

func TestBasicUser_SendsAndNeverReads(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.postAs(Basic, "candidates", w.person("trap")).receipt()
	require.Empty(t, w.getAs(Basic, "candidates?candidate_ids="+strconv.FormatInt(r.ID, 10)).list())
	require.Len(t, w.read(r), 1, "it did arrive")
}

func TestMixedVisibility_ShowsOnlyTheApplicationsOfOwnJobs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mine := w.post(w.person("mine")).receipt()
	w.post(w.person("other", field("job_id", w.e.Jobs()[4].ID)))
	_, err := w.e.Merge(Target{ExternalID: "other"}, Target{CandidateID: mine.ID})
	require.NoError(t, err)
	require.Len(t, w.read(mine)[0].Applications, 2)
	seen := w.getAs(JobAdmin, "candidates?candidate_ids="+strconv.FormatInt(mine.ID, 10)).list()
	require.Len(t, seen[0].Applications, 1)
	require.Equal(t, mine.ApplicationID, seen[0].Applications[0].ID)
}
