package wire

import (
	"context"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// BeginAuth implements AdapterServer.
func (s *Server) BeginAuth(ctx context.Context, in *BeginAuthRequest) (*BeginAuthReply, error) {
	impl, ok := s.adapter.(sdk.Authorizer)
	if !ok {
		return &BeginAuthReply{Error: unsupported(sdk.PowerOAuth)}, nil
	}
	r, err := impl.BeginAuth(ctx, beginAuthRequestFromWire(in))
	if err != nil {
		return &BeginAuthReply{Error: failure(in.Connection, err)}, nil
	}
	out := beginAuthReplyToWire(&r)
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// CompleteAuth implements AdapterServer.
func (s *Server) CompleteAuth(ctx context.Context, in *CompleteAuthRequest) (*CompleteAuthReply, error) {
	impl, ok := s.adapter.(sdk.Authorizer)
	if !ok {
		return &CompleteAuthReply{Error: unsupported(sdk.PowerOAuth)}, nil
	}
	r, err := impl.CompleteAuth(ctx, completeAuthRequestFromWire(in))
	if err != nil {
		return &CompleteAuthReply{Error: failure(in.Connection, err)}, nil
	}
	out := &CompleteAuthReply{Meta: metaToWire(&r.Meta), Tokens: tokensToWire(&r)}
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}

// RefreshAuth implements AdapterServer.
func (s *Server) RefreshAuth(ctx context.Context, in *RefreshAuthRequest) (*RefreshAuthReply, error) {
	impl, ok := s.adapter.(sdk.Authorizer)
	if !ok {
		return &RefreshAuthReply{Error: unsupported(sdk.PowerOAuth)}, nil
	}
	r, err := impl.RefreshAuth(ctx, refreshAuthRequestFromWire(in))
	if err != nil {
		return &RefreshAuthReply{Error: failure(in.Connection, err)}, nil
	}
	out := &RefreshAuthReply{Meta: metaToWire(&r.Meta), Tokens: tokensToWire(&r)}
	scrubMeta(in.Connection, out.Meta)
	return out, nil
}
