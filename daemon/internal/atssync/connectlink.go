package atssync

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// PrefixConnectLink begins the ids of connect links.
const PrefixConnectLink = "cln"

// ConnectPrefix begins the path of the page that a connect link leads to; the link's token follows.
const ConnectPrefix = "/connect/"

// ConnectLinkFor is how long a connect link leads somewhere when nobody says.
const ConnectLinkFor = 7 * 24 * time.Hour

// ConnectLink leads an employer to a page on which one account is connected with its ATS, its jobs are linked, and what does
// not work is repaired. Its secret is shown once, when it is made, and kept as a hash. Looking at the page uses nothing up.
type ConnectLink struct {
	ID      string `json:"id"`
	Hash    []byte `json:"hash"` // SHA-256 of the secret, which is random: nothing slower is needed
	Account string `json:"account"`
	Adapter string `json:"adapter"`
	Name    string `json:"name,omitempty"` // of the connection that is made; "" takes the ATS account's
	// Connection is the one that the page is about: what it made, or what it was made to repair. "" before.
	Connection string `json:"connection,omitempty"`
	// Limited says that it was made for that connection: it may bring it back when it was removed, and makes no other one.
	Limited   bool      `json:"limited,omitempty"`
	ReturnURL string    `json:"return_url,omitempty"` // where the page leads back to
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

const (
	connectTokenBody   = 26 // characters of the id after its prefix
	connectTokenSecret = 32 // characters of 160 bits
)

// NewConnectLinkSecret makes the id of a new connect link, the token that goes into its address and the hash to keep.
func NewConnectLinkSecret(now time.Time) (id string, token sdk.Secret, hash []byte) {
	id = NewID(PrefixConnectLink, now)
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	secret := crockford.EncodeToString(b[:])
	return id, sdk.Secret(id[len(PrefixConnectLink)+1:] + secret), hashOf(secret)
}

// ParseConnectToken takes the token of an address apart; ok is false for any other text.
func ParseConnectToken(token string) (id string, secret sdk.Secret, ok bool) {
	if len(token) != connectTokenBody+connectTokenSecret {
		return "", "", false
	}
	id, text := PrefixConnectLink+"_"+token[:connectTokenBody], token[connectTokenBody:]
	if _, err := crockford.DecodeString(text); err != nil || !ValidID(PrefixConnectLink, id) {
		return "", "", false
	}
	return id, sdk.Secret(text), true
}

// Holds reports whether the secret is this link's, in a time that tells nothing. A link without a hash holds none.
func (l ConnectLink) Holds(secret sdk.Secret) bool {
	return subtle.ConstantTimeCompare(l.Hash, hashOf(secret.Reveal())) == 1
}

// Usable is nil while the link leads somewhere, else an *Error with CodeGone.
func (l ConnectLink) Usable(now time.Time) error {
	switch {
	case !l.RevokedAt.IsZero():
		return Errorf(CodeGone, "the connect link %s was withdrawn", l.ID).WithRemedy("make another one: atssync connect-link")
	case !now.Before(l.ExpiresAt):
		return Errorf(CodeGone, "the connect link %s expired on %s", l.ID, l.ExpiresAt.UTC().Format(time.RFC3339)).
			WithRemedy("make another one: atssync connect-link")
	}
	return nil
}

// Clone returns a copy that shares nothing mutable.
func (l ConnectLink) Clone() ConnectLink {
	l.Hash = bytes.Clone(l.Hash)
	return l
}

// ConnectLinkQuery selects connect links, the oldest first. Withdrawn and expired ones are left out unless asked for.
type ConnectLinkQuery struct {
	Account string
	All     bool
	Now     time.Time // what is expired
	Within  Scope
	Paging
}

// ConnectLinks is the role of who leads employers to their page.
type ConnectLinks interface {
	// CreateConnectLink stores a connect link. CodeExists when there is one of that id.
	CreateConnectLink(ctx context.Context, l ConnectLink, now time.Time) (ConnectLink, error)
	ConnectLink(ctx context.Context, id string) (ConnectLink, error)
	ConnectLinks(ctx context.Context, q ConnectLinkQuery) (Page[ConnectLink], error)
	// BindConnectLink says which connection the link is about from now on. One of another account is CodeAccountMismatch.
	BindConnectLink(ctx context.Context, id, connection string, now time.Time) (ConnectLink, error)
	// RevokeConnectLink ends a link for good; twice is once.
	RevokeConnectLink(ctx context.Context, id string, now time.Time) (ConnectLink, error)
}
