package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/web"
)

// Caller is who makes a request, and what of it counts.
type Caller struct {
	Actor atssync.Actor
	// Operator may set what the operator alone fills in, such as the ATS's address: whoever could set it could have the
	// credentials that are kept sent there. No token is an operator's, whatever it may do else.
	Operator bool
	// Token is what the caller came with, nil for one who may do everything.
	Token *atssync.Token
	// Still, when set, is asked while a long request runs; what it refuses ends the request.
	Still func(ctx context.Context) error
}

// within is what the caller sees.
func (c Caller) within() atssync.Scope {
	if c.Token == nil {
		return atssync.Scope{}
	}
	return c.Token.Within
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

// Bearer knows callers by the token in their Authorization header. A token elsewhere is not looked at: addresses stand in
// logs.
func Bearer(m *manage.Service) Authenticate {
	return func(r *http.Request) (Caller, error) {
		scheme, printed, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
		if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) > 1 {
			return Caller{}, atssync.Errorf(atssync.CodeUnauthenticated, "no token was sent").
				WithRemedy("send one that atssync tokens create printed, as Authorization: Bearer ats_…")
		}
		t, err := m.Authenticate(r.Context(), printed)
		if err != nil {
			return Caller{}, err
		}
		return Caller{
			Actor: atssync.Actor{Name: t.ID + "(" + t.Name + ")", Via: "http"}, Token: &t,
			Still: func(ctx context.Context) error { return m.StillUsable(ctx, t.ID) },
		}, nil
	}
}

type callerKey struct{}

// callerOf returns the caller that the gate put into ctx.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// manage is what people do, as far as the caller sees. No handler may use the service without it.
func (s *server) manage(ctx context.Context) *manage.Service {
	return s.Manage.Within(callerOf(ctx).within())
}

// intake is what takes documents, for connections that the caller sees.
func (s *server) intake(ctx context.Context) *intake.Service {
	return s.Intake.Within(callerOf(ctx).within())
}
