package manage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func connectToken(t *testing.T, l NewConnectLink) string {
	t.Helper()
	const before = "https://ats-sync.example.com/connect/"
	require.Contains(t, l.URL.Reveal(), before)
	return l.URL.Reveal()[len(before):]
}

func TestConnectLink_IsOpenedByItsAddressAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l, err := w.CreateConnectLink(w.ctx(), ConnectLinkRequest{Account: "acme", Adapter: "fake", ReturnURL: "https://talent.example.com/"})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(atssync.ConnectLinkFor), l.ExpiresAt, time.Minute)
	for range 3 { // looking uses nothing up
		got, err := w.OpenConnectLink(w.ctx(), connectToken(t, l))
		require.NoError(t, err)
		require.Equal(t, l.ConnectLink, got)
	}
	_, err = w.LinkedConnection(w.ctx(), l.ConnectLink)
	requireCode(t, err, atssync.CodeNotFound)
	other, err := w.CreateConnectLink(w.ctx(), ConnectLinkRequest{Account: "acme", Adapter: "fake"})
	require.NoError(t, err)
	mixed := connectToken(t, l)[:26] + connectToken(t, other)[26:]
	for _, token := range []string{"", "x", mixed} {
		_, err = w.OpenConnectLink(w.ctx(), token)
		requireCode(t, err, atssync.CodeNotFound)
		require.NotContains(t, err.Error(), l.ID)
	}
	_, err = w.RevokeConnectLink(w.ctx(), l.ID)
	require.NoError(t, err)
	_, err = w.OpenConnectLink(w.ctx(), connectToken(t, l))
	requireCode(t, err, atssync.CodeGone)
}

func TestConnectLink_IsAboutItsAccountsConnection(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	l, err := w.CreateConnectLink(w.ctx(), ConnectLinkRequest{Account: "acme", Adapter: "fake"})
	require.NoError(t, err)
	got, err := w.LinkedConnection(w.ctx(), l.ConnectLink)
	require.NoError(t, err)
	require.Equal(t, c.ID, got.ID, "the only one that there is")
	second := w.connect(ConnectRequest{Account: "acme", Adapter: "fake", Fields: fields("api_key", "key-bob", "user_email", "bob@example.com")})
	_, err = w.LinkedConnection(w.ctx(), l.ConnectLink)
	requireCode(t, err, atssync.CodeNotFound)
	require.NoError(t, w.BindConnectLink(w.ctx(), l.ID, second.ID))
	token := connectToken(t, l)
	opened, err := w.OpenConnectLink(w.ctx(), token)
	require.NoError(t, err)
	got, err = w.LinkedConnection(w.ctx(), opened)
	require.NoError(t, err)
	require.Equal(t, second.ID, got.ID)
	_, err = w.Remove(w.ctx(), second.ID, 0)
	require.NoError(t, err)
	_, err = w.LinkedConnection(w.ctx(), opened)
	requireCode(t, err, atssync.CodeNotFound) // and not another one of the account, which the link was never for

	repair, err := w.CreateConnectLink(w.ctx(), ConnectLinkRequest{Connection: c.ID})
	require.NoError(t, err)
	require.Equal(t, "acme", repair.Account)
	require.Equal(t, c.ID, repair.Connection)
}

func TestConnectLink_RefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	for want, req := range map[string]ConnectLinkRequest{
		"account":     {Adapter: "fake"},
		"adapter":     {Account: "acme"},
		"return_url":  {Account: "acme", Adapter: "fake", ReturnURL: "javascript:alert(1)"},
		"expires_at":  {Account: "acme", Adapter: "fake", ExpiresAt: time.Now().Add(-time.Hour)},
		"90 days":     {Account: "acme", Adapter: "fake", ExpiresAt: time.Now().Add(2400 * time.Hour)},
		"another one": {Account: "globex", Connection: c.ID},
	} {
		_, err := w.CreateConnectLink(w.ctx(), req)
		requireCode(t, err, atssync.CodeInvalid)
		require.ErrorContains(t, err, want)
	}
	_, err := w.CreateConnectLink(w.ctx(), ConnectLinkRequest{Account: "acme", Adapter: "none"})
	requireCode(t, err, atssync.CodeNotFound)
	for _, hooks := range []HookOptions{{}, {PublicURL: "https://ats-sync.example.com", Closed: true}} {
		w.o.Hooks = hooks
		_, err = w.CreateConnectLink(w.ctx(), ConnectLinkRequest{Account: "acme", Adapter: "fake"})
		requireCode(t, err, atssync.CodeConflict)
		require.ErrorContains(t, err, "public_url")
	}
}

func TestConnectLink_StaysWithinTheScope(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l, err := w.CreateConnectLink(w.ctx(), ConnectLinkRequest{Account: "acme", Adapter: "fake"})
	require.NoError(t, err)
	other := w.Within(atssync.Scope{Accounts: []string{"globex"}})
	_, err = other.CreateConnectLink(w.ctx(), ConnectLinkRequest{Account: "acme", Adapter: "fake"})
	requireCode(t, err, atssync.CodeNotFound)
	_, err = other.RevokeConnectLink(w.ctx(), l.ID)
	requireCode(t, err, atssync.CodeNotFound)
	page, err := other.ConnectLinks(w.ctx(), "", true, atssync.Paging{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	page, err = w.ConnectLinks(w.ctx(), "acme", false, atssync.Paging{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}
