package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestLogin_ByTokenLetsInAndLogsOut(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tok := w.token(atssync.TokenAdmin)
	b := w.browser()
	rec := b.post("/login", url.Values{"token": {" " + tok.Secret.Reveal() + "\n"}, "next": {"/events?type=x"}})
	require.Equal(t, http.StatusSeeOther, rec.Code)
	require.Equal(t, "/console/events?type=x", rec.Header().Get("Location"))
	c := rec.Result().Cookies()[0]
	require.True(t, c.HttpOnly)
	require.False(t, c.Secure)
	require.Equal(t, http.SameSiteLaxMode, c.SameSite)
	require.Equal(t, "/console", c.Path)
	require.NotContains(t, rec.Body.String()+w.log.String(), tok.Secret.Reveal())
	require.Contains(t, b.shows(""), tok.Name)

	held := b.cookie
	rec = b.post("/logout", nil)
	require.Equal(t, "/console/login?said=out", rec.Header().Get("Location"))
	b.cookie = held
	require.Equal(t, http.StatusSeeOther, b.get("").Code, "the cookie is worth nothing after the log-out")
	page, err := w.m.Audit(t.Context(), "console", atssync.Paging{})
	require.NoError(t, err)
	require.Equal(t, "console.login", page.Items[0].Action)
	require.Equal(t, atssync.Actor{Name: tok.ID + "(" + tok.Name + ")", Via: "console"}, page.Items[0].Actor)
}

func TestLogin_TheCookieIsSecureWhereTheWorldComesByTLS(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.c.Secure = true
	rec := w.browser().post("/login", url.Values{"token": {w.token(atssync.TokenRead).Secret.Reveal()}})
	require.True(t, rec.Result().Cookies()[0].Secure)
}

func TestLogin_RefusesWhatLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	good := w.token(atssync.TokenAdmin)
	revoked := w.token(atssync.TokenAdmin)
	_, err := w.m.RevokeToken(ctx, revoked.ID)
	require.NoError(t, err)
	id, expired, hash := atssync.NewTokenSecret(time.Now())
	_, err = w.store.CreateToken(ctx, atssync.Token{ID: id, Name: "expired", Hash: hash, Powers: atssync.TokenPowers(), ExpiresAt: time.Now()}, time.Now())
	require.NoError(t, err)
	_, unknown, _ := atssync.NewTokenSecret(time.Now())
	for name, secret := range map[string]string{
		"none": "", "a word": "nonsense", "unknown": unknown.Reveal(), "revoked": revoked.Secret.Reveal(), "expired": expired.Reveal(), "cut": good.Secret.Reveal()[:80],
	} {
		b := w.browser()
		rec := b.post("/login", url.Values{"token": {secret}})
		require.Equal(t, http.StatusUnauthorized, rec.Code, name)
		require.Contains(t, rec.Body.String(), "You were not let in", name)
		require.Empty(t, b.cookie, name)
	}
	require.NotContains(t, w.log.String(), good.Secret.Reveal()[:80])
}

func TestLogin_WrongOnesOfAnAddressHaveToWait(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tok := w.token(atssync.TokenAdmin)
	b := w.browser()
	for range wrongMost {
		require.Equal(t, http.StatusUnauthorized, b.post("/login", url.Values{"token": {"wrong"}}).Code)
	}
	rec := b.post("/login", url.Values{"token": {"wrong"}})
	require.Equal(t, http.StatusTooManyRequests, rec.Code)
	require.NotEmpty(t, rec.Header().Get("Retry-After"))
	require.Empty(t, b.cookie)
	b.from = "192.0.2.2:1"
	require.Equal(t, http.StatusUnauthorized, b.post("/login", url.Values{"token": {"wrong"}}).Code, "others need not wait")
	b.from = "192.0.2.1:9"
	require.Equal(t, http.StatusSeeOther, b.post("/login", url.Values{"token": {tok.Secret.Reveal()}}).Code,
		"a good one comes in: behind a proxy everybody has one address")

	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = "192.0.2.1:2"
	require.Positive(t, w.c.wrong.wait(r, time.Now()))
	require.Zero(t, w.c.wrong.wait(r, time.Now().Add(wrongFor)))
}

func TestLogin_LeadsOnlyBelowTheConsole(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/events": "/events", "?q=1": "?q=1", "/submissions?state=held": "/submissions?state=held", "": "",
		"//evil.example.com": "", "https://evil.example.com": "", "/\\evil.example.com": "", "evil": "", "/login?next=/login": "", "/open/x": "", "/a\r\nSet-Cookie: x": "", "javascript:alert(1)": "",
	} {
		require.Equal(t, want, nextOf(next), next)
	}
}

func TestLink_LetsOneInOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path := w.link()
	b := w.browser()
	for range 3 {
		rec := b.do(http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, rec.Code, "who looks at links uses none up")
		require.Empty(t, b.cookie)
	}
	require.Equal(t, http.StatusSeeOther, b.do(http.MethodPost, path, nil).Code)
	require.Contains(t, b.shows(""), "uid:1000(ops)")
	other := w.browser()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		rec := other.do(method, path, nil)
		require.Equal(t, http.StatusGone, rec.Code)
		require.Contains(t, rec.Body.String(), "atssync console")
		require.Empty(t, other.cookie)
	}
	require.Equal(t, http.StatusGone, other.do(http.MethodPost, Root+openPath+"unknown", nil).Code)
	page, err := w.m.Audit(t.Context(), "console", atssync.Paging{})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.Equal(t, "console.login", page.Items[0].Action)
	require.Equal(t, "console.link", page.Items[1].Action)
	require.Equal(t, atssync.Actor{Name: "uid:1000(ops)", Via: "socket"}, page.Items[1].Actor)
	require.NotContains(t, w.log.String(), strings.TrimPrefix(path, Root+openPath))
}

func TestLink_IsOverAfterItsTime(t *testing.T) {
	t.Parallel()
	l, now := newLinks(), time.Now()
	text, until, err := l.make(session{}, now)
	require.NoError(t, err)
	require.True(t, l.good(text, until.Add(-time.Second)))
	require.False(t, l.good(text, until))
	_, ok := l.use(text, until)
	require.False(t, ok)
	for range maxLinks {
		_, _, err = l.make(session{}, now)
		require.NoError(t, err)
	}
	_, _, err = l.make(session{}, now)
	require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err))
	_, _, err = l.make(session{}, now.Add(linkLife))
	require.NoError(t, err, "those that are over make place")
}

func TestLink_OfATokenSeesWhatTheTokenSees(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mine := w.connected("acme", "ada", "job-1")
	other := w.connected("globex", "bea", "job-2")
	made := w.token(atssync.TokenRead, "acme")
	tok, err := w.m.UsableToken(t.Context(), made.ID)
	require.NoError(t, err)
	path, _, err := w.c.NewLink(atssync.WithActor(t.Context(), atssync.Actor{Name: "token", Via: "http"}), &tok)
	require.NoError(t, err)
	b := w.browser()
	require.Equal(t, http.StatusSeeOther, b.do(http.MethodPost, path, nil).Code)
	text := b.shows("/connections")
	require.Contains(t, text, mine.ID)
	require.NotContains(t, text, other.ID)
	require.Equal(t, http.StatusForbidden, b.get("/audit").Code)
}

func TestSession_EndsWithItsToken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tok := w.token(atssync.TokenAdmin)
	b := w.by(tok)
	require.Equal(t, http.StatusOK, b.get("").Code)
	_, err := w.m.RevokeToken(t.Context(), tok.ID)
	require.NoError(t, err)
	rec := b.get("/events")
	require.Equal(t, http.StatusSeeOther, rec.Code)
	require.Equal(t, "/console/login?next=%2Fevents&said=ended", rec.Header().Get("Location"))
	rec = b.post("/submissions", url.Values{"act": {"cancel"}})
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Body.String(), "nothing was done")
}

func TestSession_ARevokedTokenEndsTheActThatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connected("acme", "ada", "job-1")
	tok := w.token(atssync.TokenAdmin)
	b := w.by(tok)
	w.ats.checking = func(ctx context.Context) error {
		if _, err := w.m.RevokeToken(context.WithoutCancel(ctx), tok.ID); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Second):
			return errors.New("the act goes on though its token was revoked")
		}
	}
	rec := b.post("/connections/"+c.ID+"/check", nil)
	require.Equal(t, http.StatusUnauthorized, rec.Code, rec.Body)
	require.Contains(t, rec.Body.String(), "Please log in again")
	require.Contains(t, rec.Body.String(), "was revoked")
	require.Equal(t, http.StatusSeeOther, b.get("").Code)
}

func TestSession_EndsIdleAndAfterItsLifetime(t *testing.T) {
	t.Parallel()
	s, now := newSessions(time.Hour, 3*time.Hour), time.Now()
	text := s.begin(session{name: "ada"}, now)
	r := httptest.NewRequest(http.MethodGet, "/console", nil)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: text})
	for _, x := range []struct {
		after time.Duration
		err   error
	}{{59 * time.Minute, nil}, {118 * time.Minute, nil}, {177 * time.Minute, nil}, {180 * time.Minute, errEnded}, {180 * time.Minute, errEnded}} {
		_, err := s.take(r, now.Add(x.after))
		require.Equal(t, x.err, err, x.after)
	}
	text = s.begin(session{}, now)
	r = httptest.NewRequest(http.MethodGet, "/console", nil)
	_, err := s.take(r, now)
	require.Equal(t, errNoSession, err)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: text})
	_, err = s.take(r, now.Add(time.Hour))
	require.Equal(t, errEnded, err, "idle")
	for range maxSessions + 10 {
		s.begin(session{}, now)
	}
	require.Len(t, s.live, maxSessions)
}

func TestSession_ALogInEndsTheOneBefore(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tok := w.token(atssync.TokenAdmin)
	b := w.by(tok)
	first := b.cookie
	require.Equal(t, http.StatusSeeOther, b.post("/login", url.Values{"token": {tok.Secret.Reveal()}}).Code)
	require.NotEqual(t, first, b.cookie)
	b.cookie = first
	require.Equal(t, http.StatusSeeOther, b.get("").Code)
}

func TestGuard_AnotherSiteLogsNobodyInAndDoesNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connected("acme", "ada", "job-1")
	id := w.submitted(c.ID, "app-1", "job-1")
	b, path := w.operator(), w.link()
	w.cross = true
	for _, x := range []struct {
		path string
		form url.Values
	}{
		{path, nil},
		{Root + "/login", url.Values{"token": {"x"}}},
		{Root + "/logout", nil},
		{Root + "/submissions/" + id + "/act", url.Values{"act": {"cancel"}}},
		{Root + "/connections/" + c.ID + "/pause", url.Values{"version": {"1"}}},
	} {
		rec := b.do(http.MethodPost, x.path, x.form)
		require.Equal(t, http.StatusForbidden, rec.Code, x.path)
		require.Contains(t, rec.Body.String(), "another site")
	}
	w.cross = false
	require.Equal(t, http.StatusOK, b.get("").Code)
	s, err := w.m.Submission(t.Context(), id, false)
	require.NoError(t, err)
	require.Equal(t, atssync.StateQueued, s.State)
	one, err := w.m.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.ConnectionActive, one.State)
}

func TestPages_AreKeptToThemselves(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.operator()
	for _, below := range []string{"", "/login", "/connections", "/nonsense"} {
		h := b.get(below).Header()
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", below)
		require.NotContains(t, h.Get("Content-Security-Policy"), "unsafe", below)
		require.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'", below)
		require.Equal(t, "no-store", h.Get("Cache-Control"), below)
		require.Equal(t, "same-origin", h.Get("Referrer-Policy"), below)
	}
	require.Equal(t, http.StatusNotFound, b.get("/nonsense").Code)
	require.Equal(t, http.StatusNotFound, b.post("/connections", nil).Code)
	require.Equal(t, http.StatusMethodNotAllowed, b.do(http.MethodDelete, Root+"/connections", nil).Code)
	require.Equal(t, "/console", b.get("/").Header().Get("Location"))
	_, _, err := w.c.NewLink(t.Context(), nil)
	require.Equal(t, atssync.CodeForbidden, atssync.CodeOf(err), "a link of nobody")
}
