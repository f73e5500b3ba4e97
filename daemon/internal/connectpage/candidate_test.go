package connectpage

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// formOn returns what makes the form of a test candidate a form of its own.
func (w *world) formOn(path string) string {
	w.t.Helper()
	_, form, found := strings.Cut(w.get(path+"/test").Body.String(), `name="form" value="`)
	require.True(w.t, found, "there is no form")
	form, _, _ = strings.Cut(form, `"`)
	return form
}

func TestTest_AFormThatIsSentTwiceIsOneCandidate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	for job, ats := range map[string]string{"acme-1": "101", "acme-2": "102"} {
		require.Equal(t, http.StatusSeeOther, w.post(path+"/jobs/"+job, "version", "-1", "ats_job", ats, "as", "candidate").Code)
	}
	form := w.formOn(path)
	require.NotEqual(t, form, w.formOn(path), "each form is its own")
	at := make(map[string]bool)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			res := w.post(path+"/test", "job", "acme-2", "form", form)
			mu.Lock()
			defer mu.Unlock()
			at[fmt.Sprint(res.Code, res.Header().Get("Location"))] = true
		})
	}
	wg.Wait()
	require.Len(t, at, 1, "all lead to the same candidate")

	// Another form for the same job is told how it is with the first; one for another job is not.
	for range 2 {
		res := w.post(path+"/test", "job", "acme-2", "form", w.formOn(path))
		require.Contains(t, res.Header().Get("Location"), "said=test-under-way")
		require.Contains(t, w.get(strings.TrimSuffix(res.Header().Get("Location"), "#result")).Body.String(), "On its way")
	}
	require.NotContains(t, w.post(path+"/test", "job", "acme-1", "form", form).Header().Get("Location"), "said")
	all, err := w.store.Submissions(t.Context(), atssync.SubmissionQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Len(t, all.Items, 2)

	// What is settled is in nobody's way, and its form is its own still.
	for _, s := range all.Items {
		_, err := w.store.Act(t.Context(), s.ID, atssync.ActCancel, time.Now())
		require.NoError(t, err)
	}
	require.NotContains(t, w.post(path+"/test", "job", "acme-2", "form", w.formOn(path)).Header().Get("Location"), "said")
	require.Contains(t, w.post(path+"/test", "job", "acme-2", "form", form).Header().Get("Location"), "sent="+all.Items[0].ID)
	all, err = w.store.Submissions(t.Context(), atssync.SubmissionQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Len(t, all.Items, 3)
	for _, bad := range []string{"", "x", strings.ToUpper(form), form + "a"} {
		require.Equal(t, http.StatusUnprocessableEntity, w.post(path+"/test", "job", "acme-1", "form", bad).Code, bad)
	}
}
