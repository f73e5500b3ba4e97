package console

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	"github.com/atssync/atssync/daemon/internal/web"
)

// Root is the path of the console, and of everything below it.
const Root = "/console"

//go:embed pages
var files embed.FS

// Options are what a Console is made of. Manage, Site and Log are required.
type Options struct {
	Manage *manage.Service
	Site   *page.Site
	Log    *slog.Logger
	// Version is the daemon's own.
	Version string
	// Secure says that browsers reach it by TLS: its cookie is sent no other way then.
	Secure bool
	// LoggedIn is told of each log-in that was tried: ok, refused or throttled; nil is nobody.
	LoggedIn func(result string)
	// Idle and Lifetime end a session: after a time without a page, and after a time whatever happens. 0 is an hour, 12 hours.
	Idle, Lifetime time.Duration
}

// Console serves the pages. Its methods may be called concurrently.
type Console struct {
	Options
	log      *slog.Logger
	pages    *page.Pages
	routes   []route
	access   map[string]access // by pattern
	handler  http.Handler
	sessions *sessions
	links    *links
	wrong    *throttle
}

// New returns a Console.
func New(o Options) (*Console, error) {
	if o.Manage == nil || o.Site == nil || o.Log == nil {
		return nil, errors.New("console: manage, site and log are needed")
	}
	if o.LoggedIn == nil {
		o.LoggedIn = func(string) {}
	}
	if o.Idle <= 0 {
		o.Idle = time.Hour
	}
	if o.Lifetime <= 0 {
		o.Lifetime = 12 * time.Hour
	}
	c := &Console{
		Options: o, log: o.Log.With("component", "console"), access: make(map[string]access),
		sessions: newSessions(o.Idle, o.Lifetime), links: newLinks(), wrong: newThrottle(),
	}
	var err error
	if c.pages, err = o.Site.Parse(files, "pages", c.funcs()); err != nil {
		return nil, err
	}
	mux := web.NewMux()
	c.routes = c.table()
	for _, r := range c.routes {
		c.access[r.pattern] = r.access
		mux.HandleFunc(r.pattern, c.serve(r))
	}
	c.handler = o.Site.Guard(nil, c.only(mux))
	return c, nil
}

// ServeHTTP serves a page or an act.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// only answers with a page where the mux would answer with a problem.
func (c *Console) only(mux *web.Mux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		switch {
		case c.access[pattern] != unruled:
			mux.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
			c.fail(w, r, page.Failure{Status: http.StatusMethodNotAllowed})
		default:
			c.fail(w, r, page.Failure{Status: http.StatusNotFound})
		}
	})
}

func (c *Console) fail(w http.ResponseWriter, r *http.Request, f page.Failure) {
	f.Home, f.Brand = c.path(""), brand
	c.Site.Fail(w, r, f)
}

const brand = "Console"

// path returns the address of something below the console.
func (c *Console) path(below string) string { return c.Site.Path(Root + below) }

// route is one page or act.
type route struct {
	pattern string
	access  access
	do      func(*visit) error
}

// visit is one request of somebody who may make it.
type visit struct {
	*Console
	w   http.ResponseWriter
	r   *http.Request
	who caller
	m   *manage.Service // narrowed to what the caller sees
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// serve lets those pass who may, and tells the others.
func (c *Console) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Console: c, w: w, r: r, m: c.Manage}
		if rt.access != open {
			who, err := c.sessions.caller(r, c.Manage)
			if err != nil {
				c.toLogin(w, r, err) //nolint:contextcheck // the request carries it.
				return
			}
			v.who, v.m = who, c.Manage.Within(who.within())
			web.SetCaller(r.Context(), who.actor.Name)
			ctx := atssync.WithActor(r.Context(), who.actor)
			if t := who.token; t != nil { // who is let in no more ends what is under way, too
				watched, end := web.Watch(ctx, func(ctx context.Context) error { return c.Manage.StillUsable(ctx, t.ID) })
				defer end()
				ctx = watched
			}
			v.r = r.WithContext(ctx)
			if err := who.admit(rt.access); err != nil {
				v.refused(err) //nolint:contextcheck // the visit carries it.
				return
			}
		}
		if r.Method == http.MethodPost {
			web.Patience(w, patience)
			if err := v.r.ParseForm(); err != nil {
				v.refused(atssync.Errorf(atssync.CodeInvalid, "the form could not be read").WithRemedy("go back and send it again")) //nolint:contextcheck // as above.
				return
			}
		}
		if err := rt.do(v); err != nil {
			v.refused(err) //nolint:contextcheck // as above.
		}
	}
}

// patience is how long an act may take that asks an ATS or is done to many.
const patience = 5 * time.Minute

// show writes a page with the console's own frame.
func (v *visit) show(name string, view page.View) error {
	return v.showAs(http.StatusOK, name, view)
}

func (v *visit) showAs(status int, name string, view page.View) error {
	view.Home, view.Brand, view.Wide = v.path(""), brand, true
	view.Nav, view.Who, view.Leave = v.nav(), v.who.name, v.path("/logout")
	if view.Message == nil {
		view.Message = page.Said(v.r, said)
	}
	v.pages.Write(v.w, v.r, status, name, view)
	return nil
}

// nav lists the pages that the caller may see.
func (v *visit) nav() []page.Link {
	if v.who.actor.Name == "" {
		return nil
	}
	var out []page.Link
	here := strings.TrimPrefix(v.r.URL.Path, Root)
	for _, n := range []struct {
		text, below string
		access      access
	}{
		{"Overview", "", reads},
		{"Connections", "/connections", reads},
		{"Applications", "/submissions", looks},
		{"Events", "/events", reads},
		{"Webhooks", "/webhooks", readsAll},
		{"Passes", "/passes", readsAll},
		{"Adapters", "/adapters", reads},
		{"Audit", "/audit", adminsAll},
		{"Tokens", "/tokens", adminsAll},
	} {
		if v.who.admit(n.access) != nil {
			continue
		}
		current := here == n.below || n.below != "" && strings.HasPrefix(here, n.below+"/")
		out = append(out, page.Link{Text: n.text, URL: v.path(n.below), Current: current})
	}
	return out
}

// back leads to a page after an act.
func (v *visit) back(below, word string) error {
	page.Back(v.w, v.r, v.path(below), word)
	return nil
}

// said is what may be told on a page after an act.
var said = map[string]page.Message{
	"paused":    {Kind: page.KindOK, Title: "Paused", Text: "What is queued is held, and nothing is read until it is resumed."},
	"resumed":   {Kind: page.KindOK, Title: "Resumed", Text: "What was held for the pause is released little by little."},
	"saved":     {Kind: page.KindOK, Title: "Saved"},
	"repaired":  {Kind: page.KindOK, Title: "The new credentials work and were saved"},
	"releasing": {Kind: page.KindOK, Title: "The release is under way", Text: "Each application is judged again; those whose reason still stands stay held."},
	"unlinked":  {Kind: page.KindOK, Title: "Disconnected", Text: "What is queued for the job is held until it is connected again."},
	"refreshed": {Kind: page.KindOK, Title: "The ATS's jobs were listed again"},
	"acted":     {Kind: page.KindOK, Title: "Done"},
	"resolved":  {Kind: page.KindOK, Title: "Settled"},
	"started":   {Kind: page.KindOK, Title: "The pass was started"},
	"revoked":   {Kind: page.KindOK, Title: "The token was revoked", Text: "Whoever used it is refused from now on."},
	"withdrawn": {Kind: page.KindOK, Title: "The link was withdrawn", Text: "Whoever opens it is told whom to ask. What was connected by it stays so."},
	"replaying": {Kind: page.KindOK, Title: "They are sent again", Text: "Each has the same id and body as before, so that the receiver knows it."},
	"out":       {Kind: page.KindOK, Title: "You are logged out"},
	"ended":     {Kind: page.KindInfo, Title: "Please log in again", Text: "The session is over: it was idle for long, its time is up, its token was revoked, or the daemon was started anew."},
}

// funcs are what the console's templates can call besides those of all pages.
func (c *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"at": c.path, "state": stateBadge, "health": healthBadge, "turn": turnWords, "ago": ago, "words": words, "span": span,
		"reason": reasonWords, "bytes": func(b []byte) string { return string(b) }, "ms": milliseconds, "status": statusBadge, "say": say, "capital": capital,
		"delivery": deliveryBadge, "httpcode": httpCode, "badge": func(k page.Kind, v any) template.HTML { return badge(k, words(v)) },
	}
}
