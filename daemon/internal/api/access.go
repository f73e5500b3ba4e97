package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

// access says who may use a route. Whoever comes by the socket may use all of them; over HTTP it is asked what the token may.
// What a token is limited to is no matter of access: the services behind show nothing else (see server.manage).
type access uint8

const (
	unruled   access = iota // nobody over HTTP; a test finds a route that was left so
	open                    // everybody, without a token
	known                   // every token
	submits                 // submit, admin
	looks                   // submit, read, admin: what a submitter must see of its own work
	reads                   // read, admin
	readsAll                // read, admin; of a token that is limited to nothing, since it shows the daemon as a whole
	admins                  // admin
	adminsAll               // admin, of a token that is limited to nothing
)

// powers lists what opens the route, nil where every token does.
func (a access) powers() []atssync.TokenPower {
	switch a {
	case submits:
		return []atssync.TokenPower{atssync.TokenSubmit, atssync.TokenAdmin}
	case looks:
		return atssync.TokenPowers()
	case reads, readsAll:
		return []atssync.TokenPower{atssync.TokenRead, atssync.TokenAdmin}
	case admins, adminsAll:
		return []atssync.TokenPower{atssync.TokenAdmin}
	}
	return nil
}

// whole reports whether a token must be limited to nothing.
func (a access) whole() bool { return a == readsAll || a == adminsAll || a == unruled }

// sentence tells the rule in the API's description.
func (a access) sentence() string {
	if a == open {
		return "Needs no token."
	}
	if a.powers() == nil {
		return "Needs a token of any scope."
	}
	scopes := words(a.powers())
	last := len(scopes) - 1
	text := "Needs the scope " + scopes[last]
	if last > 0 {
		text = "Needs the scope " + strings.Join(scopes[:last], ", ") + " or " + scopes[last]
	}
	if a.whole() {
		text += ", of a token that is not limited to accounts or connections"
	}
	return text + "."
}

// admit is nil when the caller may use the route.
func (c Caller) admit(r route) error {
	if c.Token == nil || r.access == known {
		return nil
	}
	switch powers := r.access.powers(); {
	case r.access == unruled:
		return atssync.Errorf(atssync.CodeForbidden, "this is not served over HTTP").WithRemedy("use the daemon's unix socket")
	case !c.Token.May(powers...):
		return atssync.Errorf(atssync.CodeForbidden, "the token %s has the scope %s, and this needs %s",
			c.Token.ID, strings.Join(words(c.Token.Powers), ", "), strings.Join(words(powers), " or ")).
			WithRemedy("use another token; one is made with: atssync tokens create --scope %s", powers[len(powers)-1])
	case r.access.whole() && !c.Token.Within.Whole():
		return atssync.Errorf(atssync.CodeForbidden, "the token %s is limited to some accounts or connections, and this is about the daemon as a whole", c.Token.ID).
			WithRemedy("use a token without such a limit")
	}
	return nil
}

// gate lets known callers pass to the routes that they may use, and puts them into the context, for the audit record too.
func (s *server) gate(mux *web.Mux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		route, found := s.routes[pattern]
		if found && route.access == open {
			mux.ServeHTTP(w, r)
			return
		}
		c, err := s.Authenticate(r)
		if err == nil && found {
			err = c.admit(route)
		}
		web.SetCaller(r.Context(), c.Actor.Name)
		if err == nil && found {
			err = route.readable(r)
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if r.ContentLength == 0 {
			web.WasRead(w)
		}
		ctx := context.WithValue(r.Context(), callerKey{}, c)
		ctx = atssync.WithActor(ctx, c.Actor)
		if c.Still != nil {
			watched, end := web.Watch(ctx, c.Still)
			defer end()
			ctx = watched
		}
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
}

// readable refuses what would be read as if it were not there: a change that is meant for one version would be made to any,
// a list that is to be narrowed would be whole.
func (r route) readable(q *http.Request) error {
	if of := q.Header.Values("If-Match"); len(of) > 1 {
		return invalid("If-Match", "is there twice")
	} else if len(of) == 1 && !r.ifMatch {
		return invalid("If-Match", "is not looked at here, and would be taken for heeded")
	}
	query, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return invalid("query", "cannot be read: it is name=value, with & between two, and % before two hexadecimal digits")
	}
	for name, values := range query {
		switch {
		case r.plain:
			return invalid("query."+atssync.Brief(name), "unknown query parameter")
		case len(values) > 1:
			return invalid("query."+atssync.Brief(name), "is there twice")
		case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
			return invalid("query."+atssync.Brief(name), "is not text in UTF-8")
		}
	}
	return nil
}
