package connectpage

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzForms holds that no form makes a page fail or reach what is another account's.
func FuzzForms(f *testing.F) {
	w := setup(f)
	path, _ := w.connected("acme")
	_, theirs := w.connected("globex")
	for i, body := range []string{
		"", "%", "job=acme-1&ats%3Aacme-1=101&as%3Aacme-1=prospect", "version=-1&ats_job=102&as=candidate", "version=1&act=unlink", "answer=there&profile=https%3A%2F%2Fats.example.com%2Fpeople%2F7",
		"job=globex-1&ats%3Aglobex-1=101", "field.api_key=x&field.user=%00", "backlog=since&since=9999-99-99&job=acme-2", "yes=yes&version=x", "job=acme-1;job=acme-2", "job=acme-1&version=9223372036854775808",
	} {
		f.Add(uint8(i), body)
	}
	f.Fuzz(func(t *testing.T, at uint8, body string) {
		w.t = t
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path+acts[int(at)%len(acts)], strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		w.page.ServeHTTP(rec, r)
		require.NotEqual(t, http.StatusInternalServerError, rec.Code, rec.Body)
		require.NotContains(t, rec.Body.String(), "<script>alert")
		require.Empty(t, w.links(theirs))
	})
}
