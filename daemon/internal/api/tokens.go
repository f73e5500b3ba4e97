package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// TokenRequest asks for a token.
type TokenRequest struct {
	Name        string    `json:"name,omitempty" maxLength:"100" doc:"a label; one live token each; the id of the token without one" example:"platform-production"`
	Scopes      []string  `json:"scopes" minItems:"1" maxItems:"3" enum:"submit,read,admin" doc:"what its holder may do"`
	Accounts    []string  `json:"accounts,omitempty" maxItems:"100" doc:"it sees these only; everything when neither accounts nor connections are given"`
	Connections []string  `json:"connections,omitempty" maxItems:"100" doc:"it sees these only, by id or name"`
	ExpiresAt   time.Time `json:"expires_at,omitzero" doc:"never when left out"`
}

// NewToken is a token just made.
type NewToken struct {
	Token
	Secret string `json:"secret" doc:"what its holder sends as Authorization: Bearer; it is shown here and never again"`
}

func (s *server) tokens() {
	register(s, get("/v1/tokens", "list-tokens", "List tokens, the oldest first").by(adminsAll), s.listTokens)
	register(s, post("/v1/tokens", "create-token", "Make a token for a program").answers(http.StatusCreated).by(adminsAll), s.createToken)
	register(s, get("/v1/tokens/{token}", "read-token", "Read one token, by id or name").by(adminsAll), s.readToken)
	register(s, del("/v1/tokens/{token}", "revoke-token", "End a token for good").by(adminsAll), s.revokeToken)
}

type tokenList struct {
	Ended bool `query:"ended" doc:"revoked and expired ones too"`
	Paging
}

func (s *server) listTokens(ctx context.Context, in *tokenList) (*body[Page[Token]], error) {
	return answer(s.manage(ctx).Tokens(ctx, in.Ended, atssync.Paging(in.Paging)))
}

// newTokenAnswer must not be kept by anything between.
type newTokenAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         NewToken
}

func (s *server) createToken(ctx context.Context, in *struct{ Body TokenRequest }) (*newTokenAnswer, error) {
	b := in.Body
	req := manage.TokenRequest{Name: b.Name, Accounts: b.Accounts, Connections: b.Connections, ExpiresAt: b.ExpiresAt.UTC()}
	if b.ExpiresAt.IsZero() {
		req.ExpiresAt = time.Time{}
	}
	if t := callerOf(ctx).Token; t != nil && !t.ExpiresAt.IsZero() && (req.ExpiresAt.IsZero() || req.ExpiresAt.After(t.ExpiresAt)) {
		return nil, invalid("expires_at", "must not be later than the end of the token that makes it, "+t.ExpiresAt.UTC().Format(time.RFC3339))
	}
	for _, p := range b.Scopes {
		req.Scopes = append(req.Scopes, atssync.TokenPower(p))
	}
	t, err := s.manage(ctx).CreateToken(ctx, req)
	if err != nil {
		return nil, err
	}
	return &newTokenAnswer{"no-store", NewToken{Token: t.Token, Secret: t.Secret.Reveal()}}, nil
}

// TokenPath is the path of one token.
type TokenPath struct {
	ID string `path:"token" maxLength:"100" doc:"id of the token, or the name of a live one"`
}

func (s *server) readToken(ctx context.Context, in *TokenPath) (*body[Token], error) {
	return answer(s.manage(ctx).Token(ctx, in.ID))
}

func (s *server) revokeToken(ctx context.Context, in *TokenPath) (*body[Token], error) {
	return answer(s.manage(ctx).RevokeToken(ctx, in.ID))
}

// Tokens lists tokens, revoked and expired ones too when ended is set.
func (c *Client) Tokens(ctx context.Context, ended bool, after string, limit int) (Page[Token], error) {
	return call[Page[Token]](ctx, c, request{
		path: "/v1/tokens", query: query{}.flag("ended", ended).page(atssync.Paging{After: after, Limit: limit}),
	})
}

// CreateToken makes a token. Its secret is in the answer and nowhere else.
func (c *Client) CreateToken(ctx context.Context, r TokenRequest) (NewToken, error) {
	return call[NewToken](ctx, c, request{method: http.MethodPost, path: "/v1/tokens", json: r})
}

// RevokeToken ends a token, by id or by the name of a live one.
func (c *Client) RevokeToken(ctx context.Context, id string) (Token, error) {
	return call[Token](ctx, c, request{method: http.MethodDelete, path: "/v1/tokens/" + segment(id)})
}
