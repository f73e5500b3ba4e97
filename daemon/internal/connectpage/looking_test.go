package connectpage

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestJobs_ReloadingAsksNobodyAndCountsWhatIsShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ats.jobs = nil
	path, c := w.connected("acme")
	first := w.listings
	for range 5 {
		require.Equal(t, http.StatusOK, w.get(path+"/jobs").Code)
		require.Equal(t, http.StatusOK, w.get(path+"/jobs/acme-1").Code)
	}
	require.LessOrEqual(t, w.listings, first+1, "an empty list is asked for once in a while")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/refresh").Code)
	require.Equal(t, first+2, w.listings, "who asks for it gets it")

	var many []atssync.PlatformJob
	for i := range 3 * perPage {
		many = append(many, atssync.PlatformJob{ID: fmt.Sprintf("many-%03d", i), Account: "acme", Title: fmt.Sprintf("Welder %03d", i), Open: true})
	}
	require.NoError(t, w.manage.PutPlatformJobs(t.Context(), many))
	w.accept(c, "app-1", "many-149")
	w.backlogs.Store(0)
	require.Contains(t, w.get(path+"/jobs").Body.String(), "With waiting applications")
	require.EqualValues(t, perPage, w.backlogs.Load(), "what is on no page is not counted")
	body := w.get(path + "/jobs?show=waiting").Body.String()
	require.Contains(t, body, "Welder 149")
	require.NotContains(t, body, "Welder 148")
}

func TestArrived_LookingAgainIsWrittenDownOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/jobs/acme-2", "version", "-1", "ats_job", "102", "as", "candidate").Code)
	sub := w.uncertain(c, "app-1", "acme-2")
	for range 3 {
		require.Contains(t, w.get(path+"/arrived").Body.String(), "Ada &lt;script&gt;")
	}
	looked := func() (n int) {
		got, err := w.manage.Audit(t.Context(), sub.ID, atssync.Paging{})
		require.NoError(t, err)
		for _, a := range got.Items {
			if a.Action == "submission.open" {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, looked())
	other, _ := w.link("acme") // somebody else's look is another one
	require.Contains(t, w.get(other+"/arrived").Body.String(), "Ada &lt;script&gt;")
	require.Equal(t, 2, looked())
}
