package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestDaemon_ErasesAPersonAndWaitsForAnOutcomeAcrossAKill(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	w := newWorld(t, s, "")
	w.start()
	c := w.connect(0, "")
	e := s.Employers[0]
	w.link(c, "job-0", e.Jobs[0].ID)
	w.submit(c.ID, "job-0", 0, 3)
	w.settled(20 * time.Second)
	s.do(http.MethodPost, "/faults", []fault{{"kind": "cut_after", "method": "POST", "endpoint": "candidates", "count": 1}}, nil)
	w.submit(c.ID, "job-0", 3, 1)
	w.eventually(20*time.Second, func() bool {
		v, err := w.client.Ledger(t.Context(), "", false, "", 500)
		return err == nil && v.Total.States[atssync.StateUncertain] == 1
	}, "nothing is uncertain")

	done, err := w.client.Erase(t.Context(), api.EraseRequest{Email: "Ada.1@example.com"})
	require.NoError(t, err)
	require.Equal(t, "done", done.State)
	require.Len(t, done.Erased, 1)
	require.Equal(t, atssync.CopyHeld, done.Erased[0].Copy)
	require.Equal(t, e.Name, done.Erased[0].ConnectionName)
	require.Contains(t, done.Erased[0].ProfileURL, "/people/", "the employer's copy is named")

	pending, err := w.client.Erase(t.Context(), api.EraseRequest{ExternalID: "job-0-00003", Connection: c.ID})
	require.NoError(t, err)
	require.Equal(t, "pending", pending.State)
	require.Equal(t, atssync.StateUncertain, pending.Waiting[0].State)
	w.kill()
	w.start()
	var found []struct {
		ID int64 `json:"id"`
	}
	s.do(http.MethodGet, "/employers/"+e.Name+"/candidates?external_id="+url.QueryEscape("job-0-00003"), nil, &found)
	require.Len(t, found, 1)
	w.eventually(20*time.Second, func() bool {
		_, err := w.client.Resolve(t.Context(), pending.Waiting[0].Submission, api.ResolveBody{Action: api.Submitted, ProfileURL: fmt.Sprintf("https://app.greenhouse.io/people/%d", found[0].ID)})
		return err == nil
	}, "the uncertain one is not settled")
	w.eventually(20*time.Second, func() bool {
		pending, err = w.client.Erasure(t.Context(), pending.ID)
		return err == nil && pending.State == "done"
	}, "the erasure does not go on by itself")
	require.Equal(t, atssync.CopyHeld, pending.Erased[0].Copy)

	apps, err := w.client.Applications(t.Context(), api.ApplicationQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Len(t, apps.Items, 2, "what is erased is followed no more")
	events := allEvents(w, c.ID)
	text, err := json.Marshal(events)
	require.NoError(t, err)
	require.NotContains(t, string(text), "job-0-00003")
	require.NotContains(t, string(text), "job-0-00001")
	for i, ev := range events {
		require.EqualValues(t, i+1, ev.Sequence)
	}
	err = w.client.SubmitBatch(t.Context(), bytes.NewReader(document(c.ID, "job-0", 1)), func(r api.SubmitResult) error {
		require.Equal(t, atssync.CodeGone, r.Error.Code)
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 4, w.ledger().States[atssync.StateSubmitted], "the ledger stays")
	require.Empty(t, s.doubled())
	w.stop()
}
