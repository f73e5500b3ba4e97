package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

// Spec is one adapter of the config.
type Spec struct {
	Name   string
	Path   string
	SHA256 string // hex; "" pins nothing
	// Limits replace the manifest's when they are not zero.
	Limits Limits
}

// Limits are the operator's own limits for an adapter.
type Limits struct {
	RequestsPerSecond float64
	Burst             int
	MaxInFlight       int           // calls of all connections at a time; 0 means 256
	CallTimeout       time.Duration // 0 means 60 s
}

// Options are what a Fleet is made of.
type Options struct {
	Adapters   []Spec
	RuntimeDir string // for the sockets, 0700
	Surroundings
	Log     *slog.Logger
	Metrics *Metrics // nil: none
	// Changed is called when an adapter comes, goes, or is given up. May be nil.
	Changed func(adapter string)
	// Launch starts a process; nil means host.Launch.
	Launch Launcher
}

// Surroundings are what every process is given.
type Surroundings struct {
	Env []string // the whole environment of the processes (proxy, CA file)
	// PartnerName is filled into manifests.
	PartnerName string
}

// Process is a running adapter.
type Process interface {
	// Client makes calls. Once the process is gone they fail with sdk.ErrNotRunning.
	Client() sdk.Client
	Manifest() sdk.Manifest
	Life
	Traces
}

// Life is the beginning and the end of a process.
type Life interface {
	// Done is closed when the process has ended, for whatever reason.
	Done() <-chan struct{}
	// Err returns why it ended by itself; nil while it runs and after Stop.
	Err() error
	// Ping asks whether it still answers.
	Ping(ctx context.Context) error
	// Stop refuses new calls, waits for those in flight until ctx ends, and ends the process. It may be called
	// more than once.
	Stop(ctx context.Context) error
}

// Traces are what an operator looks for on the machine.
type Traces interface {
	PID() int
	// Stderr returns the last lines that the process printed; they stay after its end.
	Stderr() []string
}

// Launcher starts an adapter process.
type Launcher func(ctx context.Context, o host.Options) (Process, error)

// Fleet is all adapters.
type Fleet struct {
	o       Options
	wg      sync.WaitGroup
	started sync.Once

	mu       sync.RWMutex
	adapters map[string]*adapter
	order    []string
	around   Surroundings
	ctx      context.Context // of what supervises the processes; nil before Start
	cancel   context.CancelFunc
}

// New returns a fleet that Start starts.
func New(o Options) (*Fleet, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	if o.Launch == nil {
		o.Launch = launchHost
	}
	f := &Fleet{o: o, around: o.Surroundings, adapters: make(map[string]*adapter, len(o.Adapters))}
	for _, s := range o.Adapters {
		if _, ok := f.adapters[s.Name]; ok {
			return nil, fmt.Errorf("adapter %s stands twice in the config", s.Name)
		}
		f.adapters[s.Name] = newAdapter(s)
		f.order = append(f.order, s.Name)
	}
	return f, nil
}

// Start launches every adapter and returns; it waits for none of them.
func (f *Fleet) Start() {
	f.started.Do(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		ctx, cancel := context.WithCancel(context.Background())
		f.ctx, f.cancel = ctx, cancel
		for _, name := range f.order {
			a := f.adapters[name]
			f.wg.Go(func() { f.supervise(ctx, a, nil) })
		}
	})
}

// adapter returns an adapter of the config by its name.
func (f *Fleet) adapter(name string) (*adapter, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	a, ok := f.adapters[name]
	return a, ok
}

// all returns the adapters in the order of the config.
func (f *Fleet) all() []*adapter {
	f.mu.RLock()
	defer f.mu.RUnlock()
	out := make([]*adapter, len(f.order))
	for i, name := range f.order {
		out[i] = f.adapters[name]
	}
	return out
}

func (f *Fleet) surroundings() Surroundings {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.around
}

// Stop ends every process, after its calls in flight or when ctx ends. It may be called twice.
func (f *Fleet) Stop(ctx context.Context) {
	f.started.Do(func() {}) // a later Start does nothing
	f.mu.Lock()
	cancel := f.cancel
	f.ctx = nil // nothing is added any more
	f.mu.Unlock()
	if cancel == nil {
		return
	}
	var stops sync.WaitGroup
	for _, a := range f.all() {
		stops.Go(func() { a.stop(ctx) })
	}
	stops.Wait()
	cancel()
	f.wg.Wait()
}

// Ready returns when each adapter has been launched once, or given up, or ctx ends.
func (f *Fleet) Ready(ctx context.Context) {
	for _, a := range f.all() {
		select {
		case <-a.tried:
		case <-ctx.Done():
			return
		}
	}
}

// State is how an adapter is doing.
type State string

// States of an adapter.
const (
	StateStarting    State = "starting"
	StateRunning     State = "running"
	StateRestarting  State = "restarting"  // after a crash, waiting to be launched again
	StateMissing     State = "missing"     // cannot be launched: no file, wrong checksum, other protocol
	StateDeactivated State = "deactivated" // crashed too often; tried again later
	StateStopped     State = "stopped"
)

// Status is what is known of one adapter.
type Status struct {
	Name, Path string
	State      State
	PID        int
	Since      time.Time // of State
	Restarts   int
	Error      string   // why it is not running
	Stderr     []string // its last lines
	Manifest   *sdk.Manifest
}

// List returns every adapter in the order of the config.
func (f *Fleet) List() []Status {
	var out []Status
	for _, a := range f.all() {
		out = append(out, a.status())
	}
	return out
}

// Manifest returns the adapter's manifest, the last known one while it is not running. An adapter that
// never ran is sdk.ErrNotRunning.
func (f *Fleet) Manifest(name string) (sdk.Manifest, error) {
	a, ok := f.adapter(name)
	if !ok {
		return sdk.Manifest{}, fmt.Errorf("adapter %s is not in the config: %w", name, sdk.ErrNotRunning)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.manifest == nil {
		return sdk.Manifest{}, fmt.Errorf("adapter %s: %s: %w", name, a.why(), sdk.ErrNotRunning)
	}
	return *a.manifest, nil
}

// Gone reports why an adapter will not be back by itself soon, or "".
func (f *Fleet) Gone(name string) string {
	a, ok := f.adapter(name)
	if !ok {
		return "the adapter " + name + " is not in the config"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == StateMissing || a.state == StateDeactivated {
		return a.why()
	}
	return ""
}

// launchHost is host.Launch as a Launcher.
func launchHost(ctx context.Context, o host.Options) (Process, error) {
	p, err := host.Launch(ctx, o)
	if err != nil {
		return nil, err
	}
	return p, nil
}
