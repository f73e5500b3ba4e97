package fleet

import (
	"context"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// guarded is a Client with a deadline around every call, whose replies and errors feed the limiters and the
// metrics.
type guarded struct {
	sdk.Client
	adapter  string
	timeout  time.Duration
	limiters []*limiter
	metrics  *Metrics
}

// guard makes one call. meta returns the reply's.
func guard[Reply any](ctx context.Context, g *guarded, method string, call func(context.Context) (Reply, error), meta func(Reply) sdk.Meta) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	began := time.Now()
	reply, err := call(ctx)
	m := meta(reply)
	if err != nil {
		e := sdk.AsError(err)
		m = e.Meta
		g.learn(e)
	}
	g.feed(m.Budget)
	g.metrics.called(g.adapter, method, err, time.Since(began))
	g.metrics.exchanged(g.adapter, method, m.Exchanges)
	return reply, err
}

// learn has the limiters keep quiet after a limit was hit.
func (g *guarded) learn(e *sdk.Error) {
	if e == nil || e.Kind != sdk.KindRateLimited {
		return
	}
	for _, l := range g.limiters {
		l.quiet(e.RetryAfter)
	}
}

func (g *guarded) feed(b *sdk.Budget) {
	if b == nil {
		return
	}
	for _, l := range g.limiters {
		l.learn(*b)
	}
}

func (g *guarded) Check(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	return guard(ctx, g, "check", func(ctx context.Context) (sdk.CheckReply, error) { return g.Client.Check(ctx, req) },
		func(r sdk.CheckReply) sdk.Meta { return r.Meta })
}

func (g *guarded) ListJobs(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	return guard(ctx, g, "list_jobs", func(ctx context.Context) (sdk.ListJobsReply, error) { return g.Client.ListJobs(ctx, req) },
		func(r sdk.ListJobsReply) sdk.Meta { return r.Meta })
}

func (g *guarded) Submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	reply, err := guard(ctx, g, "submit", func(ctx context.Context) (sdk.SubmitReply, error) { return g.Client.Submit(ctx, req) },
		func(r sdk.SubmitReply) sdk.Meta { return r.Meta })
	for _, o := range reply.Outcomes { // limits are told per item too
		g.learn(o.Err)
		if o.Err != nil {
			g.feed(o.Err.Budget)
		}
	}
	return reply, err
}

func (g *guarded) ReadStatuses(ctx context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	return guard(ctx, g, "read_statuses", func(ctx context.Context) (sdk.ReadStatusesReply, error) { return g.Client.ReadStatuses(ctx, req) },
		func(r sdk.ReadStatusesReply) sdk.Meta { return r.Meta })
}

func (g *guarded) Changes(ctx context.Context, req sdk.ChangesRequest) (sdk.ChangesReply, error) {
	return guard(ctx, g, "changes", func(ctx context.Context) (sdk.ChangesReply, error) { return g.Client.Changes(ctx, req) },
		func(r sdk.ChangesReply) sdk.Meta { return r.Meta })
}

func (g *guarded) Find(ctx context.Context, req sdk.FindRequest) (sdk.FindReply, error) {
	return guard(ctx, g, "find", func(ctx context.Context) (sdk.FindReply, error) { return g.Client.Find(ctx, req) },
		func(r sdk.FindReply) sdk.Meta { return r.Meta })
}

func (g *guarded) HandleWebhook(ctx context.Context, req sdk.WebhookRequest) (sdk.WebhookReply, error) {
	return guard(ctx, g, "handle_webhook", func(ctx context.Context) (sdk.WebhookReply, error) { return g.Client.HandleWebhook(ctx, req) },
		func(r sdk.WebhookReply) sdk.Meta { return r.Meta })
}

func (g *guarded) ListPools(ctx context.Context, req sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	return guard(ctx, g, "list_pools", func(ctx context.Context) (sdk.ListPoolsReply, error) { return g.Client.ListPools(ctx, req) },
		func(r sdk.ListPoolsReply) sdk.Meta { return r.Meta })
}

func (g *guarded) TrackingLink(ctx context.Context, req sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	return guard(ctx, g, "tracking_link", func(ctx context.Context) (sdk.TrackingLinkReply, error) { return g.Client.TrackingLink(ctx, req) },
		func(r sdk.TrackingLinkReply) sdk.Meta { return r.Meta })
}

func (g *guarded) Vocabulary(ctx context.Context, req sdk.VocabularyRequest) (sdk.VocabularyReply, error) {
	return guard(ctx, g, "vocabulary", func(ctx context.Context) (sdk.VocabularyReply, error) { return g.Client.Vocabulary(ctx, req) },
		func(r sdk.VocabularyReply) sdk.Meta { return r.Meta })
}

func (g *guarded) BeginAuth(ctx context.Context, req sdk.BeginAuthRequest) (sdk.BeginAuthReply, error) {
	return guard(ctx, g, "begin_auth", func(ctx context.Context) (sdk.BeginAuthReply, error) { return g.Client.BeginAuth(ctx, req) },
		func(r sdk.BeginAuthReply) sdk.Meta { return r.Meta })
}

func (g *guarded) CompleteAuth(ctx context.Context, req sdk.CompleteAuthRequest) (sdk.TokensReply, error) {
	return guard(ctx, g, "complete_auth", func(ctx context.Context) (sdk.TokensReply, error) { return g.Client.CompleteAuth(ctx, req) },
		func(r sdk.TokensReply) sdk.Meta { return r.Meta })
}

func (g *guarded) RefreshAuth(ctx context.Context, req sdk.RefreshAuthRequest) (sdk.TokensReply, error) {
	return guard(ctx, g, "refresh_auth", func(ctx context.Context) (sdk.TokensReply, error) { return g.Client.RefreshAuth(ctx, req) },
		func(r sdk.TokensReply) sdk.Meta { return r.Meta })
}
