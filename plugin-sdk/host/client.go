package host

import (
	"context"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

// Client returns the adapter. Each call that has no deadline gets Options.CallTimeout. A power that the
// manifest does not announce answers KindUnsupported without being sent. When the process is not there
// and nothing was sent, the error is sdk.ErrNotRunning; when it died during the call, the error has an
// *sdk.Error of KindInternal; when the call's context ended first, that context's error, together with an
// *sdk.Error that is NotApplied when it ended before anything was sent.
func (p *Process) Client() sdk.Client { return &client{p: p} }

type client struct{ p *Process }

// always is the power of what every adapter has.
const always sdk.Power = ""

// guarded makes one call within the rules that hold for all.
func guarded[Req, Rep any](
	ctx context.Context, p *Process, power sdk.Power, call func(context.Context, Req) (Rep, error), req Req,
) (Rep, error) {
	var none Rep
	if power != always && !p.manifest.Has(power) {
		return none, &sdk.Error{
			Kind: sdk.KindUnsupported, Turn: sdk.TurnOperator, NotApplied: true,
			Message: p.manifest.Label + " does not have the power " + string(power),
		}
	}
	if err := ctx.Err(); err != nil {
		return none, wire.NotSent(err)
	}
	if err := p.enter(); err != nil {
		return none, err
	}
	defer p.leave()
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.opts.CallTimeout)
		defer cancel()
	}
	return call(ctx, req)
}

// Describe implements sdk.Adapter.
func (c *client) Describe(ctx context.Context, req sdk.DescribeRequest) (sdk.Manifest, error) {
	return guarded(ctx, c.p, always, c.p.wire.Describe, req)
}

// Check implements sdk.Adapter.
func (c *client) Check(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	return guarded(ctx, c.p, always, c.p.wire.Check, req)
}

// ListJobs implements sdk.JobLister.
func (c *client) ListJobs(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	return guarded(ctx, c.p, sdk.PowerListJobs, c.p.wire.ListJobs, req)
}

// Submit implements sdk.Submitter.
func (c *client) Submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	return guarded(ctx, c.p, sdk.PowerSubmit, c.p.wire.Submit, req)
}

// ReadStatuses implements sdk.StatusReader.
func (c *client) ReadStatuses(ctx context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	return guarded(ctx, c.p, sdk.PowerReadStatuses, c.p.wire.ReadStatuses, req)
}

// Changes implements sdk.ChangeReader.
func (c *client) Changes(ctx context.Context, req sdk.ChangesRequest) (sdk.ChangesReply, error) {
	return guarded(ctx, c.p, sdk.PowerChanges, c.p.wire.Changes, req)
}

// Find implements sdk.Finder.
func (c *client) Find(ctx context.Context, req sdk.FindRequest) (sdk.FindReply, error) {
	return guarded(ctx, c.p, sdk.PowerFind, c.p.wire.Find, req)
}

// HandleWebhook implements sdk.WebhookHandler.
func (c *client) HandleWebhook(ctx context.Context, req sdk.WebhookRequest) (sdk.WebhookReply, error) {
	return guarded(ctx, c.p, sdk.PowerHandleWebhook, c.p.wire.HandleWebhook, req)
}

// ListPools implements sdk.PoolLister.
func (c *client) ListPools(ctx context.Context, req sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	return guarded(ctx, c.p, sdk.PowerListPools, c.p.wire.ListPools, req)
}

// TrackingLink implements sdk.TrackingLinker.
func (c *client) TrackingLink(ctx context.Context, req sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	return guarded(ctx, c.p, sdk.PowerTrackingLink, c.p.wire.TrackingLink, req)
}

// Vocabulary implements sdk.VocabularyLister.
func (c *client) Vocabulary(ctx context.Context, req sdk.VocabularyRequest) (sdk.VocabularyReply, error) {
	return guarded(ctx, c.p, sdk.PowerVocabulary, c.p.wire.Vocabulary, req)
}

// BeginAuth implements sdk.Authorizer.
func (c *client) BeginAuth(ctx context.Context, req sdk.BeginAuthRequest) (sdk.BeginAuthReply, error) {
	return guarded(ctx, c.p, sdk.PowerOAuth, c.p.wire.BeginAuth, req)
}

// CompleteAuth implements sdk.Authorizer.
func (c *client) CompleteAuth(ctx context.Context, req sdk.CompleteAuthRequest) (sdk.TokensReply, error) {
	return guarded(ctx, c.p, sdk.PowerOAuth, c.p.wire.CompleteAuth, req)
}

// RefreshAuth implements sdk.Authorizer.
func (c *client) RefreshAuth(ctx context.Context, req sdk.RefreshAuthRequest) (sdk.TokensReply, error) {
	return guarded(ctx, c.p, sdk.PowerOAuth, c.p.wire.RefreshAuth, req)
}
