package browser

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Close()
	os.Exit(code)
}

const good = `<!doctype html><html lang="en"><head><title>Good</title></head><body><main><h1>Good</h1>
<form method="post" action="/said"><label for="n">Name</label> <input id="n" name="n"> <button>Say it</button></form></main></body></html>`

func serve(t *testing.T, policy, page string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		case "/said":
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(strings.ReplaceAll(good, "Good", "You said "+r.FormValue("n"))))
		default:
			_, _ = w.Write([]byte(page))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestTab_UsesAPageAndKeepsPicturesOfIt(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Pictures, dir)
	b := Open(t)
	require.Equal(t, http.StatusOK, b.Go(serve(t, "", good).URL))
	b.Look("good")
	b.Fill("#n", "Ada")
	b.Follow("Say it")
	b.Sees("You said Ada")
	require.Equal(t, http.StatusUnprocessableEntity, b.Status())
	require.True(t, strings.HasSuffix(b.Address(), "/said"))
	require.Empty(t, b.Complaints(), "a refusal of a page itself is no complaint")
	pictures, err := filepath.Glob(filepath.Join(dir, "good-*.png"))
	require.NoError(t, err)
	require.Len(t, pictures, 4)
}

func TestTab_HearsWhatPagesComplainOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ policy, page, want string }{
		"policy":    {"default-src 'none'; style-src 'self'", strings.Replace(good, "<main>", `<main style="color:red">`, 1), "policy"},
		"script":    {"default-src 'none'", strings.Replace(good, "<main>", `<main><script>alert(1)</script>`, 1), "policy"},
		"exception": {"", strings.Replace(good, "<main>", `<main><script>throw new Error("broken")</script>`, 1), "broken"},
		"console":   {"", strings.Replace(good, "<main>", `<main><script>console.error("x")</script>`, 1), "console"},
		"asset":     {"", strings.Replace(good, "<main>", `<main><img alt="" src="http://127.0.0.1:1/x.png">`, 1), "network"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := Open(t)
			b.Go(serve(t, tt.policy, tt.page).URL)
			require.Eventually(t, func() bool { return len(b.Complaints()) > 0 }, patience, patience/1000)
			require.Contains(t, strings.Join(b.Forgive(), "\n"), tt.want)
		})
	}
}

func TestTab_WithoutScriptsRunsNone(t *testing.T) {
	t.Parallel()
	b := OpenWithoutScripts(t)
	b.Go(serve(t, "", strings.Replace(good, "<main>", `<main><script>document.title = "Ran"</script>`, 1)).URL)
	require.Equal(t, "Good", Evaluate[string](b, "document.title"))
	b.Fill("#n", "Ada")
	b.Follow("Say it")
	b.Sees("You said Ada")
}

func TestAxe_FindsWhatNotEverybodyCanUse(t *testing.T) {
	t.Parallel()
	script, err := axe()
	require.NoError(t, err)
	b := Open(t)
	b.Go(serve(t, "default-src 'none'", strings.Replace(good, `<label for="n">Name</label>`, "", 1)).URL)
	Evaluate[struct{}](b, script+";({})")
	require.Equal(t, 1, Evaluate[int](b, `axe.run({preload: false}).then(r => r.violations.filter(v => v.impact === "critical").length)`))
}
