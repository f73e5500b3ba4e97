package manage

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// box seals and keys as package seal does, with a fixed key, so that a test sees what stands where.
type box struct{ broken bool }

func (*box) Index(kind, value string) string {
	m := hmac.New(sha256.New, []byte(kind))
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

func place(connection, record, field string) []byte {
	return []byte("sealed|" + connection + "|" + record + "|" + field + "|")
}

func flip(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

func (*box) Seal(plain []byte, connection, record, field string) ([]byte, error) {
	return append(place(connection, record, field), flip(plain)...), nil
}

func (b *box) Open(sealed []byte, connection, record, field string) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, place(connection, record, field))
	if !ok || b.broken {
		return nil, errors.New("sealed for another place")
	}
	return flip(plain), nil
}

// documents are sealed by another package; here they are plain JSON.
type documents struct{ *box }

func (d documents) ExternalKey(connection, externalID string) string {
	return d.Index("external", connection+"\x00"+externalID)
}

func (d documents) PersonKeys(account string, p atssync.Person) []string {
	var out []string
	if p.ID != "" {
		out = append(out, d.Index("person", account+"\x00"+p.ID))
	}
	for _, e := range p.Emails {
		out = append(out, d.Index("email", account+"\x00"+strings.ToLower(e.Address)))
	}
	return out
}

func (documents) OpenDocument(_ atssync.Submission, p atssync.Payload) (doc atssync.Document, err error) {
	err = json.Unmarshal(p, &doc)
	return doc, err
}

func (documents) OpenNote(_ atssync.Submission, sealed []byte) (string, error) {
	return string(sealed), nil
}

// ats is an ATS with its adapter, in memory: what a test does not set behaves well.
type ats struct {
	sdk.Client
	manifest sdk.Manifest
	state    string
	manifErr error
	users    map[string]sdk.CheckReply // by API key
	jobs     []sdk.Job
	readings []sdk.Reading
	matches  []sdk.Match
	failure  error // of every call

	mu    sync.Mutex
	calls []sdk.Connection
}

func newATS() *ats {
	return &ats{
		state: "running",
		manifest: sdk.Manifest{
			Name: "fake", Label: "Fake ATS", Version: "1.0.0",
			Powers: []sdk.Power{sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerListPools, sdk.PowerTrackingLink, sdk.PowerVocabulary},
			Fields: []sdk.Field{
				{Name: "api_key", Label: "API key", Secret: true, Required: true, Who: sdk.WhoEmployer, Where: "Configure > Keys"},
				{Name: "user_email", Label: "User", Required: true, Who: sdk.WhoEmployer, ActingUser: true},
				{Name: "region", Label: "Region", Who: sdk.WhoEmployer, Default: "eu"},
				{Name: "base_url", Label: "Address", Who: sdk.WhoOperator, Default: "https://ats.example.com"},
				{Name: "client_secret", Label: "Client secret", Secret: true, Who: sdk.WhoOperator},
			},
			Find: sdk.FindNone, Dedupe: sdk.DedupeNone, ReadPermission: "the permission to see candidates",
			ProfileURL: `^https://app\.ats\.example\.com/people/(?P<candidate>\d+)(?:/applications/(?P<application>\d+))?$`,
		},
		users: map[string]sdk.CheckReply{
			"key-ada":  {AccountName: "Acme", ActingUser: sdk.User{ID: "7", Name: "Ada", Email: "ada@example.com"}, JobsVisible: 3},
			"key-ada2": {AccountName: "Acme", ActingUser: sdk.User{ID: "7", Name: "Ada", Email: "ada@example.com"}, JobsVisible: 3},
			"key-bob":  {AccountName: "Globex", ActingUser: sdk.User{ID: "8", Name: "Bob", Email: "bob@example.com"}, JobsVisible: 1},
		},
		jobs: []sdk.Job{
			{ID: "101", Name: "Senior Engineer", Location: "Berlin", State: sdk.JobOpen, RequisitionID: "R-1"},
			{ID: "102", Name: "Designer", Location: "Paris", State: sdk.JobOpen},
			{ID: "103", Name: "Old Job", State: sdk.JobClosed},
		},
	}
}

func (a *ats) Manifest(name string) (sdk.Manifest, error) {
	if a.manifErr != nil || name != a.manifest.Name {
		return sdk.Manifest{}, sdk.ErrNotRunning
	}
	return a.manifest, nil
}

func (a *ats) Reserve(_ context.Context, _ string, c sdk.Connection, _ sdk.Power) (sdk.Client, func(), error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, c)
	if a.state != "running" {
		return nil, nil, sdk.ErrNotRunning
	}
	return a, func() {}, nil
}

func (a *ats) List() []AdapterStatus {
	return []AdapterStatus{{Name: "fake", Path: "/usr/lib/atssync/adapters/fake", State: a.state}}
}

func (a *ats) Check(_ context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	if a.failure != nil {
		return sdk.CheckReply{}, a.failure
	}
	c := req.Connection
	r, ok := a.users[c.Value("api_key")]
	if !ok {
		return sdk.CheckReply{Items: []sdk.CheckItem{
			{ID: "credentials", Label: "API key", Kind: sdk.KindAuth, Cause: "the API key is not accepted", Turn: sdk.TurnEmployer, Remedy: "make a new key"},
		}}, nil
	}
	if u, err := url.Parse(c.Value("base_url")); err == nil {
		r.Host = u.Host
	}
	r.Items = []sdk.CheckItem{{ID: "credentials", OK: true}, {ID: "acting_user", OK: true}}
	return r, nil
}

func (a *ats) ReadStatuses(context.Context, sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	return sdk.ReadStatusesReply{Readings: a.readings}, a.failure
}

func (a *ats) Find(context.Context, sdk.FindRequest) (sdk.FindReply, error) {
	return sdk.FindReply{Matches: a.matches}, a.failure
}

func (a *ats) ListPools(context.Context, sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	return sdk.ListPoolsReply{Pools: []sdk.Pool{{ID: "1", Name: "Engineers", Stages: []sdk.PoolStage{{ID: "11", Name: "Cold"}}}}}, a.failure
}

func (a *ats) TrackingLink(context.Context, sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	return sdk.TrackingLinkReply{URL: "https://ats.example.com/t/1", JobName: "Senior Engineer"}, a.failure
}

func (a *ats) Vocabulary(context.Context, sdk.VocabularyRequest) (sdk.VocabularyReply, error) {
	return sdk.VocabularyReply{Terms: []sdk.Term{{Type: "stage", ID: "5", Name: "Phone screen"}}}, a.failure
}

// world is a service over the memory store and one ATS, with the daemon's part played by the test.
type world struct {
	*Service
	t      *testing.T
	store  *kv.Store
	ats    *ats
	box    *box
	passes *passes
	waking sync.Mutex // guards woken: acts on many wake at once
	woken  []string
	leases map[string]atssync.Lease
}

func (w *world) wake(connection string) {
	w.waking.Lock()
	defer w.waking.Unlock()
	w.woken = append(w.woken, connection)
}

type passes struct{ ran []string }

func (p *passes) Passes(context.Context) ([]Pass, error) { return []Pass{{Name: "status"}}, nil }

func (p *passes) RunNow(_ context.Context, pass string) (string, error) {
	if pass != "status" {
		return "", atssync.Errorf(atssync.CodeNotFound, "there is no pass %q", pass)
	}
	p.ran = append(p.ran, pass)
	return "run_1", nil
}

func setup(t *testing.T) *world {
	t.Helper()
	engine := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), engine))
	w := &world{
		t: t, store: kv.New(engine, kv.Options{SoleOwner: true}), ats: newATS(), box: &box{}, passes: &passes{},
		leases: make(map[string]atssync.Lease),
	}
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	w.Service = New(Options{
		Store: w.store, Adapters: w.ats, Leases: w, Keys: w.box, Sealer: w.box, Documents: documents{w.box}, Schedule: w.passes,
		Policy: Policy{Settings: map[string]map[string]string{"fake": {"base_url": "https://eu.ats.example.com"}}, PartnerName: "Platform"}, Hooks: HookOptions{PublicURL: "https://ats-sync.example.com"},
		RefreshJobs: w.refresh, File: "/etc/atssync/atssync.toml",
		Wake: w.wake,
	})
	return w
}

// ctx is a person's at the socket.
func (w *world) ctx() context.Context {
	return atssync.WithActor(w.t.Context(), atssync.Actor{Name: "uid:1000(ops)", Via: "socket"})
}

// Lease takes the lease as the daemon's lease keeper does.
func (w *world) Lease(connection string) (atssync.Lease, bool) {
	return w.lease(w.t.Context(), connection), true
}

func (w *world) lease(ctx context.Context, connection string) atssync.Lease {
	if l, ok := w.leases[connection]; ok {
		return l
	}
	now := time.Now()
	require.NoError(w.t, w.store.Heartbeat(ctx, "test", now.Add(time.Hour), now))
	got, err := w.store.Acquire(ctx, "test", []string{connection}, now)
	require.NoError(w.t, err)
	require.Len(w.t, got, 1)
	w.leases[connection] = got[0]
	return got[0]
}

func (w *world) refresh(ctx context.Context, connection string) error {
	if w.ats.failure != nil {
		return atssync.Errorf(atssync.CodeATS, "the job list could not be read")
	}
	l := w.lease(ctx, connection)
	_, err := w.store.PutATSJobs(ctx, l, atssync.JobListing{Jobs: w.ats.jobs, Complete: true}, time.Now())
	return err
}

func fields(pairs ...string) map[string]sdk.Secret {
	out := make(map[string]sdk.Secret)
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = sdk.Secret(pairs[i+1])
	}
	return out
}

func adaRequest() ConnectRequest {
	return ConnectRequest{Account: "acme", Adapter: "fake", Fields: fields("api_key", "key-ada", "user_email", "ada@example.com")}
}

func (w *world) connect(req ConnectRequest) Connection {
	w.t.Helper()
	out, err := w.Connect(w.ctx(), req)
	require.NoError(w.t, err)
	return out.Connection
}

// accept puts a submission into the store as intake does.
func (w *world) accept(c Connection, externalID, job string) atssync.Submission {
	w.t.Helper()
	now := time.Now().UTC()
	payload, err := json.Marshal(atssync.Document{
		Connection: c.ID, ExternalID: externalID, Job: job,
		Person: atssync.Person{FirstName: "Ada", LastName: "Example", Emails: []atssync.Email{{Address: "ada@example.com"}}},
	})
	require.NoError(w.t, err)
	out, err := w.store.Accept(w.t.Context(), []atssync.NewSubmission{{
		Submission: atssync.Submission{
			ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, Account: c.Account, ExternalID: externalID,
			ExternalKey: documents{w.box}.ExternalKey(c.ID, externalID), Fingerprint: externalID, PlatformJob: job,
			PersonKeys: documents{w.box}.PersonKeys(c.Account, atssync.Person{ID: "ada", Emails: []atssync.Email{{Address: "ada@example.com"}}}),
			AcceptedAt: now, ExpiresAt: now.Add(time.Hour),
		},
		Payload: payload,
	}}, now)
	require.NoError(w.t, err)
	require.NoError(w.t, out[0].Err)
	return out[0].Submission
}

// work works off all tasks of a connection, as the daemon's upkeep does.
func (w *world) work(connection string) {
	w.t.Helper()
	tasks, err := w.store.Tasks(w.t.Context(), connection)
	require.NoError(w.t, err)
	for _, task := range tasks {
		for done := false; !done; {
			done, _, err = w.store.WorkTask(w.t.Context(), task.ID, 100, time.Now().Add(time.Minute))
			require.NoError(w.t, err)
		}
	}
}

// uncertain brings a queued submission to uncertain, as a lost answer does.
func (w *world) uncertain(s atssync.Submission) {
	w.t.Helper()
	l, _ := w.Lease(s.Connection)
	now := time.Now().Add(time.Second)
	begun, err := w.store.BeginAttempts(w.t.Context(), l, []atssync.BeginAttempt{
		{Submission: s.ID, Revision: s.Revision, ATSJob: "101", As: sdk.AsCandidate, Note: []byte("the note")},
	}, now)
	require.NoError(w.t, err)
	require.Len(w.t, begun, 1)
	require.NoError(w.t, w.store.FinishAttempts(w.t.Context(), l, []atssync.Finish{{
		Submission: s.ID, Attempt: begun[0].Number, To: atssync.StateUncertain,
		Exchanges: []sdk.Exchange{{Method: "POST", Endpoint: "/candidates"}},
	}}, nil, now))
}

func (w *world) state(id string) atssync.Submission {
	w.t.Helper()
	s, err := w.store.Submission(w.t.Context(), id)
	require.NoError(w.t, err)
	return s
}

// actions lists what the audit record says of an object, the oldest first.
func (w *world) actions(object string) []string {
	w.t.Helper()
	page, err := w.Audit(w.t.Context(), object, atssync.Paging{})
	require.NoError(w.t, err)
	var out []string
	for _, a := range page.Items {
		require.Equal(w.t, "uid:1000(ops)", a.Actor.Name)
		out = append(out, a.Action)
	}
	slices.Reverse(out)
	return out
}

func requireCode(t *testing.T, err error, code atssync.Code, texts ...string) {
	t.Helper()
	require.Equal(t, code, atssync.CodeOf(err), "%v", err)
	for _, text := range texts {
		require.ErrorContains(t, err, text)
	}
	require.False(t, strings.Contains(err.Error(), "key-ada"), "an error shows a secret: %v", err)
}
