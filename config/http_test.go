package config

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublicURL_IsAnAddressThatOthersMayBeTold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "https://ats-sync.example.com": "https://ats-sync.example.com", "https://example.com:8443/sync//": "https://example.com:8443/sync",
		"http://127.0.0.1:8470/": "http://127.0.0.1:8470", "http://localhost:8470": "http://localhost:8470", "http://[::1]": "http://[::1]",
	} {
		c, err := parse("a.toml", fmt.Appendf(nil, "[http]\npublic_url = %q\n", in), Checks{}, environment(nil))
		require.NoError(t, err, in)
		require.Equal(t, want, c.HTTP.PublicURL)
	}
	for _, in := range []string{
		"http://ats-sync.example.com", "ftp://example.com", "https://", "ats-sync.example.com", "https://u:p@example.com", "https://example.com/?a=b",
		"https://example.com/?", "https://example.com/#x", "https://exa mple.com",
	} {
		_, err := parse("a.toml", fmt.Appendf(nil, "[http]\npublic_url = %q\n", in), Checks{}, environment(nil))
		require.ErrorContains(t, err, "http.public_url", in)
		require.ErrorContains(t, err, "begins with https://", in)
	}
}
