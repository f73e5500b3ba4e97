package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (w *world) bearer(token, method, path, body string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+partnerPath+path, strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	a, err := w.send(req)
	require.NoError(w.t, err)
	return a
}

// authorize goes the way of a user's browser and gives the query it comes back with.
func (w *world) authorize(change url.Values) url.Values {
	w.t.Helper()
	q := url.Values{
		"client_id": {w.s.Partner().OAuthClientID}, "redirect_uri": {"https://platform.example.com/cb?x=1"}, "response_type": {"code"},
		"scope": {"candidates.create jobs.view"}, "state": {"s t"}, "user": {w.email(SiteAdmin)},
	}
	maps.Copy(q, change)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.base+"/oauth/authorize?"+q.Encode(), http.NoBody)
	require.NoError(w.t, err)
	a, err := w.send(req)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusFound, a.status, string(a.body))
	to, err := url.Parse(a.header.Get("Location"))
	require.NoError(w.t, err)
	require.Equal(w.t, "platform.example.com", to.Host)
	require.Equal(w.t, "s t", to.Query().Get("state"))
	require.Equal(w.t, "1", to.Query().Get("x"))
	return to.Query()
}

func (w *world) token(form url.Values) answer {
	w.t.Helper()
	if !form.Has("client_id") {
		form.Set("client_id", w.s.Partner().OAuthClientID)
	}
	form.Set("client_secret", w.s.Partner().OAuthClientSecret)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.base+"/oauth/token", strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := w.send(req)
	require.NoError(w.t, err)
	return a
}

func (a answer) token() TokenReply {
	a.t.Helper()
	require.Equal(a.t, http.StatusOK, a.status, string(a.body))
	var r TokenReply
	require.NoError(a.t, json.Unmarshal(a.body, &r))
	return r
}

func TestOAuth_CodeBecomesATokenThatActsForItsUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	back := w.authorize(nil)
	form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}}
	tok := w.token(form).token()
	require.Empty(t, tok.RefreshToken, "the default has no expiry")
	require.Zero(t, tok.ExpiresIn)
	a := w.bearer(tok.AccessToken, http.MethodGet, "current_user", "")
	require.Contains(t, string(a.body), w.email(SiteAdmin))
	require.Equal(t, 200, w.bearer(tok.AccessToken, http.MethodPost, "candidates", w.person("x")).status)
	require.Equal(t, w.email(SiteAdmin), w.e.Received()[0].User)
	require.Equal(t, 403, w.bearer(tok.AccessToken, http.MethodGet, "candidates?candidate_ids=1", "").status, "no candidates.view")
	again := w.token(form)
	require.Equal(t, 400, again.status, "a code works once")
	require.JSONEq(t, `{"error":"invalid_grant"}`, string(again.body))
}

func TestOAuth_RefusalsComeBackToThePlatform(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, "user_refused", w.authorize(url.Values{"deny": {"1"}}).Get("oauth_problem"))
	require.Equal(t, "invalid_scope", w.authorize(url.Values{"scope": {"everything"}}).Get("error"))
	require.Equal(t, "access_denied", w.authorize(url.Values{"user": {w.e.Users()[4].Email}}).Get("error"))
	require.Equal(t, "unsupported_response_type", w.authorize(url.Values{"response_type": {"token"}}).Get("error"))
	require.NotEmpty(t, w.authorize(url.Values{"user": {""}}).Get("code"))
	bad := w.token(url.Values{"grant_type": {"authorization_code"}, "client_id": {"someone"}})
	require.Equal(t, 401, bad.status)
	require.Equal(t, 400, w.token(url.Values{"grant_type": {"password"}}).status)
	code := w.authorize(nil).Get("code")
	require.Equal(t, 400, w.token(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://elsewhere.example.com"},
	}).status)
}

func TestSwitch20_TokenExpiresAndRefreshes(t *testing.T) {
	t.Parallel()
	w := setup(t, with("oauth_token", "expires", "oauth_token_life", "1h"))
	tok := w.token(url.Values{"grant_type": {"authorization_code"}, "code": {w.authorize(nil).Get("code")}}).token()
	require.Equal(t, 3600, tok.ExpiresIn)
	require.Equal(t, 200, w.bearer(tok.AccessToken, http.MethodGet, "jobs", "").status)
	w.set("oauth_token_life", "0s")
	require.Equal(t, 401, w.bearer(tok.AccessToken, http.MethodGet, "jobs", "").status)
	w.set("oauth_token_life", "1h")
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.RefreshToken}}
	fresh := w.token(form).token()
	require.NotEqual(t, tok.RefreshToken, fresh.RefreshToken)
	require.Equal(t, 200, w.bearer(fresh.AccessToken, http.MethodGet, "jobs", "").status)
	require.Equal(t, 400, w.token(form).status, "a refresh token works once")
}

func TestSwitch20_TokenRevoked(t *testing.T) {
	t.Parallel()
	w := setup(t, with("oauth_token", "expires"))
	tok, err := w.e.IssueToken(w.email(SiteAdmin))
	require.NoError(t, err)
	require.Equal(t, 200, w.bearer(tok.AccessToken, http.MethodGet, "jobs", "").status)
	w.set("oauth_token", "revoked")
	require.Equal(t, 401, w.bearer(tok.AccessToken, http.MethodGet, "jobs", "").status)
	require.Equal(t, 400, w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.RefreshToken}}).status)
	w.set("oauth_token", "no_expiry")
	require.Equal(t, 200, w.bearer(tok.AccessToken, http.MethodGet, "jobs", "").status)
	require.Equal(t, 1, w.e.RevokeTokens(w.email(SiteAdmin)))
	require.Equal(t, 401, w.bearer(tok.AccessToken, http.MethodGet, "jobs", "").status)
	_, err = w.e.IssueToken("nobody@example.com")
	require.ErrorContains(t, err, "no user")
}

func TestToken_OfADisabledUserIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.email(SiteAdmin)
	tok, err := w.e.IssueToken(admin)
	require.NoError(t, err)
	require.NoError(t, w.e.DisableUser(admin))
	require.Equal(t, 401, w.bearer(tok.AccessToken, http.MethodGet, "jobs", "").status)
}

func TestCode_LivesAMinute(t *testing.T) {
	t.Parallel()
	w := setup(t)
	code := w.authorize(nil).Get("code")
	w.s.oauth.mu.Lock()
	w.s.oauth.codes[code].issued = time.Now().Add(-codeLife - time.Second)
	w.s.oauth.mu.Unlock()
	require.Equal(t, 400, w.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}}).status)
}
