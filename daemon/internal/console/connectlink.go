package console

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// connectLinkView is the form that makes a link for an employer and, once, the link.
type connectLinkView struct {
	Account, Adapter, Connection, Name string
	Adapters                           []page.Choice
	URL                                string // shown this once
	ExpiresAt                          time.Time
}

func (c *Console) connectLinkPage(v *visit) error {
	q := v.r.URL.Query()
	out := connectLinkView{Account: q.Get("account"), Adapter: q.Get("adapter"), Connection: q.Get("connection")}
	view := page.View{Title: "A link for an employer", Lead: "Whoever opens it enters the credentials, connects jobs, and repairs both later.", Trail: v.trail("Connections", "/connections")}
	if out.Connection != "" {
		one, err := v.m.Connection(v.ctx(), out.Connection)
		if err != nil {
			return err
		}
		out.Account, out.Adapter, out.Connection, out.Name = one.Account, one.Adapter, one.ID, one.Name
		view.Trail = v.connectionTrail(one)
	}
	adapters, err := v.m.Adapters(v.ctx())
	if err != nil {
		return err
	}
	for _, a := range adapters {
		label := a.Name
		if a.Manifest != nil {
			label = a.Manifest.Label
		}
		out.Adapters = append(out.Adapters, page.Choice{Value: a.Name, Label: label, Checked: a.Name == out.Adapter})
	}
	view.Data = out
	return v.show("connectlink", view)
}

// connectLink makes a link and shows it, this once.
func (c *Console) connectLink(v *visit) error {
	form := v.r.PostForm.Get
	made, err := v.m.CreateConnectLink(v.ctx(), manage.ConnectLinkRequest{
		Account: form("account"), Adapter: form("adapter"), Connection: form("connection"), ReturnURL: form("return_url"),
	})
	if err != nil {
		return err
	}
	return v.show("connectlink", page.View{
		Title: "A link for an employer", Lead: "Send it to whoever may make credentials in the ATS of " + made.Account + ".", Trail: v.trail("Connections", "/connections"),
		Data: connectLinkView{Account: made.Account, Adapter: made.Adapter, URL: made.URL.Reveal(), ExpiresAt: made.ExpiresAt},
	})
}

// connectLinksView is the links that were made for employers. None can be shown again: only its hash is kept.
type connectLinksView struct {
	Rows  []connectLinkRow
	Ended bool
	Pager page.Pager
}

type connectLinkRow struct {
	manage.ConnectLink
	About string // the name of the connection that it is about, "" when it is to make one
	Live  bool
}

func (c *Console) connectLinks(v *visit) error {
	q := v.r.URL.Query()
	out := connectLinksView{Ended: q.Get("ended") != ""}
	list, err := v.m.ConnectLinks(v.ctx(), "", out.Ended, atssync.Paging{After: q.Get("after"), Limit: 100})
	if err != nil {
		return err
	}
	names, now := v.names(), time.Now()
	for _, l := range list.Items {
		row := connectLinkRow{ConnectLink: l, About: l.Name, Live: l.RevokedAt.IsZero() && now.Before(l.ExpiresAt)}
		if l.Connection != "" {
			row.About = names(l.Connection)
		}
		out.Rows = append(out.Rows, row)
	}
	out.Pager = v.pager(list.Next, "The oldest first.")
	return v.show("connectlinks", page.View{
		Title: "Links for employers", Lead: "Who holds one connects its account, and repairs that later.", Trail: v.trail("Connections", "/connections"), Data: out,
	})
}

func (c *Console) revokeConnectLink(v *visit) error {
	if _, err := v.m.RevokeConnectLink(v.ctx(), v.r.PathValue("connect_link")); err != nil {
		return err
	}
	return v.back("/connect-links", "withdrawn")
}
