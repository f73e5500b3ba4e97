package deliver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_c2Vjb25kLXNlY3JldC1vZi10aGUtdGVzdHM="
)

// vault keeps secrets in the open.
type vault struct{}

func (vault) OpenWebhookSecret(_ string, sealed []byte) (string, error) {
	if secret, ok := strings.CutPrefix(string(sealed), "sealed "); ok {
		return secret, nil
	}
	return "", fmt.Errorf("sealed with another key")
}

// leases are held by one daemon unless the test takes them away.
type leases struct {
	mu    sync.Mutex
	store atssync.Store
	owner string
	held  map[string]atssync.Lease
	gone  bool
	lost  int
}

func (l *leases) Lease(endpoint string) (atssync.Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return atssync.Lease{}, false
	}
	if held, ok := l.held[endpoint]; ok {
		return held, true
	}
	ctx, now := context.Background(), time.Now()
	if l.store.Heartbeat(ctx, l.owner, now.Add(time.Hour), now) != nil {
		return atssync.Lease{}, false
	}
	got, err := l.store.Acquire(ctx, l.owner, []string{atssync.DeliveryLease(endpoint)}, now)
	if err != nil || len(got) == 0 {
		return atssync.Lease{}, false
	}
	l.held[endpoint] = got[0]
	return got[0], true
}

func (l *leases) Lost(lost atssync.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost++
	endpoint, _ := atssync.EndpointOf(lost.Connection)
	delete(l.held, endpoint)
}

// got is one request that a receiver took in.
type got struct {
	id   string
	body []byte
	at   time.Time
	head http.Header
	env  atssync.Envelope
}

// receiver is the platform's side: it verifies what it gets and answers as the test says. As a Door it needs no network.
type receiver struct {
	t  *testing.T
	mu sync.Mutex
	// rule answers one delivery; nil is 200.
	rule func(g got) (status int, header http.Header, body string, err error)
	// hold is called before answering, without the lock.
	hold     func(ctx context.Context, g got)
	requests []got // all
	taken    []got // those answered with 2xx
	flying   map[string]int
	overlap  bool // two of one ordering key at once
	most     int
	now      int
	secrets  []string
}

func newReceiver(t *testing.T) *receiver {
	return &receiver{t: t, flying: make(map[string]int), secrets: []string{secretA}}
}

// key is what the receiver knows of the order: the submission, or the connection.
func (g got) key() string {
	var data struct {
		ID string `json:"submission"`
	}
	_ = json.Unmarshal(g.env.Data, &data)
	if data.ID != "" {
		return data.ID
	}
	return g.env.Connection
}

func (r *receiver) take(ctx context.Context, head http.Header, body []byte) (int, http.Header, string, error) {
	g := got{id: head.Get("webhook-id"), body: body, at: time.Now(), head: head}
	r.mu.Lock()
	for _, s := range r.secrets {
		hook, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			r.t.Error(err)
		} else if err := hook.Verify(body, head); err != nil {
			r.t.Errorf("the official library does not verify with %s: %v", s, err)
		}
	}
	if err := json.Unmarshal(body, &g.env); err != nil {
		r.t.Errorf("the body is not JSON: %v", err)
	}
	if g.id != g.env.ID {
		r.t.Errorf("webhook-id %q is not the id of the event %q", g.id, g.env.ID)
	}
	k := g.key()
	r.flying[k]++
	r.now++
	r.most = max(r.most, r.now)
	r.overlap = r.overlap || r.flying[k] > 1
	r.requests = append(r.requests, g)
	hold, rule := r.hold, r.rule
	r.mu.Unlock()
	if hold != nil {
		hold(ctx, g)
	}
	status, answer, text, err := http.StatusOK, http.Header(nil), "ok", error(nil)
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if rule != nil {
		status, answer, text, err = rule(g)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying[k]--
	r.now--
	if err == nil && status < 300 && status >= 200 {
		r.taken = append(r.taken, g)
	}
	return status, answer, text, err
}

// Do implements Door.
func (r *receiver) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	status, header, text, err := r.take(req.Context(), req.Header, body)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

func (r *receiver) set(f func(*receiver)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

func (r *receiver) all() (requests, taken []got) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests), slices.Clone(r.taken)
}

// proved holds what arrived to the promises: every number from 1 to last seen, one content for one id, in order within each
// key where it was first taken, and never two of one key at once.
func (r *receiver) proved(last int64) {
	r.t.Helper()
	requests, taken := r.all()
	content := map[string][]byte{}
	numbers := map[string]int64{}
	for _, g := range requests {
		if was, ok := content[g.id]; ok {
			require.True(r.t, bytes.Equal(was, g.body), "event %s came with another content", g.id)
			require.Equal(r.t, numbers[g.id], g.env.EndpointSequence)
		}
		content[g.id], numbers[g.id] = g.body, g.env.EndpointSequence
	}
	seen, order := map[int64]bool{}, map[string]int64{}
	for _, g := range taken {
		n := g.env.EndpointSequence
		if !seen[n] {
			require.Greater(r.t, n, order[g.key()], "out of order within %s", g.key())
			order[g.key()] = n
		}
		seen[n] = true
	}
	for n := int64(1); n <= last; n++ {
		require.True(r.t, seen[n], "number %d never came", n)
	}
	require.Len(r.t, seen, int(last))
	require.False(r.t, r.overlap, "two deliveries of one ordering key at once")
}

// bundle is a worker over the memory store, with a receiver and one connection whose submissions tell events.
type bundle struct {
	t        *testing.T
	store    *kv.Store
	receiver *receiver
	leases   *leases
	worker   *Worker
	edit     func(*Options)
	conn     atssync.Connection
	n        int
	stopped  bool
}

func setup(t *testing.T, edit ...func(*Options)) *bundle {
	t.Helper()
	engine := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), engine))
	b := &bundle{t: t, receiver: newReceiver(t)}
	b.store = kv.New(engine, kv.Options{SoleOwner: true, Told: func() {
		if w := b.worker; w != nil {
			w.Wake()
		}
	}})
	b.leases = &leases{store: b.store, owner: "daemon", held: make(map[string]atssync.Lease)}
	b.edit = func(o *Options) {
		for _, f := range edit {
			f(o)
		}
	}
	c, err := b.store.CreateConnection(t.Context(), atssync.Connection{Account: "acme", Adapter: "fake", Name: "Acme"}, time.Now())
	require.NoError(t, err)
	b.conn = c
	b.worker = b.newWorker()
	t.Cleanup(b.stop)
	return b
}

func (b *bundle) newWorker() *Worker {
	o := Options{
		Store: b.store, Leases: b.leases, Secrets: vault{}, Policy: Policy{Door: b.receiver, Timeout: 10 * time.Second}, UserAgent: "atssync/test",
	}
	b.edit(&o)
	return New(o)
}

func (b *bundle) stop() {
	if b.stopped {
		return
	}
	b.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.worker.Stop(ctx)
	require.NoError(b.t, b.store.Close())
}

// restart stops the worker, within the time given, and starts another one.
func (b *bundle) restart(within time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	b.worker.Stop(ctx)
	b.worker = b.newWorker()
	b.worker.Start()
}

// after lets d pass in a bubble, and everything settle that it brought.
func (b *bundle) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func sealed(secret string) atssync.EndpointSecret {
	return atssync.EndpointSecret{Sealed: []byte("sealed " + secret), CreatedAt: time.Now()}
}

// endpoint makes an endpoint that wants everything from the beginning.
func (b *bundle) endpoint(edit ...func(*atssync.Endpoint)) atssync.Endpoint {
	b.t.Helper()
	e := atssync.Endpoint{URL: "https://hooks.example.com/", ManagedBy: atssync.ManagedByAPI, Secrets: []atssync.EndpointSecret{sealed(secretA)}}
	for _, f := range edit {
		f(&e)
	}
	e, err := b.store.CreateEndpoint(context.Background(), e, 0, time.Now())
	require.NoError(b.t, err)
	b.worker.Changed(e.ID)
	return e
}

func (b *bundle) update(e atssync.Endpoint, change func(*atssync.Endpoint)) {
	b.t.Helper()
	_, err := b.store.UpdateEndpoint(context.Background(), e.ID, 0, func(e *atssync.Endpoint) error { change(e); return nil }, time.Now())
	require.NoError(b.t, err)
	b.worker.Changed(e.ID)
}

// tell makes n submissions that tell one event each: that they are held, for want of a link.
func (b *bundle) tell(n int) []string {
	b.t.Helper()
	var ids []string
	var in []atssync.NewSubmission
	for range n {
		b.n++
		id := atssync.NewID(atssync.PrefixSubmission, time.Now())
		ids = append(ids, id)
		in = append(in, b.document(id, b.n, 1))
	}
	b.accept(in)
	return ids
}

func (b *bundle) document(id string, n, revision int) atssync.NewSubmission {
	external := fmt.Sprintf("app-%d", n)
	return atssync.NewSubmission{Submission: atssync.Submission{
		ID: id, Connection: b.conn.ID, ExternalID: external, ExternalKey: "key of " + external,
		Fingerprint: fmt.Sprintf("print %d", revision), PlatformJob: "unlinked", ExpiresAt: time.Now().Add(365 * 24 * time.Hour),
	}, Payload: []byte("sealed document")}
}

// again has the n-th submission tell again.
func (b *bundle) again(n, revision int) {
	b.accept([]atssync.NewSubmission{b.document("", n, revision)})
}

func (b *bundle) accept(in []atssync.NewSubmission) {
	b.t.Helper()
	for part := range slices.Chunk(in, 500) {
		out, err := b.store.Accept(context.Background(), part, time.Now())
		require.NoError(b.t, err)
		for _, a := range out {
			require.NoError(b.t, a.Err)
		}
	}
}

func (b *bundle) work(e atssync.Endpoint) (atssync.Endpoint, atssync.EndpointWork) {
	b.t.Helper()
	e, w, err := b.store.EndpointWork(context.Background(), e.ID)
	require.NoError(b.t, err)
	return e, w
}

func (b *bundle) delivery(e atssync.Endpoint, sequence int64) atssync.Delivery {
	b.t.Helper()
	d, err := b.store.Delivery(context.Background(), e.ID, sequence)
	require.NoError(b.t, err)
	return d
}

func answers(status int) func(got) (int, http.Header, string, error) {
	return func(got) (int, http.Header, string, error) { return status, nil, "no", nil }
}
