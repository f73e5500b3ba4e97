package host

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	goplugin "github.com/hashicorp/go-plugin/runner"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

// killAfter is how long a process may take to end by itself when it is told to.
const killAfter = 2 * time.Second

// Process is one running adapter. It is never started again: after its end, Launch makes a new one. Its
// methods may be called from many goroutines.
type Process struct {
	opts     Options
	out      *output
	manifest sdk.Manifest
	plugin   *plugin.Client
	wire     *wire.Client
	run      *runner

	done    chan struct{} // closed when the process has ended
	cleaned chan struct{} // closed when nothing of it is left

	mu       sync.Mutex
	err      error
	stopping bool
	calls    int
	idle     chan struct{} // made by Stop, closed when no call is in flight
}

// newProcess prepares a process that connect starts. dir is the folder for the socket's own folder.
func newProcess(o Options, out *output, dir string) *Process {
	p := &Process{
		opts: o, out: out, run: newRunner(o, out), done: make(chan struct{}), cleaned: make(chan struct{}),
	}
	p.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: wire.Sets(nil),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     o.StartTimeout,
		GRPCDialOptions:  wire.DialOptions(),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		SyncStdout:       out.writer(stdout),
		SyncStderr:       out.writer(stderr),
		// go-plugin's log repeats its errors, and its reader of foreign lines panics for some; ours reads them.
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Off}),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, tmp string) (goplugin.Runner, error) {
			p.run.prepare(cmd.Env, tmp)
			return p.run, nil
		},
	})
	return p
}

// connect starts the process and gets its manifest. When it fails nothing of the process is left.
func (p *Process) connect(ctx context.Context) error {
	dispensed := make(chan error, 1)
	go func() { dispensed <- p.dispense() }()
	var err error
	select {
	case err = <-dispensed:
	case <-ctx.Done():
		_ = p.run.Kill(ctx)
		<-dispensed
		err = context.Cause(ctx)
	}
	if !p.run.running() {
		if errors.Is(err, ErrExecute) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrSocketPath, err)
	}
	go p.watch()
	if err == nil {
		err = p.describe(ctx)
	}
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	} else if !errors.Is(err, ErrManifest) {
		err = p.run.diagnose(err)
	}
	_ = p.run.Kill(ctx)
	<-p.cleaned
	return err
}

func (p *Process) dispense() error {
	protocol, err := p.plugin.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense(wire.DispenseName)
	if err != nil {
		return err
	}
	p.wire = raw.(*wire.Client)
	return nil
}

// describe gets the manifest and judges it. An error that is no ErrManifest means that there was no answer.
func (p *Process) describe(ctx context.Context) error {
	m, err := p.wire.Describe(ctx, sdk.DescribeRequest{PartnerName: p.opts.PartnerName})
	var said *sdk.Error
	switch {
	case errors.Is(err, wire.ErrLost), err != nil && !errors.As(err, &said):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if err := m.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if m.ContractMin > sdk.ContractVersion || m.ContractMax < sdk.ContractVersion {
		return fmt.Errorf("%w: it names the contracts %d to %d and speaks %d",
			ErrManifest, m.ContractMin, m.ContractMax, sdk.ContractVersion)
	}
	p.manifest = m
	return nil
}

// watch waits for the end of the process and cleans up behind it.
func (p *Process) watch() {
	<-p.run.exited
	p.mu.Lock()
	if !p.stopping {
		p.err = fmt.Errorf("the adapter %s ended by itself: %s", p.opts.Path, p.run.state)
	}
	p.mu.Unlock()
	close(p.done)
	p.plugin.Kill()
	close(p.cleaned)
}

// Manifest returns what the adapter said of itself at its start. The value is shared; do not change it.
func (p *Process) Manifest() sdk.Manifest { return p.manifest }

// PID returns the process's number.
func (p *Process) PID() int { return p.run.cmd.Process.Pid }

// Done is closed when the process has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns why the process ended by itself; nil while it runs and after Stop.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Stderr returns the last lines that the process printed, the oldest first: up to 200, of up to 4 KiB
// each, redacted. They stay after its death.
func (p *Process) Stderr() []string { return p.out.lines() }

// Ping asks whether the process still answers. It does not count as a call.
func (p *Process) Ping(ctx context.Context) error {
	select {
	case <-p.done:
		return sdk.ErrNotRunning
	default:
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.opts.CallTimeout)
		defer cancel()
	}
	return p.wire.Ping(ctx)
}

// Stop refuses new calls, waits for those in flight until ctx ends, tells the process to end, and kills
// it when it does not. It returns when nothing of the process is left; an error says that calls were cut.
// It may be called at any time and more than once.
func (p *Process) Stop(ctx context.Context) error {
	if !p.drain(ctx) {
		_ = p.run.Kill(ctx)
		<-p.cleaned
		return fmt.Errorf("stop adapter %s with calls in flight: %w", p.opts.Path, context.Cause(ctx))
	}
	p.run.signal(syscall.SIGTERM)
	go p.plugin.Kill() // asks over the wire too; may hang with a process that hangs
	select {
	case <-p.cleaned:
	case <-time.After(killAfter):
		_ = p.run.Kill(ctx)
		<-p.cleaned
	}
	return nil
}

// drain refuses new calls and reports whether those in flight ended before ctx did.
func (p *Process) drain(ctx context.Context) bool {
	idle := p.drained()
	select {
	case <-idle:
		return true
	default:
	}
	select {
	case <-idle:
		return true
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// drained refuses new calls from now on and returns what is closed when none is in flight.
func (p *Process) drained() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
	default:
		p.stopping = true
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
		if p.calls == 0 {
			close(p.idle)
		}
	}
	return p.idle
}

// enter counts a call in, or says why there can be none.
func (p *Process) enter() error {
	select {
	case <-p.done:
		return sdk.ErrNotRunning
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return fmt.Errorf("%w: it is being stopped", sdk.ErrNotRunning)
	}
	p.calls++
	return nil
}

func (p *Process) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls--
	if p.calls == 0 && p.idle != nil {
		close(p.idle)
	}
}
