package atssync

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestToken_HoldsItsOwnSecretAndNoOther(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	id, printed, hash := NewTokenSecret(now)
	_, another, _ := NewTokenSecret(now)
	parsed, secret, ok := ParseToken(printed.Reveal())
	require.True(t, ok)
	require.Equal(t, id, parsed)
	require.True(t, Token{Hash: hash}.Holds(secret))
	require.False(t, Token{}.Holds(secret), "a token that there is not holds nothing")
	require.False(t, Token{}.Holds(""))
	require.False(t, Token{Hash: hash}.Holds(""))
	_, other, ok := ParseToken(another.Reveal())
	require.True(t, ok)
	require.False(t, Token{Hash: hash}.Holds(other))
	require.NotContains(t, printed.String(), secret.Reveal(), "a secret prints as stars")

	require.NoError(t, Token{ExpiresAt: now.Add(time.Nanosecond)}.Usable(now))
	require.Equal(t, CodeUnauthenticated, CodeOf(Token{ExpiresAt: now}.Usable(now)))
	require.Equal(t, CodeUnauthenticated, CodeOf(Token{RevokedAt: now.Add(time.Hour)}.Usable(now)), "whatever a clock says")
}

func FuzzParseToken(f *testing.F) {
	_, printed, _ := NewTokenSecret(time.Unix(1_700_000_000, 0))
	for _, s := range []string{printed.Reveal(), "", "ats_", printed.Reveal() + "0", strings.ToUpper(printed.Reveal()), strings.Replace(printed.Reveal(), "_", "__", 1), "ats_" + strings.Repeat("_", 79)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := ParseToken(text)
		if !ok {
			require.Empty(t, id)
			require.Equal(t, sdk.Secret(""), secret)
			return
		}
		require.True(t, ValidID(PrefixToken, id))
		require.Equal(t, text, tokenMark+strings.TrimPrefix(id, PrefixToken+"_")+"_"+secret.Reveal(), "one token is written one way")
	})
}
