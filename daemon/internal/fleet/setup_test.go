package fleet

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
	"github.com/atssync/atssync/plugin-sdk/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is an adapter that ends when it is told to.
type process struct {
	fake *adaptertest.Fake
	done chan struct{}
	ping func(ctx context.Context) error

	mu      sync.Mutex
	err     error
	stopped int
	ended   bool
}

func newProcess(f *adaptertest.Fake) *process { return &process{fake: f, done: make(chan struct{})} }

func (p *process) Client() sdk.Client     { return p.fake }
func (p *process) Manifest() sdk.Manifest { return p.fake.Manifest }
func (p *process) Done() <-chan struct{}  { return p.done }
func (p *process) PID() int               { return 4711 }
func (p *process) Stderr() []string       { return []string{"last words"} }

func (p *process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *process) Ping(ctx context.Context) error {
	if p.ping == nil {
		return nil
	}
	return p.ping(ctx)
}

func (p *process) Stop(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped++
	if !p.ended {
		p.ended = true
		close(p.done)
	}
	return nil
}

func (p *process) stops() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// crash ends the process by itself.
func (p *process) crash() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.ended = errors.New("signal: killed"), true
	close(p.done)
}

// launcher starts fake processes.
type launcher struct {
	mu       sync.Mutex
	launched []time.Time
	running  *process
	fake     *adaptertest.Fake
	// refuse, when set, may refuse to launch.
	refuse func(ctx context.Context) error
	// born, when set, sees each process before it is handed out.
	born func(p *process)
}

func (l *launcher) launch(ctx context.Context, _ host.Options) (Process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.launched = append(l.launched, time.Now())
	if l.refuse != nil {
		if err := l.refuse(ctx); err != nil {
			return nil, err
		}
	}
	l.running = newProcess(l.fake)
	if l.born != nil {
		l.born(l.running)
	}
	return l.running, nil
}

func (l *launcher) set(f func(*launcher)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

func (l *launcher) times() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.launched)
}

// bundle is a fleet of the one adapter "fake".
type bundle struct {
	t        testing.TB
	f        *Fleet
	launcher *launcher
	mu       sync.Mutex
	changes  int
}

func setup(t testing.TB, m sdk.Manifest, limits Limits) *bundle {
	t.Helper()
	if m.Name == "" {
		m.Name = "fake"
	}
	b := &bundle{t: t, launcher: &launcher{fake: &adaptertest.Fake{Manifest: m}}}
	var err error
	b.f, err = New(Options{
		Adapters: []Spec{{Name: "fake", Path: "/opt/fake", Limits: limits}}, Launch: b.launcher.launch,
		Changed: func(string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.changes++
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { b.f.Stop(context.Background()) })
	return b
}

// started returns a fleet whose adapter runs.
func started(t testing.TB, m sdk.Manifest, limits Limits) *bundle {
	t.Helper()
	b := setup(t, m, limits)
	b.f.Start()
	b.f.Ready(t.Context())
	require.Equal(t, StateRunning, b.status().State)
	return b
}

func (b *bundle) status() Status { return b.f.List()[0] }

// after lets d pass in a bubble, and everything settle that it brought.
func (b *bundle) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bundle) process() *process {
	b.launcher.mu.Lock()
	defer b.launcher.mu.Unlock()
	return b.launcher.running
}

func connection(id, key string) sdk.Connection {
	return sdk.Connection{ID: id, Credentials: map[string]sdk.Secret{"key": sdk.Secret(key)}}
}
