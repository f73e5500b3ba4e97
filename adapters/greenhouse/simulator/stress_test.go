package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEverythingAtOnce_LosesAndDoublesNobody has clients, recruiters, administrators and onlookers at work together; with -race
// it finds what is touched without a lock.
func TestEverythingAtOnce_LosesAndDoublesNobody(t *testing.T) {
	t.Parallel()
	const clients, each = 4, 60
	s, err := New(Options{RandSeed: 1, Switches: SwitchPatch{"read_lag": mustJSON("0s"), "resume_fetch": mustJSON("never")}})
	require.NoError(t, err)
	defer s.Close()
	e := s.Employers()[0]
	key, admin, job := e.Key(), e.Users()[0].Email, e.Jobs()[0].ID
	ask := func(method, path, body string) int {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.SetBasicAuth(key, "")
		r.Header.Set("On-Behalf-Of", admin)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	statuses := make(chan int, clients*each)
	var crowd sync.WaitGroup
	for c := range clients {
		crowd.Go(func() {
			for i := range each {
				kind := `"prospect":false,`
				if i%3 == 0 {
					kind = ""
				}
				statuses <- ask(http.MethodPost, partnerPath+"candidates", fmt.Sprintf(
					`{%s"job_id":%d,"first_name":"Mo","last_name":"Tran","external_id":"%d-%d"}`, kind, job, c, i))
			}
		})
	}
	for _, work := range []func(i int){
		func(i int) {
			ask(http.MethodGet, fmt.Sprintf("%scandidates?candidate_ids=%d", partnerPath, candidateIDs+i+1), "")
		},
		func(int) { ask(http.MethodGet, partnerPath+"jobs", "") },
		func(int) { s.MoveRandom(5) },
		func(i int) { _, _ = e.Convert(Target{ExternalID: fmt.Sprintf("1-%d", i)}, JobRef{}) },
		func(i int) {
			_, _ = e.Merge(Target{ExternalID: fmt.Sprintf("0-%d", i)}, Target{ExternalID: fmt.Sprintf("2-%d", i)})
		},
		func(i int) { _ = e.changeJob(JobRef{ID: job}, func(j *Job) { j.Name = fmt.Sprint("Renamed ", i) }) },
		func(int) { ask(http.MethodGet, "/control/state", "") },
		func(int) { ask(http.MethodGet, "/control/employers/"+e.Name()+"/candidates", "") },
		func(i int) { _ = s.ChangeSwitches(e.Name(), func(sw *Switches) { sw.MaxBatch = i }) },
		func(int) { _ = e.ChangeUser(admin, UserChange{UnattachedProspects: new(bool)}) },
		func(int) {
			if id, err := s.AddFault(Fault{Kind: FaultLatency, Delay: 1, Employer: s.Employers()[1].Name()}); err == nil {
				s.RemoveFault(id)
			}
		},
		func(int) {
			if tok, err := e.IssueToken(admin); err == nil {
				e.RevokeTokens(admin)
				_ = tok
			}
		},
	} {
		crowd.Go(func() {
			for i := range each {
				work(i)
			}
		})
	}
	crowd.Wait()
	close(statuses)
	for status := range statuses {
		require.Equal(t, http.StatusOK, status)
	}
	counts := e.Counts()
	require.Equal(t, clients*each, counts.Candidates)
	require.Equal(t, clients*each, counts.ExternalIDs)
	require.Empty(t, e.Doubled())
	require.Len(t, e.Received(), clients*each)
}
