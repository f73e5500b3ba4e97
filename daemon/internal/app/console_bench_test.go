package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/console"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// BenchmarkConsole measures whole pages over a store on disk, by connections and applications of each; the aim is 200 ms a page
// at 10,000 times 100. Every connection has something that waits, which is the worst for the overview.
func BenchmarkConsole(b *testing.B) {
	for _, size := range [][2]int{{100, 100}, {10_000, 100}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) { benchmarkConsole(b, size[0], size[1]) })
	}
}

func benchmarkConsole(b *testing.B, connections, applications int) {
	ctx, now := b.Context(), time.Now().UTC()
	e, err := badger.Open(ctx, badger.Options{Dir: filepath.Join(b.TempDir(), "store"), Ballast: -1, MinFree: 1, ReadOnlyFree: 1, KindOf: kv.KindOf})
	require.NoError(b, err)
	require.NoError(b, kv.Prepare(ctx, e))
	s := kv.New(e, kv.Options{SoleOwner: true})
	defer func() { _ = s.Close() }()
	last := fillForPages(b, s, connections, applications, now)
	k := plainKeys{}
	m := manage.New(manage.Options{Store: s, Adapters: noAdapters{}, Keys: k, Sealer: k, Documents: intake.Vault{Keys: k, Sealer: k}})
	defer m.Stop()
	site, err := page.New(page.Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	c, err := console.New(console.Options{Manage: m, Site: site, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	path, _, err := c.NewLink(atssync.WithActor(ctx, atssync.Actor{Name: "bench"}), nil)
	require.NoError(b, err)
	rec := httptest.NewRecorder()
	c.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodPost, path, nil))
	require.Equal(b, http.StatusSeeOther, rec.Code)
	cookie := rec.Result().Cookies()[0]
	for _, p := range [][2]string{
		{"survey", "/console?first"},
		{"overview", "/console"},
		{"connections", "/console/connections"},
		{"search", "/console/connections?q=" + last.Connection},
		{"applications", "/console/submissions"},
		{"held", "/console/submissions?state=held"},
		{"uncertain", "/console/submissions?state=uncertain"},
		{"one job", "/console/submissions?job=job-of-nobody"},
		{"external id", "/console/submissions?external=" + url.QueryEscape(last.ExternalID)},
		{"application", "/console/submissions/" + last.ID},
		{"connection", "/console/connections/" + last.Connection},
		{"events", "/console/events"},
	} {
		b.Run(p[0], func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequestWithContext(ctx, http.MethodGet, p[1], nil)
				r.AddCookie(cookie)
				rec := httptest.NewRecorder()
				c.ServeHTTP(rec, r)
				require.Equal(b, http.StatusOK, rec.Code, rec.Body.String())
			}
		})
	}
}

// fillForPages makes connections with applications that are queued and, a tenth of them, held.
func fillForPages(b *testing.B, s *kv.Store, connections, applications int, now time.Time) atssync.Submission {
	b.Helper()
	ctx := b.Context()
	var last atssync.Submission
	payload := []byte(strings.Repeat("sealed ", 40))
	for i := range connections {
		c, err := s.CreateConnection(ctx, atssync.Connection{Name: fmt.Sprint("employer ", i), Account: fmt.Sprint("account-", i), Adapter: "reference"}, now)
		require.NoError(b, err)
		_, _, err = s.PutJobLink(ctx, atssync.PutJobLink{Link: atssync.JobLink{Connection: c.ID, PlatformJob: "job", ATSJob: "1", As: sdk.AsCandidate}}, 0, now)
		require.NoError(b, err)
		in := make([]atssync.NewSubmission, applications)
		for n := range in {
			id, job := atssync.NewID(atssync.PrefixSubmission, now), "job"
			if n%10 == 0 {
				job = "not linked"
			}
			external := fmt.Sprintf("application-%d-%d", i, n)
			in[n] = atssync.NewSubmission{Payload: payload, Submission: atssync.Submission{
				ID: id, Connection: c.ID, ExternalID: external, ExternalKey: intake.Vault{Keys: plainKeys{}}.ExternalKey(c.ID, external), Fingerprint: id, PlatformJob: job, ExpiresAt: now.Add(time.Hour * 24 * 60),
			}}
		}
		out, err := s.Accept(ctx, in, now)
		require.NoError(b, err)
		require.NoError(b, out[0].Err)
		last = out[len(out)-1].Submission
		now = now.Add(10 * time.Millisecond)
	}
	return last
}

// plainKeys key and seal nothing.
type plainKeys struct{}

func (plainKeys) Index(kind, value string) string                    { return kind + value }
func (plainKeys) Seal(plain []byte, _, _, _ string) ([]byte, error)  { return plain, nil }
func (plainKeys) Open(sealed []byte, _, _, _ string) ([]byte, error) { return sealed, nil }

type noAdapters struct{}

func (noAdapters) Manifest(string) (sdk.Manifest, error) { return sdk.Manifest{}, sdk.ErrNotRunning }

func (noAdapters) Reserve(context.Context, string, sdk.Connection, sdk.Power) (sdk.Client, func(), error) {
	return nil, nil, sdk.ErrNotRunning
}
func (noAdapters) List() []manage.AdapterStatus { return nil }
