package page

import (
	"net/http"
	"net/url"
	"strings"
)

// said is the parameter of a page's address that names what was just done. It is a word of the room's own table, so that an
// address can put no text of somebody else's onto a page.
const said = "said"

// Back leads to a page after an act, which then tells it; see Said. Reloading that page does nothing again.
func Back(w http.ResponseWriter, r *http.Request, to, word string) {
	if word != "" {
		anchor := ""
		if at := strings.IndexByte(to, '#'); at >= 0 {
			to, anchor = to[:at], to[at:]
		}
		sep := "?"
		if strings.Contains(to, "?") {
			sep = "&"
		}
		to += sep + said + "=" + url.QueryEscape(word) + anchor
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// Said returns what was just done, nil when nothing was or it is not in the table.
func Said(r *http.Request, table map[string]Message) *Message {
	m, ok := table[r.URL.Query().Get(said)]
	if !ok {
		return nil
	}
	return &m
}
