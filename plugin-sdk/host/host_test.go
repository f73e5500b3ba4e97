package host_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

const (
	canaryName  = "ATSSYNC_TEST_CANARY"
	canaryValue = "canary-5c1d8e"
)

// world holds the built test adapter. TestMain makes it once, because building takes seconds.
type world struct{ adapter string }

func (w *world) build() (cleanup func(), err error) {
	dir, err := os.MkdirTemp("", "adapter")
	if err != nil {
		return nil, err
	}
	w.adapter = filepath.Join(dir, "adapter")
	cmd := exec.Command("go", "build", "-o", w.adapter, "./testdata/adapter")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return func() { _ = os.RemoveAll(dir) }, nil
}

// built is the one world of this package's tests.
var built world

func TestMain(m *testing.M) {
	switch os.Getenv("HELPER") {
	case "host":
		helperHost(os.Getenv("HELPER_ADAPTER"))
	case "parent":
		helperParent(os.Getenv("HELPER_ADAPTER"))
	}
	cleanup, err := built.build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Setenv(canaryName, canaryValue)
	code := m.Run()
	cleanup()
	os.Exit(code)
}

// helperHost is a host process that the orphan test kills.
func helperHost(adapter string) {
	p, err := host.Launch(context.Background(), host.Options{Path: adapter})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	select {}
}

// helperParent is a parent that starts the adapter without asking the kernel to end it.
func helperParent(adapter string) {
	cmd := exec.Command(adapter)
	cmd.Env = []string{
		"TMPDIR=" + os.Getenv("TMPDIR"), wire.CookieKey + "=" + wire.CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1",
		wire.HostPIDKey + "=" + strconv.Itoa(os.Getpid()),
	}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(cmd.Process.Pid)
	select {}
}

// launch starts the test adapter in a mode and ends it with the test.
func launch(t *testing.T, mode string, change ...func(*host.Options)) *host.Process {
	t.Helper()
	o := options(t, mode, change...)
	p, err := host.Launch(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, p) })
	return p
}

func options(t *testing.T, mode string, change ...func(*host.Options)) host.Options {
	t.Helper()
	o := host.Options{
		Path: built.adapter, Env: []string{"MODE=" + mode}, RuntimeDir: runtimeDir(t), PartnerName: "Sample Talent",
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// runtimeDir is short enough for sockets, whatever the test's name is.
func runtimeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "run")
	require.NoError(t, err)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "sockets are left behind")
		require.NoError(t, os.RemoveAll(dir))
	})
	return dir
}

func stop(t *testing.T, p *host.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = p.Stop(ctx)
	requireGone(t, p.PID())
}

// requireGone waits until a process is dead, whether or not its parent has noticed.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			return true
		}
		_, state, _ := strings.Cut(string(b), ") ")
		return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
	}, 10*time.Second, 10*time.Millisecond, "process %d lives", pid)
}

func submit(ctx context.Context, p *host.Process, externalID string) (sdk.SubmitOutcome, error) {
	r, err := p.Client().Submit(ctx, sdk.SubmitRequest{
		Connection: sdk.Connection{ID: "con_1", Credentials: map[string]sdk.Secret{"key": "secret-77aa"}},
		Items:      []sdk.SubmitItem{{ExternalID: externalID}},
	})
	if err != nil {
		return sdk.SubmitOutcome{}, err
	}
	return r.Outcomes[0], nil
}

func TestLaunch_GivesAnAdapterThatAnswers(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	require.Equal(t, "tester", p.Manifest().Name)
	require.Equal(t, []string{"Tell Sample Talent."}, p.Manifest().Steps)
	require.NoError(t, p.Ping(t.Context()))
	check, err := p.Client().Check(t.Context(), sdk.CheckRequest{})
	require.NoError(t, err)
	require.Equal(t, "ats.example.com", check.Host)
	out, err := submit(t.Context(), p, "x-1")
	require.NoError(t, err)
	require.Equal(t, "c-x-1", out.Receipt.CandidateID)
	require.NoError(t, p.Err())

	require.NoError(t, p.Stop(t.Context()))
	<-p.Done()
	require.NoError(t, p.Err())
	_, err = submit(t.Context(), p, "x-2")
	require.ErrorIs(t, err, sdk.ErrNotRunning)
	require.ErrorIs(t, p.Ping(t.Context()), sdk.ErrNotRunning)
}

func TestClient_APowerThatIsNotAnnouncedIsNotSent(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	c := p.Client()
	_, err := c.Find(t.Context(), sdk.FindRequest{})
	require.Equal(t, sdk.KindUnsupported, sdk.KindOf(err))
	require.ErrorContains(t, err, "Tester does not have the power find")
	require.True(t, sdk.AsError(err).NotApplied)
}

func TestClient_ACallThatIsGivenUpBeforeItIsSentIsProvedNotApplied(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := submit(ctx, p, "x")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sdk.KindTransient, sdk.KindOf(err))
	require.True(t, sdk.AsError(err).NotApplied)
}

func TestClient_ACallWithoutDeadlineGetsOne(t *testing.T) {
	t.Parallel()
	p := launch(t, "", func(o *host.Options) { o.CallTimeout = 300 * time.Millisecond })
	out, err := submit(t.Context(), p, "deadline")
	require.NoError(t, err)
	require.Equal(t, "true true", out.Message)
	_, err = submit(t.Context(), p, "hang")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, p.Ping(t.Context()), "a call that hangs takes nobody with it")
}

func TestClient_ACrashInACallIsToldApartFromACallThatWasNeverSent(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"crash", "killed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := launch(t, "")
			_, err := submit(t.Context(), p, how)
			require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
			require.NotErrorIs(t, err, sdk.ErrNotRunning)
			require.ErrorContains(t, err, "the adapter died during the call")
			require.False(t, sdk.AsError(err).NotApplied)
			<-p.Done()
			require.ErrorContains(t, p.Err(), "ended by itself")
			_, err = submit(t.Context(), p, "x")
			require.ErrorIs(t, err, sdk.ErrNotRunning)
			if how == "crash" {
				require.Contains(t, strings.Join(p.Stderr(), "\n"), "panic: the adapter is broken")
				require.Contains(t, strings.Join(p.Stderr(), "\n"), "about to crash")
			}
			require.NoError(t, p.Stop(t.Context()))
		})
	}
}

func TestClient_CallsAfterADeathAreNeverCalledUncertain(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	requireGone(t, p.PID())
	// From the first refusal on nothing is sent any more, whether or not the host has noticed the death.
	sawRefusal := false
	require.Eventually(t, func() bool {
		_, err := submit(t.Context(), p, "x")
		refused := strings.Contains(err.Error(), sdk.ErrNotRunning.Error())
		require.False(t, sawRefusal && !refused, err)
		sawRefusal = refused
		select {
		case <-p.Done():
			return refused
		default:
			return false
		}
	}, 10*time.Second, time.Millisecond)
}

func TestClient_APanicLeavesTheProcessAlive(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	_, err := submit(t.Context(), p, "panic")
	require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
	_, err = submit(t.Context(), p, "x")
	require.NoError(t, err)
}

func TestStop_WaitsForCallsAndIsTwiceSafe(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	slow := begin(t, p, "slow")
	stopped := make(chan error, 2)
	for range 2 {
		go func() { stopped <- p.Stop(context.Background()) }()
	}
	require.NoError(t, <-slow)
	require.NoError(t, <-stopped)
	require.NoError(t, <-stopped)
	require.NoError(t, p.Stop(context.Background()))
}

// begin makes a call that logs when it has begun, and returns when it has.
func begin(t *testing.T, p *host.Process, externalID string) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := submit(context.Background(), p, externalID)
		done <- err
	}()
	require.Eventually(t, func() bool {
		return strings.Contains(strings.Join(p.Stderr(), "\n"), "call begins")
	}, 10*time.Second, time.Millisecond)
	return done
}

func TestStop_CutsACallThatHangsAndSaysSo(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	done := begin(t, p, "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, p.Stop(ctx), "calls in flight")
	require.Equal(t, sdk.KindInternal, sdk.KindOf(<-done))
	requireGone(t, p.PID())
}

func TestStop_EndsAProcessThatIsFrozen(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGSTOP))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Ping(ctx), context.DeadlineExceeded)
	began := time.Now()
	require.NoError(t, p.Stop(t.Context()))
	require.Less(t, time.Since(began), 10*time.Second)
	requireGone(t, p.PID())
}

func TestStop_IsNotHeldUpByAGrandchildWithThePipes(t *testing.T) {
	t.Parallel()
	p := launch(t, "grandchild")
	began := time.Now()
	require.NoError(t, p.Stop(t.Context()))
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestServe_FinishesCallsInFlightAtSIGTERM(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	slow := begin(t, p, "slow")
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGINT), "is ignored")
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	require.Eventually(t, func() bool {
		return strings.Contains(strings.Join(p.Stderr(), "\n"), "finishing the calls in flight")
	}, 10*time.Second, time.Millisecond)
	_, err := submit(t.Context(), p, "x")
	require.True(t, sdk.AsError(err).NotApplied, "a new call is refused before it has begun: %v", err)
	require.NoError(t, <-slow)
	<-p.Done()
}

func TestLaunch_GarbageOnStandardOutputBreaksNothing(t *testing.T) {
	t.Parallel()
	p := launch(t, "garbage")
	out, err := submit(t.Context(), p, "x")
	require.NoError(t, err)
	require.Equal(t, sdk.OutcomeCreated, out.Kind)
	require.Contains(t, p.Stderr(), "Welcome to the adapter!")
}

func TestLaunch_AnAdapterMadeByTheProtoFileAloneServesAndEnds(t *testing.T) {
	t.Parallel()
	p := launch(t, "foreign")
	require.NoError(t, p.Ping(t.Context()))
	out, err := submit(t.Context(), p, "x")
	require.NoError(t, err)
	require.Equal(t, sdk.OutcomeCreated, out.Kind)
	began := time.Now()
	require.NoError(t, p.Stop(t.Context()))
	require.Less(t, time.Since(began), time.Second, "SIGTERM is enough")
}

func TestLaunch_NothingOfTheHostsEnvironmentIsInherited(t *testing.T) {
	t.Parallel()
	require.Equal(t, canaryValue, os.Getenv(canaryName))
	p := launch(t, "", func(o *host.Options) { o.Env = append(o.Env, "HTTPS_PROXY=http://proxy.example.com") })
	out, err := submit(t.Context(), p, "env")
	require.NoError(t, err)
	require.NotContains(t, out.Message, canaryName)
	require.NotContains(t, out.Message, canaryValue)
	require.NotContains(t, out.Message, "HOME=")
	require.Contains(t, out.Message, "HTTPS_PROXY=http://proxy.example.com")
}

func TestLaunch_AnAdapterDiesWithAHostThatIsKilled(t *testing.T) {
	t.Parallel()
	for _, helper := range []string{"host", "parent"} {
		t.Run(helper, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			require.NoError(t, err)
			dir, err := os.MkdirTemp("", "run") // a killed host leaves its socket there
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), "HELPER="+helper, "HELPER_ADAPTER="+built.adapter, "TMPDIR="+dir)
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			line, err := bufio.NewReader(stdout).ReadString('\n')
			require.NoError(t, err)
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			require.NoError(t, err, line)
			require.NoError(t, syscall.Kill(pid, 0), "the adapter runs")
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			requireGone(t, pid)
		})
	}
}
