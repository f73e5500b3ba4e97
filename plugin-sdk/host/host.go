// Package host is the daemon's door to an adapter's process: Launch starts the program, agrees with it on
// the contract, believes its manifest, and hands out a Process, whose Client is the adapter itself. It
// stands between fleet, which decides when a process is started, pinged and ended, and internal/wire,
// which carries the calls.
//
// What can go wrong with a foreign program ends here: it is started with a small environment and mutual
// TLS, it dies with the host, what it prints is bounded, a call always has a deadline, and every failure
// to start has a sentinel and a sentence.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Why an adapter did not start. Launch returns a *StartError whose chain has exactly one of them.
var (
	// ErrMissing: there is no such file.
	ErrMissing = errors.New("the adapter's file is missing")
	// ErrUnsafe: somebody else could replace the file.
	ErrUnsafe = errors.New("the adapter's file is not safe to run")
	// ErrChecksum: the file is not the pinned one.
	ErrChecksum = errors.New("the adapter's file does not have the pinned checksum")
	// ErrSocketPath: the runtime folder cannot hold a unix socket.
	ErrSocketPath = errors.New("the runtime folder cannot hold the adapter's socket")
	// ErrExecute: the operating system does not run the file.
	ErrExecute = errors.New("the adapter's file cannot be executed")
	// ErrHandshake: it prints something else than adapters print.
	ErrHandshake = errors.New("the program does not answer as an adapter")
	// ErrProtocol: it is an adapter of a contract that this host does not speak.
	ErrProtocol = errors.New("the adapter speaks another contract")
	// ErrExited: it ended before it was ready.
	ErrExited = errors.New("the adapter ended before it was ready")
	// ErrStartTimeout: it was not ready in time.
	ErrStartTimeout = errors.New("the adapter was not ready in time")
	// ErrManifest: what it says of itself cannot be right.
	ErrManifest = errors.New("the adapter's manifest is not right")
)

// The times of a process when Options say nothing.
const (
	DefaultStartTimeout = 15 * time.Second
	DefaultCallTimeout  = time.Minute
)

// Options say what to start and how.
type Options struct {
	// Path is the adapter's file. It must not be writable by everybody and must belong to root or to the
	// user of this process.
	Path string
	// SHA256 is the file's checksum in hexadecimal digits; empty when it is not pinned.
	SHA256 string
	Args   []string
	// Env is the adapter's whole environment ("KEY=value") but for the handshake's and a default PATH:
	// nothing of this process's environment is inherited.
	Env []string
	// RuntimeDir is where sockets are made, each in its own folder of mode 0700. It is made when missing;
	// empty means the system's temporary folder. At most MaxRuntimeDir bytes.
	RuntimeDir string
	// PartnerName is the platform's name, for the manifest's steps.
	PartnerName string
	// Logger gets what the adapter logs and prints, at most some hundred lines a second; nil drops it.
	Logger *slog.Logger
	// Stderr gets every line that the adapter prints, redacted and cut to 4 KiB, in addition; may be nil.
	Stderr io.Writer
	// Redact is applied to every line before it is kept, logged or written; may be nil.
	Redact func(string) string
	// StartTimeout bounds the time from the start to the manifest; CallTimeout is the deadline of calls
	// that have none. 0 means the default.
	StartTimeout, CallTimeout time.Duration
}

// StartError tells why an adapter did not start.
type StartError struct {
	Path string
	Err  error
	// Stderr has the last lines that the adapter printed.
	Stderr []string
}

// Error returns one sentence; when the program ended by itself it quotes the last line it printed.
func (e *StartError) Error() string {
	s := fmt.Sprintf("start adapter %s: %v", e.Path, e.Err)
	if n := len(e.Stderr); n > 0 && errors.Is(e.Err, ErrExited) {
		s += fmt.Sprintf(" (it said: %s)", brief(e.Stderr[n-1]))
	}
	return s
}

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Err }

// Launch starts an adapter and returns when it has described itself. The process outlives ctx, which
// bounds the start only; end it with Stop. On Linux it is killed by the kernel when this process dies.
func Launch(ctx context.Context, o Options) (*Process, error) {
	if o.StartTimeout <= 0 {
		o.StartTimeout = DefaultStartTimeout
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = DefaultCallTimeout
	}
	out := newOutput(o)
	p, err := launch(ctx, o, out)
	if err != nil {
		return nil, &StartError{Path: o.Path, Err: err, Stderr: out.lines()}
	}
	return p, nil
}

func launch(ctx context.Context, o Options, out *output) (*Process, error) {
	if err := inspect(o.Path, o.SHA256); err != nil {
		return nil, err
	}
	dir, err := socketDir(o.RuntimeDir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.StartTimeout, fmt.Errorf("%w (%s)", ErrStartTimeout, o.StartTimeout))
	defer cancel()
	p := newProcess(o, out, dir)
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	return p, nil
}
