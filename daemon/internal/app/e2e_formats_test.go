package app

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

var writeFormat = flag.Bool("write-format", false, "write a data folder of the present format to testdata/formats")

// formatName is the folder of the present format: the engine's and that of keys and values.
func formatName() string { return fmt.Sprintf("%d.%d", badger.FormatVersion(), kv.Format()) }

// known is what a data folder of testdata holds.
type known struct {
	Connection  string            `json:"connection"`
	Submissions map[string]string `json:"submissions"` // external id → state
	Ledger      atssync.LedgerLine
	Events      int `json:"events"`
}

func (w *world) known(connection string) known {
	w.t.Helper()
	k := known{Connection: connection, Submissions: make(map[string]string), Ledger: w.ledger()}
	page, err := w.client.Submissions(w.t.Context(), api.SubmissionQuery{Limit: 100})
	require.NoError(w.t, err)
	for _, s := range page.Items {
		k.Submissions[s.ExternalID] = string(s.State)
	}
	events, err := w.client.Events(w.t.Context(), api.EventQuery{})
	require.NoError(w.t, err)
	k.Events = len(events.Items)
	return k
}

// copyFolder copies regular files; what a life of the daemon leaves beside them is not data.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	}))
}

// keptLong keeps what a data folder holds for as long as anything may be kept: the folders of testdata grow old.
const keptLong = `
[submissions]
expire_after = "3650d"
[retention]
payload = "3650d"
events = "3650d"
`

// A data folder of every format that was ever released can be opened, knows everybody, and goes on.
func TestFormats_EveryOneIsOpenedAndGoesOn(t *testing.T) {
	t.Parallel()
	if *writeFormat {
		writeFolder(t)
	}
	folders, err := filepath.Glob(filepath.Join("testdata", "formats", "*"))
	require.NoError(t, err)
	require.True(t, slices.Contains(folders, filepath.Join("testdata", "formats", formatName())),
		"there is no folder of the present format: go test ./daemon/internal/app -run TestFormats -write-format")
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			s := newATS(t)
			w := newWorld(t, s, keptLong)
			copyFolder(t, filepath.Join(folder, "data"), filepath.Join(w.dir, "data"))
			b, err := os.ReadFile(filepath.Join(folder, "known.json"))
			require.NoError(t, err)
			var want known
			require.NoError(t, json.Unmarshal(b, &want))
			w.start()
			require.Equal(t, want, w.known(want.Connection))
			for id, state := range want.Submissions { // who is known is not sent again
				if state == string(atssync.StateSubmitted) {
					var n int
					_, err := fmt.Sscanf(id, "job-0-%d", &n)
					require.NoError(t, err)
					w.submit(want.Connection, "job-0", n, 1)
				}
			}
			require.Equal(t, want.Ledger, w.ledger())
			w.submit(want.Connection, "job-9", 500, 2) // on a job that is not linked: held
			require.EqualValues(t, want.Ledger.Accepted+2, w.ledger().Accepted)
			require.Zero(t, s.candidates(), "this ATS has never been sent anybody")
		})
	}
}

func writeFolder(t *testing.T) {
	t.Helper()
	s := newATS(t)
	w := newWorld(t, s, keptLong)
	w.start()
	c := w.connect(0, "")
	w.link(c, "job-0", s.Employers[0].Jobs[0].ID)
	w.submit(c.ID, "job-0", 0, 5)
	w.settled(20 * time.Second)
	w.submit(c.ID, "job-1", 0, 2)
	page, err := w.client.Submissions(t.Context(), api.SubmissionQuery{State: "held"})
	require.NoError(t, err)
	_, err = w.client.Act(t.Context(), page.Items[0].ID, "cancel")
	require.NoError(t, err)
	_, err = w.client.RunNow(t.Context(), "status")
	require.NoError(t, err)
	_, err = w.client.PauseConnection(t.Context(), c.ID, "so that nothing is sent from the copies", 0)
	require.NoError(t, err)
	have := w.known(c.ID)
	w.stop()
	to := filepath.Join("testdata", "formats", formatName())
	require.NoError(t, os.RemoveAll(to))
	copyFolder(t, filepath.Join(w.dir, "data"), filepath.Join(to, "data"))
	b, err := json.MarshalIndent(have, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to, "known.json"), append(b, '\n'), 0o600))
}
