package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

// Caller is who makes a request, and what of it counts.
type Caller struct {
	Actor atssync.Actor
	// Operator may set what the operator alone fills in, such as the ATS's address.
	Operator bool
}

// Authenticate tells who makes a request. What it refuses is an *atssync.Error.
type Authenticate func(r *http.Request) (Caller, error)

// Socket knows callers by the uid that the kernel gives for the other end of a unix socket. Whoever the socket's permissions
// let in is an operator.
func Socket(r *http.Request) (Caller, error) {
	p, ok := web.PeerOf(r.Context())
	if !ok {
		return Caller{}, atssync.Errorf(atssync.CodeForbidden, "the caller is not known").
			WithRemedy("use the daemon's unix socket")
	}
	name := fmt.Sprintf("uid:%d", p.UID)
	if user := p.Name(); user != "" {
		name += "(" + user + ")"
	}
	return Caller{Actor: atssync.Actor{Name: name, Via: "socket"}, Operator: true}, nil
}

type callerKey struct{}

// callerOf returns the caller that authenticated put into ctx.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// authenticated lets known callers pass and puts them into the context, for the audit record too.
func (s *server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.Authenticate(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), callerKey{}, c)
		next.ServeHTTP(w, r.WithContext(atssync.WithActor(ctx, c.Actor)))
	})
}
