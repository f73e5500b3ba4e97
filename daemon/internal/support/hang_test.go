package support

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
)

// A daemon that takes a connection and says nothing costs the bundle what only the daemon knows, and no more than the time that
// was given.
func TestMake_WithADaemonThatHangs(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hang") // t.TempDir is too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	client := api.Dial(filepath.Join(dir, "s"))
	t.Cleanup(client.Close)
	file := filepath.Join(dir, "atssync.toml")
	require.NoError(t, os.WriteFile(file, []byte("[daemon]\ndata_dir = \"data\"\n[adapters]\ndir = \"none\"\n"), 0o600))
	archive, m, err := Make(t.Context(), Options{ConfigPath: file, Daemon: client, Version: "1.2.3", Timeout: 2 * time.Second})
	require.NoError(t, err)
	require.NotEmpty(t, archive)
	require.Empty(t, m.Daemon)
	require.Contains(t, m.DaemonError, "it hangs")
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	require.Subset(t, names, []string{"config.json", "store.json", "system.json"})
	require.Len(t, List(), len(m.Files)+len(m.LeftOut))
}
