package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// door knocks at /adaptertest.
func (w *world) door(method, path, body string) (int, map[string]any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, strings.NewReader(body))
	require.NoError(w.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	data, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	var v map[string]any
	if len(data) > 0 {
		require.NoError(w.t, json.Unmarshal(data, &v), string(data))
	}
	return res.StatusCode, v
}

func TestConformance_OffersAConnectionThatWorks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	status, v := w.door(http.MethodGet, "/adaptertest", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, map[string]any{
		"settings": map[string]any{"base_url": w.base, "on_behalf_of": w.email(SiteAdmin)}, "credentials": map[string]any{"api_key": w.e.Key()},
	}, v)
}

func TestConformance_CountsTwoOfOnePersonAsTwo(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for want := range 3 {
		status, v := w.door(http.MethodGet, "/adaptertest/people?external_id=pl-1", "")
		require.Equal(t, http.StatusOK, status)
		require.EqualValues(t, want, v["people"])
		require.EqualValues(t, want, v["applications"])
		w.post(w.person("pl-1")).receipt()
	}
}

func TestConformance_FaultsStrikeOnceAndAfterTheWrite(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"cut_after_write", "fail_after_write"} {
		w := setup(t)
		status, _ := w.door(http.MethodPost, "/adaptertest/fault", `{"fault":"`+fault+`","delay_ms":0}`)
		require.Equal(t, http.StatusNoContent, status)
		require.Equal(t, http.StatusOK, w.get("jobs").status, "a read is not broken")
		a, err := w.try(http.MethodPost, "candidates", w.email(SiteAdmin), w.person("pl-1"))
		require.True(t, err != nil || a.status == http.StatusServiceUnavailable)
		require.Len(t, w.e.ByExternalID("pl-1"), 1)
		w.post(w.person("pl-2")).receipt()
	}
}

func TestConformance_ASuiteEndsItsOwnFaultsOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	kept, err := w.s.AddFault(Fault{Kind: FaultDown, Count: 1, Skip: 9})
	require.NoError(t, err)
	for range 2 {
		status, _ := w.door(http.MethodPost, "/adaptertest/fault", `{"fault":"delay","delay_ms":1}`)
		require.Equal(t, http.StatusNoContent, status)
	}
	require.Len(t, w.s.Faults(), 3)
	status, _ := w.door(http.MethodDelete, "/adaptertest/fault", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Len(t, w.s.Faults(), 1)
	require.Equal(t, kept, w.s.Faults()[0].ID)
}

func TestConformance_DelayAndNonsense(t *testing.T) {
	t.Parallel()
	w := setup(t)
	status, _ := w.door(http.MethodPost, "/adaptertest/fault", `{"fault":"delay","delay_ms":1}`)
	require.Equal(t, http.StatusNoContent, status)
	w.get("jobs")
	require.Equal(t, 1, w.s.Faults()[0].Fired)
	for _, body := range []string{`{"fault":"flood","delay_ms":1}`, `{`, ``, `{"fault":"delay","delay_ms":0}`, `{"unknown":1}`} {
		status, _ := w.door(http.MethodPost, "/adaptertest/fault", body)
		require.Equal(t, http.StatusBadRequest, status, body)
	}
	status, _ = w.door(http.MethodGet, "/adaptertest/nothing", "")
	require.Equal(t, http.StatusNotFound, status)
}
