package console

import (
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/page"
)

type auditView struct {
	Rows   []auditRow
	Object string
	Pager  page.Pager
}

type auditRow struct {
	atssync.Audit
	Leads string // below the console, to what it was about; "" where there is no page of it
}

func (c *Console) audit(v *visit) error {
	q := v.r.URL.Query()
	list, err := v.m.Audit(v.ctx(), q.Get("object"), atssync.Paging{After: q.Get("after"), Limit: 100})
	if err != nil {
		return err
	}
	out := auditView{Object: q.Get("object"), Pager: v.pager(list.Next, "The newest first.")}
	for _, a := range list.Items {
		out.Rows = append(out.Rows, auditRow{a, leads(a.Object)})
	}
	return v.show("audit", page.View{Title: "Audit", Lead: "What people and programs did, and who they were.", Data: out})
}

func leads(object string) string {
	prefix, _, _ := strings.Cut(object, "_")
	switch prefix {
	case atssync.PrefixConnection:
		return "/connections/" + object
	case atssync.PrefixSubmission:
		return "/submissions/" + object
	case atssync.PrefixWebhook:
		return "/webhooks/" + object
	}
	return ""
}
