package collect

import (
	"context"
	"fmt"
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

// bundle is a world of its own: the real store in memory, counted, the worker, and an ATS with candidates.
type bundle struct {
	t        testing.TB
	store    *counted
	leases   *leases
	adapters *adapters
	ats      *ats
	worker   *Worker
	conns    []atssync.Connection

	mu    sync.Mutex
	woken []string
}

// setup returns a world with n connections of the adapter "fake", each with the platform job "job" linked.
func setup(t testing.TB, n int, edit ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{t: t, store: &counted{Store: kv.New(memory.New(), kv.Options{SoleOwner: true})}, ats: newATS()}
	b.adapters = newAdapters(b.ats)
	b.leases = &leases{held: make(map[string]atssync.Lease)}
	require.NoError(t, b.store.Heartbeat(t.Context(), "owner", time.Now().Add(20_000*time.Hour), time.Now()))
	for i := range n {
		b.connect(fmt.Sprintf("c%03d", i), "fake")
	}
	b.start(edit...)
	t.Cleanup(func() {
		b.worker.Stop()
		require.NoError(t, b.store.Close())
		b.adapters.mu.Lock()
		defer b.adapters.mu.Unlock()
		require.Zero(t, b.adapters.open, "a place was reserved and never given back")
	})
	return b
}

func (b *bundle) connect(name, adapter string) atssync.Connection {
	b.t.Helper()
	c, err := b.store.CreateConnection(b.t.Context(), atssync.Connection{
		Name: name, Account: "acme", Adapter: adapter, ActingUser: atssync.User{Email: "recruiter@example.com"},
	}, time.Now())
	require.NoError(b.t, err)
	b.conns = append(b.conns, c)
	_, _, err = b.store.PutJobLink(b.t.Context(), atssync.PutJobLink{Link: atssync.JobLink{
		Connection: c.ID, PlatformJob: "job", ATSJob: "ats-job", As: sdk.AsCandidate,
	}}, 0, time.Now())
	require.NoError(b.t, err)
	got, err := b.store.Acquire(b.t.Context(), "owner", []string{c.ID}, time.Now())
	require.NoError(b.t, err)
	b.leases.take(got...)
	return c
}

func (b *bundle) start(edit ...func(*Options)) {
	o := Options{
		Store: b.store, Lanes: b.store, Jobs: b.store, Connections: b.store, Hints: b.store, Submissions: b.store,
		Leases: b.leases, Adapters: b.adapters,
		Vault: vault{}, Wake: func(c string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.woken = append(b.woken, c)
		},
	}
	for _, f := range edit {
		f(&o)
	}
	b.worker = New(o)
}

// after lets d pass in a bubble, and everything settle that it brought.
func (b *bundle) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// submitted puts n applications into the ATS, as the submit worker does, and returns their ids in order.
func (b *bundle) submitted(c atssync.Connection, n int) []string {
	b.t.Helper()
	ctx := context.Background()
	var ids []string
	for i := range n {
		now := time.Now()
		id := atssync.NewID(atssync.PrefixSubmission, now.Add(time.Duration(i)*time.Millisecond))
		ids = append(ids, id)
		_, err := b.store.Accept(ctx, []atssync.NewSubmission{{
			Submission: atssync.Submission{ID: id, Connection: c.ID, ExternalID: "x-" + id, ExternalKey: id, Fingerprint: id, PlatformJob: "job"},
			Payload:    atssync.Payload("{}"),
		}}, now)
		require.NoError(b.t, err)
		lease, _ := b.leases.Lease(c.ID)
		got, err := b.store.BeginAttempts(ctx, lease, []atssync.BeginAttempt{{Submission: id, Revision: 1, ATSJob: "ats-job", As: sdk.AsCandidate}}, now)
		require.NoError(b.t, err)
		require.Len(b.t, got, 1)
		s, err := b.store.Submission(ctx, id)
		require.NoError(b.t, err)
		r := atssync.Receipt{CandidateID: "cand-" + id, ApplicationID: "app-" + id}
		app := atssync.NewApplication(s, r, "Engineer", now)
		require.NoError(b.t, b.store.FinishAttempts(ctx, lease, []atssync.Finish{{
			Submission: id, Attempt: got[0].Number, To: atssync.StateSubmitted, Receipt: &r, Application: &app,
		}}, nil, now))
		b.ats.put(sdk.Reading{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID, JobID: "ats-job", Raw: sdk.RawStatus{Status: "active", StageName: "Phone Screen"}})
	}
	return ids
}

func (b *bundle) app(id string) atssync.Application {
	b.t.Helper()
	a, err := b.store.Application(context.Background(), id)
	require.NoError(b.t, err)
	return a
}

// pass runs a status pass of everything at once.
func (b *bundle) pass() Summary {
	b.t.Helper()
	s, err := b.worker.StatusPass(b.t.Context(), 0)
	require.NoError(b.t, err)
	return s
}

func (b *bundle) lane(connection string) atssync.Lane {
	b.t.Helper()
	l, err := b.store.Lane(context.Background(), connection)
	require.NoError(b.t, err)
	return l
}

func (b *bundle) health(connection string, op atssync.Operation) atssync.Health {
	l := b.lane(connection)
	return l.Health(op)
}

func (b *bundle) events(connection string, types ...atssync.EventType) []atssync.Event {
	b.t.Helper()
	got, _, err := b.store.Events(context.Background(), atssync.EventQuery{Connection: connection, Types: types, Limit: 1000})
	require.NoError(b.t, err)
	return got
}

// counted counts the commits of readings.
type counted struct {
	*kv.Store
	mu      sync.Mutex
	commits int
	changes int
}

func (s *counted) RecordReadings(ctx context.Context, l atssync.Lease, in []atssync.ApplicationChange, cp *atssync.Checkpoint, now time.Time) (int, error) {
	s.mu.Lock()
	s.commits++
	s.changes += len(in)
	s.mu.Unlock()
	return s.Store.RecordReadings(ctx, l, in, cp, now)
}

type leases struct {
	mu   sync.Mutex
	held map[string]atssync.Lease
	lost []atssync.Lease
}

func (l *leases) take(in ...atssync.Lease) {
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
}

func (l *leases) Held() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for id := range l.held {
		out = append(out, id)
	}
	return out
}

type vault struct{}

func (vault) OpenConnection(c atssync.Connection) (sdk.Connection, error) {
	return sdk.Connection{ID: c.ID}, nil
}

// adapters are the adapters "fake" and "other", as the fleet shows them.
type adapters struct {
	fake *adaptertest.Fake

	mu       sync.Mutex
	manifest sdk.Manifest
	down     bool
	open     int
	reserve  func(ctx context.Context, adapter, connection string) error
}

func newAdapters(a *ats) *adapters {
	m := sdk.Manifest{
		Name: "fake", Powers: []sdk.Power{sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses},
		Batch: sdk.Batch{ReadStatuses: 50}, JobsListOnlyOpen: true, ReadPermission: "Job Admin on the job, granted by a Site Admin",
		MissingCauses: []string{"The user was disabled."},
		Statuses: []sdk.StatusRule{
			{RawStatus: "active", Status: sdk.StatusActive, Native: true},
			{RawStatus: "hired", Status: sdk.StatusHired, Native: true},
			{RawStatus: "rejected", Status: sdk.StatusRejected, Native: true},
		},
	}
	return &adapters{manifest: m, fake: &adaptertest.Fake{
		Manifest: m, ReadStatusesFunc: a.readStatuses, ListJobsFunc: a.listJobs, CheckFunc: func(ctx context.Context, r sdk.CheckRequest) (sdk.CheckReply, error) { return a.check(ctx, r) },
	}}
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

func (a *adapters) Reserve(ctx context.Context, adapter string, c sdk.Connection, _ sdk.Power) (sdk.Client, func(), error) {
	a.mu.Lock()
	reserve, down := a.reserve, a.down
	a.mu.Unlock()
	if down {
		return nil, nil, fmt.Errorf("fake: %w", sdk.ErrNotRunning)
	}
	if reserve != nil {
		if err := reserve(ctx, adapter, c.ID); err != nil {
			return nil, nil, err
		}
	}
	a.set(func(a *adapters) { a.open++ })
	var once sync.Once
	return a.fake, func() { once.Do(func() { a.set(func(a *adapters) { a.open-- }) }) }, nil
}

// ats shows candidates.
type ats struct {
	mu       sync.Mutex
	readings map[string][]sdk.Reading // by candidate
	hidden   map[string]bool
	calls    int
	asked    map[string][]time.Time // by application id
	largest  int
	jobs     []sdk.Job

	rule  func(connection string) error
	check func(context.Context, sdk.CheckRequest) (sdk.CheckReply, error)
}

func newATS() *ats {
	return &ats{
		readings: make(map[string][]sdk.Reading), hidden: make(map[string]bool), asked: make(map[string][]time.Time),
		check: func(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) { return sdk.CheckReply{}, nil },
	}
}

func (a *ats) set(f func(*ats)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

// put shows one application, in place of the one with its id.
func (a *ats) put(rd sdk.Reading) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var rest []sdk.Reading
	for _, r := range a.readings[rd.CandidateID] {
		if r.ApplicationID != rd.ApplicationID {
			rest = append(rest, r)
		}
	}
	a.readings[rd.CandidateID] = append(rest, rd)
}

func (a *ats) move(id, status, stage string) {
	a.put(sdk.Reading{CandidateID: "cand-" + id, ApplicationID: "app-" + id, JobID: "ats-job", Raw: sdk.RawStatus{Status: status, StageName: stage}})
}

func (a *ats) hide(ids ...string) {
	a.set(func(a *ats) {
		for _, id := range ids {
			a.hidden["cand-"+id] = true
		}
	})
}

func (a *ats) readStatuses(_ context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	a.mu.Lock()
	rule := a.rule
	a.mu.Unlock()
	if rule != nil {
		if err := rule(req.Connection.ID); err != nil {
			return sdk.ReadStatusesReply{}, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	a.largest = max(a.largest, len(req.Applications))
	var reply sdk.ReadStatusesReply
	for _, ref := range req.Applications {
		a.asked[ref.ApplicationID] = append(a.asked[ref.ApplicationID], time.Now())
		if !a.hidden[ref.CandidateID] {
			reply.Readings = append(reply.Readings, a.readings[ref.CandidateID]...)
		}
	}
	return reply, nil
}

func (a *ats) listJobs(_ context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	a.mu.Lock()
	rule := a.rule
	a.mu.Unlock()
	if rule != nil {
		if err := rule(req.Connection.ID); err != nil {
			return sdk.ListJobsReply{}, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return sdk.ListJobsReply{Jobs: a.jobs, Complete: true}, nil
}

// times returns when an application was asked for.
func (a *ats) times(id string) []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked["app-"+id])
}

func (a *ats) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

func (s *counted) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes, s.commits = 0, 0
}

func (s *counted) changed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

func (s *counted) committed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits
}
