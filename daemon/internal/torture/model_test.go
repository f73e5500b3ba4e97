package torture

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// jobs are the platform's jobs of every connection.
var jobs = []string{"job-0", "job-1", "job-2"}

// externals is how many external ids a connection has: few, so that they are sent again, revised and given up.
const externals = 6

// offered is what the platform knows of one external id.
type offered struct {
	titles []string // every content that was handed over
	id     string   // the submission, once that was answered
}

// model is one run: a platform and its people, a daemon that is killed again and again, and an ATS.
type model struct {
	t    require.TestingT
	seed uint64
	dice *rand.Rand
	disk kv.Engine
	ats  *ats
	skew atomic.Int64 // what the clock on the wall is ahead

	onUncertain atssync.OnUncertain
	pace        int  // of releases, a minute
	jumps       bool // the clock is set now and then

	mu      sync.Mutex
	hash    hash.Hash64
	out     io.Writer // nil: the trace is only hashed
	current *engine   // of the daemon that the next crash hits
	fuse    int       // crash points until then; 0 is never
	crashed chan struct{}

	daemon  *daemon
	zombie  *daemon // lost its leases and does not know
	lives   int
	takings int // how often leases were taken from one that was not stopped in order
	names   []string
	conns   []atssync.Connection
	offers  map[string]*offered
	told    map[string]uint64 // connection/sequence → check sum, as the platform read it
	linked  map[string]bool
	late    time.Time // the latest the clock ever said
}

func newModel(t require.TestingT, seed uint64, jumps bool, out io.Writer) *model {
	dice := rand.New(rand.NewPCG(seed, 1))
	m := &model{
		t: t, seed: seed, dice: dice, disk: memory.New(), hash: fnv.New64a(), out: out, jumps: jumps, crashed: make(chan struct{}, 1),
		offers: make(map[string]*offered), told: make(map[string]uint64), linked: make(map[string]bool),
		onUncertain: atssync.OnUncertainHold,
	}
	kinds := manifests()
	m.ats = &ats{
		m: m, manifest: kinds[dice.IntN(len(kinds))], key: make(map[string]error), closed: make(map[string]error),
		people: make(map[string]*person), doubts: make(map[string]int), calls: make(map[string]int),
		minutes: make(map[string]int),
	}
	if m.ats.manifest.Batch.Submit == 0 && m.ats.manifest.Dedupe == sdk.DedupeNone {
		m.ats.twoSteps = dice.IntN(4) == 0
	}
	if m.ats.manifest.Find != sdk.FindNone || m.ats.manifest.Dedupe != sdk.DedupeNone {
		m.onUncertain = []atssync.OnUncertain{atssync.OnUncertainHold, atssync.OnUncertainResend}[dice.IntN(2)]
	}
	if dice.IntN(3) == 0 {
		m.pace = 60
	}
	return m
}

// trace adds a line to what the run is known by.
func (m *model) trace(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	line := fmt.Sprintf("%s "+format+"\n", append([]any{time.Now().UTC().Format("0102T150405.000000000")}, args...)...)
	_, _ = io.WriteString(m.hash, line)
	if m.out != nil {
		_, _ = io.WriteString(m.out, line)
	}
}

// point is a place where a daemon may be killed; true says that it was, or had been before.
func (m *model) point(e *engine, what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.dead.Load() {
		return true
	}
	if e != m.current || m.fuse == 0 {
		return false
	}
	if m.fuse--; m.fuse > 0 {
		return false
	}
	_, _ = fmt.Fprintf(m.hash, "killed at %s\n", what)
	if m.out != nil {
		_, _ = fmt.Fprintf(m.out, "killed at %s\n", what)
	}
	e.dead.Store(true)
	m.crashed <- struct{}{}
	return true
}

// arm sets the next crash, some crash points ahead.
func (m *model) arm(e *engine, points int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current, m.fuse = e, points
}

func (m *model) ids() []string {
	var out []string
	for _, c := range m.conns {
		out = append(out, c.ID)
	}
	return out
}

// sleep lets time pass in the bubble, and starts the daemon again when it was killed meanwhile.
func (m *model) sleep(d time.Duration) {
	timer := time.NewTimer(d + time.Duration(m.dice.Int64N(int64(time.Millisecond))))
	defer timer.Stop()
	for {
		select {
		case <-m.crashed:
			time.Sleep(time.Nanosecond) // what is ready at this instant goes first
			m.restart()
		case <-timer.C:
			select {
			case <-m.crashed:
				m.restart()
			default:
			}
			return
		}
	}
}

// restart buries a daemon that was killed and starts the next one, a while of the bubble's time later; it may be killed as
// it starts.
func (m *model) restart() {
	for {
		if m.daemon != nil {
			m.takings++
			m.daemon.bury(false)
			m.daemon = nil
			time.Sleep(time.Duration(m.dice.Int64N(int64(20 * time.Second))))
		}
		if m.start() {
			return
		}
	}
}

// start begins the next life and says whether it got through its beginning.
func (m *model) start() bool {
	m.lives++
	points := 0
	if m.lives < mostLives {
		points = 1 + m.dice.IntN(60)
		if m.dice.IntN(4) == 0 {
			points = 1 + m.dice.IntN(6)
		}
	}
	m.arm(nil, points)
	d, err := newDaemon(m, m.lives)
	m.daemon = d
	select {
	case <-m.crashed:
		return false
	default:
	}
	require.NoError(m.t, err, "seed %d: a daemon could not start", m.seed)
	return true
}

// mostLives is how often the daemon is started with a crash ahead.
const mostLives = 6

// stop ends the daemon in order.
func (m *model) stop() {
	m.arm(nil, 0)
	m.daemon.bury(true)
	m.daemon = nil
}

// takeOver has another daemon take all leases while this one goes on, as one does that hung too long.
func (m *model) takeOver() {
	if m.zombie != nil {
		return
	}
	m.zombie, m.daemon = m.daemon, nil
	m.takings++
	if !m.start() {
		m.restart()
	}
}

// exorcise ends the daemon that lost its leases.
func (m *model) exorcise() {
	if m.zombie != nil {
		m.zombie.bury(false)
		m.zombie = nil
	}
}

// alive says whether an act came through: when the daemon was killed on the way nobody knows what became of it.
func (m *model) alive() bool {
	select {
	case <-m.crashed:
		m.restart()
		return false
	default:
		return !m.daemon.engine.dead.Load()
	}
}

// run is the whole run.
func (m *model) run() {
	require.NoError(m.t, kv.Prepare(context.Background(), m.disk))
	for !m.start() {
		m.restart()
	}
	for range []int{1, 1, 1, 2, 2, 3}[m.dice.IntN(6)] {
		m.connect(fmt.Sprintf("c%d", len(m.names)))
	}
	m.sleep(time.Millisecond)
	for range 6 + m.dice.IntN(12) {
		act := acts[m.dice.IntN(len(acts))]
		m.trace("act %s", act.name)
		act.do(m)
		m.daemon.soon()
		m.feed()
		m.sleep(pauses[m.dice.IntN(len(pauses))])
		m.look()
	}
	m.calm()
	m.judge()
	m.trace("end")
}

// pauses are what passes between two acts.
var pauses = []time.Duration{0, 0, time.Millisecond, 10 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 20 * time.Second, 3 * time.Minute}

// feed reads the events that are new, as the platform does, and remembers what it was told.
func (m *model) feed() {
	ctx := context.Background()
	for _, id := range m.ids() {
		last, err := m.daemon.steps.LastEvent(ctx, id)
		if err != nil {
			return
		}
		after := last - int64(m.dice.IntN(6))
		got, _, err := m.daemon.steps.Events(ctx, atssync.EventQuery{Connection: id, After: max(after, 0), Limit: 20})
		if err != nil {
			return
		}
		for _, e := range got {
			m.remember(e)
		}
	}
}

// remember holds an event to what was read before under its number.
func (m *model) remember(e atssync.Event) {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %s %s %s %s", e.ID, e.Type, e.Subject, e.At, e.Data)
	key := fmt.Sprintf("%s/%d", e.Connection, e.Sequence)
	before, known := m.told[key]
	require.True(m.t, !known || before == h.Sum64(), "seed %d: event %s has other content than before", m.seed, key)
	m.told[key] = h.Sum64()
}

// end leaves nothing running.
func (m *model) end() {
	for _, d := range []*daemon{m.daemon, m.zombie} {
		if d != nil && !d.quits() {
			d.bury(false)
		}
	}
}

// any picks one of the connections that are there.
func (m *model) any() atssync.Connection {
	return m.conns[m.dice.IntN(len(m.conns))]
}

func (m *model) index(id string) int {
	return slices.IndexFunc(m.conns, func(c atssync.Connection) bool { return c.ID == id })
}
