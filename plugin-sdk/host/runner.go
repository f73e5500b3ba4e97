package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

const (
	// maxGarbage bounds the lines that a program may print to standard output before the handshake.
	maxGarbage = 100
	// lastWords is how long what a dead process printed may take to arrive.
	lastWords = 500 * time.Millisecond
	// defaultPath lets adapters that are scripts find their interpreter.
	defaultPath = "PATH=/usr/local/bin:/usr/bin:/bin"
)

// runner is the process as go-plugin sees it. It is our own for five reasons: the process must be started
// from the one locked thread; go-plugin hands the host's standard input to the child; what is printed
// before the handshake would break it; a log line of the wrong shape makes go-plugin's own reader panic;
// and a grandchild that keeps the pipes open would make it wait for ever.
type runner struct {
	cmd *exec.Cmd
	out *output
	dir string // the socket's folder

	stdoutR, stderrR *os.File
	hello            *io.PipeReader
	helloW           *io.PipeWriter

	mu        sync.Mutex
	handshake []string // the fields of the handshake line
	garbage   string   // the first other line on standard output
	started   bool
	aborted   bool // killed, perhaps before it was started

	exited chan struct{} // closed when the process is reaped and its output read
	state  *os.ProcessState
}

func newRunner(o Options, out *output) *runner {
	r := &runner{cmd: exec.Command(o.Path, o.Args...), out: out, exited: make(chan struct{})}
	r.cmd.Env = append([]string{defaultPath}, o.Env...)
	r.cmd.Env = append(r.cmd.Env, wire.HostPIDKey+"="+strconv.Itoa(os.Getpid()))
	r.cmd.Dir = "/"
	r.cmd.SysProcAttr = attributes()
	r.hello, r.helloW = io.Pipe()
	return r
}

// prepare adds what go-plugin tells the process.
func (r *runner) prepare(env []string, dir string) {
	r.cmd.Env = append(r.cmd.Env, env...)
	r.dir = dir
}

// Start implements runner.Runner. When it fails nothing is left of the attempt.
func (r *runner) Start(context.Context) error {
	if err := r.start(); err != nil { //nolint:contextcheck // what the process prints belongs to no call
		_ = os.RemoveAll(r.dir)
		return err
	}
	return nil
}

func (r *runner) start() error {
	stdoutR, stdoutW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	stderrR, stderrW, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make a pipe: %w", err), stdoutR.Close(), stdoutW.Close())
	}
	r.stdoutR, r.stderrR = stdoutR, stderrR
	r.cmd.Stdout, r.cmd.Stderr = stdoutW, stderrW
	err = spawn(r.cmd)
	_, _ = stdoutW.Close(), stderrW.Close()
	if err != nil {
		_, _ = stdoutR.Close(), stderrR.Close()
		return fmt.Errorf("%w: %w", ErrExecute, err)
	}
	expendable(r.cmd.Process.Pid)
	r.mu.Lock()
	r.started = true
	if r.aborted {
		_ = r.cmd.Process.Kill()
	}
	r.mu.Unlock()
	var pumps sync.WaitGroup
	pumps.Go(r.readStdout)
	pumps.Go(func() { r.out.pump(stderr, stderrR) })
	go r.reap(&pumps)
	return nil
}

// reap waits for the end of the process, ends what is left of its group, and collects its last words.
func (r *runner) reap(pumps *sync.WaitGroup) {
	awaitExit(r.cmd.Process.Pid)
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	_ = r.cmd.Wait() // What matters of the error is in the state.
	r.state = r.cmd.ProcessState
	deadline := time.Now().Add(lastWords)
	_, _ = r.stdoutR.SetReadDeadline(deadline), r.stderrR.SetReadDeadline(deadline)
	pumps.Wait()
	_, _ = r.stdoutR.Close(), r.stderrR.Close()
	_ = os.RemoveAll(r.dir)
	close(r.exited)
}

// readStdout looks for the handshake line, gives go-plugin that line alone, and keeps reading, because a
// full pipe would stop the adapter.
func (r *runner) readStdout() {
	defer func() { _ = r.helloW.Close() }()
	found, lines := false, 0
	_ = eachLine(r.stdoutR, func(b []byte) bool {
		if hello := findHandshake(string(b)); !found && hello != "" {
			found = true
			r.mu.Lock()
			r.handshake = strings.Split(hello, "|")
			r.mu.Unlock()
			_, _ = io.WriteString(r.helloW, hello+"\n")
			_ = r.helloW.Close()
			return true
		}
		r.out.line(stdout, b)
		r.mu.Lock()
		if r.garbage == "" {
			r.garbage = string(b)
		}
		r.mu.Unlock()
		if lines++; lines == maxGarbage && !found {
			_ = r.helloW.Close()
		}
		return true
	})
}

// findHandshake returns the handshake in a line, "" when there is none. What an adapter printed before it
// without ending the line is cut off.
func findHandshake(line string) string {
	for i := 0; ; i++ {
		j := strings.Index(line[i:], "1|")
		if j < 0 {
			return ""
		}
		i += j
		f := strings.Split(line[i:], "|")
		if len(f) < 4 || (f[2] != "unix" && f[2] != "tcp") {
			continue
		}
		if _, err := strconv.Atoi(f[1]); err == nil {
			return strings.TrimSpace(line[i:])
		}
	}
}

// diagnose names the reason why go-plugin could not talk to the process, from what was seen and not from
// the text of its error.
func (r *runner) diagnose(err error) error {
	if errors.Is(err, ErrHandshake) || errors.Is(err, ErrSocketPath) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch h := r.handshake; {
	case h != nil && !wire.Speaks(h[1]):
		return fmt.Errorf("%w: it speaks %s and this host speaks %v", ErrProtocol, brief(h[1]), wire.Versions())
	case h != nil && (len(h) < 5 || h[4] != "grpc"):
		return fmt.Errorf("%w: it does not speak gRPC", ErrProtocol)
	case h == nil && r.garbage != "":
		return fmt.Errorf("%w: it printed %q", ErrHandshake, brief(r.garbage))
	}
	select {
	case <-r.exited:
		return fmt.Errorf("%w: %s", ErrExited, r.state)
	case <-time.After(lastWords):
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
}

// Wait implements runner.AttachedRunner.
func (r *runner) Wait(context.Context) error {
	<-r.exited
	return nil
}

// Kill implements runner.AttachedRunner. It may be called at any time, also before the start, and more
// than once.
func (r *runner) Kill(context.Context) error {
	r.signal(os.Kill)
	return nil
}

// signal sends sig to the process if there is one; os.Process knows when it is gone.
func (r *runner) signal(sig os.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborted = r.aborted || sig == os.Kill
	if r.started {
		_ = r.cmd.Process.Signal(sig)
	}
}

// running reports whether a process was started.
func (r *runner) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// Stdout implements runner.Runner: the handshake line and nothing else.
func (r *runner) Stdout() io.ReadCloser { return r.hello }

// Stderr implements runner.Runner: nothing, because lines are read here.
func (r *runner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (r *runner) Name() string { return r.cmd.Path }

// Diagnose implements runner.Runner.
func (r *runner) Diagnose(context.Context) string { return "" }

// ID implements runner.AttachedRunner; go-plugin takes "" for a process that never was.
func (r *runner) ID() string {
	if !r.running() {
		return ""
	}
	return strconv.Itoa(r.cmd.Process.Pid)
}

// PluginToHost implements runner.AddrTranslator. An adapter is on this machine or it is none.
func (r *runner) PluginToHost(network, addr string) (string, string, error) {
	if network == "tcp" {
		name, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(name); err != nil || ip == nil || !ip.IsLoopback() {
			return "", "", fmt.Errorf("%w: it listens on %q, which is not on this machine", ErrHandshake, brief(addr))
		}
	}
	if network == "unix" && len(addr) > maxSocketPath {
		return "", "", fmt.Errorf("%w: its socket's path has %d bytes, %d are allowed", ErrSocketPath, len(addr), maxSocketPath)
	}
	return network, addr, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (r *runner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
