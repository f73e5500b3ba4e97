package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
)

// opsText is what an address of the ops listener answers.
func (w *world) opsText(path string) string {
	w.t.Helper()
	res, err := http.Get("http://" + w.address("ops") + path)
	require.NoError(w.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return string(text)
}

// The age of the last whole backup is known over restarts; one that was cut off is none.
func TestBackup_ItsAgeIsKnownOverRestarts(t *testing.T) {
	t.Parallel()
	l := newLossy(t, newATS(t))
	require.Contains(t, l.opsText("/metrics"), "atssync_backup_last_success_timestamp_seconds 0\n")
	l.submit(l.c.ID, "job-none", 0, 400) // more than a connection holds on its way
	file := l.backup()
	made := regexp.MustCompile(`atssync_backup_last_success_timestamp_seconds [1-9].*\n`)
	size := regexp.MustCompile(`atssync_backup_last_size_bytes [1-9].*\n`)
	before := l.opsText("/metrics")
	require.Regexp(t, made, before)
	require.Regexp(t, size, before)
	require.Contains(t, before, "atssync_backups_total{result=\"ok\"} 1\n")
	page, err := l.client.Health(t.Context(), api.HealthQuery{})
	require.NoError(t, err)
	require.Positive(t, page.Backup.Bytes)
	require.FileExists(t, file)

	full := errors.New("no space left on device")
	require.ErrorIs(t, l.client.Backup(context.WithoutCancel(t.Context()), &fullDisk{full}), full)
	l.kill()
	l.start()
	after := l.opsText("/metrics")
	require.Equal(t, made.FindString(before), made.FindString(after))
	require.Equal(t, size.FindString(before), size.FindString(after))
	again, err := l.client.Health(t.Context(), api.HealthQuery{})
	require.NoError(t, err)
	require.Equal(t, page.Backup, again.Backup)
}

type fullDisk struct{ err error }

func (f *fullDisk) Write([]byte) (int, error) { return 0, f.err }
