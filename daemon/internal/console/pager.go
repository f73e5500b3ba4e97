package console

import (
	"net/url"

	"github.com/atssync/atssync/daemon/internal/page"
)

// pager leads to the first and the next page of a list that the store pages: it goes forward only.
func (v *visit) pager(next, summary string) page.Pager {
	q := v.r.URL.Query()
	at := func(after string) string {
		to := url.Values{}
		for k, vs := range q {
			if k != "after" && k != "said" {
				to[k] = vs
			}
		}
		if after != "" {
			to.Set("after", after)
		}
		return here(v.r.URL.Path, v, to)
	}
	out := page.Pager{Summary: summary}
	if q.Get("after") != "" {
		out.First = at("")
	}
	if next != "" {
		out.Next = at(next)
	}
	return out
}
