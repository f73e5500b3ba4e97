package manage

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxConnectLinkFor is how long a connect link may lead somewhere: it is sent by mail and stays in mailboxes.
const maxConnectLinkFor = 90 * 24 * time.Hour

// ConnectLink is a connect link as people see it: without its secret.
type ConnectLink struct {
	ID         string    `json:"id"`
	Account    string    `json:"account"`
	Adapter    string    `json:"adapter"`
	Name       string    `json:"name,omitempty" doc:"of the connection that is made"`
	Connection string    `json:"connection,omitempty" doc:"what the page is about, once there is one"`
	Limited    bool      `json:"limited,omitempty" doc:"it was made for that connection and makes no other one"`
	ReturnURL  string    `json:"return_url,omitempty" doc:"where the page leads back to"`
	CreatedAt  time.Time `json:"created_at"`
	CreatedBy  string    `json:"created_by,omitempty"`
	ExpiresAt  time.Time `json:"expires_at" doc:"when it stops to lead anywhere"`
	RevokedAt  time.Time `json:"revoked_at,omitzero" doc:"when it was withdrawn"`
}

// NewConnectLink is a connect link just made. URL is what the employer opens; it is shown here and never again.
type NewConnectLink struct {
	ConnectLink
	URL sdk.Secret
}

// ConnectLinkRequest asks for a connect link.
type ConnectLinkRequest struct {
	Account, Adapter string
	Name             string // of the connection that is made; "" takes the ATS account's
	Connection       string // what the page is about, by id or name; "" is the account's one of that adapter and name, or a new one
	ReturnURL        string // where the page leads back to; "" is nowhere
	ExpiresAt        time.Time
}

// CreateConnectLink makes a connect link. Without an address of the daemon that an employer could open it is CodeConflict.
func (s *Service) CreateConnectLink(ctx context.Context, req ConnectLinkRequest) (NewConnectLink, error) {
	now := time.Now().UTC()
	about, err := s.linkedConnection(ctx, &req)
	if err == nil && about == "" && req.Account != "" {
		err = s.mayConnect(req.Account)
	}
	if err != nil {
		return NewConnectLink{}, err
	}
	base, err := s.publicAddress()
	if err != nil {
		return NewConnectLink{}, err
	}
	if req.ExpiresAt.IsZero() {
		req.ExpiresAt = now.Add(atssync.ConnectLinkFor)
	}
	if problems := connectLinkProblems(req, now); len(problems) > 0 {
		return NewConnectLink{}, invalid("the connect link", problems)
	}
	if _, err := s.Adapter(ctx, req.Adapter); err != nil {
		return NewConnectLink{}, err
	}
	id, token, hash := atssync.NewConnectLinkSecret(now)
	l := atssync.ConnectLink{
		ID: id, Hash: hash, Account: req.Account, Adapter: req.Adapter, Name: req.Name, Connection: about, Limited: about != "", ReturnURL: req.ReturnURL, ExpiresAt: req.ExpiresAt.UTC(),
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		l.CreatedBy = actor.Name
	}
	saved, err := s.o.Store.CreateConnectLink(ctx, l, now)
	if err != nil {
		return NewConnectLink{}, err
	}
	return NewConnectLink{connectLinkView(saved), sdk.Secret(base + atssync.ConnectPrefix + token.Reveal())}, nil
}

// publicAddress is where others reach the daemon.
func (s *Service) publicAddress() (string, error) {
	switch {
	case s.o.Hooks.Closed:
		return "", atssync.Errorf(atssync.CodeConflict, "nothing listens for an employer, so that a connect link would lead nowhere").
			WithRemedy("set listen and public_url of [http] in %s and start the daemon anew", s.file())
	case s.o.Hooks.PublicURL == "":
		return "", atssync.Errorf(atssync.CodeConflict, "the address at which an employer reaches this daemon is not known").
			WithRemedy("set public_url of [http] in %s and start the daemon anew", s.file())
	}
	return s.o.Hooks.PublicURL, nil
}

// linkedConnection finds the connection that a link is asked for and fills in what follows from it.
func (s *Service) linkedConnection(ctx context.Context, req *ConnectLinkRequest) (string, error) {
	if req.Connection == "" {
		return "", nil
	}
	c, err := s.editable(ctx, req.Connection)
	if err != nil {
		return "", err
	}
	req.Account, req.Adapter = cmp.Or(req.Account, c.Account), cmp.Or(req.Adapter, c.Adapter)
	var problems []atssync.FieldError
	for _, f := range [][3]string{{"account", req.Account, c.Account}, {"adapter", req.Adapter, c.Adapter}} {
		if f[1] != f[2] {
			problems = append(problems, atssync.FieldError{Path: f[0], Message: "is another one than that of the connection, " + f[2]})
		}
	}
	if len(problems) > 0 {
		return "", invalid("the connect link", problems)
	}
	return c.ID, nil
}

func connectLinkProblems(req ConnectLinkRequest, now time.Time) []atssync.FieldError {
	var out []atssync.FieldError
	refuse := func(path, message string) {
		if message != "" {
			out = append(out, atssync.FieldError{Path: path, Message: message})
		}
	}
	refuse("account", badID(req.Account))
	refuse("adapter", badID(req.Adapter))
	if req.Name != "" {
		refuse("name", badID(req.Name))
	}
	switch {
	case !req.ExpiresAt.After(now):
		refuse("expires_at", "is in the past")
	case req.ExpiresAt.After(now.Add(maxConnectLinkFor + time.Minute)):
		refuse("expires_at", fmt.Sprintf("is too far away: a link lasts %d days at most", int(maxConnectLinkFor.Hours()/24)))
	}
	if req.ReturnURL != "" && !returnable(req.ReturnURL) {
		refuse("return_url", "must be the address of a page, beginning with https://")
	}
	return out
}

// returnable reports whether a page may lead to an address: one of the web, without TLS on this machine only.
func returnable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || len(address) > 2048 {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// ConnectLinks lists connect links of an account, or of all with ""; withdrawn and expired ones when all is asked for.
func (s *Service) ConnectLinks(ctx context.Context, account string, all bool, p atssync.Paging) (atssync.Page[ConnectLink], error) {
	q := atssync.ConnectLinkQuery{Account: account, All: all, Now: time.Now().UTC(), Within: s.scope, Paging: p}
	page, err := s.o.Store.ConnectLinks(ctx, q)
	out := atssync.Page[ConnectLink]{Items: make([]ConnectLink, len(page.Items)), Next: page.Next}
	for i, l := range page.Items {
		out.Items[i] = connectLinkView(l)
	}
	return out, err
}

// RevokeConnectLink ends a connect link for good: its page says whom to ask from now on.
func (s *Service) RevokeConnectLink(ctx context.Context, id string) (ConnectLink, error) {
	l, err := s.o.Store.ConnectLink(ctx, id)
	if err == nil && !s.scope.Covers(l.Account, l.Connection) {
		err = atssync.Errorf(atssync.CodeNotFound, "there is no connect link %s", id)
	}
	if err != nil {
		return ConnectLink{}, err
	}
	l, err = s.o.Store.RevokeConnectLink(ctx, id, time.Now().UTC())
	return connectLinkView(l), err
}

// OpenConnectLink finds the link that a token is of. Looking uses nothing up. An unknown one is CodeNotFound, one that ended
// CodeGone; the latter is told to whoever holds its secret only.
func (s *Service) OpenConnectLink(ctx context.Context, token string) (ConnectLink, error) {
	unknown := atssync.Errorf(atssync.CodeNotFound, "there is no such connect link")
	id, secret, ok := atssync.ParseConnectToken(token)
	if !ok {
		return ConnectLink{}, unknown
	}
	l, err := s.o.Store.ConnectLink(ctx, id)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return ConnectLink{}, err
	}
	if !l.Holds(secret) { // a link that there is not holds none, in the same time
		return ConnectLink{}, unknown
	}
	return connectLinkView(l), l.Usable(time.Now().UTC())
}

// LinkedConnection returns the live connection that a connect link is about: what it made or was made for, and no other one when that
// was removed; else the one that the account has of that adapter and name. CodeNotFound says that there is none.
func (s *Service) LinkedConnection(ctx context.Context, l ConnectLink) (Connection, error) {
	if l.Connection != "" {
		c, err := s.find(ctx, l.Connection)
		if err == nil && c.State != atssync.ConnectionRemoved {
			return s.shown(ctx, c)
		}
		if err == nil {
			err = atssync.Errorf(atssync.CodeNotFound, "the connection of connect link %s was removed", l.ID)
		}
		return Connection{}, err
	}
	page, err := s.o.Store.Connections(ctx, atssync.ConnectionQuery{
		Account: l.Account, Adapter: l.Adapter, Name: l.Name, Within: s.scope, Paging: atssync.Paging{Limit: 2},
	})
	if err != nil {
		return Connection{}, err
	}
	if len(page.Items) != 1 {
		return Connection{}, atssync.Errorf(atssync.CodeNotFound, "connect link %s has made no connection yet", l.ID)
	}
	return s.shown(ctx, page.Items[0])
}

// BindConnectLink says which connection a link is about.
func (s *Service) BindConnectLink(ctx context.Context, id, connection string) error {
	_, err := s.o.Store.BindConnectLink(ctx, id, connection, time.Now().UTC())
	return err
}

func connectLinkView(l atssync.ConnectLink) ConnectLink {
	return ConnectLink{
		ID: l.ID, Account: l.Account, Adapter: l.Adapter, Name: l.Name, Connection: l.Connection, Limited: l.Limited, ReturnURL: l.ReturnURL,
		CreatedAt: l.CreatedAt, CreatedBy: l.CreatedBy, ExpiresAt: l.ExpiresAt, RevokedAt: l.RevokedAt,
	}
}
