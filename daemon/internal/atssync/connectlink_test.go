package atssync

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConnectLink_TokenNamesTheLinkAndHoldsItsSecret(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	id, token, hash := NewConnectLinkSecret(now)
	got, secret, ok := ParseConnectToken(token.Reveal())
	require.True(t, ok)
	require.Equal(t, id, got)
	require.True(t, ConnectLink{Hash: hash}.Holds(secret))
	require.False(t, ConnectLink{}.Holds(secret))
	require.NotContains(t, string(hash), secret.Reveal())
	_, other, _ := NewConnectLinkSecret(now)
	_, secret, _ = ParseConnectToken(other.Reveal())
	require.False(t, ConnectLink{Hash: hash}.Holds(secret))
}

func TestConnectLink_OtherTextIsNoToken(t *testing.T) {
	t.Parallel()
	_, token, _ := NewConnectLinkSecret(time.Now())
	good := token.Reveal()
	for _, bad := range []string{"", good[1:], good + "0", strings.ToUpper(good), good[:57] + "u", "ul" + good[2:], good[:30] + "/" + good[31:]} {
		_, _, ok := ParseConnectToken(bad)
		require.False(t, ok, bad)
	}
}

func FuzzParseConnectToken(f *testing.F) {
	_, token, _ := NewConnectLinkSecret(time.Now())
	f.Add(token.Reveal())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := ParseConnectToken(text)
		if ok {
			require.True(t, ValidID(PrefixConnectLink, id))
			require.Equal(t, text, strings.TrimPrefix(id, PrefixConnectLink+"_")+secret.Reveal())
		}
	})
}

func TestConnectLink_IsUsableUntilItsEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	l := ConnectLink{ID: "cln_1", ExpiresAt: now}
	require.NoError(t, l.Usable(now.Add(-time.Second)))
	require.ErrorContains(t, l.Usable(now), "expired on 2026-03-04T05:06:07Z")
	require.Equal(t, CodeGone, CodeOf(l.Usable(now)))
	l.RevokedAt = now.Add(-time.Minute)
	require.ErrorContains(t, l.Usable(now.Add(-time.Second)), "withdrawn")
}
