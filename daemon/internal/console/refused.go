package console

import (
	"context"
	"errors"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/page"
	"github.com/atssync/atssync/daemon/internal/web"
)

// refusal is why something was not done, and what to do.
type refusal struct {
	Remedy  string
	Fields  []atssync.FieldError
	Checks  []atssync.CheckResult
	Back    string // below the console
	Request string
}

// statuses are the answers of the codes that are not told as 409.
var statuses = map[atssync.Code]int{
	atssync.CodeInvalid: http.StatusUnprocessableEntity, atssync.CodeNotFound: http.StatusNotFound, atssync.CodeForbidden: http.StatusForbidden,
	atssync.CodeUnauthenticated: http.StatusUnauthorized, atssync.CodeChanged: http.StatusPreconditionFailed, atssync.CodeGone: http.StatusGone,
	atssync.CodeUnavailable: http.StatusServiceUnavailable, atssync.CodeATS: http.StatusBadGateway, atssync.CodeAdapter: http.StatusBadGateway,
	atssync.CodeCheckFailed: http.StatusUnprocessableEntity, atssync.CodeInternal: http.StatusInternalServerError,
}

// titles head the page of a refusal.
var titles = map[int]string{
	http.StatusNotFound: "There is nothing here for you", http.StatusForbidden: "This is not allowed with this log-in",
	http.StatusUnauthorized: "Please log in again", http.StatusPreconditionFailed: "Somebody else changed it meanwhile",
	http.StatusGone: "It is no longer kept", http.StatusServiceUnavailable: "This does not work at the moment", http.StatusBadGateway: "The ATS or its adapter did not do it",
	http.StatusUnprocessableEntity: "Something is not right with what was sent",
}

// refused tells why something was not done. What nobody can do anything about is in the log, under the number of the request.
func (v *visit) refused(err error) {
	if why, ok := errors.AsType[*atssync.Error](context.Cause(v.ctx())); ok {
		err = why // whatever broke, this is why
	}
	e, ok := errors.AsType[*atssync.Error](err)
	if !ok {
		if v.ctx().Err() != nil {
			return // nobody waits for the answer
		}
		v.log.Error("page failed", "request_id", web.RequestID(v.ctx()), "err", err)
		v.fail(v.w, v.r, page.Failure{Status: http.StatusInternalServerError})
		return
	}
	e = v.who.within().Shown(e)
	status, known := statuses[e.Code]
	if !known {
		status = http.StatusConflict
	}
	title, known := titles[status]
	if !known {
		title = "It was not done"
	}
	back := ""
	if v.r.Method == http.MethodPost {
		back = nextOf(v.r.PostForm.Get("back"))
	}
	_ = v.showAs(status, "refused", page.View{
		Title: title, Lead: sentence(plain{e}),
		Data: refusal{Remedy: e.Remedy, Fields: e.Fields, Checks: failed(e.Checks), Back: back, Request: web.RequestID(v.ctx())},
	})
}

// plain is an error without the fields and the remedy that are shown beside it.
type plain struct{ e *atssync.Error }

func (p plain) Error() string { return p.e.Message }

// failed leaves out what was found well.
func failed(checks []atssync.CheckResult) []atssync.CheckResult {
	var out []atssync.CheckResult
	for _, c := range checks {
		if !c.OK {
			out = append(out, c)
		}
	}
	return out
}
