package wire

import (
	"context"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Server is the adapter's end of the wire: it lets an sdk.Adapter answer calls. Calls of powers that the
// adapter does not have are answered with KindUnsupported.
type Server struct {
	UnimplementedAdapterServer

	adapter sdk.Adapter
}

// NewServer returns the end for one adapter.
func NewServer(adapter sdk.Adapter) *Server { return &Server{adapter: adapter} }

// Describe implements AdapterServer.
func (s *Server) Describe(ctx context.Context, in *DescribeRequest) (*DescribeReply, error) {
	m, err := s.adapter.Describe(ctx, sdk.DescribeRequest{PartnerName: in.PartnerName})
	if err != nil {
		return &DescribeReply{Error: failure(nil, err)}, nil
	}
	return describeReplyToWire(&m), nil
}

// Check implements AdapterServer.
func (s *Server) Check(ctx context.Context, in *CheckRequest) (*CheckReply, error) {
	r, err := s.adapter.Check(ctx, checkRequestFromWire(in))
	if err != nil {
		return &CheckReply{Error: failure(in.Connection, err)}, nil
	}
	out := checkReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	for _, i := range out.Items {
		i.Cause, i.Remedy = scrub(in.Connection, i.Cause), scrub(in.Connection, i.Remedy)
	}
	return out, nil
}

// ListJobs implements AdapterServer.
func (s *Server) ListJobs(ctx context.Context, in *ListJobsRequest) (*ListJobsReply, error) {
	impl, ok := s.adapter.(sdk.JobLister)
	if !ok {
		return &ListJobsReply{Error: unsupported(sdk.PowerListJobs)}, nil
	}
	r, err := impl.ListJobs(ctx, listJobsRequestFromWire(in))
	if err != nil {
		return &ListJobsReply{Error: failure(in.Connection, err)}, nil
	}
	out := listJobsReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// Submit implements AdapterServer.
func (s *Server) Submit(ctx context.Context, in *SubmitRequest) (*SubmitReply, error) {
	impl, ok := s.adapter.(sdk.Submitter)
	if !ok {
		return &SubmitReply{Error: unsupported(sdk.PowerSubmit)}, nil
	}
	r, err := impl.Submit(ctx, submitRequestFromWire(in))
	if err != nil {
		return &SubmitReply{Error: failure(in.Connection, err)}, nil
	}
	out := submitReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	for _, o := range out.Outcomes {
		o.Message = scrub(in.Connection, o.Message)
		scrubError(in.Connection, o.Error)
	}
	return out, nil
}

// ReadStatuses implements AdapterServer.
func (s *Server) ReadStatuses(ctx context.Context, in *ReadStatusesRequest) (*ReadStatusesReply, error) {
	impl, ok := s.adapter.(sdk.StatusReader)
	if !ok {
		return &ReadStatusesReply{Error: unsupported(sdk.PowerReadStatuses)}, nil
	}
	r, err := impl.ReadStatuses(ctx, readStatusesRequestFromWire(in))
	if err != nil {
		return &ReadStatusesReply{Error: failure(in.Connection, err)}, nil
	}
	out := readStatusesReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// Changes implements AdapterServer.
func (s *Server) Changes(ctx context.Context, in *ChangesRequest) (*ChangesReply, error) {
	impl, ok := s.adapter.(sdk.ChangeReader)
	if !ok {
		return &ChangesReply{Error: unsupported(sdk.PowerChanges)}, nil
	}
	r, err := impl.Changes(ctx, changesRequestFromWire(in))
	if err != nil {
		return &ChangesReply{Error: failure(in.Connection, err)}, nil
	}
	out := changesReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// Find implements AdapterServer.
func (s *Server) Find(ctx context.Context, in *FindRequest) (*FindReply, error) {
	impl, ok := s.adapter.(sdk.Finder)
	if !ok {
		return &FindReply{Error: unsupported(sdk.PowerFind)}, nil
	}
	r, err := impl.Find(ctx, findRequestFromWire(in))
	if err != nil {
		return &FindReply{Error: failure(in.Connection, err)}, nil
	}
	out := findReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// HandleWebhook implements AdapterServer.
func (s *Server) HandleWebhook(ctx context.Context, in *HandleWebhookRequest) (*HandleWebhookReply, error) {
	impl, ok := s.adapter.(sdk.WebhookHandler)
	if !ok {
		return &HandleWebhookReply{Error: unsupported(sdk.PowerHandleWebhook)}, nil
	}
	r, err := impl.HandleWebhook(ctx, webhookRequestFromWire(in))
	if err != nil {
		return &HandleWebhookReply{Error: failure(in.Connection, err)}, nil
	}
	out := webhookReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// ListPools implements AdapterServer.
func (s *Server) ListPools(ctx context.Context, in *ListPoolsRequest) (*ListPoolsReply, error) {
	impl, ok := s.adapter.(sdk.PoolLister)
	if !ok {
		return &ListPoolsReply{Error: unsupported(sdk.PowerListPools)}, nil
	}
	r, err := impl.ListPools(ctx, sdk.ListPoolsRequest{Connection: connectionFromWire(in.Connection)})
	if err != nil {
		return &ListPoolsReply{Error: failure(in.Connection, err)}, nil
	}
	out := listPoolsReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// TrackingLink implements AdapterServer.
func (s *Server) TrackingLink(ctx context.Context, in *TrackingLinkRequest) (*TrackingLinkReply, error) {
	impl, ok := s.adapter.(sdk.TrackingLinker)
	if !ok {
		return &TrackingLinkReply{Error: unsupported(sdk.PowerTrackingLink)}, nil
	}
	r, err := impl.TrackingLink(ctx, trackingLinkRequestFromWire(in))
	if err != nil {
		return &TrackingLinkReply{Error: failure(in.Connection, err)}, nil
	}
	out := trackingLinkReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// Vocabulary implements AdapterServer.
func (s *Server) Vocabulary(ctx context.Context, in *VocabularyRequest) (*VocabularyReply, error) {
	impl, ok := s.adapter.(sdk.VocabularyLister)
	if !ok {
		return &VocabularyReply{Error: unsupported(sdk.PowerVocabulary)}, nil
	}
	r, err := impl.Vocabulary(ctx, sdk.VocabularyRequest{Connection: connectionFromWire(in.Connection)})
	if err != nil {
		return &VocabularyReply{Error: failure(in.Connection, err)}, nil
	}
	out := vocabularyReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}
