package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestCodes_SurviveTheWireBothWays(t *testing.T) {
	t.Parallel()
	for _, code := range []atssync.Code{
		atssync.CodeInvalid, atssync.CodeNotFound, atssync.CodeExists, atssync.CodeConflict, atssync.CodeGone, atssync.CodeChanged,
		atssync.CodeAccountMismatch, atssync.CodeForbidden, atssync.CodeCheckFailed, atssync.CodeAdapter, atssync.CodeATS,
		atssync.CodeNoSpace, atssync.CodeUnavailable, atssync.CodeInternal,
	} {
		status := statusOf(code)
		known := slices.ContainsFunc(codes[:], func(r struct {
			code   atssync.Code
			status int
		},
		) bool {
			return r.code == code && r.status == status
		})
		require.True(t, known, "%s is not in the table", code)
		was := &atssync.Error{
			Code: code, Message: "what happened", Remedy: "what to do", Fields: []atssync.FieldError{{Path: "a.b", Message: "no"}},
			Checks: []atssync.CheckResult{{ID: "x", Cause: "c", WhoseTurn: "employer"}},
		}
		require.Equal(t, was, newProblem(t.Context(), status, was).err())
	}
	for _, row := range codes {
		require.NotEmpty(t, codeOf(row.status))
	}
	require.Equal(t, atssync.CodeUnavailable, codeOf(http.StatusGatewayTimeout), "what stands between may answer anything")
	require.Equal(t, atssync.CodeInvalid, codeOf(http.StatusTeapot))
}

func TestClient_TellsAMissingDaemonFromARefusal(t *testing.T) {
	t.Parallel()
	c := Dial(filepath.Join(t.TempDir(), "none"))
	defer c.Close()
	_, err := c.Version(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	e := requireCode(t, err, atssync.CodeUnavailable)
	require.Contains(t, e.Remedy, "--socket")

	w := setup(t)
	_, err = w.Connection(t.Context(), "con_none")
	require.NotErrorIs(t, err, ErrUnreachable)
	requireCode(t, err, atssync.CodeNotFound)
	v, err := w.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1.2.3", v)
}

func TestClient_AServerThatIsNoDaemonIsUnreachable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(filepath.Dir(setup(t).socket), "x")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("SSH-2.0-nonsense\r\n"))
			_ = conn.Close()
		}
	}()
	c := Dial(path)
	defer c.Close()
	_, err = c.Version(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
}

func TestClient_AnEndedContextIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Version(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrUnreachable)
}

func TestAll_WalksEveryPageOnceAndStopsAtAnError(t *testing.T) {
	t.Parallel()
	pages := map[string]Page[int]{"": {Items: []int{1, 2}, Next: "b"}, "b": {Next: "c"}, "c": {Items: []int{3}}}
	var got []int
	for n, err := range All("", func(after string) (Page[int], error) { return pages[after], nil }) {
		require.NoError(t, err)
		got = append(got, n)
	}
	require.Equal(t, []int{1, 2, 3}, got)

	broken := errors.New("broken")
	var seen error
	for _, err := range All("", func(after string) (Page[int], error) {
		if after == "b" {
			return Page[int]{}, broken
		}
		return pages[after], nil
	}) {
		seen = err
	}
	require.ErrorIs(t, seen, broken)
}
