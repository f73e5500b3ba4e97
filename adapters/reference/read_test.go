package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/reference/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func (w *world) read(refs ...sdk.ApplicationRef) []sdk.Reading {
	w.t.Helper()
	r, err := w.ReadStatuses(w.t.Context(), sdk.ReadStatusesRequest{Connection: w.conn, Applications: refs})
	require.NoError(w.t, err)
	return r.Readings
}

func TestReadStatuses_FindsByEachReferenceInTheWordsOfTheATS(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.one(item("x-1", openJob)).Receipt
	pending := w.one(item("x-2", pendingJob)).Receipt.Pending
	require.True(t, w.sim.Move(simulator.Move{
		ID: r.ApplicationID, Status: "rejected", Stage: "Interview", Reason: "Position filled", ReasonType: "position",
	}))
	for _, ref := range []sdk.ApplicationRef{
		{CandidateID: r.CandidateID}, {ApplicationID: r.ApplicationID}, {ExternalID: "x-1"},
	} {
		got := w.read(ref)
		require.Len(t, got, 1)
		require.Equal(t, r.ApplicationID, got[0].ApplicationID)
		require.Equal(t, sdk.RawStatus{
			Status: "rejected", StageName: "Interview", Reason: "Position filled", ReasonType: "position",
		}, got[0].Raw)
		require.False(t, got[0].ChangedAt.IsZero())
	}
	late := w.read(sdk.ApplicationRef{Pending: pending})
	require.Equal(t, pending, late[0].Pending)
	require.Equal(t, "x-2", late[0].ExternalID)
	require.Empty(t, w.read(sdk.ApplicationRef{ApplicationID: "app-nobody"}))
}

func TestReadStatuses_APersonWithTwoApplicationsAndOneWithNone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first, second := item("x-1", openJob), item("x-2", "job1-2")
	second.Person.Emails = first.Person.Emails
	r := w.one(first).Receipt
	w.one(second)
	require.Len(t, w.read(sdk.ApplicationRef{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID}), 2)

	w.conn.Settings[fieldTwoStep] = "true"
	half := w.one(item("x-3", openJob)).Receipt
	got := w.read(sdk.ApplicationRef{CandidateID: half.CandidateID})
	require.Len(t, got, 1)
	require.Empty(t, got[0].ApplicationID)
	require.Nil(t, got[0].Prospect)
}

func TestReadStatuses_ADeletionIsTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.one(item("x-1", openJob)).Receipt
	require.True(t, w.sim.Move(simulator.Move{ID: r.ApplicationID, Delete: true}))
	require.Equal(t, sdk.GoneDeleted, w.read(sdk.ApplicationRef{CandidateID: r.CandidateID})[0].Gone)
}

func TestChanges_ACursorLeadsFromPassToPass(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.one(item("x-1", openJob)).Receipt
	first, err := w.Changes(t.Context(), sdk.ChangesRequest{Connection: w.conn})
	require.NoError(t, err)
	require.Len(t, first.Readings, 1)
	require.NotEmpty(t, first.CursorAfter)
	require.True(t, w.sim.Move(simulator.Move{ID: r.ApplicationID, Status: "hired", Stage: "Hired"}))
	second, err := w.Changes(t.Context(), sdk.ChangesRequest{Connection: w.conn, Cursor: first.CursorAfter})
	require.NoError(t, err)
	require.Equal(t, "hired", second.Readings[0].Raw.Status)
	_, err = w.Changes(t.Context(), sdk.ChangesRequest{Connection: w.conn, Cursor: "9999"})
	require.Equal(t, sdk.KindCursorExpired, sdk.KindOf(err))
}

func TestChanges_ALongPassHasPagesAndOneCursor(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.one(item("x-1", openJob)).Receipt
	for range 250 {
		require.True(t, w.sim.Move(simulator.Move{ID: r.ApplicationID, Stage: "Review"}))
	}
	page, pages := "", 0
	for {
		got, err := w.Changes(t.Context(), sdk.ChangesRequest{Connection: w.conn, Page: page})
		require.NoError(t, err)
		pages++
		require.Equal(t, got.Next == "", got.CursorAfter != "")
		if page = got.Next; page == "" {
			break
		}
	}
	require.Equal(t, 3, pages)
}

func TestHandleWebhook_OnlyWhatIsSignedTouches(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.one(item("x-1", openJob)).Receipt
	var hook struct {
		Body      string `json:"body"`
		Signature string `json:"signature"`
	}
	w.ask(http.MethodPost, "/control/webhook", simulator.Move{ExternalID: "x-1"}, &hook)
	call := func(body, signature string) sdk.WebhookReply {
		out, err := w.HandleWebhook(t.Context(), sdk.WebhookRequest{
			Connection: w.conn, Body: []byte(body), Header: http.Header{"X-Reference-Signature": {signature}},
		})
		require.NoError(t, err)
		return out
	}
	good := call(hook.Body, hook.Signature)
	require.Equal(t, http.StatusOK, good.Status)
	require.NotEmpty(t, good.EventID)
	require.Equal(t, "x-1", good.Touched[0].ExternalID)
	require.Equal(t, r, *good.Touched[0].Receipt)

	secret := simulator.WebhookSecret(1)
	for body, signature := range map[string]string{
		hook.Body + " ": hook.Signature, "{}": "", "": "zz", hook.Body: simulator.Sign("", []byte(hook.Body)),
	} {
		require.Equal(t, http.StatusUnauthorized, call(body, signature).Status)
	}
	require.Equal(t, http.StatusBadRequest, call("{}", simulator.Sign(secret, []byte("{}"))).Status)
	delete(w.conn.Credentials, fieldSecret)
	require.Equal(t, http.StatusUnauthorized, call(hook.Body, simulator.Sign("", []byte(hook.Body))).Status)
}
