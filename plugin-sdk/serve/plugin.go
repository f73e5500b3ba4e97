package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

const (
	// drainTimeout bounds how long SIGTERM waits for the calls in flight; a second SIGTERM ends it.
	drainTimeout = 60 * time.Second
	// linger lets the last answers leave the process: gRPC writes them after the handler has returned.
	linger = 200 * time.Millisecond
	// workers answer calls one after the other on stacks that have grown to what a call needs; further calls at the same
	// time get a stack of their own, whose growing costs a tenth of a call.
	workers = 32
	// gcPercent lets the heap, which holds little beside the calls in flight, grow to some megabytes before it is collected.
	// At Go's own pace a busy adapter collects a dozen times a second.
	gcPercent = 400
	// parentPoll is how often the program looks whether its parent is still there.
	parentPoll = time.Second
)

// serve serves the adapter to the host that started the process. It returns the exit code.
func (p *program) serve() int {
	kin := lookUpFamily()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	signal.Ignore(os.Interrupt) // Ctrl-C on a terminal is the daemon's to answer.
	m, err := p.manifest()
	if err == nil {
		err = announced(p.adapter, m)
	}
	if err != nil {
		// One plain line: the host quotes the last one.
		fmt.Fprintf(p.stderr, "this adapter refuses to start: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	log := newLogger(p.stderr, p.level, m.Name)
	slog.SetDefault(log)

	s := &server{guard: wire.NewGuard(log, withLogger), log: log}
	go kin.watch(log)
	go s.endAtTerm()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: wire.Sets(wire.NewServer(p.adapter)),
		GRPCServer:       s.make,
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: m.Name, Level: hclog.Warn, Output: p.stderr, JSONFormat: true,
		}),
	})
	return 0
}

// server holds on to the gRPC server that go-plugin asks for, to be able to stop it.
type server struct {
	guard *wire.Guard
	log   *slog.Logger

	mu   sync.Mutex
	grpc *grpc.Server
}

func (s *server) make(opts []grpc.ServerOption) *grpc.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	opts = append(opts, grpc.NumStreamWorkers(workers))
	s.grpc = grpc.NewServer(append(opts, wire.ServerOptions(s.guard.Unary)...)...)
	return s.grpc
}

// stop ends the server at once. GracefulStop is of no use here: go-plugin's own streams never end.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grpc == nil {
		os.Exit(0) // Nothing is served yet.
	}
	s.grpc.Stop()
}

// endAtTerm finishes the calls in flight at SIGTERM and then lets plugin.Serve return.
func (s *server) endAtTerm() {
	term := make(chan os.Signal, 2)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	s.log.Info("finishing the calls in flight")
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	go func() {
		<-term
		cancel()
	}()
	if !s.guard.Drain(ctx) {
		s.log.Warn("calls were still in flight at the end")
	}
	time.Sleep(linger)
	s.stop()
}

// family is who the process belongs to: the parent that it had when it began, and the host that says so in
// the environment (0 when none does). Both are needed. A parent that dies before it was looked up would
// never be missed, and a host may start an adapter through a script.
type family struct{ parent, host int }

func lookUpFamily() family {
	host, err := strconv.Atoi(os.Getenv(wire.HostPIDKey))
	if err != nil || host < 1 {
		host = 0
	}
	return family{parent: os.Getppid(), host: host}
}

// gone reports whether one of them is.
func (f family) gone() bool {
	if os.Getppid() != f.parent {
		return true
	}
	return f.host != 0 && errors.Is(syscall.Kill(f.host, 0), syscall.ESRCH)
}

// watch ends the process when its family is gone: an adapter without a host would keep credentials in
// memory and connections open for nobody. The kernel's parent-death signal does the same on Linux when
// the host asks for it; this works everywhere and for every host.
func (f family) watch(log *slog.Logger) {
	for range time.Tick(parentPoll) {
		if f.gone() {
			log.Error("the host is gone")
			os.Exit(1)
		}
	}
}
