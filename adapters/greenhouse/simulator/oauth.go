package simulator

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// codeLife is how long an authorization code can be exchanged.
const codeLife = time.Minute

// oauthBook keeps the codes and tokens of all organisations.
type oauthBook struct {
	mu        sync.RWMutex
	codes     map[string]*oauthToken
	tokens    map[string]*oauthToken
	refreshes map[string]*oauthToken
}

// oauthToken is what a user granted. Before the exchange it is kept under its code.
type oauthToken struct {
	employer *Employer
	user     string
	scopes   []string
	redirect string
	issued   time.Time
	revoked  bool
}

func newOAuthBook() *oauthBook {
	return &oauthBook{codes: make(map[string]*oauthToken), tokens: make(map[string]*oauthToken), refreshes: make(map[string]*oauthToken)}
}

func (b *oauthBook) lookup(token string) *oauthToken {
	b.mu.RLock()
	defer b.mu.RUnlock()
	t := b.tokens[token]
	if t == nil {
		return nil
	}
	v := *t
	return &v
}

func (t *oauthToken) valid(sw *Switches, now time.Time) bool {
	switch {
	case t.revoked || sw.OAuthToken == TokenRevoked:
		return false
	case sw.OAuthToken == TokenExpires:
		return now.Sub(t.issued) < sw.OAuthTokenLife
	default:
		return true
	}
}

// OAuthScopes are the scopes of the partner API.
func OAuthScopes() []string {
	return []string{"candidates.create", "candidates.view", "jobs.view", "prospect_pools.view"}
}

// TokenReply is what the token endpoint answers. ExpiresIn (seconds) and RefreshToken are there only where tokens expire.
type TokenReply struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// IssueToken makes a token as if the user had granted it; without scopes it has all of them.
func (e *Employer) IssueToken(email string, scopes ...string) (TokenReply, error) {
	e.mu.RLock()
	known := e.users[fold(email)] != nil
	e.mu.RUnlock()
	if !known {
		return TokenReply{}, inputErrorf("$.email", "%s has no user %q", e.name, clip(email, 80))
	}
	if len(scopes) == 0 {
		scopes = OAuthScopes()
	}
	return e.server.oauth.issue(&oauthToken{employer: e, user: email, scopes: scopes}), nil
}

// RevokeTokens makes every token of a user answer 401, as when the user takes the permission back; an empty address means all users.
func (e *Employer) RevokeTokens(email string) int {
	b := e.server.oauth
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, t := range b.tokens {
		if t.employer == e && !t.revoked && (email == "" || fold(email) == fold(t.user)) {
			t.revoked = true
			n++
		}
	}
	return n
}

func (b *oauthBook) issue(grant *oauthToken) TokenReply {
	sw := grant.employer.switches.Load()
	t := &oauthToken{employer: grant.employer, user: grant.user, scopes: grant.scopes, issued: time.Now()}
	r := TokenReply{AccessToken: rand.Text(), TokenType: "Bearer", Scope: strings.Join(t.scopes, " ")}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens[r.AccessToken] = t
	if sw.OAuthToken == TokenExpires {
		r.ExpiresIn = int(sw.OAuthTokenLife / time.Second)
		r.RefreshToken = rand.Text()
		b.refreshes[r.RefreshToken] = t
	}
	return r
}

// take finds and removes a code or refresh token: each works once.
func (b *oauthBook) take(from map[string]*oauthToken, secret string) *oauthToken {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := from[secret]
	delete(from, secret)
	return t
}

// serveOAuth answers the authorize and token endpoints.
func (s *Server) serveOAuth(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		oauthError("invalid_request", http.StatusBadRequest).send(w)
		return
	}
	switch {
	case r.URL.Path == "/oauth/authorize" && r.Method == http.MethodGet:
		s.authorize(w, r)
	case r.URL.Path == "/oauth/token" && r.Method == http.MethodPost:
		s.token(r).send(w)
	default:
		refusal(s.switches.Load(), http.StatusNotFound, "Resource not found").send(w)
	}
}

func oauthError(code string, status int) reply {
	return jsonReply(status, map[string]string{"error": code})
}

// authorize grants at once, without a page: the parameter user (an e-mail address) says who grants, and deny=1 that nobody does.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.Form
	target, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || target.Host == "" || q.Get("client_id") != s.partner.OAuthClientID || s.partner.OAuthClientID == "" {
		oauthError("invalid_client", http.StatusBadRequest).send(w)
		return
	}
	back := target.Query()
	if state := q.Get("state"); state != "" {
		back.Set("state", state)
	}
	grant, known := s.grant(q.Get("user"), strings.Fields(q.Get("scope")))
	switch {
	case q.Get("deny") == "1":
		back.Set("oauth_problem", "user_refused")
	case q.Get("response_type") != "code":
		back.Set("error", "unsupported_response_type")
	case slices.ContainsFunc(grant.scopes, func(scope string) bool { return !slices.Contains(OAuthScopes(), scope) }):
		back.Set("error", "invalid_scope")
	case !known:
		back.Set("error", "access_denied")
		back.Set("error_description", "no such user")
	default:
		grant.redirect, grant.issued = q.Get("redirect_uri"), time.Now()
		code := rand.Text()
		s.oauth.mu.Lock()
		s.oauth.codes[code] = grant
		s.oauth.mu.Unlock()
		back.Set("code", code)
	}
	target.RawQuery = back.Encode()
	http.Redirect(w, r, target.String(), http.StatusFound)
}

// grant finds who grants: the named user of any organisation, or the first organisation's Site Admin.
func (s *Server) grant(email string, scopes []string) (*oauthToken, bool) {
	t := &oauthToken{scopes: scopes}
	if email == "" {
		e := s.Employers()[0]
		u, ok := e.User(SiteAdmin)
		t.employer, t.user = e, u.Email
		return t, ok
	}
	for _, e := range s.Employers() {
		e.mu.RLock()
		m := e.users[fold(email)]
		ok := m != nil && !m.Disabled
		e.mu.RUnlock()
		if ok {
			t.employer, t.user = e, email
			return t, true
		}
	}
	return t, false
}

// token exchanges a code or a refresh token; parameters are read from the query and from a form alike.
func (s *Server) token(r *http.Request) reply {
	q := r.Form
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = q.Get("client_id"), q.Get("client_secret")
	}
	if id != s.partner.OAuthClientID || secret != s.partner.OAuthClientSecret || id == "" {
		return oauthError("invalid_client", http.StatusUnauthorized)
	}
	switch q.Get("grant_type") {
	case "authorization_code":
		t := s.oauth.take(s.oauth.codes, q.Get("code"))
		if t == nil || time.Since(t.issued) > codeLife || (q.Get("redirect_uri") != "" && q.Get("redirect_uri") != t.redirect) {
			return oauthError("invalid_grant", http.StatusBadRequest)
		}
		return jsonReply(http.StatusOK, s.oauth.issue(t))
	case "refresh_token":
		t := s.oauth.take(s.oauth.refreshes, q.Get("refresh_token"))
		if t == nil || s.oauth.isRevoked(t) || t.employer.switches.Load().OAuthToken == TokenRevoked {
			return oauthError("invalid_grant", http.StatusBadRequest)
		}
		return jsonReply(http.StatusOK, s.oauth.issue(t))
	default:
		return oauthError("unsupported_grant_type", http.StatusBadRequest)
	}
}

func (b *oauthBook) isRevoked(t *oauthToken) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return t.revoked
}
