package app

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

var httpLine = regexp.MustCompile(`"http":"([^"]+)"`)

// served is a world that listens for HTTP too, and what an example program needs to know of it and of one employer.
func served(t *testing.T) (*world, []string) {
	t.Helper()
	w := newWorld(t, newATS(t), "[http]\nlisten = \"127.0.0.1:0\"\n")
	w.start()
	token, err := w.client.CreateToken(t.Context(), api.TokenRequest{Name: "example", Scopes: []string{"admin"}})
	require.NoError(t, err)
	m := httpLine.FindStringSubmatch(w.log.String())
	require.NotNil(t, m, "the log names no address")
	e := w.ats.Employers[0]
	return w, append(os.Environ(), "ATSSYNC=http://"+m[1], "TOKEN="+token.Secret, "API_KEY="+e.Key, "ON_BEHALF_OF="+e.SiteAdmin,
		"ACCOUNT=acme", "SIMULATOR="+w.ats.BaseURL)
}

// ran runs a program and returns what it printed.
func ran(t *testing.T, env []string, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, env, 5*time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v (scripts/test installs what is missing):\n%s", name, args, out)
	return string(out)
}

func TestExamples_WalkWithCurlSubmitsAndSeesTheStatusChange(t *testing.T) {
	t.Parallel()
	w, env := served(t)
	out := ran(t, env, examples, "./walk.sh")
	require.Contains(t, out, `"result":"unchanged"`)
	require.Contains(t, out, `"type":"submission.submitted"`)
	require.Contains(t, out, "its status came back")
	require.NotContains(t, out, w.ats.Employers[0].Key)
	require.Equal(t, 1, w.ats.candidates())
	require.Empty(t, w.ats.doubled())
	require.EqualValues(t, 1, w.ledger().States[atssync.StateSubmitted])
	w.stop()
}

func TestExamples_GeneratedTypeScriptClientCompilesAndSubmits(t *testing.T) {
	t.Parallel()
	w, env := served(t)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(examples, "client-ts"))))
	for _, made := range []string{"node_modules", "dist", "src/api.d.ts"} { // by someone who tried it by hand
		require.NoError(t, os.RemoveAll(filepath.Join(dir, made)))
	}
	ran(t, env, dir, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	ran(t, env, dir, "npm", "run", "generate")
	ran(t, env, dir, "npm", "run", "build")
	out := ran(t, env, dir, "npm", "start")
	require.Contains(t, out, "accepted sub_")
	require.Contains(t, out, "submitted app-")
	require.Contains(t, out, "submitted after 1 attempt(s)")
	require.Equal(t, 1, w.ats.candidates())
	w.stop()
}

func TestDocs_AreServedWithoutATokenAndLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	w, env := served(t)
	var base string
	for _, v := range env {
		if m := regexp.MustCompile(`^ATSSYNC=(.*)`).FindStringSubmatch(v); m != nil {
			base = m[1]
		}
	}
	for path, media := range map[string]string{
		"/v1/docs": "text/html; charset=utf-8", "/v1/docs/reference": "text/html; charset=utf-8", "/v1/docs/style.css": "text/css; charset=utf-8",
		"/v1/openapi.json": "application/openapi+json",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode, path)
		require.Equal(t, media, res.Header.Get("Content-Type"))
		require.NotEmpty(t, text)
		if path != "/v1/openapi.json" {
			require.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'")
			require.NotRegexp(t, `(?i)(src|href)="?https?:|<script|@import|url\(|style="`, string(text))
		}
	}
	w.stop()
}
