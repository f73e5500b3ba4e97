package torture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/collect"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/submit"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
)

// daemon is one life of the daemon: the real workers over one view of the disk, and what package app does between them.
type daemon struct {
	m       *model
	number  int
	engine  *engine
	steps   *kv.Store
	store   ordered // steps as the workers take them
	submit  *submit.Worker
	collect *collect.Worker
	manage  *manage.Service
	client  sdk.Client

	mu   sync.Mutex
	held map[string]atssync.Lease
	gone string // why the adapter will not be back

	following map[string]bool

	kick, quit chan struct{}
	ended      chan struct{}
	lanes      map[string]*lane // of a model that sets the clock
	wg         sync.WaitGroup
}

// submitEvery is the schedule of the submit pass.
const submitEvery = 5 * time.Minute

// newDaemon starts a life of the daemon. An error says that it was killed on the way.
func newDaemon(m *model, number int) (*daemon, error) {
	e := &engine{Engine: m.disk, m: m}
	d := &daemon{
		m: m, number: number, engine: e, held: make(map[string]atssync.Lease), lanes: make(map[string]*lane), following: make(map[string]bool),
		kick: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	d.steps = kv.New(e, kv.Options{SoleOwner: true, ReleasePerMinute: func() int { return m.pace }})
	d.store = ordered{
		Store: d.steps, who: fmt.Sprint(number), tasked: d.soon,
		t: &turns{seed: m.seed, n: make(map[string]uint64)},
	}
	d.client = &adaptertest.Fake{
		Manifest: m.ats.manifest,
		SubmitFunc: func(ctx context.Context, r sdk.SubmitRequest) (sdk.SubmitReply, error) {
			return m.ats.submit(ctx, e, r)
		},
		CheckFunc: func(_ context.Context, r sdk.CheckRequest) (sdk.CheckReply, error) { return m.ats.check(e, r) },
		FindFunc:  func(_ context.Context, r sdk.FindRequest) (sdk.FindReply, error) { return m.ats.find(e, r) },
		ReadStatusesFunc: func(_ context.Context, r sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
			return m.ats.read(e, r)
		},
		ListJobsFunc: func(_ context.Context, r sdk.ListJobsRequest) (sdk.ListJobsReply, error) { return m.ats.jobs(e, r) },
	}
	reading := d.store
	reading.who += "c"
	d.collect = collect.New(collect.Options{
		Store: reading, Lanes: lanes{reading}, Jobs: reading, Connections: reading, Hints: reading, Submissions: reading,
		Leases: d, Adapters: d, Vault: vault{}, Wake: d.wake, Policy: collect.Policy{ReleasePerMinute: m.pace},
	})
	d.submit = submit.New(submit.Options{
		Store: d.store, Uncertain: d.store, Tasks: d.store, Connections: d.store, Leases: d, Adapters: d, Vault: vault{},
		Platform: "Platform", Policy: submit.Policy{OnUncertain: m.onUncertain, DrainEvery: 1700 * time.Millisecond}, Arrived: d.follow,
	})
	d.manage = manage.New(manage.Options{
		Store: d.steps, Adapters: d, Leases: d, Keys: keys{}, Sealer: keys{}, Documents: vault{},
		RefreshJobs: d.collect.RefreshJobs, Policy: manage.Policy{OnUncertain: m.onUncertain, ReleasePerMinute: m.pace}, Wake: d.wake, Changed: func(string) { d.soon() },
	})
	err := d.begin()
	go d.upkeep()
	return d, err
}

func (d *daemon) owner() string { return fmt.Sprintf("daemon-%d", d.number) }

// begin takes every lease and has everything looked at.
func (d *daemon) begin() error {
	ctx := context.Background()
	d.m.trace("daemon %d", d.number)
	if err := d.beat(); err != nil {
		return err
	}
	if err := d.acquire(ctx, d.m.ids()...); err != nil { // of removed connections too, as the keeper of leases does
		return err
	}
	for _, id := range d.m.ids() {
		d.wake(id)
	}
	d.sweep()
	return nil
}

func (d *daemon) beat() error {
	now := d.m.now()
	return d.store.Heartbeat(context.Background(), d.owner(), now.Add(30*time.Second), now)
}

// acquire takes leases; what is leased already is left alone.
func (d *daemon) acquire(ctx context.Context, ids ...string) error {
	got, err := d.store.Acquire(ctx, d.owner(), ids, d.m.now())
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range got {
		d.held[l.Connection] = l
	}
	return err
}

// follow is called for each of a batch at one instant, and follows once, a little later.
func (d *daemon) follow(connection string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.m.jumps || d.following[connection] { // what is read is dated by the process's own clock
		return
	}
	d.following[connection] = true
	after := time.Duration(mix(d.m.seed, "follow", connection)%uint64(mostTurn)) + 1
	time.AfterFunc(after, func() {
		d.mu.Lock()
		delete(d.following, connection)
		d.mu.Unlock()
		d.collect.Follow(connection)
	})
}

func (d *daemon) sweep() {
	if !d.m.jumps {
		d.collect.Sweep()
	}
}

// soon has the tasks looked at.
func (d *daemon) soon() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// upkeep beats, works tasks off, ends what waited too long, and wakes every lane now and then, as package app does.
func (d *daemon) upkeep() {
	defer close(d.ended)
	turn := time.NewTicker(submitEvery)
	defer turn.Stop()
	for {
		d.store.take("upkeep", "") // whoever woke it goes on at this instant
		timer := time.NewTimer(d.work())
		due := false
		select { // what is ready at the same instant is taken in one order below
		case <-d.quit:
		case <-timer.C:
		case <-d.kick:
		case <-turn.C:
			due = true
		}
		timer.Stop()
		if d.quits() {
			return
		}
		select {
		case <-d.kick:
		default:
		}
		select {
		case <-turn.C:
			due = true
		default:
		}
		if due {
			d.pass()
		}
	}
}

// pass is the submit pass, with the heartbeat of a daemon that has little to do.
func (d *daemon) pass() {
	d.store.take("pass", "") // two daemons may have begun at the same instant
	if d.beat() != nil {
		return
	}
	for _, id := range d.Held() {
		d.wake(id)
	}
	d.sweep()
	_, _ = d.store.Expire(context.Background(), 500, d.m.now())
}

// work works tasks off and returns when the next one is due.
func (d *daemon) work() (wait time.Duration) {
	wait = submitEvery + time.Second // not at the same instant as the pass
	ctx := context.Background()
	tasks, err := d.store.Tasks(ctx, "")
	if err != nil {
		return wait
	}
	for _, t := range tasks {
		if now := d.m.now(); now.Before(t.NextAt) && t.NextAt.Sub(now) < 2*time.Minute {
			wait = min(wait, t.NextAt.Sub(now))
			continue
		}
		done, wake, err := d.store.WorkTask(ctx, t.ID, 3, d.m.now())
		switch {
		case err != nil:
			continue
		case wake:
			d.wake(t.Connection)
		}
		if !done {
			wait = min(wait, time.Second)
		}
	}
	return wait
}

// wake has a lane worked.
func (d *daemon) wake(connection string) {
	if d.m.jumps {
		d.lane(connection).poke()
		return
	}
	d.submit.Wake(connection)
}

// bury ends what is left of a daemon that was killed, or lets one end in order.
func (d *daemon) bury(inOrder bool) {
	if !inOrder {
		d.engine.dead.Store(true)
	}
	d.store.take("bury", "") // what is ready at this instant goes first
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if !inOrder {
		cancel()
	}
	close(d.quit)
	<-d.ended
	if inOrder {
		d.wg.Wait()
	}
	d.submit.Stop(ctx) // a killed one would store the ends of its calls for ever
	d.wg.Wait()
	d.store.take("bury", "") // so does what the last calls set going
	d.collect.Stop()
	if inOrder {
		_ = d.store.Release(context.Background(), d.owner(), d.m.now())
	}
}

// Lease tells what this daemon believes to hold.
func (d *daemon) Lease(connection string) (atssync.Lease, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.held[connection]
	return l, ok && !d.engine.dead.Load()
}

// Lost forgets a lease.
func (d *daemon) Lost(l atssync.Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held[l.Connection] == l {
		delete(d.held, l.Connection)
	}
}

// Held lists what this daemon believes to hold.
func (d *daemon) Held() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.held))
}

// Manifest says what the ATS can.
func (d *daemon) Manifest(string) (sdk.Manifest, error) { return d.m.ats.manifest, nil }

// Gone says why the adapter is away.
func (d *daemon) Gone(string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gone
}

// List tells of the one adapter.
func (d *daemon) List() []manage.AdapterStatus {
	return []manage.AdapterStatus{{Name: "fake", State: "running"}}
}

// Reserve gives a place at once.
func (d *daemon) Reserve(context.Context, string, sdk.Connection, sdk.Power) (sdk.Client, func(), error) {
	if d.Gone("") != "" || d.engine.dead.Load() {
		return nil, nil, fmt.Errorf("fake: %w", sdk.ErrNotRunning)
	}
	return d.client, func() {}, nil
}

// keys keys by a plain hash and seals nothing.
type keys struct{}

func (keys) Index(kind, value string) string {
	h := sha256.Sum256([]byte(kind + "\x00" + value))
	return hex.EncodeToString(h[:12])
}

func (keys) Seal(plain []byte, _, _, _ string) ([]byte, error) { return plain, nil }
func (keys) Open(sealed []byte, _, _, _ string) ([]byte, error) {
	if sealed == nil {
		return nil, errors.New("nothing was sealed")
	}
	return sealed, nil
}

// vault is the real one over keys.
type vault struct{}

var box = intake.Vault{Keys: keys{}, Sealer: keys{}}

func (vault) OpenConnection(c atssync.Connection) (sdk.Connection, error) {
	return sdk.Connection{ID: c.ID, Settings: c.Settings}, nil
}

func (vault) ExternalKey(connection, externalID string) string {
	return box.ExternalKey(connection, externalID)
}

func (vault) PersonKeys(account string, p atssync.Person) []string { return box.PersonKeys(account, p) }

func (vault) OpenDocument(s atssync.Submission, p atssync.Payload) (atssync.Document, error) {
	return box.OpenDocument(s, p)
}

func (vault) SealNote(s atssync.Submission, text string) ([]byte, error) {
	return box.SealNote(s, text)
}

func (vault) OpenNote(s atssync.Submission, sealed []byte) (string, error) {
	return box.OpenNote(s, sealed)
}

func (vault) SealContinuation(s atssync.Submission, b []byte) ([]byte, error) {
	return box.SealContinuation(s, b)
}

func (vault) OpenContinuation(s atssync.Submission) ([]byte, error) { return box.OpenContinuation(s) }
