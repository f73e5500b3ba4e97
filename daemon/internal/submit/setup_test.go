package submit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a world of its own: the real store in memory, the worker, and an ATS that remembers every write.
type bundle struct {
	t        testing.TB
	store    *kv.Store
	leases   *leases
	adapters *adapters
	ats      *ats
	worker   *Worker
	conns    []atssync.Connection
	owner    int
	quit     chan struct{}
	done     chan struct{}
}

// setup returns a world with n connections of one adapter, each with the platform job "job" linked.
func setup(t testing.TB, n int, edit ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{
		t: t, store: kv.New(memory.New(), kv.Options{SoleOwner: true}), ats: newATS(),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	b.adapters = newAdapters(b.ats)
	b.leases = &leases{held: make(map[string]atssync.Lease)}
	for i := range n {
		b.connect(fmt.Sprintf("c%03d", i))
	}
	b.acquire()
	b.start(edit...)
	go b.upkeep()
	t.Cleanup(b.stop)
	return b
}

func (b *bundle) connect(name string) atssync.Connection {
	b.t.Helper()
	c, err := b.store.CreateConnection(b.t.Context(), atssync.Connection{
		Name: name, Account: "acme", Adapter: "fake", ActingUser: atssync.User{Email: "recruiter@example.com"},
	}, time.Now())
	require.NoError(b.t, err)
	b.conns = append(b.conns, c)
	b.link(c.ID, "job", "ats-job")
	return c
}

func (b *bundle) link(connection, job, atsJob string) {
	b.t.Helper()
	_, _, err := b.store.PutJobLink(b.t.Context(), atssync.PutJobLink{
		Link:    atssync.JobLink{Connection: connection, PlatformJob: job, ATSJob: atsJob, As: sdk.AsCandidate},
		Backlog: &atssync.Backlog{Mode: atssync.BacklogAll},
	}, 0, time.Now())
	require.NoError(b.t, err)
}

// acquire takes every lease for a new owner, as a daemon does that starts.
func (b *bundle) acquire() {
	b.t.Helper()
	b.owner++
	owner := fmt.Sprintf("owner-%d", b.owner)
	ctx := context.Background()
	require.NoError(b.t, b.store.Heartbeat(ctx, owner, time.Now().Add(1000*time.Hour), time.Now()))
	var ids []string
	for _, c := range b.conns {
		ids = append(ids, c.ID)
	}
	for part := range slices.Chunk(ids, 500) {
		got, err := b.store.Acquire(ctx, owner, part, time.Now())
		require.NoError(b.t, err)
		b.leases.take(got)
	}
}

// crash is the end of the daemon without a word, and the start of the next one: the old worker is left to itself.
func (b *bundle) crash(edit ...func(*Options)) (old *Worker) {
	b.t.Helper()
	old = b.worker
	require.NoError(b.t, b.store.Release(context.Background(), fmt.Sprintf("owner-%d", b.owner), time.Now()))
	b.acquire()
	b.start(edit...)
	b.t.Cleanup(func() { old.Stop(b.t.Context()) })
	return old
}

// start makes a new worker.
func (b *bundle) start(edit ...func(*Options)) {
	o := Options{
		Store: b.store, Uncertain: b.store, Waiting: b.store, Tasks: b.store, Connections: b.store, Leases: b.leases, Adapters: b.adapters,
		Vault: vault{}, Platform: "Platform", Policy: Policy{DrainEvery: time.Second}, Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range edit {
		f(&o)
	}
	b.worker = New(o)
}

// upkeep works tasks off and nudges every lane each minute, as the daemon does.
func (b *bundle) upkeep() {
	defer close(b.done)
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for n := 1; ; n++ {
		select {
		case <-b.quit:
			return
		case <-t.C:
		}
		b.workTasks()
		if n%60 == 0 {
			b.nudgeAll()
		}
	}
}

func (b *bundle) workTasks() {
	ctx := context.Background()
	tasks, err := b.store.Tasks(ctx, "")
	if err != nil {
		return
	}
	for _, t := range tasks {
		if _, wake, err := b.store.WorkTask(ctx, t.ID, 500, time.Now()); err == nil && wake {
			b.worker.Wake(t.Connection)
		}
	}
}

// after lets d pass in a bubble, and everything settle that it brought.
func (b *bundle) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bundle) wakeAll() {
	for _, c := range b.conns {
		b.worker.Wake(c.ID)
	}
}

func (b *bundle) nudgeAll() {
	for _, c := range b.conns {
		b.worker.Nudge(c.ID)
	}
}

func (b *bundle) stop() {
	select {
	case <-b.quit:
		return
	default:
	}
	close(b.quit)
	<-b.done
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.worker.Stop(ctx)
	require.NoError(b.t, b.store.Close())
	b.adapters.mu.Lock()
	defer b.adapters.mu.Unlock()
	require.Zero(b.t, b.adapters.open, "a place was reserved and never given back")
}

// submit accepts n documents for a job of a connection, and wakes its lane.
func (b *bundle) submit(c atssync.Connection, job string, n int) []string {
	b.t.Helper()
	ids := b.accept(c, job, n)
	b.worker.Wake(c.ID)
	return ids
}

func (b *bundle) accept(c atssync.Connection, job string, n int) []string {
	b.t.Helper()
	var ids []string
	var in []atssync.NewSubmission
	for i := range n { // in the order of their ids
		id := atssync.NewID(atssync.PrefixSubmission, time.Now().Add(time.Duration(i)*time.Millisecond))
		ids = append(ids, id)
		in = append(in, document(c, id, job))
	}
	for part := range slices.Chunk(in, 500) {
		got, err := b.store.Accept(context.Background(), part, time.Now())
		require.NoError(b.t, err)
		for _, a := range got {
			require.NoError(b.t, a.Err)
		}
	}
	return ids
}

func document(c atssync.Connection, id, job string) atssync.NewSubmission {
	d := atssync.Document{
		Connection: c.ID, ExternalID: "x-" + id, Job: job,
		Person:         atssync.Person{ID: id, FirstName: "Ada", LastName: "Example", Emails: []atssync.Email{{Address: id + "@example.com", Type: "personal"}}},
		ApplicationURL: "https://platform.example.com/a/" + id,
		Answers:        []atssync.Answer{{Question: "Why?", Answer: "Because."}},
	}
	payload, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return atssync.NewSubmission{Submission: atssync.Submission{
		ID: id, Connection: c.ID, ExternalID: d.ExternalID, ExternalKey: c.ID + "/" + d.ExternalID, Fingerprint: "print " + id,
		PlatformJob: job,
	}, Payload: payload}
}

func (b *bundle) sub(id string) atssync.Submission {
	b.t.Helper()
	s, err := b.store.Submission(context.Background(), id)
	require.NoError(b.t, err)
	return s
}

// states counts a connection's submissions by state, and holds the ledger to its promise on the way.
func (b *bundle) states(connection string) map[atssync.State]int64 {
	b.t.Helper()
	l, err := b.store.Recount(context.Background(), connection)
	require.NoError(b.t, err)
	require.True(b.t, l.OK, "the ledger does not add up: %+v", l)
	require.True(b.t, l.Balanced())
	out := make(map[atssync.State]int64)
	for s, n := range l.States {
		if n != 0 {
			out[s] = n
		}
	}
	return out
}

func (b *bundle) lane(connection string) atssync.Lane {
	b.t.Helper()
	l, err := b.store.Lane(context.Background(), connection)
	require.NoError(b.t, err)
	return l
}

func (b *bundle) health(connection string) atssync.Health {
	l := b.lane(connection)
	return l.Health(atssync.OpSubmit)
}

// events returns the events of a connection of those types, in order.
func (b *bundle) events(connection string, types ...atssync.EventType) []atssync.Event {
	b.t.Helper()
	var out []atssync.Event
	after := int64(0)
	for {
		got, next, err := b.store.Events(context.Background(), atssync.EventQuery{Connection: connection, Types: types, After: after, Limit: 1000})
		require.NoError(b.t, err)
		out = append(out, got...)
		if next == after {
			return out
		}
		after = next
	}
}

type leases struct {
	mu   sync.Mutex
	held map[string]atssync.Lease
	lost []atssync.Lease
}

func (l *leases) take(in []atssync.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range in {
		l.held[x.Connection] = x
	}
}

func (l *leases) Lease(connection string) (atssync.Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x, ok := l.held[connection]
	return x, ok
}

func (l *leases) Lost(x atssync.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = append(l.lost, x)
	if l.held[x.Connection] == x {
		delete(l.held, x.Connection)
	}
}

// vault keeps everything in the open.
type vault struct{}

func (vault) OpenConnection(c atssync.Connection) (sdk.Connection, error) {
	return sdk.Connection{ID: c.ID, Settings: c.Settings}, nil
}

func (vault) OpenDocument(_ atssync.Submission, p atssync.Payload) (d atssync.Document, err error) {
	err = json.Unmarshal(p, &d)
	return d, err
}

func (vault) SealNote(_ atssync.Submission, text string) ([]byte, error)      { return []byte(text), nil }
func (vault) SealContinuation(_ atssync.Submission, b []byte) ([]byte, error) { return b, nil }
func (vault) OpenContinuation(s atssync.Submission) ([]byte, error)           { return s.Continuation, nil }

// adapters is the one adapter "fake", as the fleet shows it.
type adapters struct {
	fake *adaptertest.Fake

	mu       sync.Mutex
	manifest sdk.Manifest
	gone     string
	down     bool // the process is not there for the moment
	open     int  // places reserved and not given back
	reserve  func(ctx context.Context, connection string, p sdk.Power) error
}

func newAdapters(a *ats) *adapters {
	m := sdk.Manifest{
		Name: "fake", Label: "Fake", Powers: []sdk.Power{sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerFind},
		Find: sdk.FindNone, Dedupe: sdk.DedupeNone, Note: sdk.NoteRule{Format: sdk.NotePlain, Max: 10_000},
	}
	return &adapters{manifest: m, fake: &adaptertest.Fake{Manifest: m, SubmitFunc: a.submit, CheckFunc: a.check, FindFunc: a.find}}
}

func (a *adapters) set(f func(*adapters)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

func (a *adapters) Manifest(string) (sdk.Manifest, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.manifest, nil
}

func (a *adapters) Gone(string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone
}

func (a *adapters) Reserve(ctx context.Context, _ string, c sdk.Connection, p sdk.Power) (sdk.Client, func(), error) {
	a.mu.Lock()
	reserve, down := a.reserve, a.down || a.gone != ""
	a.mu.Unlock()
	if down {
		return nil, nil, fmt.Errorf("fake: %w", sdk.ErrNotRunning)
	}
	if reserve != nil {
		if err := reserve(ctx, c.ID, p); err != nil {
			return nil, nil, err
		}
	}
	a.set(func(a *adapters) { a.open++ })
	var once sync.Once
	return a.fake, func() { once.Do(func() { a.set(func(a *adapters) { a.open-- }) }) }, nil
}
