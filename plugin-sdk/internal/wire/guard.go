package wire

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Guard stands around every call that an adapter serves: it keeps the process alive when a handler
// panics, puts a logger into the context, and knows which calls are in flight, so that a process that is
// told to end can finish them.
type Guard struct {
	log  *slog.Logger
	with func(context.Context, *slog.Logger) context.Context

	mu       sync.Mutex
	draining bool
	inFlight int
	idle     chan struct{} // made by Drain, closed when the last call is done
}

// NewGuard returns a guard that logs to log and gives each call's context to with, together with that
// call's logger.
func NewGuard(log *slog.Logger, with func(context.Context, *slog.Logger) context.Context) *Guard {
	return &Guard{log: log, with: with}
}

// Drain refuses new calls and waits until those in flight are done or ctx ends. It reports whether they
// are. It may be called more than once.
func (g *Guard) Drain(ctx context.Context) bool {
	g.mu.Lock()
	g.draining = true
	if g.idle == nil {
		g.idle = make(chan struct{})
		if g.inFlight == 0 {
			close(g.idle)
		}
	}
	idle := g.idle
	g.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *Guard) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return false
	}
	g.inFlight++
	return true
}

func (g *Guard) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	if g.idle != nil && g.inFlight == 0 {
		close(g.idle)
	}
}

// Unary is the interceptor. What go-plugin serves beside the adapter, such as the health of the process,
// passes untouched.
func (g *Guard) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (reply any, err error) {
	if _, ok := info.Server.(*Server); !ok {
		return next(ctx, req)
	}
	method := path.Base(info.FullMethod)
	if !g.enter() {
		return refusal(method), nil
	}
	defer g.leave()
	defer func() {
		if p := recover(); p != nil {
			g.log.Error("a call panicked", "method", method, "panic", panicText(req, p), "stack", string(debug.Stack()))
			reply, err = nil, status.Error(codes.Internal, "panic in "+method+", see the adapter's log")
		}
	}()
	log := g.log.With("method", method)
	if c, ok := req.(interface{ GetConnection() *Connection }); ok {
		log = log.With("connection", c.GetConnection().GetId())
	}
	began := time.Now()
	reply, err = next(g.with(ctx, log), req)
	if log.Enabled(ctx, slog.LevelDebug) {
		log.Debug("call done", "duration", time.Since(began))
	}
	return reply, err
}

// panicText shows what a panic said without the credentials of the call.
func panicText(req, p any) string {
	var text string
	switch v := p.(type) {
	case runtime.Error:
		text = v.Error()
	case error:
		text = v.Error()
	default:
		text = fmt.Sprint(v)
	}
	if c, ok := req.(interface{ GetConnection() *Connection }); ok {
		text = scrub(c.GetConnection(), text)
	}
	return cut(text, maxExcerpt)
}

// refusal is the answer to a call that came while the process ends: the handler never ran.
func refusal(method string) any {
	e := errorToWire(&sdk.Error{
		Kind: sdk.KindTransient, Turn: sdk.TurnOperator, NotApplied: true,
		Message: "the adapter is shutting down and did not take the call",
	})
	switch method {
	case "Describe":
		return &DescribeReply{Error: e}
	case "Check":
		return &CheckReply{Error: e}
	case "ListJobs":
		return &ListJobsReply{Error: e}
	case "Submit":
		return &SubmitReply{Error: e}
	case "ReadStatuses":
		return &ReadStatusesReply{Error: e}
	case "Changes":
		return &ChangesReply{Error: e}
	case "Find":
		return &FindReply{Error: e}
	case "HandleWebhook":
		return &HandleWebhookReply{Error: e}
	case "ListPools":
		return &ListPoolsReply{Error: e}
	case "TrackingLink":
		return &TrackingLinkReply{Error: e}
	case "Vocabulary":
		return &VocabularyReply{Error: e}
	case "BeginAuth":
		return &BeginAuthReply{Error: e}
	case "CompleteAuth":
		return &CompleteAuthReply{Error: e}
	default:
		return &RefreshAuthReply{Error: e}
	}
}
