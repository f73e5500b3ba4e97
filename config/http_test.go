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

func TestFrameAncestors_AreSitesAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"https://app.example.com", "https://*.example.com", "https://app.example.com:8443", "http://127.0.0.1:8470", "http://localhost"} {
		c, err := parse("a.toml", fmt.Appendf(nil, "[http]\nframe_ancestors = [%q]\n", in), Checks{}, environment(nil))
		require.NoError(t, err, in)
		require.Equal(t, []string{in}, c.HTTP.FrameAncestors)
	}
	for _, in := range []string{
		"", "*", "https://*", "app.example.com", "http://app.example.com", "https://app.example.com/", "https://app.example.com/a", "https://a.example.com; script-src *",
		"https://a.example.com https://b.example.com", "'self'", "https://u@example.com", "http://localhost/x", "http://localhost; x",
	} {
		_, err := parse("a.toml", fmt.Appendf(nil, "[http]\nframe_ancestors = [%q]\n", in), Checks{}, environment(nil))
		require.ErrorContains(t, err, "http.frame_ancestors", in)
	}
}
