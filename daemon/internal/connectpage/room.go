// Package connectpage is the page behind a connect link: an employer connects its ATS, links jobs, sends a test candidate, sees
// how things stand, settles what nobody knows and disconnects. It stands between the platform's listener and package manage:
// a token in the address names the account, and everything that is asked of manage is narrowed to that account, whatever a
// form says. It decides nothing itself; what manage refuses is told in words an employer can act on.
//
// GET changes nothing and uses nothing up. Every act is a form, and leads back to a page, so that reloading does nothing
// twice. No secret that was typed is shown again, and nothing personal stands in an address.
package connectpage

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	"github.com/atssync/atssync/daemon/internal/web"
)

//go:embed pages
var files embed.FS

// patience is how long an act may take that asks an ATS.
const patience = 5 * time.Minute

// Options are what a Room is made of. All are required but Frames and Wait.
type Options struct {
	Site   *page.Site
	Manage *manage.Service
	Intake *intake.Service
	// Platform is who employers see; PartnerName is the name under which ATSes list it.
	Platform    page.Platform
	PartnerName string
	// Frames are the sites that may show the page inside their own.
	Frames []string
	// Wait bounds how long the answer to a test candidate waits for its arrival; 0 is 20 s.
	Wait time.Duration
	Log  *slog.Logger
}

// room serves the pages.
type room struct {
	Options
	pages *page.Pages
	log   *slog.Logger
	turns turns
}

// New returns the handler of everything below atssync.ConnectPrefix.
func New(o Options) (http.Handler, error) {
	if o.Site == nil || o.Manage == nil || o.Intake == nil || o.Log == nil {
		return nil, errors.New("connectpage: a site, manage, intake and a logger are needed")
	}
	o.Wait = cmp.Or(o.Wait, 20*time.Second)
	pages, err := o.Site.Parse(files, "pages", funcs)
	if err != nil {
		return nil, err
	}
	s := &room{Options: o, pages: pages, log: o.Log.With("component", "connectpage")}
	mux := http.NewServeMux()
	for _, r := range []struct {
		pattern string
		serve   func(*visit) error
	}{
		{"GET /connect/{token}", (*visit).begin},
		{"GET /connect/{token}/key", (*visit).makeKey},
		{"GET /connect/{token}/credentials", (*visit).credentials},
		{"POST /connect/{token}/credentials", (*visit).connect},
		{"GET /connect/{token}/jobs", (*visit).jobs},
		{"POST /connect/{token}/jobs", (*visit).linkJobs},
		{"POST /connect/{token}/refresh", (*visit).refresh},
		{"GET /connect/{token}/jobs/{job}", (*visit).job},
		{"POST /connect/{token}/jobs/{job}", (*visit).linkJob},
		{"GET /connect/{token}/test", (*visit).test},
		{"POST /connect/{token}/test", (*visit).sendTest},
		{"POST /connect/{token}/check", (*visit).check},
		{"GET /connect/{token}/arrived", (*visit).arrived},
		{"POST /connect/{token}/arrived/{submission}", (*visit).settle},
		{"GET /connect/{token}/which", (*visit).which},
		{"POST /connect/{token}/which/{submission}", (*visit).choose},
		{"GET /connect/{token}/disconnect", (*visit).leaving},
		{"POST /connect/{token}/disconnect", (*visit).disconnect},
	} {
		mux.HandleFunc(r.pattern, s.visited(r.serve))
	}
	mux.HandleFunc(atssync.ConnectPrefix, func(w http.ResponseWriter, r *http.Request) {
		web.SetRoute(r.Context(), atssync.ConnectPrefix)
		s.Site.Fail(w, r, page.Failure{Status: http.StatusNotFound})
	})
	return s.Site.Guard(o.Frames, mux), nil
}

// visit is one request for one of the pages.
type visit struct {
	*room
	w    http.ResponseWriter
	r    *http.Request
	ctx  context.Context // a visit is one request
	link manage.ConnectLink
	// account is what the link's account may see and do, ours what belongs to its connection.
	account, ours *manage.Service
	conn          *manage.Connection // nil before there is one
	adapter       *manage.Manifest
	base          string // the page's address
}

// visited opens the link, finds what it is about and serves the page, or says why not.
func (s *room) visited(serve func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		web.SetRoute(r.Context(), r.Pattern)
		v := &visit{room: s, w: w, r: r}
		err := v.open(r.Context())
		if err == nil {
			if r.Method == http.MethodPost {
				web.Patience(w, patience)
			}
			err = serve(v)
		}
		if err != nil {
			v.fail(r.Context(), err)
		}
	}
}

func (v *visit) open(ctx context.Context) error {
	token := v.r.PathValue("token")
	link, err := v.Manage.OpenConnectLink(ctx, token)
	if err != nil {
		return deadLink{err}
	}
	web.SetCaller(ctx, link.ID)
	ctx = atssync.WithActor(ctx, atssync.Actor{Name: link.ID, Via: "connect page"})
	v.ctx, v.base = ctx, v.Site.Path(atssync.ConnectPrefix+token)
	v.account = v.Manage.Within(atssync.Scope{Accounts: []string{link.Account}})
	if err := v.about(ctx, link); err != nil {
		return err
	}
	a, err := v.account.Adapter(ctx, link.Adapter)
	if err != nil {
		return err
	}
	if a.Manifest == nil {
		return atssync.Errorf(atssync.CodeAdapter, "the adapter %s has not run yet", link.Adapter)
	}
	v.adapter = a.Manifest
	return nil
}

// about finds the connection that a link is about now.
func (v *visit) about(ctx context.Context, link manage.ConnectLink) error {
	v.link = link
	c, err := v.account.LinkedConnection(ctx, link)
	switch {
	case err == nil:
		v.conn = &c
		v.ours = v.Manage.Within(atssync.Scope{Accounts: []string{link.Account}, Connections: []string{c.ID}})
	case atssync.CodeOf(err) != atssync.CodeNotFound:
		return err
	}
	return nil
}

// deadLink is why a link leads nowhere.
type deadLink struct{ error }

func (d deadLink) Unwrap() error { return d.error }

// errNotConnected leads to the beginning: the page needs a connection.
var errNotConnected = errors.New("there is no connection yet")

func (v *visit) connected() error {
	if v.conn == nil {
		return errNotConnected
	}
	return nil
}

// fail says what went wrong in words for an employer. What is nobody's doing is written into the log.
func (v *visit) fail(ctx context.Context, err error) {
	if errors.Is(err, errNotConnected) {
		page.Back(v.w, v.r, v.base, "not-connected")
		return
	}
	f := page.Failure{Status: http.StatusInternalServerError, Home: v.base}
	_, dead := errors.AsType[deadLink](err)
	switch code := atssync.CodeOf(err); {
	case dead && code == atssync.CodeNotFound:
		f.Status, f.Title, f.Home = http.StatusNotFound, "This link does not work", ""
		f.Text = "It may have been cut off when it was copied. Open it once more from the message in which you got it."
		f.Remedy = "If that does not help, ask for a new link."
	case dead && code == atssync.CodeGone:
		f.Status, f.Title, f.Home = http.StatusGone, "This link has ended", ""
		f.Text = "Links to this page work for a limited time, and can be withdrawn. What was connected stays connected, and goes on by itself."
		f.Remedy = "To change something, ask for a new link."
	case code == atssync.CodeNotFound:
		f.Status = http.StatusNotFound
	case code == atssync.CodeInvalid:
		f.Status, f.Title, f.Text = http.StatusBadRequest, "This could not be read", "Nothing was changed. Go back, and send the form once more."
	case code == atssync.CodeConflict || code == atssync.CodeChanged || code == atssync.CodeExists || code == atssync.CodeForbidden || code == atssync.CodeCheckFailed:
		f.Status, f.Title = http.StatusConflict, "This is not possible as things are now"
		f.Text = "Nothing was changed. The status page says how things stand."
	case code == atssync.CodeAdapter || code == atssync.CodeUnavailable || code == atssync.CodeBusy || code == atssync.CodeNoSpace:
		f.Status = http.StatusServiceUnavailable
	case code == atssync.CodeATS:
		f.Status = http.StatusBadGateway
	case ctx.Err() != nil:
		return // the reader is gone
	}
	if f.Status >= http.StatusInternalServerError {
		v.log.Error("page failed", "request_id", web.RequestID(ctx), "link", v.link.ID, "err", err)
	}
	v.Site.Fail(v.w, v.r, f)
}

// at is the address of a page below the link's.
func (v *visit) at(parts ...string) string {
	var out strings.Builder
	out.WriteString(v.base)
	for _, p := range parts {
		out.WriteString("/" + url.PathEscape(p))
	}
	return out.String()
}

// write answers with a page, in the frame that all of them have.
func (v *visit) write(status int, name string, p page.View) error {
	p.Home, p.Brand = v.base, v.adapter.Label
	if p.Message == nil {
		p.Message = page.Said(v.r, said)
	}
	if v.conn != nil {
		p.Nav = v.nav(name)
	}
	v.pages.Write(v.w, v.r, status, name, p)
	return nil
}

func (v *visit) nav(name string) []page.Link {
	links := []page.Link{
		{Text: "Status", URL: v.base, Current: name == "status"},
		{Text: "Jobs", URL: v.at("jobs"), Current: name == "jobs" || name == "job"},
		{Text: "Test candidate", URL: v.at("test"), Current: name == "test"},
		{Text: "Did they arrive?", URL: v.at("arrived"), Current: name == "arrived"},
	}
	a, err := v.ours.Activity(v.ctx, v.conn.ID)
	if err == nil && a.Uncertain > 0 {
		links[3].Note = page.Number(a.Uncertain)
	}
	if err == nil && a.Questions > 0 || name == "which" { // it is rare: there is a way to it while something is asked
		links = append(links, page.Link{Text: "Which is it now?", URL: v.at("which"), Current: name == "which"})
		if a.Questions > 0 {
			links[4].Note = page.Number(a.Questions)
		}
	}
	return links
}

// form reads what was sent. The listener bounds it.
func (v *visit) form() error {
	if err := v.r.ParseForm(); err != nil {
		return atssync.Errorf(atssync.CodeInvalid, "the form could not be read")
	}
	return nil
}
