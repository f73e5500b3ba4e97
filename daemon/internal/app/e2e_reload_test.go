package app

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// edit replaces a text of the config file.
func (w *world) edit(old, text string) {
	w.t.Helper()
	b, err := os.ReadFile(w.config)
	require.NoError(w.t, err)
	require.Contains(w.t, string(b), old)
	require.NoError(w.t, os.WriteFile(w.config, []byte(strings.Replace(string(b), old, text, 1)), 0o600))
}

// ownAdapters gives the world a folder with copies of the adapters, which a test may replace.
func (w *world) ownAdapters() string {
	w.t.Helper()
	dir := filepath.Join(w.dir, "adapters")
	require.NoError(w.t, os.Mkdir(dir, 0o755)) //nolint:gosec // as the package installs it.
	w.install(dir, "greenhouse", "")
	w.edit(fmt.Sprintf("dir = %q", adapters(w.t)), fmt.Sprintf("dir = %q", dir))
	return dir
}

// install puts an adapter in place as a package manager does: beside, then renamed. More is appended to the program.
func (w *world) install(dir, name, more string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(adapters(w.t), name))
	require.NoError(w.t, err)
	path := filepath.Join(dir, name)
	require.NoError(w.t, os.WriteFile(path+".new", append(b, more...), 0o755)) //nolint:gosec // a program.
	require.NoError(w.t, os.Rename(path+".new", path))
}

func (w *world) reload() api.Reloaded {
	w.t.Helper()
	r, err := w.client.Reload(w.t.Context())
	require.NoError(w.t, err)
	require.Empty(w.t, r.Problems())
	return r
}

func (w *world) adapterPID() int {
	w.t.Helper()
	a, err := w.client.Adapter(w.t.Context(), "greenhouse")
	require.NoError(w.t, err)
	require.Equal(w.t, "running", a.State)
	return a.PID
}

func TestReload_PutsInForceWhatItCanAndNamesWhatItCannot(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	e := s.Employers[0]
	w := newWorld(t, s, "")
	w.start()
	pid := w.adapterPID()
	require.Empty(t, w.reload().Changed, "nothing is another")

	secret := filepath.Join(w.dir, "key")
	require.NoError(t, os.WriteFile(secret, []byte(e.Key+"\n"), 0o600))
	w.edit("[ops]", "[daemon.x]\n[ops]")
	_, err := w.client.Reload(t.Context())
	require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
	require.ErrorContains(t, err, w.config+":")
	w.edit("[daemon.x]\n", "")

	w.edit("[ops]", fmt.Sprintf(`[submissions]
note_template = "Hello {{.Platform}}"
release_pace = 7
[schedules]
status = "@every 5m"
[[connections]]
id = "acme"
account = "acme"
adapter = "greenhouse"
credentials = { api_key = { file = %q }, on_behalf_of = %q }
[[job_links]]
connection = "acme"
platform_job = "job-0"
ats_job = "%d"
[ops]`, secret, e.SiteAdmin, e.Jobs[0].ID))
	w.edit("support_hours", "partner_name = \"Another\"\nsupport_hours")
	r := w.reload()
	require.Equal(t, []string{"[submissions]", "[schedules]", "[[connections]]", "[[job_links]]"}, r.Changed)
	require.Equal(t, []string{"[platform]"}, r.Restart)
	require.Equal(t, []string{"acme"}, r.Connections.Created)
	require.Equal(t, 1, r.Connections.Linked)
	require.Empty(t, r.Replaced)
	require.Equal(t, pid, w.adapterPID(), "the adapter runs on")
	passes, err := w.client.Schedule(t.Context())
	require.NoError(t, err)
	for _, p := range passes {
		if p.Name == "status" {
			require.Equal(t, "@every 5m", p.Spec)
		}
	}
	w.submit("acme", "job-0", 0, 2)
	require.EqualValues(t, 2, w.settled(20 * time.Second).States[atssync.StateSubmitted])

	// What its adapter refuses is told with its line, and nothing of the file is taken.
	w.edit("on_behalf_of =", "on_behalf =")
	w.edit("release_pace = 7", "release_pace = 9")
	_, err = w.client.Reload(t.Context())
	require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
	require.ErrorContains(t, err, "connections[0].credentials.on_behalf")
	w.edit("on_behalf =", "on_behalf_of =")
	require.Equal(t, []string{"[submissions]"}, w.reload().Changed)

	records, err := w.client.Audit(t.Context(), "config", "", 10)
	require.NoError(t, err)
	require.Len(t, records.Items, 3, "those that were refused did nothing")
}

// An adapter that is replaced under load loses no call and doubles nobody.
func TestReload_ReplacesAdaptersUnderLoad(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	w := newWorld(t, s, "")
	dir := w.ownAdapters()
	w.start()
	s.do(http.MethodPost, "/faults", map[string]any{"kind": "latency_after", "method": "POST", "delay": "40ms"}, nil)
	var ids []string
	for i := range 2 {
		c := w.connect(i, "")
		w.link(c, "job-0", s.Employers[i].Jobs[0].ID)
		ids = append(ids, c.ID)
	}
	for i, id := range ids {
		w.submit(id, "job-0", i*1000, 60)
	}
	pid := w.adapterPID()
	for i := range 5 {
		w.install(dir, "greenhouse", strings.Repeat("\n", i+1))
		require.Equal(t, []string{"greenhouse"}, w.reload().Replaced)
		w.eventually(5*time.Second, func() bool {
			a, err := w.client.Adapter(t.Context(), "greenhouse")
			return err == nil && a.State == "running" && a.PID != pid
		}, "the new process does not run")
		pid = w.adapterPID()
	}
	total := w.settled(60 * time.Second)
	require.EqualValues(t, 120, total.States[atssync.StateSubmitted], "%+v", total)
	require.Zero(t, total.States[atssync.StateUncertain])
	require.Empty(t, s.doubled())
	require.Equal(t, 120, s.candidates())

	// One that cannot run leaves the one that does, and the rest of the file.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "greenhouse.new"), []byte("#!/bin/sh\nexit 3\n"), 0o755)) //nolint:gosec // a program.
	require.NoError(t, os.Rename(filepath.Join(dir, "greenhouse.new"), filepath.Join(dir, "greenhouse")))
	w.edit("[ops]", "[submissions]\nrelease_pace = 9\n[ops]")
	_, err := w.client.Reload(t.Context())
	require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
	require.ErrorContains(t, err, "adapter greenhouse")
	require.Equal(t, pid, w.adapterPID())
	w.edit("[adapters.greenhouse.settings]", "[adapters.greenhouse]\nenabled = false\n[adapters.greenhouse.settings]")
	require.Equal(t, []string{"greenhouse"}, w.reload().Removed)
	w.submit(ids[0], "job-0", 5000, 1)
	w.eventually(10*time.Second, func() bool {
		v, err := w.client.Ledger(t.Context(), "", false, "", 10)
		return err == nil && v.Total.States[atssync.StateHeld] == 1
	}, "what nobody can send is not held")
	w.install(dir, "greenhouse", "")
	w.edit("enabled = false", "enabled = true")
	require.Equal(t, []string{"greenhouse"}, w.reload().Added)
	w.eventually(20*time.Second, func() bool {
		v, err := w.client.Ledger(t.Context(), "", false, "", 10)
		return err == nil && v.Total.States[atssync.StateSubmitted] == 121
	}, "what was held does not go on")
}

// manager is a service manager that listens.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func (w *world) manager() *manager {
	w.t.Helper()
	path := filepath.Join(w.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	w.env = append(w.env, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=400000")
	return &manager{w.t, conn}
}

// until reads messages up to the one that begins so, and returns all of that message.
func (m *manager) until(prefix string) string {
	m.t.Helper()
	require.NoError(m.t, m.conn.SetReadDeadline(time.Now().Add(60*time.Second)))
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		require.NoError(m.t, err, "nothing came that begins with %s", prefix)
		if strings.HasPrefix(string(b[:n]), prefix) {
			return string(b[:n])
		}
	}
}

func TestDaemon_TellsTheServiceManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "")
	m := w.manager()
	w.start()
	require.Contains(t, m.until("STATUS="), "EXTEND_TIMEOUT_USEC=")
	require.Contains(t, m.until("READY=1"), "adapters and 0 connections")
	m.until("WATCHDOG=1")

	w.edit("[ops]", "[[nonsense]]\n[ops]")
	require.NoError(t, w.cmd.Process.Signal(syscall.SIGHUP))
	require.Regexp(t, `MONOTONIC_USEC=[1-9]`, m.until("RELOADING=1"))
	require.Contains(t, m.until("READY=1"), "the config file is not good")
	w.eventually(5*time.Second, func() bool { return strings.Contains(w.log.String(), "nonsense") }, "the log does not say what is wrong")
	w.edit("[[nonsense]]\n", "")
	require.NoError(t, w.cmd.Process.Signal(syscall.SIGHUP))
	m.until("RELOADING=1")
	require.Contains(t, m.until("READY=1"), "running with")
	m.until("WATCHDOG=1")

	require.NoError(t, w.cmd.Process.Signal(syscall.SIGTERM))
	require.Contains(t, m.until("STOPPING=1"), "EXTEND_TIMEOUT_USEC=60000000")
	require.NoError(t, <-w.exited)
	w.cmd = nil
}

func TestBackups_AreMadeAndTidied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "")
	dir := filepath.Join(w.dir, "backups")
	require.NoError(t, os.Mkdir(dir, 0o700))
	foreign := filepath.Join(dir, "atssync-20200101T000000Z.backup")
	require.NoError(t, os.WriteFile(foreign, []byte("nobody knows what this is"), 0o600))
	w.start()
	last := func() atssync.Run {
		page, err := w.client.Runs(t.Context(), api.RunQuery{Pass: passBackups, Paging: atssync.Paging{Limit: 1}})
		require.NoError(t, err)
		if len(page.Items) == 0 {
			return atssync.Run{}
		}
		return page.Items[0]
	}
	run := func() atssync.Run {
		id, err := w.client.RunNow(t.Context(), passBackups)
		require.NoError(t, err)
		w.eventually(20*time.Second, func() bool { r := last(); return r.ID == id && !r.FinishedAt.IsZero() }, "the backup is not made")
		return last()
	}
	require.Contains(t, run().Summary, "names no folder")
	w.edit("[ops]", fmt.Sprintf("[backup]\ndir = %q\nkeep = 2\n[ops]", dir))
	require.Equal(t, []string{"[backup]"}, w.reload().Changed)

	var names []string
	for range 3 {
		r := run()
		require.Empty(t, r.Error)
		name, _, _ := strings.Cut(r.Summary, ",")
		names = append(names, name)
		w.eventually(5*time.Second, func() bool {
			return time.Now().UTC().Format("20060102T150405Z") > name[len("atssync-"):len(name)-len(".backup")]
		}, "time stands still")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{foreign, filepath.Join(dir, names[1]), filepath.Join(dir, names[2])}, left)
	c, err := LoadConfig(w.config)
	require.NoError(t, err)
	_, err = VerifyBackup(t.Context(), c, left[2], nil)
	require.NoError(t, err)
	health, err := w.client.Health(t.Context(), api.HealthQuery{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), health.Backup.LastSuccess, time.Minute)

	require.NoError(t, os.RemoveAll(dir))
	require.Contains(t, run().Error, dir)
}

// Every part of the file is either put in force by a reload or named as one that is not.
func TestReload_KnowsEveryPartOfTheFile(t *testing.T) {
	t.Parallel()
	var c config.Config
	known := make(map[any]bool)
	for _, list := range [][]piece{lasting, reloaded} {
		for _, p := range list {
			known[p.at(&c)] = true
		}
	}
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "Warnings" {
			require.True(t, known[v.Field(i).Addr().Interface()], "%s is in neither list", name)
		}
	}
}

// What the operator gives an adapter and what a connection leaves to the operator may come with one and the same reload.
func TestReload_JudgesConnectionsByTheSettingsOfTheSameFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "")
	w.start()
	w.eventually(20*time.Second, func() bool {
		a, err := w.client.Adapter(t.Context(), "reference")
		return err == nil && a.State == "running"
	}, "the reference adapter does not run")
	secret := filepath.Join(w.dir, "key")
	require.NoError(t, os.WriteFile(secret, []byte("key-of-nobody\n"), 0o600))
	w.edit("[ops]", fmt.Sprintf("[[connections]]\nid = \"ref\"\naccount = \"acme\"\nadapter = \"reference\"\ncredentials = { api_key = { file = %q } }\n[ops]", secret))
	_, err := w.client.Reload(t.Context())
	require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
	require.ErrorContains(t, err, "base_url")
	w.edit("[ops]", "[adapters.reference.settings]\nbase_url = \"http://127.0.0.1:9\"\n[ops]")
	require.Equal(t, []string{"ref"}, w.reload().Connections.Created)
}
