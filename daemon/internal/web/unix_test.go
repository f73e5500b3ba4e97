package web

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnix_RefusesWhileADaemonAnswersAndLeavesItAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s.sock")
	_, c := serve(t, Options{Socket: path, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	_, err := New(Options{Socket: path, Handler: NewMux(), Logger: slog.New(slog.DiscardHandler)})
	require.ErrorIs(t, err, ErrSocketInUse)
	require.ErrorContains(t, err, path)
	res, _ := get(t, c, "/")
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func TestUnix_ReplacesWhatADeadProcessLeft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	require.FileExists(t, path)
	serve(t, Options{Socket: path, Handler: NewMux()})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o660), info.Mode().Perm())
}

func TestUnix_NeverRemovesWhatIsNoSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "precious")
	require.NoError(t, os.WriteFile(path, []byte("data"), 0o600))
	_, err := New(Options{Socket: path, Handler: NewMux(), Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "no socket")
	require.FileExists(t, path)
}

func TestUnix_RefusesLongPathsAndUnknownGroups(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	long := filepath.Join(dir, strings.Repeat("x", 101-len(dir)-1))
	for name, o := range map[string]Options{
		"101 bytes": {Socket: long},
		"not known": {Socket: filepath.Join(dir, "s"), SocketGroup: "no-such-group-here"},
	} {
		o.Handler, o.Logger = NewMux(), slog.New(slog.DiscardHandler)
		_, err := New(o)
		require.ErrorContains(t, err, name)
	}
	serve(t, Options{Socket: long[:100], Handler: NewMux(), SocketGroup: strconv.Itoa(os.Getgid())})
}

func TestUnix_StopLeavesASuccessorsSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s.sock")
	first, _ := serve(t, Options{Socket: path, Handler: NewMux()})
	require.NoError(t, os.Remove(path))
	serve(t, Options{Socket: path, Handler: NewMux()})
	require.NoError(t, first.Stop(t.Context()))
	require.FileExists(t, path)
}

func TestPeer_IsTheCallersUID(t *testing.T) {
	t.Parallel()
	_, c := serve(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := PeerOf(r.Context())
		if !ok {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, strconv.Itoa(int(p.UID))+" "+strconv.Itoa(int(p.PID)))
		_ = p.Name()
	})})
	_, body := get(t, c, "/")
	require.Equal(t, strconv.Itoa(os.Getuid())+" "+strconv.Itoa(os.Getpid()), body)
	_, ok := PeerOf(t.Context())
	require.False(t, ok)
}

func TestNew_RefusesBothAddressesAndNone(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Socket: "/tmp/x", Listen: ":0"}} {
		o.Handler, o.Logger = NewMux(), slog.New(slog.DiscardHandler)
		_, err := New(o)
		require.ErrorContains(t, err, "exactly one")
	}
	_, err := New(Options{Listen: "127.0.0.1:0"})
	require.Error(t, err)
}

func TestGroupID_KnowsNumbersAndNames(t *testing.T) {
	t.Parallel()
	gid, err := groupID("4711")
	require.NoError(t, err)
	require.Equal(t, 4711, gid)
	gid, err = groupID("root")
	require.NoError(t, err)
	require.Zero(t, gid)
	_, err = groupID("-1")
	require.Error(t, err)
	require.False(t, errors.Is(err, fs.ErrNotExist))
}
