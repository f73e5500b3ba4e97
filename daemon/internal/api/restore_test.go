package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// backups writes what a test says, and then fails with err.
type backups struct {
	text string
	err  error
}

func (b *backups) Backup(_ context.Context, w io.Writer) (string, error) {
	if b.text != "" {
		if _, err := io.WriteString(w, b.text); err != nil {
			return "", err
		}
	}
	return "backup-1", b.err
}

func TestBackup_IsStreamedAndAudited(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.backups.text = strings.Repeat("a backup ", 100_000)
	var got bytes.Buffer
	require.NoError(t, w.Backup(t.Context(), &got))
	require.Equal(t, w.backups.text, got.String())
	page, err := w.store.AuditRecords(t.Context(), "backup", atssync.Paging{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, "backup-1", page.Items[0].Detail)
}

// A backup that fails before its first byte is a problem; one that fails later is cut off, so that nobody takes it for whole.
func TestBackup_FailureIsTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.backups.err = atssync.Errorf(atssync.CodeConflict, "a backup is being made already")
	require.Equal(t, atssync.CodeConflict, atssync.CodeOf(w.Backup(t.Context(), io.Discard)))
	w.backups.text = strings.Repeat("half ", 100_000)
	err := w.Backup(t.Context(), io.Discard)
	require.Equal(t, atssync.CodeUnavailable, atssync.CodeOf(err), "%v", err)
	w.backups.err = nil
	full := errors.New("no space left on device")
	require.ErrorIs(t, w.Backup(t.Context(), &fullWriter{full}), full, "the caller's own error is no failure of the daemon")
}

type fullWriter struct{ err error }

func (f *fullWriter) Write([]byte) (int, error) { return 0, f.err }

func TestRestore_AStoreThatNeverWas(t *testing.T) {
	t.Parallel()
	w := setup(t)
	v, err := w.Restoration(t.Context())
	require.NoError(t, err)
	require.Empty(t, v.Restores)
	_, err = w.Reconcile(t.Context(), strings.NewReader("{}"))
	require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err))
	_, err = w.ReleaseRestored(t.Context(), ReleaseRestoredRequest{Connections: []string{"a"}, All: true})
	require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
	got, err := w.ReleaseRestored(t.Context(), ReleaseRestoredRequest{All: true})
	require.NoError(t, err)
	require.Empty(t, got.Released)
}
