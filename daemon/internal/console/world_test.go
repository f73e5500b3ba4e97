package console

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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
)

const (
	goodKey = "key-canary-4711"
	hostile = `<script>alert("x")</script>`
)

// world is a console over the memory store and an ATS that the test plays.
type world struct {
	t     *testing.T
	c     *Console
	m     *manage.Service
	in    *intake.Service
	store *kv.Store
	ats   *ats
	log   *bytes.Buffer
	cross bool // requests say that another site made them
}

func setup(t *testing.T) *world {
	t.Helper()
	engine := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), engine))
	w := &world{t: t, store: kv.New(engine, kv.Options{SoleOwner: true}), ats: newATS(), log: new(bytes.Buffer)}
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	b := box{}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	w.m = manage.New(manage.Options{
		Store: w.store, Adapters: w.ats, Leases: w, Keys: b, Sealer: b, Documents: intake.Vault{Keys: b, Sealer: b}, Schedule: schedule{},
		Policy: manage.Policy{PartnerName: "Platform"}, RefreshJobs: w.refresh, Hooks: manage.HookOptions{PublicURL: "https://ats-sync.example.com"},
		Webhooks: &manage.WebhookOptions{Store: w.store, Deliver: deliverer{}, CheckURL: func(string) error { return nil }},
	})
	t.Cleanup(w.m.Stop)
	w.in = intake.New(intake.Options{Store: w.store, Connections: w.store, Keys: b, Sealer: b})
	site, err := page.New(page.Options{Platform: page.Platform{Name: "Example Talent"}, Log: log})
	require.NoError(t, err)
	w.c, err = New(Options{Manage: w.m, Site: site, Log: log, Version: "1.2.3"})
	require.NoError(t, err)
	return w
}

// box seals by turning bits, and keys with a fixed key.
type box struct{}

func (box) Index(kind, value string) string {
	m := hmac.New(sha256.New, []byte(kind))
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

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
	return atssync.DeliveryAttempt{Status: http.StatusNoContent, DurationMS: 7}, nil
}

type schedule struct{}

func (schedule) Passes(context.Context) ([]manage.Pass, error) {
	return []manage.Pass{{Name: "status", Spec: "*/15 * * * *", Zone: "UTC", Next: []time.Time{time.Now().Add(time.Minute)}, Last: &atssync.Run{Pass: "status", Error: "it broke"}}}, nil
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
	checking func(context.Context) error // when set, what a check waits for first
}

func newATS() *ats {
	return &ats{
		manifest: sdk.Manifest{
			Name: "fake", Label: "Fake ATS", Version: "1.0.0", ContractMin: 1, ContractMax: 1,
			Powers: []sdk.Power{sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerFind, sdk.PowerHandleWebhook},
			Fields: []sdk.Field{
				{Name: "api_key", Label: "API key", Secret: true, Required: true, Who: sdk.WhoEmployer, Where: "Configure"},
				{Name: "user", Label: "User", Required: true, Who: sdk.WhoEmployer, ActingUser: true},
				{Name: "base_url", Who: sdk.WhoOperator, Default: "https://ats.example.com"},
			},
			Find: sdk.FindExternalID, Dedupe: sdk.DedupeNone, Deletes: sdk.DeletesHidden, Prospects: true,
			ProfileURL: `^https://ats\.example\.com/people/(?P<candidate>\d+)$`,
		},
		jobs: []sdk.Job{{ID: "101", Name: "Engineer", State: sdk.JobOpen}, {ID: "102", Name: "Designer " + hostile, State: sdk.JobOpen}},
	}
}

func (a *ats) Manifest(name string) (sdk.Manifest, error) {
	if name != a.manifest.Name {
		return sdk.Manifest{}, sdk.ErrNotRunning
	}
	return a.manifest, nil
}

func (a *ats) Reserve(context.Context, string, sdk.Connection, sdk.Power) (sdk.Client, func(), error) {
	return a, func() {}, nil
}

func (a *ats) List() []manage.AdapterStatus {
	return []manage.AdapterStatus{{Name: "fake", Path: "/usr/lib/atssync/adapters/of-the-daemon", State: "running", PID: 4711, Stderr: []string{"a line " + hostile}}}
}

func (a *ats) Check(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	if a.checking != nil {
		if err := a.checking(ctx); err != nil {
			return sdk.CheckReply{}, err
		}
	}
	if !strings.HasPrefix(req.Connection.Value("api_key"), "key-") {
		return sdk.CheckReply{Items: []sdk.CheckItem{{
			ID: "credentials", Label: "API key", Kind: sdk.KindAuth, Cause: "the key is not accepted", Turn: sdk.TurnEmployer, Remedy: "make a new key",
		}}}, nil
	}
	user := req.Connection.Value("user")
	return sdk.CheckReply{
		Host: "ats.example.com", AccountName: "ATS of " + user, JobsVisible: 2, ActingUser: sdk.User{ID: user, Name: "Ada", Email: user},
		Items: []sdk.CheckItem{{ID: "credentials", Label: "API key", OK: true}},
	}, nil
}

// ReadStatuses shows everybody who is asked for, with the external id that was asked for.
func (a *ats) ReadStatuses(_ context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	var out sdk.ReadStatusesReply
	for _, r := range req.Applications {
		out.Readings = append(out.Readings, sdk.Reading{CandidateID: r.CandidateID, ApplicationID: "9" + r.CandidateID, ExternalID: r.ExternalID, JobID: r.JobID})
	}
	return out, nil
}

// Lease plays the daemon's lease keeper.
func (w *world) Lease(connection string) (atssync.Lease, bool) { return w.lease(connection), true }

func (w *world) lease(connection string) atssync.Lease {
	now, owner := time.Now(), "test-"+connection
	require.NoError(w.t, w.store.Heartbeat(w.t.Context(), owner, now.Add(time.Hour), now))
	got, err := w.store.Acquire(w.t.Context(), owner, []string{connection}, now)
	require.NoError(w.t, err)
	if len(got) == 1 {
		return got[0]
	}
	return atssync.Lease{Connection: connection, Owner: owner, Epoch: 1}
}

func (w *world) refresh(ctx context.Context, connection string) error {
	_, err := w.store.PutATSJobs(ctx, w.lease(connection), atssync.JobListing{Jobs: w.ats.jobs, Complete: true}, time.Now()) //nolint:contextcheck // the world has its own.
	return err
}

// connected connects an account as the ATS user of that name, with its first job linked to a platform job.
func (w *world) connected(account, user, job string) manage.Connection {
	w.t.Helper()
	ctx := w.t.Context()
	res, err := w.m.Connect(ctx, manage.ConnectRequest{
		Account: account, Name: account + " " + user, Adapter: "fake", Fields: map[string]sdk.Secret{"api_key": sdk.Secret(goodKey + user), "user": sdk.Secret(user)},
	})
	require.NoError(w.t, err)
	require.NoError(w.t, w.m.PutPlatformJobs(ctx, []atssync.PlatformJob{{ID: job, Account: account, Title: "Engineer", Open: true}}))
	_, err = w.m.RefreshJobs(ctx, res.Connection.ID)
	require.NoError(w.t, err)
	_, err = w.m.Link(ctx, manage.LinkRequest{Connection: res.Connection.ID, PlatformJob: job, ATSJob: "101"})
	require.NoError(w.t, err)
	return res.Connection
}

func (w *world) submitted(connection, external, job string) string {
	w.t.Helper()
	d := intake.Example(time.Now())
	d.Connection, d.ExternalID, d.Job, d.Person.FirstName = connection, external, job, hostile
	a, err := w.in.Submit(w.t.Context(), d)
	require.NoError(w.t, err)
	return a.Submission.ID
}

// uncertain brings a queued submission to uncertain, as a lost answer does.
func (w *world) uncertain(connection, id string) {
	w.t.Helper()
	l, now := w.lease(connection), time.Now().Add(time.Second)
	begun, err := w.store.BeginAttempts(w.t.Context(), l, []atssync.BeginAttempt{{Submission: id, Revision: 1, ATSJob: "101", As: sdk.AsCandidate}}, now)
	require.NoError(w.t, err)
	require.Len(w.t, begun, 1)
	require.NoError(w.t, w.store.FinishAttempts(w.t.Context(), l, []atssync.Finish{{
		Submission: id, Attempt: begun[0].Number, To: atssync.StateUncertain, Trouble: &atssync.Trouble{Kind: sdk.KindAmbiguous, Message: "the answer was lost " + hostile, Turn: sdk.TurnOperator},
		Exchanges: []sdk.Exchange{{Method: http.MethodPost, Endpoint: "/candidates", StartedAt: now, Duration: 1500 * time.Millisecond, Excerpt: hostile}},
	}}, nil, now))
}

// token makes a token of a power, for accounts and connections, "" is none.
func (w *world) token(p atssync.TokenPower, limits ...string) manage.NewToken {
	w.t.Helper()
	r := manage.TokenRequest{Name: string(p) + " " + strings.Join(limits, " ") + rand.Text(), Scopes: []atssync.TokenPower{p}}
	if len(limits) > 0 && limits[0] != "" {
		r.Accounts = limits[:1]
	}
	if len(limits) > 1 {
		r.Connections = limits[1:]
	}
	t, err := w.m.CreateToken(w.t.Context(), r)
	require.NoError(w.t, err)
	return t
}

// browser is one that keeps a cookie.
type browser struct {
	w      *world
	cookie string
	from   string // its address
}

func (w *world) browser() *browser { return &browser{w: w, from: "192.0.2.1:4711"} }

// by logs in with a token.
func (w *world) by(t manage.NewToken) *browser {
	w.t.Helper()
	b := w.browser()
	rec := b.post("/login", url.Values{"token": {t.Secret.Reveal()}})
	require.Equal(w.t, http.StatusSeeOther, rec.Code, rec.Body.String())
	require.NotEmpty(w.t, b.cookie)
	return b
}

// operator logs in by a one-time link of the socket.
func (w *world) operator() *browser {
	w.t.Helper()
	b := w.browser()
	require.Equal(w.t, http.StatusSeeOther, b.do(http.MethodPost, w.link(), nil).Code)
	return b
}

func (w *world) link() string {
	w.t.Helper()
	path, _, err := w.c.NewLink(atssync.WithActor(w.t.Context(), atssync.Actor{Name: "uid:1000(ops)", Via: "socket"}), nil)
	require.NoError(w.t, err)
	return path
}

func (b *browser) get(below string) *httptest.ResponseRecorder {
	b.w.t.Helper()
	return b.do(http.MethodGet, Root+below, nil)
}

func (b *browser) post(below string, form url.Values) *httptest.ResponseRecorder {
	b.w.t.Helper()
	return b.do(http.MethodPost, Root+below, form)
}

func (b *browser) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	b.w.t.Helper()
	r := httptest.NewRequestWithContext(b.w.t.Context(), method, path, strings.NewReader(form.Encode()))
	r.RemoteAddr = b.from
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if b.w.cross {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: b.cookie})
	}
	rec := httptest.NewRecorder()
	b.w.c.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		b.cookie = c.Value
	}
	return rec
}

// shows opens a page and returns its text.
func (b *browser) shows(below string) string {
	b.w.t.Helper()
	rec := b.get(below)
	require.Equal(b.w.t, http.StatusOK, rec.Code, "%s: %s", below, rec.Body)
	return rec.Body.String()
}
