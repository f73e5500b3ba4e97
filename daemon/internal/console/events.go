package console

import (
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/page"
)

const eventsPage = 50

// eventsView is what the platform was told, the newest first.
type eventsView struct {
	Rows       []eventRow
	Types      []page.Choice
	Connection string
	Pager      page.Pager
	Whole      bool
}

type eventRow struct {
	step
	Name string // of the connection
}

func (c *Console) events(v *visit) error {
	q := v.r.URL.Query()
	out := eventsView{
		Connection: q.Get("connection"), Types: choices(atssync.EventTypes(), atssync.EventType(q.Get("type")), words), Whole: v.who.may(readsAll),
	}
	query := atssync.EventQuery{Limit: eventsPage}
	if t := q.Get("type"); t != "" {
		query.Types = []atssync.EventType{atssync.EventType(t)}
	}
	if out.Connection != "" {
		one, err := v.m.Connection(v.ctx(), out.Connection)
		if err != nil {
			return err
		}
		query.Connection = one.ID
	}
	if after := q.Get("after"); after != "" {
		at, err := v.Manage.OpenPlace(after)
		if err != nil {
			return atssync.Errorf(atssync.CodeInvalid, "the page marker is none that this list gave").WithRemedy("begin with the first page")
		}
		query.After = at
	}
	events, older, err := v.m.LatestEvents(v.ctx(), query)
	if err != nil {
		return err
	}
	names := v.names()
	for _, e := range events {
		out.Rows = append(out.Rows, eventRow{eventStepOf(e, nil), names(e.Connection)})
	}
	next := ""
	if older > 0 {
		// A place is sealed: a number would tell who sees a part of the events how many others there are.
		if next, err = v.Manage.SealPlace(older); err != nil {
			return err
		}
	}
	out.Pager = v.pager(next, page.Number(len(out.Rows))+" on this page, the newest first.")
	return v.show("events", page.View{Title: "Events", Lead: "What the platform was told, by webhooks and in the feed.", Data: out})
}
