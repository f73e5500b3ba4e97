package simulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// caller is who a request comes from, once authenticated.
type caller struct {
	user *member
	// email is the user's address as it was when the request came.
	email string
	// scopes limit an OAuth token; nil means a key, which has no scopes.
	scopes []string
}

// credentials are what the headers carry, before anything is believed.
type credentials struct {
	key   string
	token string
	// onBehalfOf is the acting user's e-mail address of a Basic request.
	onBehalfOf string
}

func credentialsOf(r *http.Request) credentials {
	c := credentials{onBehalfOf: r.Header.Get("On-Behalf-Of")}
	// A password beside the key is not documented and is not looked at.
	if key, _, ok := r.BasicAuth(); ok {
		c.key = key
	} else if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		c.token = strings.TrimSpace(token)
	}
	return c
}

// employerOf finds the organisation a request is for, valid or not, so that faults and the log know where it belongs.
func (s *Server) employerOf(c credentials) *Employer {
	if c.token != "" {
		if t := s.oauth.lookup(c.token); t != nil {
			return t.employer
		}
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byKey[c.key]
}

// authenticate says who calls, or gives the refusal. The caller holds no lock.
func (e *Employer) authenticate(c credentials, sw *Switches, f *firedFaults) (caller, *reply) {
	unauthorized := refusal(sw, http.StatusUnauthorized, "Unauthorized")
	e.mu.RLock()
	defer e.mu.RUnlock()
	if c.token != "" {
		t := e.server.oauth.lookup(c.token)
		if f.keyRevoked || t == nil || !t.valid(sw, time.Now()) {
			return caller{}, &unauthorized
		}
		m := e.users[fold(t.user)]
		if m == nil {
			return caller{}, &unauthorized
		}
		return e.active(caller{user: m, email: m.Email, scopes: t.scopes}, sw, f)
	}
	for _, k := range e.keys {
		if k.Key != c.key {
			continue
		}
		if k.Type == KeyHarvest {
			r := refusal(sw, sw.HarvestKey, "Invalid Basic Auth credentials")
			return caller{}, &r
		}
		if k.Revoked {
			return caller{}, &unauthorized
		}
	}
	m := e.users[fold(c.onBehalfOf)]
	if f.keyRevoked || m == nil {
		return caller{}, &unauthorized
	}
	return e.active(caller{user: m, email: m.Email}, sw, f)
}

// active refuses a disabled user. With empty_200 the caller is let in; the handlers answer with nothing.
func (e *Employer) active(c caller, sw *Switches, f *firedFaults) (caller, *reply) {
	if !c.user.Disabled && !f.userDisabled {
		return c, nil
	}
	switch sw.DisabledUser {
	case Disabled403:
		r := refusal(sw, http.StatusForbidden, "This user is not allowed to do this")
		return caller{}, &r
	case DisabledEmpty:
		return caller{}, nil
	default:
		r := refusal(sw, http.StatusUnauthorized, "Unauthorized")
		return caller{}, &r
	}
}

// allowed says whether the caller's scopes, if any, hold one.
func (c caller) allowed(scope string) bool {
	return c.scopes == nil || scope == "" || slices.Contains(c.scopes, scope)
}
