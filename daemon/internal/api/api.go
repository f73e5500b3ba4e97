// Package api is the JSON API, and the client that speaks to it. It stands between the listeners of package web and the
// acts of packages intake and manage: it decodes and bounds what came in, finds out who calls, asks, and tells the answer or
// the problem. It decides nothing itself. Each noun has one file with its routes, its handlers and the client's side of them,
// so that the two cannot drift apart.
//
// Lists are paged: limit bounds a page, and the "next" of one page is the "after" of the following one. What is refused is
// a problem (RFC 9457) with a stable code; see codes in problem.go.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/web"
)

const (
	// patience is how long an answer may take that waits for an ATS: the host's limits may make a call wait.
	patience = 10 * time.Minute
	maxBody  = 1 << 20
)

// Options are what the API asks. All are required.
type Options struct {
	Manage *manage.Service
	Intake *intake.Service
	// Authenticate tells who calls: Bearer, or Socket where the file's permissions let nobody else in.
	Authenticate Authenticate
	Logger       *slog.Logger
	// Console makes links to the console; nil when none is served.
	Console Consoles
	// Version is the daemon's own, told at /v1/version and in the description of the API.
	Version string
	// Ops tells where metrics and probes are served, "" for nowhere; nil when nobody knows.
	Ops func() string
	// MaxBody bounds the body of a request that is no document, batch or file, in bytes; 0 is 1 MiB.
	MaxBody int64
	// MaxDocument bounds one submission document in bytes; 0 is 256 KiB.
	MaxDocument int64
}

// server holds what the handlers share.
type server struct {
	Options
	api    huma.API
	log    *slog.Logger
	routes map[string]route // by the pattern that the mux knows
	told   func() (node, error)
	bytes  func() ([]byte, error)
}

// New returns the handler of /v1.
func New(o Options) (http.Handler, error) {
	s, mux, err := build(o)
	if err != nil {
		return nil, err
	}
	return s.gate(mux), nil
}

// build registers every route.
func build(o Options) (*server, *web.Mux, error) {
	if o.Manage == nil || o.Intake == nil || o.Authenticate == nil || o.Logger == nil {
		return nil, nil, errors.New("api: manage, intake, authenticate and logger are needed")
	}
	if o.MaxDocument <= 0 {
		o.MaxDocument = 256 << 10
	}
	if o.MaxBody <= 0 {
		o.MaxBody = maxBody
	}
	mux := web.NewMux()
	s := &server{Options: o, api: humago.New(mux, describe(o.Version)), log: o.Logger.With("component", "api"), routes: make(map[string]route)}
	s.connections()
	s.hooks()
	s.jobs()
	s.jobLinks()
	s.suggestions()
	s.submissions()
	s.accept(mux)
	s.preflight(mux)
	s.revise(mux)
	s.acts()
	s.erasures()
	s.resolve()
	s.questions()
	s.applications()
	s.events()
	s.webhooks()
	s.passes()
	s.records()
	s.adapters()
	s.ledger()
	s.health()
	s.files(mux)
	s.restores(mux)
	s.tokens()
	s.connectLinks()
	s.keys()
	s.reloads()
	s.logLevels()
	s.diagnostics()
	s.console()
	s.description(mux)
	s.docs(mux)
	return s, mux, nil
}

// route is one operation: where it is, its name, what it does.
type route struct {
	method, path, id, summary string
	status                    int  // 0: 200, or 204 without a body
	other                     int  // it answers with this too, and the same body
	slow                      bool // waits for an ATS or reads much
	ifMatch                   bool // heeds If-Match
	meant                     bool // its body names what it is meant for, as If-Match would
	plain                     bool // takes no query, and no library refuses one
	access                    access
}

func get(path, id, summary string) route {
	return route{method: http.MethodGet, path: path, id: id, summary: summary}
}

func post(path, id, summary string) route {
	return route{method: http.MethodPost, path: path, id: id, summary: summary}
}

func put(path, id, summary string) route {
	return route{method: http.MethodPut, path: path, id: id, summary: summary}
}

func patch(path, id, summary string) route {
	return route{method: http.MethodPatch, path: path, id: id, summary: summary}
}

func del(path, id, summary string) route {
	return route{method: http.MethodDelete, path: path, id: id, summary: summary}
}

func (r route) slowly() route            { r.slow = true; return r }
func (r route) meantFor() route          { r.meant = true; return r }
func (r route) plainly() route           { r.plain = true; return r }
func (r route) answers(status int) route { r.status = status; return r }
func (r route) or(status int) route      { r.other = status; return r }
func (r route) by(a access) route        { r.access = a; return r }
func (r route) pattern() string          { return r.method + " " + r.path }

// tag is the noun that the path begins with, or what belongs to a connection and has a name of its own.
func (r route) tag() string {
	parts := strings.Split(r.path, "/")
	if len(parts) > 4 {
		switch parts[4] {
		case "events", "job-links":
			return parts[4]
		case "suggestions":
			return "job-links"
		}
	}
	noun, _, _ := strings.Cut(parts[2], ":")
	if noun == "openapi.json" {
		return "docs"
	}
	return noun
}

// security names the token's scopes that open the route, in the API's description.
func (r route) security() []map[string][]string {
	switch powers := r.access.powers(); {
	case r.access == open:
		return []map[string][]string{}
	case powers == nil:
		return []map[string][]string{{tokenScheme: {}}}
	default:
		out := make([]map[string][]string, len(powers))
		for i, p := range powers {
			out[i] = map[string][]string{tokenScheme: {string(p)}}
		}
		return out
	}
}

func (s *server) operation(r route) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Summary: r.summary, Tags: []string{r.tag()},
		Description: r.access.sentence(), DefaultStatus: r.status, MaxBodyBytes: s.MaxBody, Security: r.security(),
		Responses:       map[string]*huma.Response{"default": problemResponse(s.api)},
		BodyReadTimeout: -1, // it was read before: see whole
		Middlewares:     huma.Middlewares{s.whole},
	}
	if r.slow {
		op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
			_, w := humago.Unwrap(ctx)
			web.Patience(w, patience)
			next(ctx)
		})
	}
	return op
}

// takesIfMatch reports whether an input heeds the version that a change is meant for.
func takesIfMatch[I any]() bool {
	t := reflect.TypeFor[I]()
	_, ok := t.FieldByName("IfMatch")
	return ok
}

// handle puts a plain handler behind a route.
func (s *server) handle(mux *web.Mux, r route, h http.HandlerFunc) {
	s.routes[r.pattern()] = r
	mux.HandleFunc(r.pattern(), h)
}

// register puts a handler behind a route and turns what it refuses into a problem.
func register[I, O any](s *server, r route, handle func(context.Context, *I) (*O, error)) {
	r.ifMatch = takesIfMatch[I]()
	s.routes[r.pattern()] = r
	huma.Register(s.api, s.operation(r), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// body is an answer with a JSON body and nothing else.
type body[T any] struct{ Body T }

// answer makes a handler's answer of a value and an error.
func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// Paging is the part of every list's query that says which page is wanted.
type Paging struct {
	After string `query:"after" maxLength:"512" doc:"the next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"how many at most"`
}
