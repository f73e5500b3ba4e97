package doctor

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/seal"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// setup writes a config file and returns the patient of it, of whom no daemon tells.
func setup(t *testing.T, config string) (p *patient, dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	o := options(t, dir, config)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return newPatient(ctx, o), dir
}

func options(t *testing.T, dir, config string) Options {
	t.Helper()
	path := filepath.Join(dir, "atssync.toml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o644))
	client := api.Dial(filepath.Join(dir, "none.sock"))
	t.Cleanup(client.Close)
	return Options{ConfigPath: path, Version: "v1", Daemon: client}
}

// of returns the findings about a subject that contains a text.
func of(findings []Finding, subject string) []Finding {
	var out []Finding
	for _, f := range findings {
		if strings.Contains(f.Subject, subject) {
			out = append(out, f)
		}
	}
	return out
}

func one(t *testing.T, findings []Finding, subject string) Finding {
	t.Helper()
	found := of(findings, subject)
	require.Len(t, found, 1, "%s in %+v", subject, findings)
	return found[0]
}

func TestExamine_WithoutAnythingSaysSoAndChecksTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	client := api.Dial(filepath.Join(dir, "none.sock"))
	t.Cleanup(client.Close)
	told := 0
	r, err := Examine(t.Context(), Options{ConfigPath: filepath.Join(dir, "none.toml"), Daemon: client, Tell: func(_ string, done, all int) {
		told++
		require.LessOrEqual(t, done, all)
	}})
	require.NoError(t, err)
	require.Equal(t, len(Checks()), told)
	require.Equal(t, Trouble, r.Findings[0].Status, "the worst comes first")
	met := map[string]bool{}
	for _, f := range r.Findings {
		met[f.Check] = true
		require.NotEmpty(t, f.Message)
		if f.Status == Trouble {
			require.NotEmpty(t, f.Remedy, f)
			require.NotEmpty(t, f.WhoseTurn, f)
		}
	}
	for _, name := range Checks() {
		require.True(t, met[name], name)
	}
	_, err = Examine(t.Context(), Options{Only: []string{"disk", "nothing"}})
	require.ErrorContains(t, err, `"nothing"`)
}

func TestExamine_DoesNotWaitForACheckThatHangs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	out := examine(ctx, nil, check{"hangs", func(context.Context, *patient) []Finding { <-never; return nil }})
	require.Len(t, out, 1)
	require.Equal(t, Trouble, out[0].Status)
	require.Contains(t, out[0].Message, "did not end")
}

func TestConfig_EveryProblemWithItsLine(t *testing.T) {
	t.Parallel()
	p, dir := setup(t, `[daemon]
log_levl = "debug"
[store]
min_free = "much"
[[connections]]
id = "a"
account = "a"
adapter = "none"
credentials = { api_key = { env = "ATSSYNC_TEST_NOT_SET" } }
`)
	out := checkConfig(t.Context(), p)
	require.Contains(t, one(t, out, "toml:2").Message, `did you mean "log_level"?`)
	require.Equal(t, Trouble, one(t, out, "toml:4").Status)
	require.Equal(t, NotRun, one(t, out, "toml:9").Status, "the daemon may have the variable")
	require.Equal(t, Warning, one(t, out, "toml:8").Status)
	require.NotNil(t, p.config, "what is right is looked at")
	require.Equal(t, int64(512<<20), p.config.Store.MinFree)
	p.o.ConfigPath = filepath.Join(dir, "none")
	require.Equal(t, Trouble, checkConfig(t.Context(), newPatient(t.Context(), p.o))[0].Status)
}

func TestPermissions_OfFilesFoldersAndTheSocket(t *testing.T) {
	t.Parallel()
	p, dir := setup(t, `[daemon]
data_dir = "data"
socket = "s.sock"
[backup]
dir = "backups"
[[connections]]
id = "a"
account = "a"
adapter = "none"
credentials = { api_key = { file = "key" } }
`)
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(at("key"), []byte("secret"), 0o600))
	require.NoError(t, os.Mkdir(at("data"), 0o700))
	require.NoError(t, os.Mkdir(at("backups"), 0o700))
	p = newPatient(t.Context(), p.o)
	for _, f := range checkPermissions(t.Context(), p) {
		require.Contains(t, []Status{OK, NotRun}, f.Status, f)
	}
	listener, err := net.Listen("unix", at("s.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	_, err = seal.Create(at("data/seal.key"))
	require.NoError(t, err)
	for name, mode := range map[string]os.FileMode{"atssync.toml": 0o666, "key": 0o644, "data": 0o755, "data/seal.key": 0o640, "s.sock": 0o777} {
		require.NoError(t, os.Chmod(at(name), mode))
	}
	require.NoError(t, os.Remove(at("backups")))
	out := checkPermissions(t.Context(), p)
	for _, name := range []string{"atssync.toml", "key", "data", "data/seal.key", "s.sock", "backups"} {
		found := Finding{}
		for _, f := range out {
			if f.Subject == at(name) {
				found = f
			}
		}
		require.Equal(t, Trouble, found.Status, name)
		require.NotEmpty(t, found.Remedy, name)
	}
}

func TestDisk_RoomAndSpeed(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct {
		free   uint64
		state  badger.SpaceState
		status Status
	}{
		{10000 * mib, badger.SpaceOK, OK}, {900 * mib, badger.SpaceOK, Warning}, {500 * mib, badger.SpaceLow, Trouble}, {10 * mib, badger.SpaceCritical, Trouble},
	} {
		d := badger.Disk{Space: badger.Space{Free: c.free, Total: 20000 * mib, State: c.state}, Low: 512 * mib, Critical: 256 * mib}
		require.Equal(t, c.status, space("/data", "data", d)[0].Status, c)
	}
	ms := time.Millisecond
	require.Equal(t, OK, judgeSpeed("/data", []time.Duration{300 * ms, ms, 2 * ms}).Status, "one slow write is no slow disk")
	slow := judgeSpeed("/data", []time.Duration{50 * ms, 60 * ms, 40 * ms})
	require.Equal(t, Warning, slow.Status)
	require.Contains(t, slow.Message, "10 a second")
	dir := t.TempDir()
	took, err := syncs(t.Context(), dir)
	require.NoError(t, err)
	require.NotEmpty(t, took)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left behind")

	p, _ := setup(t, "[daemon]\ndata_dir = \".\"\n[store]\nmin_free = \"1MiB\"\n[backup]\ndir = \".\"\n")
	out := checkDisk(t.Context(), p)
	require.Contains(t, out[len(out)-1].Message, "same disk")
}

func TestClock_IsJudgedByTimeAndByHosts(t *testing.T) {
	t.Parallel()
	require.Equal(t, Trouble, plausible(time.Unix(0, 0)).Status)
	now := time.Now()
	require.Equal(t, OK, plausible(now).Status)
	h := hostLook{target: target{address: "ats.example.com:443"}, askedAt: now, answeredAt: now.Add(time.Second)}
	for skew, want := range map[time.Duration]Status{0: OK, 59 * time.Second: OK, -59 * time.Second: OK, 2 * time.Minute: Trouble, -2 * time.Minute: Trouble} {
		h.date = now.Add(skew)
		require.Equal(t, want, skewed(h).Status, skew)
	}
	h.date = now.Add(-time.Hour)
	require.Contains(t, skewed(h).Message, "ahead of")
}

func TestKeys_AreThoseOfTheStore(t *testing.T) {
	t.Parallel()
	p, dir := setup(t, "[daemon]\ndata_dir = \"data\"\n")
	require.Equal(t, NotRun, checkKeys(t.Context(), p)[0].Status)
	k, err := seal.Create(filepath.Join(dir, "data/seal.key"))
	require.NoError(t, err)
	out := checkKeys(t.Context(), p)
	require.Equal(t, OK, out[0].Status)
	require.Contains(t, out[0].Message, k.CheckValue())
	marker := filepath.Join(dir, "data/seal.check")
	require.NoError(t, os.WriteFile(marker, []byte(k.CheckValue()+"\n"), 0o600))
	require.Equal(t, OK, checkKeys(t.Context(), p)[0].Status)
	require.NoError(t, os.WriteFile(marker, []byte("0123456789abcdef\n"), 0o600))
	require.Equal(t, Trouble, checkKeys(t.Context(), p)[0].Status)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data/seal.key"), []byte("{}"), 0o600))
	require.Contains(t, checkKeys(t.Context(), p)[0].Message, "damaged")
}

func TestStore_IsLookedAtAndNotOpened(t *testing.T) {
	t.Parallel()
	p, dir := setup(t, "[daemon]\ndata_dir = \"data\"\n")
	data := filepath.Join(dir, "data/store")
	require.Equal(t, NotRun, checkStore(t.Context(), p)[0].Status)
	e, err := badger.Open(t.Context(), badger.Options{Dir: data, MinFree: 1, MinFreePercent: 0.001, ReadOnlyFree: 1, Ballast: -1})
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Close() })
	p = newPatient(t.Context(), p.o)
	out := checkService(t.Context(), p)
	require.Equal(t, Trouble, out[0].Status)
	require.Contains(t, out[0].Message, "has the store open")
	require.Len(t, out, 2)
	require.Contains(t, one(t, out, "process").Message, "files open")
	require.NoError(t, e.Close())
	p = newPatient(t.Context(), p.o)
	require.Contains(t, checkStore(t.Context(), p)[0].Message, "atssync verify")
	require.Equal(t, Trouble, checkService(t.Context(), p)[0].Status, "a daemon that ran does not")
	require.NoError(t, os.WriteFile(filepath.Join(data, "FORMAT"), []byte("nonsense"), 0o600))
	p = newPatient(t.Context(), p.o)
	require.Equal(t, Trouble, checkStore(t.Context(), p)[0].Status)
}

func TestStore_WhatTheDaemonTellsIsJudged(t *testing.T) {
	t.Parallel()
	now := time.Now()
	require.Equal(t, Warning, judgeBackup(nil, now).Status)
	require.Equal(t, OK, judgeBackup(&api.BackupHealth{LastSuccess: now.Add(-25 * time.Hour)}, now).Status)
	require.Equal(t, Warning, judgeBackup(&api.BackupHealth{LastSuccess: now.Add(-27 * time.Hour)}, now).Status)
	restored := judgeBackup(&api.BackupHealth{LastSuccess: now.Add(-2 * time.Hour), Restored: &api.Restore{At: now, MadeAt: now.Add(-time.Hour)}}, now)
	require.Equal(t, Warning, restored.Status)
	require.Contains(t, restored.Message, now.Add(-time.Hour).UTC().Format(time.RFC3339))
	require.Equal(t, OK, judgeTasks([]api.Task{{NextAt: now}}, now).Status)
	require.Equal(t, Warning, judgeTasks([]api.Task{{NextAt: now}, {NextAt: now.Add(-2 * time.Hour)}}, now).Status)

	status, text := http.StatusOK, "[+] store ok\nok\n"
	ops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(ops.Close)
	p, _ := setup(t, "[ops]\nlisten = \""+strings.TrimPrefix(ops.URL, "http://")+"\"\n")
	require.Equal(t, OK, p.ready(t.Context())[0].Status)
	status, text = http.StatusServiceUnavailable, "[+] store ok\n[-] space: 3 MiB are free\nnot ok\n"
	require.Contains(t, p.ready(t.Context())[0].Message, "3 MiB are free")
	ops.Close()
	require.Equal(t, Trouble, p.ready(t.Context())[0].Status)
}

func TestAdapters_AsTheDaemonSeesThem(t *testing.T) {
	t.Parallel()
	for want, a := range map[Status]api.Adapter{
		OK:      adapter("running", 0),
		Warning: adapter("running", 2),
		Trouble: adapter("deactivated", 9),
	} {
		require.Equal(t, want, running(a)[0].Status, a.State)
	}
	require.Equal(t, sdk.TurnAdapter, running(adapter("deactivated", 9))[0].WhoseTurn)
	require.Equal(t, sdk.TurnOperator, running(adapter("missing", 0))[0].WhoseTurn)
}

func adapter(state string, restarts int) (a api.Adapter) {
	a.Name, a.State, a.Restarts = "greenhouse", state, restarts
	return a
}

func TestAdapters_ProgramsThatAreNone(t *testing.T) {
	t.Parallel()
	p, dir := setup(t, "[adapters]\ndir = \"adapters\"\n[adapters.gone]\npath = \"nowhere\"\n")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "adapters"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "adapters/none"), []byte("#!/bin/sh\necho hello\n"), 0o755))
	out := checkAdapters(t.Context(), newPatient(t.Context(), p.o))
	require.Equal(t, Trouble, one(t, out, "gone").Status)
	require.Equal(t, sdk.TurnOperator, one(t, out, "gone").WhoseTurn)
	require.Equal(t, Trouble, one(t, out, "none").Status)
	require.Equal(t, sdk.TurnAdapter, one(t, out, "none").WhoseTurn)
}

// writePEM writes the certificate of a test server.
func writePEM(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return path
}

func TestProxy_CertificatesEnd(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	path, end := writePEM(t, s), s.Certificate().NotAfter
	for now, want := range map[time.Time]Status{
		end.Add(-30 * 24 * time.Hour): OK, end.Add(-24 * time.Hour): Warning, end.Add(time.Hour): Trouble, s.Certificate().NotBefore.Add(-time.Hour): Trouble,
	} {
		require.Equal(t, want, certificates("ca", path, now).Status, now)
	}
	require.Equal(t, Trouble, certificates("ca", filepath.Join(t.TempDir(), "none"), end).Status)
	require.NoError(t, os.WriteFile(path, []byte("nothing"), 0o600))
	require.Contains(t, certificates("ca", path, end).Message, "no certificate")
	require.Equal(t, Trouble, pair(path, path, end).Status)
}

func TestHosts_StepByStep(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	to := func(text string) target {
		x, ok := targetOf(text)
		require.True(t, ok)
		return x
	}
	trusted := door{roots: roots(writePEM(t, secure))}

	h := trusted.look(t.Context(), to(secure.URL))
	require.Equal(t, OK, h.findings[0].Status, h.findings)
	require.Contains(t, h.findings[0].Message, "TLS 1.3")
	require.False(t, h.date.IsZero(), "it said what the time is")
	require.Equal(t, OK, skewed(h).Status)

	h = door{}.look(t.Context(), to(secure.URL))
	require.Equal(t, Trouble, h.findings[0].Status)
	require.Contains(t, h.findings[0].Remedy, "ca_file")

	port := secure.URL[strings.LastIndexByte(secure.URL, ':'):]
	h = trusted.look(t.Context(), to("https://localhost"+port))
	require.Contains(t, h.findings[0].Message, "for other names than localhost")

	require.Equal(t, OK, door{}.look(t.Context(), to(plain.URL)).findings[0].Status)
	require.Contains(t, door{}.look(t.Context(), to(gone.URL)).findings[0].Message, "refused")
	require.Contains(t, door{}.look(t.Context(), to("https://no-such-host.invalid")).findings[0].Message, "its name is not found")
	public := to(gone.URL)
	public.public = true
	require.Equal(t, Warning, door{}.look(t.Context(), public).findings[0].Status, "not every machine reaches itself from outside")

	_, ok := targetOf("::")
	require.False(t, ok)
	require.Equal(t, target{address: "ats.example.com:443", secure: true}, to("ats.example.com"))
}

func TestHosts_ThroughAProxy(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	asked := make(chan string, 9)
	var refuse atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization")
		if refuse.Load() {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		there, err := net.Dial("tcp", strings.TrimPrefix(secure.URL, "https://"))
		if err != nil {
			return
		}
		defer func() { _ = there.Close() }()
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = here.Close() }()
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(there, buffered); _ = there.Close() }()
		_, _ = io.Copy(here, there)
	}))
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("ops", "pass")
	d := door{proxy: u, roots: roots(writePEM(t, secure))}
	ctx, cancel := context.WithTimeout(t.Context(), hostTimeout)
	t.Cleanup(cancel)
	h := d.look(ctx, target{address: "example.com:443", secure: true}) // a name that the test server's certificate has
	require.Equal(t, OK, h.findings[0].Status, h.findings)
	require.Contains(t, h.findings[0].Message, "through the proxy")
	require.Equal(t, "CONNECT example.com:443 Basic b3BzOnBhc3M=", <-asked)
	refuse.Store(true)
	h = d.look(ctx, target{address: "example.com:443", secure: true})
	require.Contains(t, h.findings[0].Message, "403")
	require.NotContains(t, h.findings[0].Message, "pass\"")
}

func TestOperation_AnonymouslyWithoutSentencesAndNames(t *testing.T) {
	t.Parallel()
	l := api.HealthLine{Connection: "con_1", Name: "Acme", Operation: "submit", State: "stopped", Cause: "auth", Message: "ops@example.com may not", WhoseTurn: sdk.TurnEmployer, Remedy: "ask ops@example.com"}
	p := &patient{}
	f := p.operation(l)
	require.Equal(t, Trouble, f.Status)
	require.Equal(t, "Acme, submit", f.Subject)
	require.Contains(t, f.Message, "ops@example.com")
	p.o.Anonymous = true
	f = p.operation(l)
	require.Equal(t, "con_1, submit", f.Subject)
	require.Contains(t, f.Message, "auth")
	require.NotContains(t, f.Message+f.Remedy, "example.com")
	l.State = "draining"
	require.Equal(t, Warning, p.operation(l).Status)
}
