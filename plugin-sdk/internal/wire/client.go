package wire

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ErrLost is in the chain of an error whose call was cut: the adapter's process or the connection to it
// ended before the answer came.
var ErrLost = errors.New("the adapter died during the call")

// Client is the host's end of the wire: it has every power, and a call of one that the adapter lacks
// comes back as KindUnsupported. Calls need a deadline from the caller; a cancelled context ends the call
// on both sides. A Client is used by many goroutines at once.
//
// Besides *sdk.Error, a call returns an error wrapping context.Canceled or context.DeadlineExceeded when
// the context ended first (together with an *sdk.Error that is NotApplied when nothing was sent), one wrapping sdk.ErrNotRunning when no connection was there and nothing was
// sent, and one wrapping ErrLost together with an *sdk.Error of KindInternal when the connection broke.
type Client struct {
	rpc    AdapterClient
	health grpc_health_v1.HealthClient
}

var _ sdk.Client = (*Client)(nil)

// NewClient returns the end for one connection.
func NewClient(conn grpc.ClientConnInterface) *Client {
	return &Client{rpc: NewAdapterClient(conn), health: grpc_health_v1.NewHealthClient(conn)}
}

// Ping asks whether the adapter's process still answers.
func (c *Client) Ping(ctx context.Context) error {
	in := &grpc_health_v1.HealthCheckRequest{Service: healthService}
	var p peer.Peer
	out, err := c.health.Check(ctx, in, grpc.Peer(&p))
	if err != nil {
		return broken(ctx, in, p.Addr != nil, err)
	}
	if out.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("the adapter says that it is %s", out.Status)
	}
	return nil
}

// Describe implements sdk.Adapter.
func (c *Client) Describe(ctx context.Context, req sdk.DescribeRequest) (sdk.Manifest, error) {
	in := &DescribeRequest{PartnerName: textToWire(req.PartnerName)}
	out, err := call(ctx, c.rpc.Describe, in)
	if err != nil {
		return sdk.Manifest{}, err
	}
	return describeReplyFromWire(out.Manifest), nil
}

// Check implements sdk.Adapter.
func (c *Client) Check(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	in := checkRequestToWire(&req)
	out, err := call(ctx, c.rpc.Check, in)
	if err != nil {
		return sdk.CheckReply{}, err
	}
	return checkReplyFromWire(out)
}

// ListJobs implements sdk.JobLister.
func (c *Client) ListJobs(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	in := listJobsRequestToWire(&req)
	out, err := call(ctx, c.rpc.ListJobs, in)
	if err != nil {
		return sdk.ListJobsReply{}, err
	}
	return listJobsReplyFromWire(out)
}

// Submit implements sdk.Submitter.
func (c *Client) Submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	in := submitRequestToWire(&req)
	out, err := call(ctx, c.rpc.Submit, in)
	if err != nil {
		return sdk.SubmitReply{}, err
	}
	return submitReplyFromWire(out, len(req.Items))
}

// ReadStatuses implements sdk.StatusReader.
func (c *Client) ReadStatuses(ctx context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	in := readStatusesRequestToWire(&req)
	out, err := call(ctx, c.rpc.ReadStatuses, in)
	if err != nil {
		return sdk.ReadStatusesReply{}, err
	}
	return readStatusesReplyFromWire(out)
}

// Changes implements sdk.ChangeReader.
func (c *Client) Changes(ctx context.Context, req sdk.ChangesRequest) (sdk.ChangesReply, error) {
	in := changesRequestToWire(&req)
	out, err := call(ctx, c.rpc.Changes, in)
	if err != nil {
		return sdk.ChangesReply{}, err
	}
	return changesReplyFromWire(out)
}

// Find implements sdk.Finder.
func (c *Client) Find(ctx context.Context, req sdk.FindRequest) (sdk.FindReply, error) {
	in := findRequestToWire(&req)
	out, err := call(ctx, c.rpc.Find, in)
	if err != nil {
		return sdk.FindReply{}, err
	}
	return findReplyFromWire(out)
}

// HandleWebhook implements sdk.WebhookHandler.
func (c *Client) HandleWebhook(ctx context.Context, req sdk.WebhookRequest) (sdk.WebhookReply, error) {
	in := webhookRequestToWire(&req)
	out, err := call(ctx, c.rpc.HandleWebhook, in)
	if err != nil {
		return sdk.WebhookReply{}, err
	}
	return webhookReplyFromWire(out)
}

// ListPools implements sdk.PoolLister.
func (c *Client) ListPools(ctx context.Context, req sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	in := &ListPoolsRequest{Connection: connectionToWire(&req.Connection)}
	out, err := call(ctx, c.rpc.ListPools, in)
	if err != nil {
		return sdk.ListPoolsReply{}, err
	}
	return listPoolsReplyFromWire(out)
}

// TrackingLink implements sdk.TrackingLinker.
func (c *Client) TrackingLink(ctx context.Context, req sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	in := trackingLinkRequestToWire(&req)
	out, err := call(ctx, c.rpc.TrackingLink, in)
	if err != nil {
		return sdk.TrackingLinkReply{}, err
	}
	return trackingLinkReplyFromWire(out)
}

// Vocabulary implements sdk.VocabularyLister.
func (c *Client) Vocabulary(ctx context.Context, req sdk.VocabularyRequest) (sdk.VocabularyReply, error) {
	in := &VocabularyRequest{Connection: connectionToWire(&req.Connection)}
	out, err := call(ctx, c.rpc.Vocabulary, in)
	if err != nil {
		return sdk.VocabularyReply{}, err
	}
	return vocabularyReplyFromWire(out)
}

// BeginAuth implements sdk.Authorizer.
func (c *Client) BeginAuth(ctx context.Context, req sdk.BeginAuthRequest) (sdk.BeginAuthReply, error) {
	in := beginAuthRequestToWire(&req)
	out, err := call(ctx, c.rpc.BeginAuth, in)
	if err != nil {
		return sdk.BeginAuthReply{}, err
	}
	return beginAuthReplyFromWire(out)
}

// CompleteAuth implements sdk.Authorizer.
func (c *Client) CompleteAuth(ctx context.Context, req sdk.CompleteAuthRequest) (sdk.TokensReply, error) {
	in := completeAuthRequestToWire(&req)
	out, err := call(ctx, c.rpc.CompleteAuth, in)
	if err != nil {
		return sdk.TokensReply{}, err
	}
	return tokensReplyFromWire(out.Meta, out.Tokens)
}

// RefreshAuth implements sdk.Authorizer.
func (c *Client) RefreshAuth(ctx context.Context, req sdk.RefreshAuthRequest) (sdk.TokensReply, error) {
	in := refreshAuthRequestToWire(&req)
	out, err := call(ctx, c.rpc.RefreshAuth, in)
	if err != nil {
		return sdk.TokensReply{}, err
	}
	return tokensReplyFromWire(out.Meta, out.Tokens)
}

// call makes one call and turns the two ways in which it can fail, in the reply and beside it, into the
// error that the host sees.
func call[In proto.Message, Out interface{ GetError() *Error }](
	ctx context.Context, rpc func(context.Context, In, ...grpc.CallOption) (Out, error), in In,
) (Out, error) {
	var p peer.Peer
	out, err := rpc(ctx, in, grpc.Peer(&p))
	if err != nil {
		return out, broken(ctx, in, p.Addr != nil, err)
	}
	if e := out.GetError(); e != nil {
		return out, errorFromWire(e)
	}
	return out, nil
}

// broken explains a call that did not come back. sent is false only when the transport never opened a
// stream for it, so that not one byte of it left. Whatever was sent is never called not applied here.
func broken(ctx context.Context, in proto.Message, sent bool, err error) error {
	if cause := ctx.Err(); cause != nil {
		if !sent {
			return NotSent(cause)
		}
		return fmt.Errorf("the call ended before the adapter answered: %w", cause)
	}
	st := status.Convert(err)
	switch st.Code() {
	case codes.Canceled:
		return fmt.Errorf("the call ended before the adapter answered: %w", context.Canceled)
	case codes.DeadlineExceeded:
		return fmt.Errorf("the call ended before the adapter answered: %w", context.DeadlineExceeded)
	case codes.Unavailable:
		if !sent {
			return fmt.Errorf("%w: %s", sdk.ErrNotRunning, cut(st.Message(), maxText))
		}
		return lost(st.Message())
	case codes.Unimplemented:
		return &sdk.Error{
			Kind: sdk.KindUnsupported, Turn: sdk.TurnOperator, NotApplied: true,
			Message: "this adapter does not serve the call",
		}
	case codes.ResourceExhausted:
		if n := proto.Size(in); n > MaxMessage {
			return &sdk.Error{
				Kind: sdk.KindInvalid, Turn: sdk.TurnPlatform, NotApplied: true,
				Message: fmt.Sprintf("the call is %d bytes and at most %d are allowed", n, MaxMessage),
				Remedy:  "Send fewer or smaller items.",
			}
		}
		return breach("it is larger than %d bytes", MaxMessage)
	}
	return &sdk.Error{
		Kind: sdk.KindInternal, Turn: sdk.TurnAdapter,
		Message: cut("the adapter failed inside the call: "+st.Message(), maxText),
		Remedy:  "Look at the adapter's log and report this to its author.",
	}
}

// NotSent is the error of a call whose context had ended before it was sent: proved not applied.
func NotSent(cause error) error {
	return &causedError{cause: cause, err: &sdk.Error{
		Kind: sdk.KindTransient, Turn: sdk.TurnOperator, NotApplied: true,
		Message: "the call was given up before it was sent: " + cause.Error(),
	}}
}

// lost is the error of a call whose connection broke.
func lost(detail string) error {
	return &causedError{cause: ErrLost, err: &sdk.Error{
		Kind: sdk.KindInternal, Turn: sdk.TurnAdapter,
		Message: cut("the adapter died during the call: "+detail, maxText),
		Remedy:  "Look at the adapter's last lines and report this to its author.",
	}}
}

// causedError joins what the business decides from with what a caller may look for, so that sdk.KindOf and
// errors.Is both work.
type causedError struct {
	err   *sdk.Error
	cause error
}

func (e *causedError) Error() string { return e.err.Error() }

func (e *causedError) Unwrap() []error { return []error{e.err, e.cause} }
