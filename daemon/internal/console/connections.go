package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

const connectionsPage = 50

// connectionsView is the list of connections, the worst first.
type connectionsView struct {
	At     time.Time
	Search string
	Show   []page.Choice
	Rows   []connectionRow
	Pager  page.Pager
	Admin  bool
}

type connectionRow struct {
	manage.Surveyed
	Health    atssync.HealthState
	Oldest    time.Time
	Submitted int64
	Waiting   int64
	Uncertain int64
}

func (c *Console) connections(v *visit) error {
	s, err := v.m.Survey(v.ctx())
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	out := connectionsView{At: s.At, Search: q.Get("q"), Show: shows(q.Get("show")), Admin: v.who.may(admins)}
	var found []manage.Surveyed
	for _, one := range s.Connections {
		if one.Matches(out.Search) && shown(one, q.Get("show")) {
			found = append(found, one)
		}
	}
	if q.Get("show") == "names" {
		slices.SortStableFunc(found, func(a, b manage.Surveyed) int {
			return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		})
	}
	from := offset(q, len(found))
	for _, one := range found[from:min(from+connectionsPage, len(found))] {
		out.Rows = append(out.Rows, rowOf(one))
	}
	out.Pager = v.offsets(q, from, connectionsPage, len(found), "connections")
	return v.show("connections", page.View{
		Title: "Connections", Lead: "One account’s access to one ATS each, the worst first.", Data: out,
	})
}

func shows(now string) []page.Choice {
	out := []page.Choice{
		{Value: "", Label: "All, the worst first"},
		{Value: "troubled", Label: "With troubles"},
		{Value: "uncertain", Label: "With uncertain applications"},
		{Value: "waiting", Label: "Where something waits"},
		{Value: "paused", Label: "Paused"},
		{Value: "names", Label: "All, by name"},
	}
	for i := range out {
		out[i].Checked = out[i].Value == now
	}
	return out
}

func shown(c manage.Surveyed, how string) bool {
	switch how {
	case "troubled":
		return c.Severity() > 0
	case "uncertain":
		return c.Ledger.States[atssync.StateUncertain] > 0
	case "waiting":
		return len(c.Oldest) > 0
	case "paused":
		return c.State == atssync.ConnectionPaused
	}
	return true
}

func rowOf(c manage.Surveyed) connectionRow {
	out := connectionRow{Surveyed: c, Health: atssync.HealthOK, Uncertain: c.Ledger.States[atssync.StateUncertain]}
	_, out.Oldest = c.Waits()
	out.Submitted = c.Ledger.States[atssync.StateSubmitted] + c.Ledger.States[atssync.StateAlreadyApplied]
	for s, n := range c.Ledger.States {
		if s.Waiting() {
			out.Waiting += n
		}
	}
	order := []atssync.HealthState{atssync.HealthOK, atssync.HealthDraining, atssync.HealthCanary, atssync.HealthFailing, atssync.HealthStopped}
	for _, h := range c.Operations {
		if slices.Index(order, h.State) > slices.Index(order, out.Health) {
			out.Health = h.State
		}
	}
	if c.HoldReason != "" {
		out.Health = atssync.HealthStopped
	}
	return out
}

// offset reads where a page of a list in memory begins.
func offset(q url.Values, all int) int {
	n, err := strconv.Atoi(q.Get("from"))
	if err != nil || n < 0 || n >= all {
		return 0
	}
	return n
}

// offsets are the pages around one of a list in memory.
func (v *visit) offsets(q url.Values, from, size, all int, what string) page.Pager {
	at := func(n int) string {
		next := url.Values{}
		for k, vs := range q {
			if k != "from" && k != "said" {
				next[k] = vs
			}
		}
		if n > 0 {
			next.Set("from", strconv.Itoa(n))
		}
		return here(v.r.URL.Path, v, next)
	}
	out := page.Pager{Summary: fmt.Sprintf("%s to %s of %s %s", page.Number(min(from+1, all)), page.Number(min(from+size, all)), page.Number(all), what)}
	if all <= size {
		out.Summary = page.Number(all) + " " + what
	}
	if from > 0 {
		out.First, out.Previous = at(0), at(max(0, from-size))
	}
	if from+size < all {
		out.Next = at(from + size)
	}
	return out
}

// here is the address of a path of the console with a query.
func here(path string, v *visit, q url.Values) string {
	to := v.Site.Path(path)
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return to
}
