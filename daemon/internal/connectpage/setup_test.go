package connectpage

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
)

// hostile is a text that would be a program if a page took it for one.
const hostile = `<script>alert("x")</script>`

// goodKey is the key that the fake ATS takes.
const goodKey = "key-that-nobody-may-see"

// ats is the fake ATS and what reaches it.
type ats struct {
	adaptertest.Fake
	down     bool
	jobs     []sdk.Job
	readings []sdk.Reading
	cause    string // of a refused key
	mu       sync.Mutex
	seen     []sdk.Connection
	checking func() // called when a check came in
}

func newATS() *ats {
	a := &ats{cause: "the key is " + hostile, jobs: []sdk.Job{
		{ID: "101", Name: "Engineer " + hostile, State: sdk.JobOpen, RequisitionID: "R-1"},
		{ID: "102", Name: "Designer", State: sdk.JobOpen},
		{ID: "103", Name: "Gardener", Location: hostile, State: sdk.JobOpen},
	}}
	a.Fake.Manifest = sdk.Manifest{
		Name: "fake", Label: "Fake ATS", Powers: []sdk.Power{sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses},
		Fields: []sdk.Field{
			{Name: "api_key", Label: "API key", Secret: true, Required: true, Who: sdk.WhoEmployer, Where: "Configure > Keys"},
			{Name: "user", Label: "User", Required: true, Who: sdk.WhoEmployer, ActingUser: true},
			{Name: "base_url", Label: "Operator's address", Who: sdk.WhoOperator, Default: "https://ats.example.com"},
		},
		Steps: []string{"Press the button."}, Find: sdk.FindNone, Prospects: true, ProfileURL: `^https://ats\.example\.com/people/(?P<candidate>\d+)$`,
	}
	a.CheckFunc = func(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
		a.mu.Lock()
		a.seen = append(a.seen, req.Connection)
		a.mu.Unlock()
		if a.checking != nil {
			a.checking()
		}
		if ctx.Err() != nil {
			return sdk.CheckReply{}, ctx.Err()
		}
		if !strings.HasPrefix(req.Connection.Value("api_key"), goodKey) {
			return sdk.CheckReply{Items: []sdk.CheckItem{{ID: "credentials", Label: "The key works", Kind: sdk.KindAuth, Cause: a.cause, Turn: sdk.TurnEmployer, Remedy: "make a new key"}}}, nil
		}
		user := req.Connection.Value("user")
		return sdk.CheckReply{Host: "ats.example.com", ActingUser: sdk.User{ID: user, Name: user, Email: user + "@example.com"}, Items: []sdk.CheckItem{{ID: "credentials", OK: true}}}, nil
	}
	a.ReadStatusesFunc = func(context.Context, sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
		return sdk.ReadStatusesReply{Readings: a.readings}, nil
	}
	return a
}

func (a *ats) Manifest(string) (sdk.Manifest, error) { return a.Fake.Manifest, nil }

func (a *ats) Reserve(ctx context.Context, _ string, _ sdk.Connection, _ sdk.Power) (sdk.Client, func(), error) {
	if a.down {
		return nil, nil, sdk.ErrNotRunning
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	return &a.Fake, func() {}, nil
}

func (a *ats) List() []manage.AdapterStatus {
	return []manage.AdapterStatus{{Name: "fake", State: "running"}}
}

// box seals by turning bits, and keys with a fixed key.
type box struct{}

func (box) Index(kind, value string) string {
	m := hmac.New(sha256.New, []byte(kind))
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

func (box) Seal(plain []byte, _, _, _ string) ([]byte, error)  { return turned(plain), nil }
func (box) Open(sealed []byte, _, _, _ string) ([]byte, error) { return turned(sealed), nil }

func turned(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

// world is the page over the memory store and the fake ATS.
type world struct {
	t      testing.TB
	store  *kv.Store
	ats    *ats
	manage *manage.Service
	page   http.Handler
	log    *bytes.Buffer
	leases map[string]atssync.Lease
	// listings counts how often the ATS was asked for its jobs, backlogs how often what waits for a job was counted.
	listings int
	backlogs atomic.Int64
}

// counting counts how often a backlog is counted.
type counting struct {
	*kv.Store
	w *world
}

func (c counting) Backlog(ctx context.Context, connection, job string) (int, time.Time, error) {
	c.w.backlogs.Add(1)
	return c.Store.Backlog(ctx, connection, job)
}

func setup(t testing.TB) *world {
	t.Helper()
	engine := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), engine))
	w := &world{t: t, store: kv.New(engine, kv.Options{SoleOwner: true}), ats: newATS(), log: new(bytes.Buffer), leases: make(map[string]atssync.Lease)}
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	w.manage = manage.New(manage.Options{
		Store: counting{w.store, w}, Adapters: w.ats, Leases: w, Keys: box{}, Sealer: box{}, Documents: intake.Vault{Keys: box{}, Sealer: box{}},
		RefreshJobs: w.refresh, Hooks: manage.HookOptions{PublicURL: "https://ats-sync.example.com"}, Policy: manage.Policy{PartnerName: "Talent"},
	})
	log := slog.New(slog.NewTextHandler(w.log, nil))
	platform := page.Platform{Name: "Talent", URL: "https://talent.example.com/", SupportContact: "help@talent.example.com", SupportHours: "9 to 5"}
	site, err := page.New(page.Options{Platform: platform, Log: log})
	require.NoError(t, err)
	w.page, err = New(Options{
		Site: site, Manage: w.manage, Intake: intake.New(intake.Options{Store: w.store, Connections: w.store, Keys: box{}, Sealer: box{}}),
		Platform: platform, PartnerName: "Talent", Wait: time.Millisecond, Log: log,
	})
	require.NoError(t, err)
	return w
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
	w.leases[connection] = got[0]
	return got[0]
}

func (w *world) refresh(ctx context.Context, connection string) error {
	w.listings++
	if w.ats.down {
		return atssync.Errorf(atssync.CodeATS, "the job list could not be read")
	}
	_, err := w.store.PutATSJobs(ctx, w.lease(ctx, connection), atssync.JobListing{Jobs: w.ats.jobs, Complete: true}, time.Now())
	return err
}

// link makes a connect link for an account and returns the path of its page.
func (w *world) link(account string) (path, id string) {
	w.t.Helper()
	l, err := w.manage.CreateConnectLink(w.t.Context(), manage.ConnectLinkRequest{Account: account, Adapter: "fake", ReturnURL: "https://talent.example.com/back"})
	require.NoError(w.t, err)
	return strings.TrimPrefix(l.URL.Reveal(), "https://ats-sync.example.com"), l.ID
}

// connected connects an account through its page and gives it jobs.
func (w *world) connected(account string) (path string, c manage.Connection) {
	w.t.Helper()
	path, _ = w.link(account)
	res := w.post(path+"/credentials", "field.api_key", goodKey+account, "field.user", account)
	require.Equal(w.t, http.StatusSeeOther, res.Code, res.Body)
	got, err := w.manage.Connections(w.t.Context(), atssync.ConnectionQuery{Account: account})
	require.NoError(w.t, err)
	require.NoError(w.t, w.manage.PutPlatformJobs(w.t.Context(), []atssync.PlatformJob{
		{ID: account + "-1", Account: account, Title: "Engineer " + hostile, RequisitionID: "R-1", Open: true},
		{ID: account + "-2", Account: account, Title: "Designer", Open: true},
		{ID: account + "-3", Account: account, Title: "Astronaut", Open: true},
	}))
	return path, got.Items[0]
}

func (w *world) get(path string) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.page.ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil))
	return rec
}

func (w *world) post(path string, pairs ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.postUntil(w.t.Context(), path, pairs...)
}

// postUntil sends a form that the browser leaves when ctx ends.
func (w *world) postUntil(ctx context.Context, path string, pairs ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.page.ServeHTTP(rec, r)
	return rec
}

// accept hands an application over, of a person with a hostile name.
func (w *world) accept(c manage.Connection, externalID, job string) atssync.Submission {
	w.t.Helper()
	in := intake.New(intake.Options{Store: w.store, Connections: w.store, Keys: box{}, Sealer: box{}})
	got, err := in.Submit(w.t.Context(), atssync.Document{
		Connection: c.ID, ExternalID: externalID, Job: job, Person: atssync.Person{FirstName: "Ada", LastName: hostile},
		Answers: []atssync.Answer{{Question: hostile, Answer: hostile}},
	})
	require.NoError(w.t, err)
	return got.Submission
}

// uncertain has an application sent and its answer lost.
func (w *world) uncertain(c manage.Connection, externalID, job string) atssync.Submission {
	w.t.Helper()
	s, now := w.accept(c, externalID, job), time.Now()
	require.Equal(w.t, atssync.StateQueued, s.State)
	l, _ := w.Lease(c.ID)
	begun, err := w.store.BeginAttempts(w.t.Context(), l, []atssync.BeginAttempt{{Submission: s.ID, Revision: s.Revision, ATSJob: "102", As: sdk.AsCandidate, Number: 1}}, now)
	require.NoError(w.t, err)
	require.Len(w.t, begun, 1)
	require.NoError(w.t, w.store.FinishAttempts(w.t.Context(), l, []atssync.Finish{{Submission: s.ID, Attempt: begun[0].Number, To: atssync.StateUncertain}}, nil, now))
	return s
}

func (w *world) links(c manage.Connection) []string {
	w.t.Helper()
	got, err := w.manage.JobLinks(w.t.Context(), atssync.LinkQuery{Connection: c.ID})
	require.NoError(w.t, err)
	var out []string
	for _, l := range got.Items {
		out = append(out, fmt.Sprintf("%s → %s as %s", l.PlatformJob, l.ATSJob, l.As))
	}
	slices.Sort(out)
	return out
}
