// Package serve is all that an adapter's main calls: it turns a value that implements sdk.Adapter into
// the program that the daemon starts. It stands on the adapter's side of the process border; host stands
// on the other.
//
//	func main() {
//		serve.Main(adapter.New(), serve.Simulator(simulator.Run))
//	}
//
// Started by a host, the program serves the adapter until the host ends it: it goes away with its parent,
// finishes the calls in flight at SIGTERM, ignores SIGINT, survives a panic in a handler, and refuses to
// start when the manifest and the code contradict each other. Started by a person it says what it is;
// "describe" prints the manifest and "simulate" runs the simulator.
package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

// describeTimeout bounds Describe, which reads nothing from the network.
const describeTimeout = 10 * time.Second

// Option adds to what the program can do.
type Option func(*program)

// Simulator lets the program simulate its ATS, when its first argument is "simulate". fn gets the
// arguments after that word, serves until ctx ends at SIGINT or SIGTERM, and returns nil or that end.
func Simulator(fn func(ctx context.Context, args []string, stdout, stderr io.Writer) error) Option {
	return func(p *program) { p.simulate = fn }
}

// LogLevel is the level from which log lines are written; the environment variable ATSSYNC_LOG_LEVEL
// (debug, info, warn, error) wins. It is info when nothing is said.
func LogLevel(level slog.Leveler) Option {
	return func(p *program) { p.level = level }
}

// Main runs the program and ends the process. It never returns.
func Main(adapter sdk.Adapter, opts ...Option) {
	p := &program{adapter: adapter, level: slog.LevelInfo, stdout: os.Stdout, stderr: os.Stderr}
	for _, o := range opts {
		o(p)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv("ATSSYNC_LOG_LEVEL"))); err == nil {
		p.level = level
	}
	if os.Getenv(wire.CookieKey) == wire.CookieValue {
		os.Exit(p.serve())
	}
	os.Exit(p.person(os.Args[1:]))
}

// program is one run of an adapter's binary. stdout and stderr are the original ones: go-plugin replaces
// those of package os while it serves.
type program struct {
	adapter  sdk.Adapter
	simulate func(context.Context, []string, io.Writer, io.Writer) error
	level    slog.Leveler
	stdout   io.Writer
	stderr   io.Writer
}

// person answers somebody who started the program by hand. It returns the exit code.
func (p *program) person(args []string) int {
	switch {
	case len(args) > 0 && args[0] == "simulate" && p.simulate != nil:
		return p.runSimulator(args[1:])
	case len(args) > 0 && args[0] == "describe":
		return p.describe()
	}
	p.explain()
	return 1
}

func (p *program) runSimulator(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := p.simulate(ctx, args, p.stdout, p.stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return 0
	}
	fmt.Fprintf(p.stderr, "simulate: %v\n", err)
	return 1
}

// describe prints the manifest as JSON, with the names of the wire contract.
func (p *program) describe() int {
	m, err := p.manifest()
	if err == nil {
		err = announced(p.adapter, m)
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "describe: %v\n", err)
		return 1
	}
	b, err := wire.ManifestJSON(m)
	if err != nil {
		fmt.Fprintf(p.stderr, "describe: %v\n", err)
		return 1
	}
	fmt.Fprintf(p.stdout, "%s\n", b)
	return 0
}

func (p *program) manifest() (sdk.Manifest, error) {
	ctx, cancel := context.WithTimeout(context.Background(), describeTimeout)
	defer cancel()
	m, err := p.adapter.Describe(ctx, sdk.DescribeRequest{PartnerName: "the platform"})
	if err != nil {
		return m, fmt.Errorf("describe the adapter: %w", err)
	}
	return m, nil
}

// explain tells a person what the program is.
func (p *program) explain() {
	m, err := p.manifest()
	if err != nil {
		fmt.Fprintf(p.stderr, "This is an adapter of atssync whose manifest cannot be read: %v\n", err)
		return
	}
	fmt.Fprintf(p.stderr, "This is the adapter %q (%s %s) of atssync.\n", m.Name, m.Label, m.Version)
	fmt.Fprintf(p.stderr, "The daemon starts it; name its path in the [adapters.%s] section of the configuration.\n\n", m.Name)
	fmt.Fprintf(p.stderr, "  contract  %d to %d\n  powers    %v\n  fields   ", m.ContractMin, m.ContractMax, m.Powers)
	for _, f := range m.Fields {
		fmt.Fprintf(p.stderr, " %s", f.Name)
	}
	fmt.Fprint(p.stderr, "\n\nBy hand:\n  describe             print the manifest as JSON\n")
	if p.simulate != nil {
		fmt.Fprint(p.stderr, "  simulate [--help]    run a simulator of this applicant tracking system\n")
	}
	if err := announced(p.adapter, m); err != nil {
		fmt.Fprintf(p.stderr, "\nIt cannot serve:\n%v\n", err)
	}
}
