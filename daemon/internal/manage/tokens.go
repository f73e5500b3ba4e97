package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxToken bounds the name of a token, and how many accounts or connections one may be limited to.
const (
	maxTokenName  = 100
	maxTokenLimit = 100
)

// Token is a token as people see it: without its hash.
type Token struct {
	ID          string               `json:"id"`
	Name        string               `json:"name"`
	Scopes      []atssync.TokenPower `json:"scopes"`
	Accounts    []string             `json:"accounts,omitempty" doc:"it sees these only; those of its connections where it is limited to some"`
	Connections []string             `json:"connections,omitempty" doc:"it sees these only"`
	CreatedAt   time.Time            `json:"created_at"`
	CreatedBy   string               `json:"created_by,omitempty"`
	ExpiresAt   time.Time            `json:"expires_at,omitzero"`
	RevokedAt   time.Time            `json:"revoked_at,omitzero"`
	LastUsedAt  time.Time            `json:"last_used_at,omitzero" doc:"to the minute"`
}

// NewToken is a token just made. Secret is what its holder sends; it is shown here and never again.
type NewToken struct {
	Token
	Secret sdk.Secret
}

// TokenRequest asks for a token. Without accounts and connections it sees everything.
type TokenRequest struct {
	Name        string
	Scopes      []atssync.TokenPower
	Accounts    []string
	Connections []string // ids or names
	ExpiresAt   time.Time
}

// CreateToken makes a token. CodeExists names a live one of the same name.
func (s *Service) CreateToken(ctx context.Context, req TokenRequest) (NewToken, error) {
	now := time.Now().UTC()
	problems := tokenProblems(req, now)
	within, err := s.tokenScope(ctx, req, &problems)
	switch {
	case err != nil:
		return NewToken{}, err
	case len(problems) > 0:
		return NewToken{}, invalid("the token", problems)
	}
	id, printed, hash := atssync.NewTokenSecret(now)
	req.Name = cmp.Or(req.Name, id)
	t := atssync.Token{ID: id, Name: req.Name, Hash: hash, Powers: req.Scopes, Within: within, ExpiresAt: req.ExpiresAt}
	if actor, ok := atssync.ActorOf(ctx); ok {
		t.CreatedBy = actor.Name
	}
	saved, err := s.o.Store.CreateToken(ctx, t, now)
	if err != nil {
		return NewToken{}, err
	}
	return NewToken{tokenView(saved), printed}, nil
}

func tokenProblems(req TokenRequest, now time.Time) []atssync.FieldError {
	var out []atssync.FieldError
	refuse := func(path, message string) {
		out = append(out, atssync.FieldError{Path: path, Message: message})
	}
	if bad := badID(req.Name); req.Name != "" && bad != "" {
		refuse("name", bad)
	} else if len(req.Name) > maxTokenName {
		refuse("name", fmt.Sprintf("has %d bytes; the limit is %d", len(req.Name), maxTokenName))
	}
	if len(req.Scopes) == 0 {
		refuse("scopes", "is required: give one or more of "+joined(atssync.TokenPowers()))
	}
	for i, p := range req.Scopes {
		if !slices.Contains(atssync.TokenPowers(), p) {
			refuse(fmt.Sprintf("scopes[%d]", i), "must be one of "+joined(atssync.TokenPowers()))
		}
	}
	if len(req.Accounts) > maxTokenLimit {
		refuse("accounts", fmt.Sprintf("has %d entries; the limit is %d", len(req.Accounts), maxTokenLimit))
	}
	if len(req.Connections) > maxTokenLimit {
		refuse("connections", fmt.Sprintf("has %d entries; the limit is %d", len(req.Connections), maxTokenLimit))
	}
	for i, a := range req.Accounts {
		if bad := badID(a); bad != "" {
			refuse(fmt.Sprintf("accounts[%d]", i), bad)
		}
	}
	if !req.ExpiresAt.IsZero() && !req.ExpiresAt.After(now) {
		refuse("expires_at", "is in the past")
	}
	return out
}

// tokenScope finds the connections that a token is limited to. Their accounts never change, so they are kept with it:
// what belongs to an account as a whole is then told without a look-up.
func (s *Service) tokenScope(ctx context.Context, req TokenRequest, problems *[]atssync.FieldError) (atssync.Scope, error) {
	sc := atssync.Scope{Accounts: distinct(req.Accounts)}
	if len(req.Connections) == 0 || len(req.Connections) > maxTokenLimit {
		return sc, nil
	}
	var accounts []string
	for i, name := range req.Connections {
		at := fmt.Sprintf("connections[%d]", i)
		c, err := s.find(ctx, name)
		switch {
		case err != nil && !aboutInput(err):
			return sc, err
		case err != nil:
			*problems = append(*problems, atssync.FieldError{Path: at, Message: err.Error()})
		case !sc.Account(c.Account):
			*problems = append(*problems, atssync.FieldError{Path: at, Message: "is a connection of account " + c.Account + ", which is not among the accounts"})
		default:
			sc.Connections = append(sc.Connections, c.ID)
			accounts = append(accounts, c.Account)
		}
	}
	sc.Accounts, sc.Connections = distinct(accounts), distinct(sc.Connections)
	return sc, nil
}

func distinct(in []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(in)))
}

// Tokens lists tokens; revoked and expired ones when all is asked for.
func (s *Service) Tokens(ctx context.Context, all bool, p atssync.Paging) (atssync.Page[Token], error) {
	page, err := s.o.Store.Tokens(ctx, atssync.TokenQuery{All: all, Now: time.Now().UTC(), Paging: p})
	if err != nil {
		return atssync.Page[Token]{}, err
	}
	out := atssync.Page[Token]{Items: make([]Token, len(page.Items)), Next: page.Next}
	for i, t := range page.Items {
		out.Items[i] = tokenView(t)
	}
	return out, nil
}

// Token returns one token, by id or by the name of a live one.
func (s *Service) Token(ctx context.Context, id string) (Token, error) {
	t, err := s.token(ctx, id)
	return tokenView(t), err
}

// RevokeToken ends a token for good: what it is used for is refused from now on.
func (s *Service) RevokeToken(ctx context.Context, id string) (Token, error) {
	t, err := s.token(ctx, id)
	if err != nil {
		return Token{}, err
	}
	t, err = s.o.Store.RevokeToken(ctx, t.ID, time.Now().UTC())
	return tokenView(t), err
}

func (s *Service) token(ctx context.Context, name string) (atssync.Token, error) {
	t, err := s.o.Store.Token(ctx, name)
	if atssync.CodeOf(err) != atssync.CodeNotFound {
		return t, err
	}
	found := atssync.Token{}
	err = each(func(p atssync.Paging) (atssync.Page[atssync.Token], error) {
		return s.o.Store.Tokens(ctx, atssync.TokenQuery{All: true, Paging: p})
	}, func(t atssync.Token) error {
		if t.Name == name && t.RevokedAt.IsZero() {
			found = t
		}
		return nil
	})
	if err == nil && found.ID == "" {
		err = atssync.Errorf(atssync.CodeNotFound, "there is no token %q", name).WithRemedy("see: atssync tokens list")
	}
	return found, err
}

// Authenticate finds the token that a caller sent, and notes its use. CodeUnauthenticated tells a caller no more than it
// could know: that there is such a token is told to whoever holds its secret.
func (s *Service) Authenticate(ctx context.Context, printed string) (atssync.Token, error) {
	unknown := atssync.Errorf(atssync.CodeUnauthenticated, "the token is not known").
		WithRemedy("send a token that atssync tokens create printed, as Authorization: Bearer ats_…")
	id, secret, ok := atssync.ParseToken(strings.TrimSpace(printed))
	if !ok {
		return atssync.Token{}, unknown
	}
	now := time.Now().UTC()
	t, err := s.o.Store.Token(ctx, id)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return atssync.Token{}, err
	}
	if !t.Holds(secret) { // a token that there is not holds none, in the same time
		return atssync.Token{}, unknown
	}
	if err := t.Usable(now); err != nil {
		return atssync.Token{}, err
	}
	if now.Sub(t.LastUsedAt) >= atssync.UseEvery {
		// Who was let in is let in, even where this cannot be written now: a full disk must not lock everybody out.
		_ = s.o.Store.UseToken(ctx, t.ID, now)
	}
	return t, nil
}

// StillUsable asks again for a token that was let in; long requests do so while they run.
func (s *Service) StillUsable(ctx context.Context, id string) error {
	t, err := s.o.Store.Token(ctx, id)
	if err != nil {
		return err
	}
	return t.Usable(time.Now().UTC())
}

func tokenView(t atssync.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, Scopes: t.Powers, Accounts: t.Within.Accounts, Connections: t.Within.Connections,
		CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy, ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, LastUsedAt: t.LastUsedAt,
	}
}
