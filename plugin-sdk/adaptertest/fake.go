package adaptertest

import (
	"context"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Fake is an adapter in the same process, for tests of whatever calls adapters. It has every power; a
// call whose function is nil answers KindUnsupported, except that Describe returns Manifest and Check
// returns an empty reply. The functions may be called concurrently.
type Fake struct {
	Manifest sdk.Manifest

	DescribeFunc      func(context.Context, sdk.DescribeRequest) (sdk.Manifest, error)
	CheckFunc         func(context.Context, sdk.CheckRequest) (sdk.CheckReply, error)
	ListJobsFunc      func(context.Context, sdk.ListJobsRequest) (sdk.ListJobsReply, error)
	SubmitFunc        func(context.Context, sdk.SubmitRequest) (sdk.SubmitReply, error)
	ReadStatusesFunc  func(context.Context, sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error)
	ChangesFunc       func(context.Context, sdk.ChangesRequest) (sdk.ChangesReply, error)
	FindFunc          func(context.Context, sdk.FindRequest) (sdk.FindReply, error)
	HandleWebhookFunc func(context.Context, sdk.WebhookRequest) (sdk.WebhookReply, error)
	ListPoolsFunc     func(context.Context, sdk.ListPoolsRequest) (sdk.ListPoolsReply, error)
	TrackingLinkFunc  func(context.Context, sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error)
	VocabularyFunc    func(context.Context, sdk.VocabularyRequest) (sdk.VocabularyReply, error)
	BeginAuthFunc     func(context.Context, sdk.BeginAuthRequest) (sdk.BeginAuthReply, error)
	CompleteAuthFunc  func(context.Context, sdk.CompleteAuthRequest) (sdk.TokensReply, error)
	RefreshAuthFunc   func(context.Context, sdk.RefreshAuthRequest) (sdk.TokensReply, error)
}

var _ sdk.Client = (*Fake)(nil)

// answer calls fn, or says that the power is not there.
func answer[Req, Rep any](ctx context.Context, fn func(context.Context, Req) (Rep, error), req Req) (Rep, error) {
	if fn == nil {
		var none Rep
		return none, &sdk.Error{
			Kind: sdk.KindUnsupported, Message: "this fake has no function for the call", NotApplied: true,
		}
	}
	return fn(ctx, req)
}

// Describe implements sdk.Adapter.
func (f *Fake) Describe(ctx context.Context, req sdk.DescribeRequest) (sdk.Manifest, error) {
	if f.DescribeFunc == nil {
		return f.Manifest, nil
	}
	return f.DescribeFunc(ctx, req)
}

// Check implements sdk.Adapter.
func (f *Fake) Check(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	if f.CheckFunc == nil {
		return sdk.CheckReply{}, nil
	}
	return f.CheckFunc(ctx, req)
}

// ListJobs implements sdk.JobLister.
func (f *Fake) ListJobs(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	return answer(ctx, f.ListJobsFunc, req)
}

// Submit implements sdk.Submitter.
func (f *Fake) Submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	return answer(ctx, f.SubmitFunc, req)
}

// ReadStatuses implements sdk.StatusReader.
func (f *Fake) ReadStatuses(ctx context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	return answer(ctx, f.ReadStatusesFunc, req)
}

// Changes implements sdk.ChangeReader.
func (f *Fake) Changes(ctx context.Context, req sdk.ChangesRequest) (sdk.ChangesReply, error) {
	return answer(ctx, f.ChangesFunc, req)
}

// Find implements sdk.Finder.
func (f *Fake) Find(ctx context.Context, req sdk.FindRequest) (sdk.FindReply, error) {
	return answer(ctx, f.FindFunc, req)
}

// HandleWebhook implements sdk.WebhookHandler.
func (f *Fake) HandleWebhook(ctx context.Context, req sdk.WebhookRequest) (sdk.WebhookReply, error) {
	return answer(ctx, f.HandleWebhookFunc, req)
}

// ListPools implements sdk.PoolLister.
func (f *Fake) ListPools(ctx context.Context, req sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	return answer(ctx, f.ListPoolsFunc, req)
}

// TrackingLink implements sdk.TrackingLinker.
func (f *Fake) TrackingLink(ctx context.Context, req sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	return answer(ctx, f.TrackingLinkFunc, req)
}

// Vocabulary implements sdk.VocabularyLister.
func (f *Fake) Vocabulary(ctx context.Context, req sdk.VocabularyRequest) (sdk.VocabularyReply, error) {
	return answer(ctx, f.VocabularyFunc, req)
}

// BeginAuth implements sdk.Authorizer.
func (f *Fake) BeginAuth(ctx context.Context, req sdk.BeginAuthRequest) (sdk.BeginAuthReply, error) {
	return answer(ctx, f.BeginAuthFunc, req)
}

// CompleteAuth implements sdk.Authorizer.
func (f *Fake) CompleteAuth(ctx context.Context, req sdk.CompleteAuthRequest) (sdk.TokensReply, error) {
	return answer(ctx, f.CompleteAuthFunc, req)
}

// RefreshAuth implements sdk.Authorizer.
func (f *Fake) RefreshAuth(ctx context.Context, req sdk.RefreshAuthRequest) (sdk.TokensReply, error) {
	return answer(ctx, f.RefreshAuthFunc, req)
}
