package console

import (
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

type tokensView struct {
	Rows  []tokenRow
	Ended bool
	Pager page.Pager
}

type tokenRow struct {
	manage.Token
	Connections []string // by name
	Live        bool
	Own         bool // of this log-in
}

func (c *Console) tokens(v *visit) error {
	q := v.r.URL.Query()
	out := tokensView{Ended: q.Get("ended") != ""}
	list, err := v.m.Tokens(v.ctx(), out.Ended, atssync.Paging{After: q.Get("after"), Limit: 100})
	if err != nil {
		return err
	}
	names := v.names()
	for _, t := range list.Items {
		row := tokenRow{Token: t, Live: t.RevokedAt.IsZero(), Own: v.who.token != nil && v.who.token.ID == t.ID}
		for _, id := range t.Connections {
			row.Connections = append(row.Connections, names(id))
		}
		out.Rows = append(out.Rows, row)
	}
	out.Pager = v.pager(list.Next, "The oldest first.")
	return v.show("tokens", page.View{Title: "Tokens", Lead: "What lets programs and people in, over HTTP and here.", Data: out})
}

func (c *Console) revokeToken(v *visit) error {
	if _, err := v.m.RevokeToken(v.ctx(), v.r.PathValue("token")); err != nil {
		return err
	}
	return v.back("/tokens", "revoked")
}
