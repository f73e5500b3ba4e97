package connectpage

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func (w *world) connections(account string) []manage.Connection {
	w.t.Helper()
	got, err := w.manage.Connections(w.t.Context(), atssync.ConnectionQuery{Account: account})
	require.NoError(w.t, err)
	return got.Items
}

func fieldsOf(key, user string) map[string]sdk.Secret {
	return map[string]sdk.Secret{"api_key": sdk.Secret(key), "user": sdk.Secret(user)}
}

func TestCredentials_TwoClicksConnectOnceAndLeadOn(t *testing.T) {
	t.Parallel()
	for _, others := range []bool{false, true} {
		t.Run(fmt.Sprintf("others %t", others), func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			path, _ := w.link("acme")
			before := 0
			if others { // of the same account and adapter, so that the link's own is known by the link alone
				for _, user := range []string{"cy", "di"} {
					_, err := w.manage.Connect(t.Context(), manage.ConnectRequest{Account: "acme", Adapter: "fake", Name: user, Fields: fieldsOf(goodKey+user, user)})
					require.NoError(t, err)
					before++
				}
			}
			form := []string{"field.api_key", goodKey, "field.user", "ada"}
			var wg sync.WaitGroup
			var led [4]string
			for i := range led {
				wg.Go(func() { led[i] = w.post(path+"/credentials", form...).Header().Get("Location") })
			}
			wg.Wait()
			for _, to := range led {
				require.Equal(t, path+"/jobs?said=connected", to)
			}
			require.Len(t, w.connections("acme"), before+1)
			require.Equal(t, path+"/jobs?said=connected", w.post(path+"/credentials", form...).Header().Get("Location"), "a click that comes late")

			// Somebody else who has the same page open, and another user, connects nothing beside it and replaces nothing.
			res := w.post(path+"/credentials", "field.api_key", goodKey+"bob", "field.user", "bob")
			require.Equal(t, http.StatusConflict, res.Code)
			require.Contains(t, res.Body.String(), "Somebody else connected meanwhile")
			require.Len(t, w.connections("acme"), before+1)
		})
	}
}

func TestCredentials_TheFirstClickGoesOnWhenTheBrowserLeavesIt(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, id := w.link("acme")
	ctx, leave := context.WithCancel(t.Context())
	w.ats.checking = leave
	w.postUntil(ctx, path+"/credentials", "field.api_key", goodKey, "field.user", "ada")
	got := w.connections("acme")
	require.Len(t, got, 1)
	l, err := w.store.ConnectLink(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, got[0].ID, l.Connection)
}

func TestCredentials_ALinkOfOneConnectionBringsBackThatOneAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, c := w.connected("acme")
	l, err := w.manage.CreateConnectLink(t.Context(), manage.ConnectLinkRequest{Connection: c.ID})
	require.NoError(t, err)
	path := strings.TrimPrefix(l.URL.Reveal(), "https://ats-sync.example.com")
	_, err = w.manage.Remove(t.Context(), c.ID, 0)
	require.NoError(t, err)
	res := w.post(path+"/credentials", "field.api_key", goodKey+"bob", "field.user", "bob")
	require.Equal(t, http.StatusConflict, res.Code)
	require.Contains(t, res.Body.String(), "This is another user or account than before")
	require.Contains(t, res.Body.String(), "ask Talent for a new link")
	require.Empty(t, w.connections("acme"))
	res = w.post(path+"/credentials", "field.api_key", goodKey+"new", "field.user", "acme")
	require.Equal(t, path+"/jobs?said=connected", res.Header().Get("Location"), res.Body)
	require.Equal(t, c.ID, w.connections("acme")[0].ID)

	// A link of the account as a whole made it, and may make another one.
	_, err = w.manage.Remove(t.Context(), c.ID, 0)
	require.NoError(t, err)
	path, _ = w.link("acme")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/credentials", "field.api_key", goodKey+"cy", "field.user", "cy").Code)
	require.NotEqual(t, c.ID, w.connections("acme")[0].ID)
}

// otherOf returns what the form asks to be ticked for another account.
func otherOf(t *testing.T, body string) string {
	t.Helper()
	_, other, found := strings.Cut(body, `name="other" value="`)
	require.True(t, found, body)
	other, _, _ = strings.Cut(other, `"`)
	return other
}

func TestCredentials_TheJobsOfAnotherAccountAreConnectedAnew(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/jobs/acme-2", "version", "-1", "ats_job", "102", "as", "candidate").Code)
	require.Equal(t, atssync.StateQueued, w.accept(c, "app-1", "acme-2").State)
	form := []string{"repair", "yes", "field.api_key", goodKey + "new", "field.user", "bob"}
	asked := w.post(path+"/credentials", form...)
	require.Contains(t, asked.Body.String(), "The connected job has to be connected anew")
	require.Len(t, w.links(c), 1, "a question ends nothing")
	w.ats.jobs = []sdk.Job{{ID: "102", Name: "Night guard", State: sdk.JobOpen}, {ID: "201", Name: "Designer", State: sdk.JobOpen}}
	res := w.post(path+"/credentials", append(form, "other", otherOf(t, asked.Body.String()))...)
	require.Equal(t, path+"/jobs?said=other-account", res.Header().Get("Location"), res.Body)
	require.Empty(t, w.links(c), "102 is another job here")
	body := w.get(path + "/jobs?said=other-account").Body.String()
	require.Contains(t, body, "the jobs are to be connected anew")
	require.Contains(t, body, `name="ats:acme-2" value="201"`)
	require.Equal(t, atssync.StateHeld, w.accept(c, "app-2", "acme-2").State)
	audit, err := w.manage.Audit(t.Context(), c.ID, atssync.Paging{})
	require.NoError(t, err)
	require.Equal(t, "connection.other_account", audit.Items[0].Action)
	require.Equal(t, "1 job links removed", audit.Items[0].Detail)
}
