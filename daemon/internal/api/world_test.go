package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	"github.com/atssync/atssync/daemon/internal/web"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const goodKey = "key-canary-4711"

// world is an API on a socket of its own, over the memory store and an ATS that the test plays.
type world struct {
	*Client
	t       testing.TB
	store   *kv.Store
	ats     *ats
	socket  string
	server  *web.Server
	log     *logBuffer
	served  Options // what the socket's API was made of
	backups backups
}

func setup(t testing.TB) *world {
	t.Helper()
	engine := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), engine))
	w := &world{t: t, store: kv.New(engine, kv.Options{SoleOwner: true}), ats: newATS(), log: &logBuffer{}}
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	b := box{}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	m := manage.New(manage.Options{
		Store: w.store, Adapters: w.ats, Leases: w, Keys: b, Sealer: b, Documents: intake.Vault{Keys: b, Sealer: b},
		Schedule: schedule{}, KeyRing: &ring{}, Log: &logLevel{}, Policy: manage.Policy{PartnerName: "Platform"}, RefreshJobs: w.refresh,
		Webhooks: &manage.WebhookOptions{Store: w.store, Deliver: deliverer{}, CheckURL: func(string) error { return nil }},
		Backups:  &w.backups,
		Reload: func(context.Context) (manage.Reloaded, error) {
			return manage.Reloaded{At: time.Now().UTC()}, nil
		},
		Hooks: manage.HookOptions{PublicURL: "https://ats-sync.example.com"},
	})
	in := intake.New(intake.Options{Store: w.store, Connections: w.store, Keys: b, Sealer: b})
	w.served = Options{Manage: m, Intake: in, Authenticate: Socket, Logger: log, Version: "1.2.3", Console: consoleLink}
	h, err := New(w.served)
	require.NoError(t, err)

	dir, err := os.MkdirTemp("", "api") // t.TempDir is too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.socket = filepath.Join(dir, "s")
	if t, ok := t.(*testing.T); ok {
		h = conforming(t, h)
	}
	w.server, err = web.New(web.Options{Name: "test", Socket: w.socket, Handler: h, Logger: log})
	require.NoError(t, err)
	w.server.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = w.server.Stop(ctx)
	})
	w.Client = Dial(w.socket)
	t.Cleanup(w.Close)
	return w
}

// consoleLink plays the console.
func consoleLink(_ context.Context, t *atssync.Token) (ConsoleLink, error) {
	link := ConsoleLink{URL: "https://ats-sync.example.com/console/open/of-the-socket", ExpiresAt: time.Now().Add(time.Minute).UTC()}
	if t != nil {
		link.URL = "https://ats-sync.example.com/console/open/of-" + t.ID
	}
	return link, nil
}

// logBuffer keeps the log, in which no secret may stand.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// box seals by turning bits, and keys with a fixed key.
type box struct{}

func (box) Index(kind, value string) string {
	m := hmac.New(sha256.New, []byte(kind))
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// Seal makes something else of the same each time, as a cipher does.
func (box) Seal(plain []byte, _, _, _ string) ([]byte, error) {
	return append([]byte(rand.Text()[:4]), turned(plain)...), nil
}

func (box) Open(sealed []byte, _, _, _ string) ([]byte, error) {
	if len(sealed) < 4 {
		return nil, errors.New("nothing was sealed")
	}
	return turned(sealed[4:]), nil
}

func turned(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

// deliverer plays the worker that sends webhooks.
type deliverer struct{}

func (deliverer) Changed(string) {}
func (deliverer) Test(context.Context, string) (atssync.DeliveryAttempt, error) {
	return atssync.DeliveryAttempt{Status: http.StatusNoContent}, nil
}

type schedule struct{}

func (schedule) Passes(context.Context) ([]manage.Pass, error) {
	return []manage.Pass{{Name: "status", Spec: "*/15 * * * *", Zone: "UTC"}}, nil
}

func (schedule) RunNow(_ context.Context, pass string) (string, error) {
	if pass != "status" {
		return "", atssync.Errorf(atssync.CodeNotFound, "there is no pass %q", pass)
	}
	return "run_1", nil
}

// ats is an adapter with its ATS.
type ats struct {
	sdk.Client
	manifest sdk.Manifest
	jobs     []sdk.Job
	matches  []sdk.Match
	down     bool
	panics   bool
}

func newATS() *ats {
	return &ats{
		manifest: sdk.Manifest{
			Name: "fake", Label: "Fake ATS", Version: "1.0.0", ContractMin: 1, ContractMax: 1,
			Powers: []sdk.Power{sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerFind, sdk.PowerListPools, sdk.PowerTrackingLink, sdk.PowerVocabulary},
			Fields: []sdk.Field{
				{Name: "api_key", Label: "API key", Secret: true, Required: true, Who: sdk.WhoEmployer},
				{Name: "user", Label: "User", Required: true, Who: sdk.WhoEmployer, ActingUser: true},
				{Name: "base_url", Who: sdk.WhoOperator, Default: "https://ats.example.com"},
			},
			Find: sdk.FindExternalID, Dedupe: sdk.DedupeNone, Deletes: sdk.DeletesHidden,
		},
		jobs: []sdk.Job{{ID: "101", Name: "Engineer", State: sdk.JobOpen}, {ID: "102", Name: "Designer", State: sdk.JobOpen}},
	}
}

func (a *ats) Manifest(name string) (sdk.Manifest, error) {
	if name != a.manifest.Name {
		return sdk.Manifest{}, sdk.ErrNotRunning
	}
	return a.manifest, nil
}

func (a *ats) Reserve(context.Context, string, sdk.Connection, sdk.Power) (sdk.Client, func(), error) {
	if a.panics {
		panic("the canary " + goodKey + " of a fault")
	}
	if a.down {
		return nil, nil, sdk.ErrNotRunning
	}
	return a, func() {}, nil
}

func (a *ats) List() []manage.AdapterStatus {
	return []manage.AdapterStatus{{Name: "fake", Path: "/usr/lib/atssync/adapters/fake", State: "running", PID: 4711}}
}

func (a *ats) Check(_ context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	key := req.Connection.Value("api_key")
	if !strings.HasPrefix(key, "key-") {
		return sdk.CheckReply{Items: []sdk.CheckItem{{
			ID: "credentials", Label: "API key", Kind: sdk.KindAuth, Cause: "the key is not accepted",
			Turn: sdk.TurnEmployer, Remedy: "make a new key",
		}}}, nil
	}
	return sdk.CheckReply{
		Host: "ats.example.com", AccountName: "ATS of " + req.Connection.Value("user"), JobsVisible: 2,
		ActingUser: sdk.User{ID: req.Connection.Value("user"), Name: "Ada", Email: req.Connection.Value("user")},
		Items:      []sdk.CheckItem{{ID: "credentials", OK: true}},
	}, nil
}

// ReadStatuses shows everybody who is asked for.
func (a *ats) ReadStatuses(_ context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	var out sdk.ReadStatusesReply
	for _, r := range req.Applications {
		out.Readings = append(out.Readings, sdk.Reading{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID, JobID: r.JobID})
	}
	return out, nil
}

func (a *ats) Find(context.Context, sdk.FindRequest) (sdk.FindReply, error) {
	return sdk.FindReply{Matches: a.matches}, nil
}

func (a *ats) ListPools(context.Context, sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	return sdk.ListPoolsReply{Pools: []sdk.Pool{{ID: "1", Name: "Engineers", Stages: []sdk.PoolStage{{ID: "11", Name: "Cold"}}}}}, nil
}

func (a *ats) TrackingLink(_ context.Context, req sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	return sdk.TrackingLinkReply{URL: "https://ats.example.com/t/" + req.JobID}, nil
}

func (a *ats) Vocabulary(context.Context, sdk.VocabularyRequest) (sdk.VocabularyReply, error) {
	return sdk.VocabularyReply{Terms: []sdk.Term{{Type: "stage", ID: "5", Name: "Phone screen"}}}, nil
}

// Lease plays the daemon's lease keeper.
func (w *world) Lease(connection string) (atssync.Lease, bool) {
	return w.lease(w.t.Context(), connection), true
}

func (w *world) lease(ctx context.Context, connection string) atssync.Lease {
	now := time.Now()
	owner := "test-" + connection
	require.NoError(w.t, w.store.Heartbeat(ctx, owner, now.Add(time.Hour), now))
	got, err := w.store.Acquire(ctx, owner, []string{connection}, now)
	require.NoError(w.t, err)
	if len(got) == 1 {
		return got[0]
	}
	return atssync.Lease{Connection: connection, Owner: owner, Epoch: 1}
}

func (w *world) refresh(ctx context.Context, connection string) error {
	_, err := w.store.PutATSJobs(ctx, w.lease(ctx, connection), atssync.JobListing{Jobs: w.ats.jobs, Complete: true}, time.Now())
	return err
}

// connected connects an account as the ATS user of that name.
func (w *world) connected(account, user string) Connection {
	w.t.Helper()
	res, err := w.Connect(w.t.Context(), ConnectRequest{
		Account: account, Name: account + " " + user, Adapter: "fake", Fields: map[string]Secret{"api_key": Secret(goodKey + user), "user": Secret(user)},
	})
	require.NoError(w.t, err)
	return res.Connection
}

// linked has a platform job linked to the first ATS job.
func (w *world) linked(c Connection, job string) {
	w.t.Helper()
	require.NoError(w.t, w.PutPlatformJobs(w.t.Context(), []PlatformJob{{ID: job, Account: c.Account, Title: "Engineer", Open: true}}))
	_, err := w.RefreshJobs(w.t.Context(), c.ID)
	require.NoError(w.t, err)
	_, err = w.Link(w.t.Context(), LinkRequest{Connection: c.ID, PlatformJob: job, ATSJob: "101"})
	require.NoError(w.t, err)
}

func document(connection, externalID, job string) []byte {
	d := Example(time.Now())
	d.Connection, d.ExternalID, d.Job = connection, externalID, job
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // a document is always JSON
	}
	return b
}

func (w *world) submitted(c Connection, externalID, job string) SubmitResult {
	w.t.Helper()
	r, err := w.Submit(w.t.Context(), document(c.ID, externalID, job))
	require.NoError(w.t, err)
	return r
}

// uncertain brings a queued submission to uncertain, as a lost answer does.
func (w *world) uncertain(c Connection, id string) {
	w.t.Helper()
	l := w.lease(w.t.Context(), c.ID)
	now := time.Now().Add(time.Second)
	begun, err := w.store.BeginAttempts(w.t.Context(), l, []atssync.BeginAttempt{{Submission: id, Revision: 1, ATSJob: "101", As: sdk.AsCandidate}}, now)
	require.NoError(w.t, err)
	require.Len(w.t, begun, 1)
	require.NoError(w.t, w.store.FinishAttempts(w.t.Context(), l, []atssync.Finish{{
		Submission: id, Attempt: begun[0].Number, To: atssync.StateUncertain,
		Exchanges: []sdk.Exchange{{Method: http.MethodPost, Endpoint: "/candidates", Duration: 1500 * time.Millisecond, RequestID: "r-1"}},
	}}, nil, now))
}

// requireCode expects a refusal of that code, as the daemon made it.
func requireCode(t *testing.T, err error, code atssync.Code) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, e.Code, "%v", err)
	require.NotEmpty(t, e.Message)
	require.NotContains(t, fmt.Sprintf("%+v", e), goodKey)
	return e
}

func decodeJSON[T any](t *testing.T, data []byte) T {
	t.Helper()
	var out T
	require.NoError(t, json.Unmarshal(data, &out), "%s", data)
	return out
}
