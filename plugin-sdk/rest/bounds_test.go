package rest_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

func TestDo_UndecodableAnswer(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		read       sdk.Kind
	}{
		{"empty", "", sdk.KindTransient},
		{"HTML", "<html>Back soon</html>", sdk.KindTransient},
		{"truncated", `{"id":`, sdk.KindTransient},
		{"other type", `{"id":{}}`, sdk.KindRemoteChanged},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.body) })
			decode := func(body []byte) error {
				var v struct{ ID rest.ID }
				return rest.Decode(body, &v)
			}
			_, err := b.client.Do(t.Context(), rest.Call{Method: http.MethodGet, Base: b.base, Path: "/", Decode: decode}, &b.meta)
			require.Equal(t, c.read, sdk.KindOf(err))
			_, err = b.client.Do(t.Context(), rest.Call{Method: http.MethodPost, Base: b.base, Path: "/", Write: true, Decode: decode}, &b.meta)
			require.Equal(t, sdk.KindAmbiguous, sdk.KindOf(err))
			require.NotContains(t, b.meta.Exchanges[0].Excerpt, "Back soon")
		})
	}
}

func TestDo_BoundsTheAnswerAfterDecompression(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		gz := gzip.NewWriter(w)
		defer func() { _ = gz.Close() }()
		_, _ = gz.Write([]byte(strings.Repeat("0", 8<<20)))
	})
	reply, err := b.read(t)
	require.Equal(t, sdk.KindRemoteChanged, sdk.KindOf(err))
	require.LessOrEqual(t, len(reply.Body), rest.DefaultMaxResponse)
	_, err = b.write(t)
	require.Equal(t, sdk.KindAmbiguous, sdk.KindOf(err))
}

func TestDo_BoundsTheRequest(t *testing.T) {
	t.Parallel()
	b := setup(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	_, err := b.client.Do(t.Context(), rest.Call{
		Method: http.MethodPost, Base: b.base, Path: "/", Write: true, Body: strings.Repeat("x", rest.DefaultMaxRequest),
	}, &b.meta)
	require.Equal(t, sdk.KindInvalid, sdk.KindOf(err))
	require.True(t, sdk.AsError(err).NotApplied)
}
