package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Whether another account has a job of that id is told by no answer: it is the one for an id that nobody has.
func TestScope_AnotherAccountsJobIDIsAsUnknownAsNobodys(t *testing.T) {
	t.Parallel()
	const doc = `{"connection":"{connection}","external_id":"of-JOB","job":"JOB","person":{"first_name":"Ada","last_name":"Example",` +
		`"emails":[{"address":"ada@example.com"}]},"application_url":"https://talent.example.com/a/1"}`
	// What differs by the moment, or because the other id came before.
	made := regexp.MustCompile(`; platform job id-one is linked[^"]*|"(id|request_id|accepted_at|updated_at|oldest)":"[^"]*"|"revision":[0-9]+|[0-9T:.-]{20,}Z`)
	for kind, tokens := range map[string]func(*scoped) map[atssync.TokenPower]string{
		"an account":   func(w *scoped) map[atssync.TokenPower]string { return w.account },
		"a connection": func(w *scoped) map[atssync.TokenPower]string { return w.connects },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := scopedSetup(t)
			require.NoError(t, w.PutPlatformJobs(t.Context(), []PlatformJob{{ID: "id-one", Account: "globex", Title: "Baker", Open: true}}))
			const of = "/v1/connections/{connection}"
			for _, x := range [][3]string{
				{http.MethodPost, "/v1/submissions:preflight", doc},
				{http.MethodPost, "/v1/submissions", doc},
				{http.MethodPost, "/v1/submissions:batch", strings.Replace(doc, "of-JOB", "batch-of-JOB", 1)},
				{http.MethodGet, of + "/job-links/JOB/backlog", ""},
				{http.MethodPut, of + "/job-links/JOB", `{"ats_job":"102","backlog":{"mode":"all"}}`},
				{http.MethodDelete, of + "/job-links/JOB", ""},
				{http.MethodPost, "/v1/applications:import", `{"connection":"{connection}","external_id":"i-JOB","job":"JOB","candidate_id":"1"}`},
				{http.MethodPut, "/v1/platform-jobs", `{"jobs":[{"id":"JOB","account":"{account}","title":"Ours"}]}`},
				{http.MethodGet, "/v1/platform-jobs?job=JOB", ""},
				{http.MethodPut, "/v1/submissions/" + w.own.submission, `{"job":"JOB","person":{"first_name":"Eve","last_name":"Example"}}`},
			} {
				var told [2]string
				for i, job := range []string{"id-one", "id-two"} { // of the other account, and of nobody
					fill := func(text string) string { return strings.ReplaceAll(w.own.fill(text), "JOB", job) }
					rec := w.ask(tokens(w)[atssync.TokenAdmin], x[0], fill(x[1]), fill(x[2]))
					told[i] = http.StatusText(rec.Code) + " " + strings.ReplaceAll(made.ReplaceAllString(rec.Body.String(), ""), job, "JOB")
				}
				require.Equal(t, told[1], told[0], "%s %s", x[0], x[1])
			}
		})
	}
}
