package api

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// meanings tell what each code means and what a program does about it. With the table of codes and statuses they are the
// one table of problems: in the API's description, on the page of its docs, and in the help of the commands.
var meanings = map[atssync.Code]struct{ what, todo string }{
	atssync.CodeInvalid:         {"The request is refused as it is.", "Do not repeat it unchanged. `errors` names every refused field by its JSON path."},
	atssync.CodeNotFound:        {"There is no such thing, or not for this token.", "Look at the id, and at what the token is limited to."},
	atssync.CodeConflict:        {"The state of the thing does not allow it.", "`detail` names the state. Read the thing again and decide anew."},
	atssync.CodeExists:          {"There is one already.", "Use the one that `detail` names."},
	atssync.CodeGone:            {"It was there and is kept no more: a person who was erased, a document or events that are older than their retention.", "`detail` and `remedy` say where to go on; repeating it changes nothing."},
	atssync.CodeChanged:         {"It was changed since the version in `If-Match`, or since the attempt that was named.", "Read it again, and repeat the change on what it is now."},
	atssync.CodeForbidden:       {"The token may not do this, or the thing is read-only here.", "Use a token with the scope that `detail` names; change in the configuration file what stands there."},
	atssync.CodeUnauthenticated: {"No token came, or it is not known, revoked or expired.", "Send a valid one as `Authorization: Bearer`."},
	atssync.CodeAccountMismatch: {"The things named belong to different accounts.", "Nothing crosses accounts: name a job and a connection of the same one."},
	atssync.CodeCheckFailed:     {"The ATS does not accept the connection.", "Show `checks` to whoever's turn it is; nothing was saved."},
	atssync.CodeBusy:            {"Too many requests are under way.", "Wait for `Retry-After`, and repeat it."},
	atssync.CodeUnavailable:     {"The daemon is starting or stopping, or the request ended early.", "Repeat it; a document that was accepted before is `unchanged`."},
	atssync.CodeAdapter:         {"The adapter's process is not running.", "Repeat it later; applications are accepted and held meanwhile."},
	atssync.CodeATS:             {"The ATS did not answer, or not usably.", "Repeat it later."},
	atssync.CodeNoSpace:         {"The daemon's disk is too full to accept more.", "The operator makes room. Keep the document, and repeat it."},
	atssync.CodeInternal:        {"The daemon met a fault of its own.", "Repeat it; tell the operator the `request_id`, which stands in the log."},
}

// ProblemRow is one row of the table of problems.
type ProblemRow struct {
	Code     string
	Statuses []int // the first is the usual one
	Meaning  string
	ToDo     string
}

// Problems is the table of everything that the API refuses with.
func Problems() []ProblemRow {
	var out []ProblemRow
	for _, row := range codes {
		if n := len(out); n > 0 && out[n-1].Code == string(row.code) {
			out[n-1].Statuses = append(out[n-1].Statuses, row.status)
			continue
		}
		m := meanings[row.code]
		out = append(out, ProblemRow{Code: string(row.code), Statuses: []int{row.status}, Meaning: m.what, ToDo: m.todo})
	}
	return out
}

func problemCodes() []string {
	var out []string
	for _, row := range codes {
		if c := string(row.code); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// codesAt lists the codes that a status is answered with.
func codesAt(status int) []atssync.Code {
	var out []atssync.Code
	for _, row := range codes {
		if row.status == status {
			out = append(out, row.code)
		}
	}
	return out
}

// refusals are the statuses that a route can refuse with, as far as they are its own: any request can meet a 429 or a 5xx.
func (r route) refusals(body, query bool) []int {
	set := map[int]bool{http.StatusTooManyRequests: true}
	add := func(when bool, statuses ...int) {
		for _, s := range statuses {
			set[s] = set[s] || when
		}
	}
	writes := r.method != http.MethodGet
	add(r.access != open, http.StatusUnauthorized)
	add(r.access.powers() != nil, http.StatusForbidden)
	add(r.access != open, http.StatusUnprocessableEntity) // an unknown parameter is refused too
	add(body, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	add(strings.Contains(r.path, "{") || body || query, http.StatusNotFound)
	add(writes && r.access != open, http.StatusConflict)
	add(writes && r.access != open || strings.HasSuffix(r.path, "/events"), http.StatusGone)
	add(r.ifMatch || r.meant, http.StatusPreconditionFailed)
	add(writes && r.slow, http.StatusBadGateway, http.StatusFailedDependency)
	add(r.slow && !writes, http.StatusBadGateway)
	add(writes, http.StatusInsufficientStorage)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(set)), func(s int) bool { return !set[s] })
}

// responseName names the shared description of a refusal.
func responseName(status int) string {
	return "Problem" + strconv.Itoa(status)
}

// problemText tells what a status is answered with.
func problemText(status int) string {
	var b strings.Builder
	for _, c := range codesAt(status) {
		m := meanings[c]
		b.WriteString("- `" + string(c) + "`: " + m.what + " " + m.todo + "\n")
	}
	return strings.TrimSpace(http.StatusText(status) + ".\n\n" + b.String())
}
