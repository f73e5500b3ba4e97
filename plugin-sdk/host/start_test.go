package host_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/plugin-sdk/host"
)

func TestLaunch_EachWayNotToStartHasItsSentinelAndSentence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode   string
		change func(*host.Options)
		want   error
		text   string
	}{
		"missing":            {change: path("/nowhere/adapter"), want: host.ErrMissing, text: "nothing at /nowhere/adapter"},
		"relative":           {change: path("adapter"), want: host.ErrMissing, text: "not an absolute path"},
		"a folder":           {change: path("/usr"), want: host.ErrExecute, text: "not a file"},
		"wrong checksum":     {change: pin(strings.Repeat("ab", 32)), want: host.ErrChecksum, text: "is pinned"},
		"malformed checksum": {change: pin("beef"), want: host.ErrChecksum, text: "64 hexadecimal digits"},
		"long folder": {
			change: func(o *host.Options) { o.RuntimeDir = "/tmp/" + strings.Repeat("x", 60) },
			want:   host.ErrSocketPath, text: "choose a shorter folder",
		},
		"folder is a file": {
			change: func(o *host.Options) { o.RuntimeDir = "/proc/version" },
			want:   host.ErrSocketPath, text: "/proc/version",
		},
		"other protocol":  {mode: "protocol", want: host.ErrProtocol, text: "it speaks 99 and this host speaks [1]"},
		"net/rpc":         {mode: "netrpc", want: host.ErrProtocol, text: "gRPC"},
		"far away":        {mode: "far", want: host.ErrHandshake, text: "not on this machine"},
		"deaf":            {mode: "deaf", want: host.ErrHandshake},
		"ends at once":    {mode: "exit", want: host.ErrExited, text: "exit status 3 (it said: no licence for today)"},
		"floods":          {mode: "flood", want: host.ErrHandshake, text: `it printed "noise"`},
		"is no adapter":   {change: path("/bin/true"), want: host.ErrExited, text: "exit status 0"},
		"only prints":     {change: printer, want: host.ErrHandshake, text: `it printed "hello"`},
		"is never ready":  {mode: "sleep", change: hurry, want: host.ErrStartTimeout, text: "500ms"},
		"promises a lot":  {mode: "lying", want: host.ErrExited, text: "announced and the adapter does not implement it"},
		"hides its power": {mode: "silent", want: host.ErrExited, text: "does not announce it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*host.Options)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			p, err := host.Launch(t.Context(), options(t, c.mode, changes...))
			require.Nil(t, p)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.text)
			require.NotContains(t, err.Error(), "\n")
			var started *host.StartError
			require.ErrorAs(t, err, &started)
		})
	}
}

func path(p string) func(*host.Options) { return func(o *host.Options) { o.Path = p } }

func pin(sum string) func(*host.Options) { return func(o *host.Options) { o.SHA256 = sum } }

func hurry(o *host.Options) { o.StartTimeout = 500 * time.Millisecond }

func printer(o *host.Options) { o.Path, o.Args = "/bin/echo", []string{"hello"} }

func TestLaunch_FilesThatOthersCouldReplaceAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := copyAdapter(t, dir)
	require.NoError(t, os.Chmod(file, 0o757))
	_, err := host.Launch(t.Context(), options(t, "", path(file)))
	require.ErrorIs(t, err, host.ErrUnsafe)
	require.ErrorContains(t, err, file+" can be written by everybody (mode 0757); run chmod o-w "+file)

	require.NoError(t, os.Chmod(file, 0o644))
	_, err = host.Launch(t.Context(), options(t, "", path(file)))
	require.ErrorIs(t, err, host.ErrExecute)
	require.ErrorContains(t, err, "chmod 755")

	require.NoError(t, os.Chmod(file, 0o755))
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err = host.Launch(t.Context(), options(t, "", path(file)))
	require.ErrorIs(t, err, host.ErrUnsafe)
	require.ErrorContains(t, err, "its folder "+dir+" can be written by everybody (mode 0777); run chmod o-w "+dir)

	require.NoError(t, os.Chmod(dir, 0o755))
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("just text"), 0o700))
	_, err = host.Launch(t.Context(), options(t, "", path(text)))
	require.ErrorIs(t, err, host.ErrExecute)
}

func copyAdapter(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(built.adapter)
	require.NoError(t, err)
	file := filepath.Join(dir, "adapter")
	require.NoError(t, os.WriteFile(file, b, 0o755))
	return file
}

func TestLaunch_ThePinnedFileStartsAndNoOther(t *testing.T) {
	t.Parallel()
	f, err := os.Open(built.adapter)
	require.NoError(t, err)
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	p := launch(t, "", pin(hex.EncodeToString(h.Sum(nil))))
	require.NoError(t, p.Ping(t.Context()))
}

func TestLaunch_ACancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := host.Launch(ctx, options(t, "sleep"))
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = host.Launch(ctx, options(t, ""))
	require.ErrorIs(t, err, context.Canceled)
}

// TestLaunch_FiftyStartsLeaveNoGoroutineAndNoFile is alone, because it counts what all tests share.
func TestLaunch_FiftyStartsLeaveNoGoroutineAndNoFile(t *testing.T) { //nolint:paralleltest // counts goroutines
	o := options(t, "")
	start := func() {
		p, err := host.Launch(t.Context(), o)
		require.NoError(t, err)
		_, err = submit(t.Context(), p, "x")
		require.NoError(t, err)
		require.NoError(t, p.Stop(t.Context()))
	}
	start() // the thread that starts adapters stays
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for i := range 50 {
		if i%10 == 9 {
			_, err := host.Launch(t.Context(), options(t, "exit"))
			require.ErrorIs(t, err, host.ErrExited)
			continue
		}
		start()
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 && openFiles(t) <= files+2 },
		10*time.Second, 10*time.Millisecond, "%d goroutines, %d files before", goroutines, files)
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
