package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

const (
	defaultMaxRequests = 512
	defaultMaxBody     = 1 << 20
	requestIDHeader    = "X-Request-Id"
)

// request is what the server keeps of a request under way, in its context.
type request struct {
	id     string
	route  string        // set by Mux or SetRoute
	caller string        // set by SetCaller
	body   io.ReadCloser // before it was bounded
	waits  *awaited      // body, when there is one
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	q, _ := ctx.Value(requestKey{}).(*request)
	return q
}

// RequestID returns the id of the request that ctx belongs to, or "". It stands in every answer and log line.
func RequestID(ctx context.Context) string {
	if q := requestOf(ctx); q != nil {
		return q.id
	}
	return ""
}

// SetCaller has the log line of the request that ctx belongs to name its caller.
func SetCaller(ctx context.Context, name string) {
	if q := requestOf(ctx); q != nil {
		q.caller = name
	}
}

// SetRoute has the log line of the request that ctx belongs to name its route, where no Mux does. A path is no route: it may
// hold a secret.
func SetRoute(ctx context.Context, route string) {
	if q := requestOf(ctx); q != nil {
		q.route = route
	}
}

// chain puts the manners of a listener around its handler: request id, one log line, recover, the bound on requests, the bound on bodies.
func chain(o Options, log *slog.Logger) http.Handler {
	if o.MaxRequests <= 0 {
		o.MaxRequests = defaultMaxRequests
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	bounded := boundRequests(o.MaxRequests, boundBody(o.MaxBody, o.Handler))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		id := r.Header.Get(requestIDHeader)
		if !validRequestID(id) {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		q := &request{id: id}
		ctx := context.WithValue(r.Context(), requestKey{}, q)
		r = r.WithContext(ctx)
		conn := connectionOf(ctx)
		conn.begin()
		defer conn.end()
		if r.Body != nil && r.Body != http.NoBody {
			q.waits = &awaited{ReadCloser: r.Body, request: ctx, conn: conn}
			r.Body = q.waits
		}
		q.body = r.Body
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http panics with this very value.
					panic(v)
				}
				log.Error("request panicked", "request_id", id, "method", r.Method, "route", q.route,
					"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				if rec.status != 0 {
					panic(http.ErrAbortHandler) // an answer was begun: cut it, so that nobody takes it for whole
				}
				WriteProblem(rec, r, Problem{
					Status: http.StatusInternalServerError, Code: "internal", Detail: "the daemon met a fault of its own",
					Remedy: "look for the request id in the daemon's log",
				})
			}
			done(ctx, o, log, Request{Route: q.route, Method: r.Method, Status: rec.code(), Duration: time.Since(started)})
		}()
		bounded.ServeHTTP(rec, r)
	})
}

func done(ctx context.Context, o Options, log *slog.Logger, q Request) {
	level := slog.LevelDebug
	if q.Status >= http.StatusInternalServerError && q.Status != http.StatusServiceUnavailable {
		level = slog.LevelWarn
	}
	if log.Enabled(ctx, level) { // else its values would be made for nothing
		caller := ""
		if of := requestOf(ctx); of != nil {
			caller = of.caller
		}
		log.Log(ctx, level, "request", "request_id", RequestID(ctx), "method", q.Method, "route", q.Route, "caller", caller,
			"status", q.Status, "duration_ms", q.Duration.Milliseconds())
	}
	if o.Observe != nil {
		o.Observe(q)
	}
}

// validRequestID takes a caller's own id when it is short and harmless in a log.
func validRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if c < '0' && c != '-' && c != '.' || c > '9' && c < 'A' || c > 'Z' && c < 'a' && c != '_' || c > 'z' {
			return false
		}
	}
	return true
}

// boundRequests lets limit requests run at once; one that waits for its body does not run. As many more wait a little; who waits in vain, and who finds no place to
// wait, is sent away.
func boundRequests(limit int, next http.Handler) http.Handler {
	places, waiting := make(chan struct{}, limit), make(chan struct{}, limit)
	away := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "1")
		WriteProblem(w, r, Problem{
			Status: http.StatusTooManyRequests, Code: "too_many_requests", Remedy: "try again in a second",
			Detail: fmt.Sprintf("%d requests are under way, which is the most that are taken at once", limit),
		})
	}
	wait := func(ctx context.Context) bool {
		select {
		case waiting <- struct{}{}:
			defer func() { <-waiting }()
		default:
			return false
		}
		patience := time.NewTimer(queueTimeout)
		defer patience.Stop()
		select {
		case places <- struct{}{}:
			return true
		case <-ctx.Done():
		case <-patience.C:
		}
		return false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
		default:
			if !wait(r.Context()) {
				away(w, r)
				return
			}
		}
		p := &place{places: places, held: true}
		defer p.end()
		if q := requestOf(r.Context()); q != nil && q.waits != nil {
			q.waits.place = p
		}
		next.ServeHTTP(w, r)
	})
}

// boundBody bounds what is read of a body and refuses encoded ones, whose size says nothing.
func boundBody(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
			WriteProblem(w, r, Problem{
				Status: http.StatusUnsupportedMediaType, Code: "invalid",
				Detail: "an encoded body is not taken", Remedy: "send it without Content-Encoding",
			})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}
