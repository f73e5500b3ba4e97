package support

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
)

// A list that is longer than a bundle holds says so: what is missing in it is not what is well.
func TestHealthAndLedger_SayThatTheyAreCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		pages int
		more  bool
	}{{"all of it fits", maxListed / page, false}, {"more than fits", maxListed/page + 1, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := &bundle{o: Options{Daemon: pages(t, tt.pages)}, daemon: &daemonView{}, roster: newRoster(nil, &daemonView{}), mask: testMask()}
			for what, make := range map[string]func(context.Context, *bundle) ([]byte, error){"troubles": makeHealth, "connections": makeLedger} {
				out, err := make(t.Context(), b)
				require.NoError(t, err)
				var got map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(out, &got))
				var items []json.RawMessage
				require.NoError(t, json.Unmarshal(got[what], &items))
				require.Len(t, items, maxListed)
				require.Equal(t, tt.more, string(got["more"]) == "true", what)
			}
		})
	}
}

// pages is a daemon with that many pages of troubles and of connections.
func pages(t *testing.T, n int) *api.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "long") // t.TempDir is too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	one := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("after"), &at)
		empty := slices.Repeat([]struct{}{{}}, page)
		view := map[string]any{"items": empty, "connections": empty}
		if at+1 < n {
			view["next"] = fmt.Sprint(at + 1)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(view)
	}))
	one.Listener = socket
	one.Start()
	t.Cleanup(one.Close)
	client := api.Dial(filepath.Join(dir, "s"))
	t.Cleanup(client.Close)
	return client
}
