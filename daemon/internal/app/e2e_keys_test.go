package app

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// refusedStart starts the daemon, which must end by itself, and returns what it said.
func (w *world) refusedStart() string {
	w.t.Helper()
	exe, err := os.Executable()
	require.NoError(w.t, err)
	cmd := exec.CommandContext(w.t.Context(), exe)
	cmd.Env = append(os.Environ(), asDaemon+"="+w.config)
	var said bytes.Buffer
	cmd.Stderr = &said
	require.Error(w.t, cmd.Run(), "the daemon ran")
	return said.String()
}

// onlyKey waits until one key is left and returns it.
func (w *world) onlyKey(d time.Duration) api.SealingKey {
	w.t.Helper()
	var v api.KeysView
	w.eventually(d, func() bool {
		var err error
		v, err = w.client.Keys(w.t.Context())
		return err == nil && v.Rotation == nil && (len(v.Keys) == 1 || v.Keys[1].Use == "removed")
	}, "older keys are still in use")
	return v.Keys[0]
}

func TestDaemon_ExchangesItsKeyWhileItWorksAndIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "")
	w.start()
	c := w.connect(0, "")
	w.link(c, "job-0", w.ats.Employers[0].Jobs[0].ID)
	w.submit(c.ID, "job-0", 0, 60)
	w.submit(c.ID, "unlinked", 0, 60)
	keyFile := filepath.Join(w.dir, "data", "seal.key")
	old, err := os.ReadFile(keyFile)
	require.NoError(t, err)
	before := w.onlyKey(time.Second)
	require.Positive(t, before.Records)

	v, err := w.client.RotateKeys(t.Context())
	require.NoError(t, err)
	require.Equal(t, "seals", v.Keys[0].Use)
	require.Equal(t, before.ID, v.Keys[1].ID)
	require.NotNil(t, v.Rotation)
	_, err = w.client.RotateKeys(t.Context())
	require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err))
	w.submit(c.ID, "job-0", 60, 60)
	w.kill()
	w.start()
	w.submit(c.ID, "job-0", 120, 30)
	key := w.onlyKey(time.Minute)
	require.Equal(t, v.Keys[0].ID, key.ID)
	require.GreaterOrEqual(t, key.Records, 60+60+90+1, "documents and credentials")
	w.settled(30 * time.Second)
	page, err := w.client.Submissions(t.Context(), api.SubmissionQuery{Connection: c.ID, State: string(atssync.StateHeld)})
	require.NoError(t, err)
	require.Len(t, page.Items, 60)
	for _, s := range page.Items[:5] {
		got, err := w.client.Submission(t.Context(), s.ID, true)
		require.NoError(t, err)
		require.Equal(t, "Ada", got.Document.Person.FirstName)
	}
	_, err = w.client.CheckConnection(t.Context(), c.ID)
	require.NoError(t, err, "the credentials open")
	w.stop()

	now, err := os.ReadFile(keyFile)
	require.NoError(t, err)
	require.Contains(t, string(now), `"removed"`)
	data := snapshot(t, filepath.Join(w.dir, "data", "store"))
	require.NotEmpty(t, data)
	require.NoError(t, os.WriteFile(keyFile, old, 0o600))
	said := w.refusedStart()
	require.Contains(t, said, "put the copy back that was made after the last atssync keys rotate")
	require.Contains(t, said, key.ID)
	require.Equal(t, data, snapshot(t, filepath.Join(w.dir, "data", "store")), "a refused start changes no record")
	require.NoError(t, os.WriteFile(keyFile, now, 0o600))
	w.start()
	w.ledger()
	w.stop()
}

// snapshot is the content of the engine's tables, by path: what a start may rewrite of its own is left out.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".sst") {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	}))
	return out
}
