package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

func (l *lossy) erase(external string) {
	l.t.Helper()
	e, err := l.client.Erase(l.t.Context(), api.EraseRequest{ExternalID: external, Connection: l.c.ID})
	require.NoError(l.t, err)
	require.Equal(l.t, "done", e.State)
}

// A backup of before an erasure does not bring the person back: the journal tells of the erasure, by keys alone.
func TestRestore_WhoWasErasedSinceTheBackupIsErasedAgain(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	l := newLossy(t, s)
	l.submit(l.c.ID, "job-a", 0, 10)
	l.settled(30 * time.Second)
	l.submit(l.c.ID, "job-none", 0, 2) // held
	path := l.backup()
	l.submit(l.c.ID, "job-a", 10, 5)
	l.settled(30 * time.Second)
	erased := []string{"job-a-00003", "job-none-00001", "job-a-00012"} // submitted, held, and accepted after the backup
	for _, external := range erased {
		l.erase(external)
	}
	l.lose()
	text, err := os.ReadFile(filepath.Join(l.safe, "attempts.log"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, strings.Count(string(text), `"op":"erase"`), 3, "one may be told twice: who asked, and upkeep")
	for _, external := range erased {
		require.NotContains(t, string(text), external)
	}

	report, err := l.restore(path, nil)
	require.NoError(t, err)
	require.True(t, report.Journal.Covers, report.Journal.Why)
	require.Equal(t, 2, report.Journal.ErasedAgain)
	require.Equal(t, 1, report.Journal.ErasedUnknown)
	require.Equal(t, 4, report.Journal.Remembered, "nothing is kept of the one that was erased")
	require.Zero(t, report.Journal.ErasuresPending)
	require.NotContains(t, strings.Join(report.Advice, "\n"), "erase again")
	l.start()
	for _, x := range l.submissions() {
		require.NotContains(t, erased, x.ExternalID)
	}
	list, err := l.client.Erasures(t.Context(), false, "", 10)
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	copies := map[atssync.Copy]int{}
	for _, e := range list.Items {
		require.Equal(t, "done", e.State)
		copies[e.Erased[0].Copy]++
	}
	require.Equal(t, map[atssync.Copy]int{atssync.CopyHeld: 1, atssync.CopyNone: 1}, copies)
	for n := range 15 {
		require.NoError(t, l.client.SubmitBatch(t.Context(), bytes.NewReader(document(l.c.ID, "job-a", n)), func(r api.SubmitResult) error {
			if r.ExternalID == erased[0] || r.ExternalID == erased[2] {
				require.Equal(t, atssync.CodeGone, r.Error.Code)
				return nil
			}
			require.Nil(t, r.Error)
			return nil
		}))
	}
	l.settled(30 * time.Second)
	require.Equal(t, 15, s.candidates())
	require.Empty(t, s.doubled())
}

// Without the journal nobody here knows who was erased, and the operator is told since when to do it again.
func TestRestore_WithoutTheJournalErasuresAreAskedFor(t *testing.T) {
	t.Parallel()
	l := newLossy(t, newATS(t))
	l.submit(l.c.ID, "job-a", 0, 3)
	l.settled(30 * time.Second)
	path := l.backup()
	l.erase("job-a-00001")
	l.lose()
	report, err := l.restore(path, func(o *RestoreOptions) { o.NoJournal = true })
	require.NoError(t, err)
	require.Zero(t, report.Journal.ErasedAgain)
	advice := strings.Join(report.Advice, "\n")
	require.Contains(t, advice, "erase again everybody who was erased since "+report.Backup.MadeAt.Format(time.RFC3339))
	require.Contains(t, advice, "nothing is left here that tells of them")
	l.start()
	l.erase("job-a-00001")
}
