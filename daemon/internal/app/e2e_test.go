package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestDaemon_SubmitsOnceAndBringsTheStatusBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "")
	w.start()
	c := w.connect(0, "")
	e := w.ats.Employers[0]
	w.link(c, "job-0", e.Jobs[0].ID)
	w.submit(c.ID, "job-0", 0, 20)
	total := w.settled(20 * time.Second)
	require.EqualValues(t, 20, total.States[atssync.StateSubmitted], "%+v", total.States)
	require.Equal(t, 20, w.ats.candidates())
	require.Empty(t, w.ats.doubled())

	// The same again is no second application.
	w.submit(c.ID, "job-0", 0, 20)
	total = w.settled(5 * time.Second)
	require.EqualValues(t, 20, total.Accepted)
	require.Equal(t, 20, w.ats.candidates())

	w.ats.do(http.MethodPost, "/employers/"+e.Name+"/move", map[string]string{"external_id": "job-0-00003", "stage": "Phone Screen"}, nil)
	w.ats.do(http.MethodPost, "/employers/"+e.Name+"/reject", map[string]string{"external_id": "job-0-00004"}, nil)
	w.eventually(20*time.Second, func() bool {
		_, _ = w.client.RunNow(t.Context(), "status")
		return hasEvent(w, c.ID, "job-0-00003", `"phase":"screen"`) && hasEvent(w, c.ID, "job-0-00004", `"status":"rejected"`)
	}, "the statuses did not come back")

	events := allEvents(w, c.ID)
	for i, ev := range events {
		require.EqualValues(t, i+1, ev.Sequence, "a gap in the numbers")
	}
	w.stop()
}

func allEvents(w *world, connection string) []api.Event {
	w.t.Helper()
	var out []api.Event
	after := ""
	for {
		p, err := w.client.Events(w.t.Context(), api.EventQuery{Connection: connection, After: after, Limit: 500})
		require.NoError(w.t, err)
		out = append(out, p.Items...)
		if len(p.Items) == 0 {
			return out
		}
		after = p.Next
	}
}

// hasEvent reports whether the last event of a submission holds some text.
func hasEvent(w *world, connection, externalID, text string) bool {
	found := false
	for _, ev := range allEvents(w, connection) {
		if strings.Contains(string(ev.Data), `"external_id":"`+externalID+`"`) {
			found = strings.Contains(string(ev.Data), text)
		}
	}
	return found
}
