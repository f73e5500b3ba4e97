package simulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// start runs the program until the test ends and gives its first line of output.
func start(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Run(ctx, args, in, io.Discard)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		require.NoError(t, <-ended)
	}
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return first
}

func TestRun_AnnouncesAndServesUntilItIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("every 1h move-random 20\n"), 0o600))
	switches := filepath.Join(dir, "switches.json")
	require.NoError(t, os.WriteFile(switches, []byte(`{"unseen_job":422}`), 0o600))
	var a announcement
	require.NoError(t, json.Unmarshal([]byte(start(t,
		"--json", "--script", script, "--auto-move", "5", "--every", "1h", "--switch-file", switches, "--switch", "read_lag=0s",
		"--switch", "maple-finch/post_status=201", "--fault", `{"kind":"error_before","endpoint":"jobs"}`, "--latency", "1ms",
	)), &a))
	require.Len(t, a.Employers, 3)
	require.Equal(t, a.BaseURL+"/control", a.ControlURL)
	e := a.Employers[2]
	require.NotEmpty(t, e.Basic)
	require.NotEmpty(t, e.HarvestKey)
	ask := func(path string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.BaseURL+path, http.NoBody)
		require.NoError(t, err)
		req.SetBasicAuth(e.Key, "")
		req.Header.Set("On-Behalf-Of", e.SiteAdmin)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		return res
	}
	for path, want := range map[string]int{"/v1/partner/current_user": 200, "/v1/partner/jobs": 503, "/control/state": 200, "/elsewhere": 404} {
		res := ask(path)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, path)
	}
	res := ask("/control/employers/maple-finch")
	defer res.Body.Close()
	var shown struct{ Switches Switches }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&shown))
	require.Equal(t, []int{201, 422}, []int{shown.Switches.PostStatus, shown.Switches.UnseenJob})
	require.Zero(t, shown.Switches.ReadLag)
}

func TestRun_TextNamesTheBaseURLFirst(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^base_url http://127\.0\.0\.1:\d+\n$`, start(t, "--employers", "30", "--jobs", "2", "--read-log", "0", "--forget-bodies"))
}

func TestRun_EndsAHangingRequestInTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, []string{"--json", "--fault", `{"kind":"hang"}`}, in, io.Discard) }()
	var a announcement
	require.NoError(t, json.NewDecoder(out).Decode(&a))
	hung := make(chan error, 1)
	go func() {
		res, err := http.Get(a.BaseURL + "/v1/partner/jobs")
		if err == nil {
			err = res.Body.Close()
		}
		hung <- err
	}()
	require.Eventually(t, func() bool {
		res, err := http.Get(a.ControlURL + "/strangers")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(body), "hang")
	}, waitFor, tick)
	cancel()
	require.NoError(t, <-ended)
	require.Error(t, <-hung)
}

func TestRun_PrintsWhatCanBeLoadedAgain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, Run(t.Context(), []string{"--print-seed", "--switch", "nordlicht-logistik/read_lag=5s"}, &out, io.Discard))
	file := filepath.Join(t.TempDir(), "seed.json")
	require.NoError(t, os.WriteFile(file, out.Bytes(), 0o600))
	var again bytes.Buffer
	require.NoError(t, Run(t.Context(), []string{"--print-seed", "--seed-file", file}, &again, io.Discard))
	require.Equal(t, out.String(), again.String())
	require.Contains(t, out.String(), `"read_lag": "5s"`)
	var table bytes.Buffer
	require.NoError(t, Run(t.Context(), []string{"--print-switches"}, &table, io.Discard))
	for _, d := range SwitchTable() {
		require.Contains(t, table.String(), d.Name)
	}
}

func TestRun_HelpIsNoError(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	require.NoError(t, Run(t.Context(), []string{"--help"}, io.Discard, &help))
	require.Contains(t, help.String(), "--")
	require.Contains(t, help.String(), "every 500ms move-random 20")
}

func TestRun_RefusesNonsense(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	require.NoError(t, os.WriteFile(bad, []byte("nonsense\n"), 0o600))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"unexpected argument", []string{"x"}},
		{"flag provided but not defined", []string{"--nonsense"}},
		{"--seed-file", []string{"--seed-file", filepath.Join(dir, "absent")}},
		{"not valid JSON", []string{"--seed-file", bad}},
		{"exclude each other", []string{"--seed-file", bad, "--employers", "1"}},
		{"line 1", []string{"--script", bad}},
		{"--script", []string{"--script", filepath.Join(dir, "absent")}},
		{"--switch-file", []string{"--switch-file", bad}},
		{"expected [EMPLOYER/]NAME=VALUE", []string{"--switch", "read_lag"}},
		{`did you mean "read_lag"?`, []string{"--switch", "read_lags=1s"}},
		{"no employer", []string{"--switch", "nobody/read_lag=1s"}},
		{"--fault", []string{"--fault", `{"kind":"x"}`}},
		{"--fault", []string{"--fault", `x`}},
		{"cannot be negative", []string{"--latency", "-1s"}},
		{"--every", []string{"--auto-move", "1", "--every", "0s"}},
		{"listen on nowhere", []string{"--listen", "nowhere"}},
		{"holds no certificate", []string{"--resume-ca-file", bad}},
	} {
		require.ErrorContains(t, Run(t.Context(), c.args, io.Discard, io.Discard), c.want)
	}
}
