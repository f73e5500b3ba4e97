package atssync

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSignedUntil_ReadsWhatAddressesAreSignedFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for url, want := range map[string]time.Time{
		"https://b.example.com/a.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260301T110000Z&X-Amz-Expires=3600&X-Amz-Signature=1": at,
		"https://b.example.com/a.pdf?x-amz-date=20260301T110000Z&x-amz-expires=3600":                                                    at,
		"https://b.example.com/a.pdf?X-Goog-Date=20260301T110000Z&X-Goog-Expires=3600&X-Goog-Signature=1":                               at,
		"https://b.example.com/a.pdf?AWSAccessKeyId=k&Expires=1772366400&Signature=s":                                                   at,
		"https://b.example.com/a.pdf?sv=2024-01-01&se=2026-03-01T12%3A00%3A00Z&sig=s":                                                   at,
		"https://b.example.com/a.pdf?se=2026-03-01T12:00Z&sig=s":                                                                        at,
		"https://b.example.com/a.pdf?se=2026-03-01&sig=s":                                                                               time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"https://b.example.com/a.pdf?Expires=1772366400":                                                                                {}, // not signed: whatever it means
		"https://b.example.com/a.pdf?Expires=soon&Signature=s":                                                                          {},
		"https://b.example.com/a.pdf?X-Amz-Date=yesterday&X-Amz-Expires=3600":                                                           {},
		"https://b.example.com/a.pdf?X-Amz-Date=20260301T110000Z&X-Amz-Expires=99999999999999":                                          {},
		"https://b.example.com/a.pdf?Expires=99999999999999999&Signature=s":                                                             {},
		"https://b.example.com/a.pdf":                                                                                                   {},
		"https://b.example.com/%zz":                                                                                                     {},
	} {
		require.True(t, want.Equal(signedUntil(url)), "%s: %s", url, signedUntil(url))
	}
}

func FuzzSignedUntil(f *testing.F) {
	f.Add("https://b.example.com/a.pdf?X-Amz-Date=20260301T110000Z&X-Amz-Expires=3600")
	f.Add("https://b.example.com/a.pdf?Expires=1772366400&Signature=s")
	f.Add("https://b.example.com/a.pdf?se=2026-03-01T12:00Z&sig=s")
	f.Fuzz(func(t *testing.T, url string) {
		if at := signedUntil(url); !at.IsZero() {
			require.Contains(t, url, "?", "an end was read from an address without a query")
		}
	})
}
