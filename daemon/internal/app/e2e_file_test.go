package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// withFile is a world whose config has one connection and one link.
func withFile(t *testing.T) *world {
	t.Helper()
	s := newATS(t)
	e := s.Employers[0]
	secret := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(secret, []byte(e.Key+"\n"), 0o600))
	return newWorld(t, s, fmt.Sprintf(`
[[connections]]
id = "acme"
account = "acme"
adapter = "greenhouse"
credentials = { api_key = { file = %q }, on_behalf_of = %q }
[[job_links]]
connection = "acme"
platform_job = "job-0"
ats_job = "%d"
`, secret, e.SiteAdmin, e.Jobs[0].ID))
}

func TestDaemon_ConnectionsOfTheFileWorkAndAreReadOnlyElsewhere(t *testing.T) {
	t.Parallel()
	w := withFile(t)
	w.start()
	w.eventually(10*time.Second, func() bool {
		c, err := w.client.Connection(t.Context(), "acme")
		return err == nil && c.ActingUser.Email == w.ats.Employers[0].SiteAdmin
	}, "the connection of the file was not made and checked")
	w.submit("acme", "job-0", 0, 3)
	require.EqualValues(t, 3, w.settled(20 * time.Second).States[atssync.StateSubmitted])
	_, err := w.client.PauseConnection(t.Context(), "acme", "", 0)
	require.Equal(t, atssync.CodeForbidden, atssync.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, w.config)

	// A connection that leaves the file is paused, not forgotten.
	text, err := os.ReadFile(w.config)
	require.NoError(t, err)
	w.stop()
	before, _, _ := strings.Cut(string(text), "[[connections]]")
	require.NoError(t, os.WriteFile(w.config, []byte(before), 0o600))
	w.start()
	w.eventually(10*time.Second, func() bool {
		c, err := w.client.Connection(t.Context(), "acme")
		return err == nil && c.State == atssync.ConnectionPaused
	}, "the connection that left the file is not paused")
	require.NotContains(t, w.log.String(), w.ats.Employers[0].Key)
}

func TestDaemon_PausedConnectionsHoldAndGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "")
	w.start()
	c := w.connect(0, "")
	w.link(c, "job-0", w.ats.Employers[0].Jobs[0].ID)
	_, err := w.client.PauseConnection(t.Context(), c.ID, "holidays", 0)
	require.NoError(t, err)
	w.submit(c.ID, "job-0", 0, 5)
	total := w.settled(5 * time.Second)
	require.EqualValues(t, 5, total.States[atssync.StateHeld])
	page, err := w.client.Submissions(t.Context(), api.SubmissionQuery{Connection: c.ID, State: "held"})
	require.NoError(t, err)
	for _, s := range page.Items {
		require.Equal(t, atssync.HeldConnectionPaused, s.HeldReason)
		require.NotEmpty(t, s.Remedy)
	}
	_, err = w.client.ResumeConnection(t.Context(), c.ID, 0)
	require.NoError(t, err)
	w.eventually(20*time.Second, func() bool { return w.ats.candidates() == 5 }, "what was held is not released")
	require.Empty(t, w.ats.doubled())
}

func TestDaemon_ASecondOneOnTheFolderIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "")
	w.start()
	c, err := LoadConfig(w.config)
	require.NoError(t, err)
	c.Daemon.Socket = filepath.Join(w.dir, "second.sock")
	_, err = New(t.Context(), c, Options{ConfigPath: w.config, Log: t.Output()})
	require.ErrorContains(t, err, "another atssync")
	require.ErrorContains(t, err, c.Store.Dir)
}

// Each of these would forget who was sent, or seal with a key that is not the data's.
func TestDaemon_DataThatIsNotWhatItWasIsRefused(t *testing.T) {
	t.Parallel()
	other := newWorld(t, newATS(t), "")
	other.start()
	other.stop()
	theirs, err := LoadConfig(other.config)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, key, store, marker string)
		says  string
	}{
		"the key is gone": {func(t *testing.T, key, _, _ string) {
			require.NoError(t, os.Remove(key))
		}, "key file"},
		"the key and the marker are gone": {func(t *testing.T, key, _, marker string) {
			require.NoError(t, errors.Join(os.Remove(key), os.Remove(marker)))
		}, "key file"},
		"another installation's key": {func(t *testing.T, key, _, marker string) {
			b, err := os.ReadFile(theirs.Store.KeyFile)
			require.NoError(t, err)
			require.NoError(t, errors.Join(os.WriteFile(key, b, 0o600), os.Remove(marker)))
		}, "not the one that sealed"},
		"the store is gone": {func(t *testing.T, _, store, _ string) {
			require.NoError(t, os.RemoveAll(store))
		}, "is empty, but data was kept there before"},
		"a foreign folder": {func(t *testing.T, key, store, marker string) {
			require.NoError(t, errors.Join(os.RemoveAll(store), os.Remove(key), os.Remove(marker)))
			require.NoError(t, os.MkdirAll(store, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(store, "somebody.txt"), []byte("else's"), 0o600))
		}, "not an atssync store"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, other.ats, "")
			w.start()
			w.stop()
			conf, err := LoadConfig(w.config)
			require.NoError(t, err)
			marker := filepath.Join(filepath.Dir(conf.Store.Dir), markerFile)
			c.spoil(t, conf.Store.KeyFile, conf.Store.Dir, marker)
			before := listing(t, w.dir)
			for range 2 { // a second try finds nothing that the first one made
				_, err = New(t.Context(), conf, Options{ConfigPath: w.config, Log: t.Output()})
				require.ErrorContains(t, err, c.says)
			}
			require.Equal(t, before, listing(t, w.dir), "a refused start left something behind")
		})
	}
}

// listing names every file below the data folder but the store's own lock.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "LOCK" {
			out = append(out, path)
		}
		return err
	}))
	return out
}
