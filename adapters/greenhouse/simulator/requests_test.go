package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestLog_KeepsAllWritesAndTheLastReads(t *testing.T) {
	t.Parallel()
	l := newRequestLog(&Options{ReadLog: 3})
	for i := range 10 {
		l.add(Request{Seq: uint64(i), Method: http.MethodGet, Path: partnerPath + "jobs", Status: 200})
		l.add(Request{Seq: uint64(100 + i), Method: http.MethodPost, Path: partnerPath + "candidates", Status: 200})
		l.add(Request{Method: http.MethodGet, Path: "/v1/partner/unknown" + strconv.Itoa(i), Status: 404})
	}
	require.Len(t, l.written(), 10)
	require.Len(t, l.read(), 3)
	require.Equal(t, uint64(9), l.read()[1].Seq, "oldest first")
	require.Equal(t, []RequestCount{
		{Method: "GET", Endpoint: "jobs", Status: 200, Count: 10},
		{Method: "GET", Endpoint: "other", Status: 404, Count: 10},
		{Method: "POST", Endpoint: "candidates", Status: 200, Count: 10},
	}, l.counted())
}

func TestReceived_TellsWhoSentWhatAndWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	w := setup(t)
	doc := w.person("x")
	r := w.post(doc).receipt()
	w.post("not json")
	w.get("jobs?x=1")
	sent := w.e.Received()
	require.Len(t, sent, 2)
	require.JSONEq(t, doc, string(sent[0].Body))
	require.Equal(t, w.email(SiteAdmin), sent[0].User)
	require.Equal(t, w.e.Name(), sent[0].Employer)
	require.Equal(t, "/v1/partner/candidates", sent[0].Path)
	require.Equal(t, []int64{r.ID}, sent[0].Created)
	require.True(t, sent[0].Applied)
	require.Equal(t, 400, sent[1].Status)
	require.False(t, sent[1].Applied)
	require.Greater(t, sent[1].Seq, sent[0].Seq)
	require.Equal(t, "x=1", w.e.Reads()[0].Query)
	raw, err := json.Marshal(sent)
	require.NoError(t, err)
	require.NotContains(t, string(raw), w.e.Key(), "the key is not kept")
	require.Contains(t, string(raw), `"body":"not json"`)
}

func TestRequestOfUnknownKey_IsKeptApart(t *testing.T) {
	t.Parallel()
	w := setup(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+partnerPath+"candidates", http.NoBody)
	require.NoError(t, err)
	_, err = w.send(req)
	require.NoError(t, err)
	require.Equal(t, 401, w.s.Strangers()[0].Status)
	require.Empty(t, w.e.Received())
}

func TestForgetBodies_KeepsCountsAndNoBodies(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.ForgetBodies, o.ReadLog = true, 1 })
	w.post(w.person("x", field("notes", "long")))
	w.post(w.person("y"))
	require.Len(t, w.e.Received(), 1)
	require.Empty(t, w.e.Received()[0].Body)
	require.Empty(t, w.e.ByExternalID("x")[0].Sent)
	require.Empty(t, w.e.ByExternalID("x")[0].Notes)
	require.Equal(t, "Åsa", w.e.ByExternalID("x")[0].FirstName)
	require.Equal(t, 2, w.e.Counts().Candidates)
	require.Equal(t, 2, w.e.RequestCounts()[0].Count)
}

func TestReadLog_CanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.ReadLog = -1 })
	w.get("jobs")
	require.Empty(t, w.e.Reads())
	require.Equal(t, 1, w.e.RequestCounts()[0].Count)
}
