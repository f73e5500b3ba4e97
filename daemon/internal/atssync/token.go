package atssync

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// PrefixToken begins the ids of tokens.
const PrefixToken = "tok"

// TokenPower is what the holder of a token may do.
type TokenPower string

// The powers.
const (
	TokenSubmit TokenPower = "submit" // hand submissions over, change and cancel them, and look at them
	TokenRead   TokenPower = "read"   // look at everything
	TokenAdmin  TokenPower = "admin"  // everything
)

// TokenPowers lists the powers.
func TokenPowers() []TokenPower { return []TokenPower{TokenSubmit, TokenRead, TokenAdmin} }

// Token lets a program in over HTTP. Its secret is shown once, when it is made, and kept as a hash.
type Token struct {
	ID   string `json:"id"`
	Name string `json:"name"` // a label, one live token each
	// Hash is the SHA-256 of the secret, which is 256 random bits: nothing slower is needed.
	Hash   []byte       `json:"hash"`
	Powers []TokenPower `json:"powers"`
	// Within is what it is for. With Connections, Accounts are those of the connections.
	Within     Scope     `json:"within"`
	CreatedAt  time.Time `json:"created_at"`
	CreatedBy  string    `json:"created_by,omitempty"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"` // zero: never
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"` // to the minute
}

// A token is printed as ats_, the body of its id, _ and its secret, so that those who look for leaked secrets can tell
// one by its form, and whoever finds one can tell which it is.
const (
	tokenMark   = "ats_"
	tokenBody   = 26 // characters of the id after its prefix
	tokenSecret = 52 // characters of 256 bits
)

// UseEvery is how often the use of a token is written down.
const UseEvery = time.Minute

// NewTokenSecret makes the id of a new token, the text to hand out and the hash to keep.
func NewTokenSecret(now time.Time) (id string, printed sdk.Secret, hash []byte) {
	id = NewID(PrefixToken, now)
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	secret := crockford.EncodeToString(b[:])
	return id, sdk.Secret(tokenMark + strings.TrimPrefix(id, PrefixToken+"_") + "_" + secret), hashOf(secret)
}

// ParseToken takes a printed token apart; ok is false for any other text.
func ParseToken(printed string) (id string, secret sdk.Secret, ok bool) {
	rest, marked := strings.CutPrefix(printed, tokenMark)
	if !marked || len(rest) != tokenBody+1+tokenSecret || rest[tokenBody] != '_' {
		return "", "", false
	}
	id, text := PrefixToken+"_"+rest[:tokenBody], rest[tokenBody+1:]
	if _, err := crockford.DecodeString(text); err != nil || !ValidID(PrefixToken, id) {
		return "", "", false
	}
	return id, sdk.Secret(text), true
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Holds reports whether the secret is this token's, in a time that tells nothing. A token without a hash holds none.
func (t Token) Holds(secret sdk.Secret) bool {
	return subtle.ConstantTimeCompare(t.Hash, hashOf(secret.Reveal())) == 1
}

// Usable is nil while the token lets its holder in, else an *Error with CodeUnauthenticated.
func (t Token) Usable(now time.Time) error {
	switch {
	case !t.RevokedAt.IsZero():
		return Errorf(CodeUnauthenticated, "the token %s was revoked", t.ID).WithRemedy("ask the operator for another one")
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return Errorf(CodeUnauthenticated, "the token %s expired on %s", t.ID, t.ExpiresAt.UTC().Format(time.RFC3339)).
			WithRemedy("ask the operator for another one")
	}
	return nil
}

// May reports whether the token has one of the powers; admin has them all.
func (t Token) May(powers ...TokenPower) bool {
	return slices.ContainsFunc(t.Powers, func(p TokenPower) bool { return p == TokenAdmin || slices.Contains(powers, p) })
}

// Clone returns a copy that shares nothing mutable.
func (t Token) Clone() Token {
	t.Hash, t.Powers, t.Within = bytes.Clone(t.Hash), slices.Clone(t.Powers), t.Within.Clone()
	return t
}

// TokenQuery selects tokens, the oldest first. Revoked and expired ones are left out unless asked for.
type TokenQuery struct {
	All bool
	Now time.Time // what is expired
	Paging
}

// Tokens is the role of who lets programs in.
type Tokens interface {
	// CreateToken stores a token. CodeExists names the live one of the same name.
	CreateToken(ctx context.Context, t Token, now time.Time) (Token, error)
	Token(ctx context.Context, id string) (Token, error)
	Tokens(ctx context.Context, q TokenQuery) (Page[Token], error)
	// RevokeToken ends a token for good; twice is once.
	RevokeToken(ctx context.Context, id string, now time.Time) (Token, error)
	// UseToken notes that a token was used, unless that was noted within UseEvery.
	UseToken(ctx context.Context, id string, now time.Time) error
}
