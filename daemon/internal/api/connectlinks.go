package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// ConnectLinkRequest asks for a connect link.
type ConnectLinkRequest struct {
	Account    string    `json:"account,omitempty" maxLength:"300" doc:"the platform's id of the employer; that of the connection where one is given" example:"acme"`
	Adapter    string    `json:"adapter,omitempty" maxLength:"64" doc:"what speaks to the employer's ATS; that of the connection where one is given" example:"greenhouse"`
	Name       string    `json:"name,omitempty" maxLength:"200" doc:"of the connection that is made; the ATS account's when left out"`
	Connection string    `json:"connection,omitempty" maxLength:"200" doc:"the connection that the page is about, to repair it; when left out, the account's only one of that adapter and name, or a new one"`
	ReturnURL  string    `json:"return_url,omitempty" maxLength:"2048" doc:"where the page leads back to" example:"https://app.example.com/settings/ats"`
	ExpiresAt  time.Time `json:"expires_at,omitzero" doc:"in 7 days when left out, in 90 at most"`
}

// NewConnectLink is a connect link just made.
type NewConnectLink struct {
	ConnectLink
	URL string `json:"url" doc:"what the employer opens; it is shown here and never again"`
}

func (s *server) connectLinks() {
	register(s, get("/v1/connect-links", "list-connect-links", "List connect links, the oldest first").by(admins), s.listConnectLinks)
	register(s, post("/v1/connect-links", "create-connect-link", "Make a link to an employer's connect page").answers(http.StatusCreated).by(admins), s.createConnectLink)
	register(s, del("/v1/connect-links/{connect_link}", "revoke-connect-link", "Withdraw a connect link").by(admins), s.revokeConnectLink)
}

type connectLinkList struct {
	Account string `query:"account" maxLength:"300" doc:"of this account only"`
	Ended   bool   `query:"ended" doc:"withdrawn and expired ones too"`
	Paging
}

func (s *server) listConnectLinks(ctx context.Context, in *connectLinkList) (*body[Page[ConnectLink]], error) {
	return answer(s.manage(ctx).ConnectLinks(ctx, in.Account, in.Ended, atssync.Paging(in.Paging)))
}

// newConnectLinkAnswer must not be kept by anything between.
type newConnectLinkAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         NewConnectLink
}

func (s *server) createConnectLink(ctx context.Context, in *struct{ Body ConnectLinkRequest }) (*newConnectLinkAnswer, error) {
	l, err := s.manage(ctx).CreateConnectLink(ctx, manage.ConnectLinkRequest(in.Body))
	if err != nil {
		return nil, err
	}
	return &newConnectLinkAnswer{"no-store", NewConnectLink{ConnectLink: l.ConnectLink, URL: l.URL.Reveal()}}, nil
}

// ConnectLinkPath is the path of one connect link.
type ConnectLinkPath struct {
	ID string `path:"connect_link" maxLength:"100" doc:"id of the connect link"`
}

func (s *server) revokeConnectLink(ctx context.Context, in *ConnectLinkPath) (*body[ConnectLink], error) {
	return answer(s.manage(ctx).RevokeConnectLink(ctx, in.ID))
}

// ConnectLinks lists connect links of an account, or of all with "", withdrawn and expired ones too when ended is set.
func (c *Client) ConnectLinks(ctx context.Context, account string, ended bool, after string, limit int) (Page[ConnectLink], error) {
	return call[Page[ConnectLink]](ctx, c, request{
		path: "/v1/connect-links", query: query{}.set("account", account).flag("ended", ended).page(atssync.Paging{After: after, Limit: limit}),
	})
}

// CreateConnectLink makes a connect link. Its address is in the answer and nowhere else.
func (c *Client) CreateConnectLink(ctx context.Context, r ConnectLinkRequest) (NewConnectLink, error) {
	return call[NewConnectLink](ctx, c, request{method: http.MethodPost, path: "/v1/connect-links", json: r})
}

// RevokeConnectLink withdraws a connect link.
func (c *Client) RevokeConnectLink(ctx context.Context, id string) (ConnectLink, error) {
	return call[ConnectLink](ctx, c, request{method: http.MethodDelete, path: "/v1/connect-links/" + segment(id)})
}
