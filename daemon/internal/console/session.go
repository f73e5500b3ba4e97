package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

const (
	cookieName  = "atssync_console"
	maxSessions = 1_000
)

// errNoSession says that nobody is logged in, and errEnded that somebody was.
var (
	errNoSession = atssync.Errorf(atssync.CodeUnauthenticated, "nobody is logged in")
	errEnded     = atssync.Errorf(atssync.CodeUnauthenticated, "the session is over")
)

// sessions are kept in memory and nowhere else: a session that is ended is gone at once, everywhere; no backup holds one, no
// restore brings one back, and a page that is read writes nothing. A start of the daemon ends them all. What a browser holds
// is 256 random bits, of which only the hash is kept here.
//
// A session says who came in and by what; what that token may do is asked anew for every page, so that a revoked token
// ends it.
type sessions struct {
	idle, lifetime time.Duration

	mu   sync.Mutex
	live map[[sha256.Size]byte]*session
}

type session struct {
	actor   atssync.Actor
	name    string
	tokenID string // "" for one by a link of the socket
	began   time.Time
	seen    time.Time
}

func newSessions(idle, lifetime time.Duration) *sessions {
	return &sessions{idle: idle, lifetime: lifetime, live: make(map[[sha256.Size]byte]*session)}
}

// secret returns 256 random bits as text for addresses and cookies.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// begin opens a session and returns what the browser is to hold.
func (s *sessions) begin(in session, now time.Time) string {
	text := secret()
	in.began, in.seen = now, now
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(now)
	s.live[sha256.Sum256([]byte(text))] = &in
	return text
}

// tidy forgets what is over and, when there are too many, what was used the longest ago.
func (s *sessions) tidy(now time.Time) {
	var oldest [sha256.Size]byte
	var at time.Time
	for k, one := range s.live {
		if s.over(one, now) {
			delete(s.live, k)
			continue
		}
		if at.IsZero() || one.seen.Before(at) {
			oldest, at = k, one.seen
		}
	}
	if len(s.live) >= maxSessions {
		delete(s.live, oldest)
	}
}

func (s *sessions) over(one *session, now time.Time) bool {
	return now.Sub(one.seen) >= s.idle || now.Sub(one.began) >= s.lifetime
}

// take returns the session that a request's cookie names, and notes its use.
func (s *sessions) take(r *http.Request, now time.Time) (session, error) {
	cookie, err := r.Cookie(cookieName)
	if err != nil || cookie.Value == "" {
		return session{}, errNoSession
	}
	key := sha256.Sum256([]byte(cookie.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.live[key]
	if !ok {
		return session{}, errEnded
	}
	if s.over(one, now) {
		delete(s.live, key)
		return session{}, errEnded
	}
	one.seen = now
	return *one, nil
}

// end closes the session of a request.
func (s *sessions) end(r *http.Request) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, sha256.Sum256([]byte(cookie.Value)))
}

// caller returns who makes a request, with what counts for its token now.
func (s *sessions) caller(r *http.Request, m *manage.Service) (caller, error) {
	one, err := s.take(r, time.Now())
	if err != nil {
		return caller{}, err
	}
	out := caller{actor: one.actor, name: one.name}
	if one.tokenID == "" {
		return out, nil
	}
	t, err := usable(r.Context(), m, one.tokenID)
	if err != nil {
		if atssync.CodeOf(err) == atssync.CodeUnauthenticated {
			s.end(r)
			err = errEnded
		}
		return caller{}, err
	}
	out.token = &t
	return out, nil
}

// usable is a token as it is now; one that is there no more lets nobody in either.
func usable(ctx context.Context, m *manage.Service, id string) (atssync.Token, error) {
	t, err := m.UsableToken(ctx, id)
	if atssync.CodeOf(err) == atssync.CodeNotFound {
		err = errEnded
	}
	return t, err
}

// cookie is what the browser holds. It is sent when somebody comes from another page, as from an alert, but never with a form
// of another site; and nothing that is read by GET changes anything.
func (c *Console) cookie(value string) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: c.path(""), HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	}
}
