package page

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/atssync/atssync/daemon/internal/web"
)

// Platform is the product that runs the daemon, as people see it on pages.
type Platform struct {
	Name, URL, LogoURL           string
	SupportContact, SupportHours string
}

// Options are what a Site is made of.
type Options struct {
	Platform Platform
	// Base goes before every path, such as /sync where a proxy has the daemon below it; "" mostly.
	Base string
	Log  *slog.Logger
}

// Site makes pages. Its methods may be called concurrently.
type Site struct {
	platform Platform
	base     string
	log      *slog.Logger
	parts    *template.Template
	failure  *Pages
	logo     string // the origin of the logo, "" without one
}

// New returns a Site. An error is a fault of the templates or of the platform's addresses.
func New(o Options) (*Site, error) {
	if o.Log == nil {
		return nil, errors.New("page: a logger is needed")
	}
	s := &Site{platform: o.Platform, base: o.Base, log: o.Log.With("component", "page")}
	if o.Platform.LogoURL != "" {
		u, err := url.Parse(o.Platform.LogoURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("page: the logo %q is no address of the web", o.Platform.LogoURL)
		}
		s.logo = u.Scheme + "://" + u.Host
	}
	var err error
	if s.parts, err = template.New("page").Funcs(s.funcs()).ParseFS(partFiles, "parts/*.html"); err != nil {
		return nil, fmt.Errorf("parse the parts of pages: %w", err)
	}
	if s.failure, err = s.Parse(partFiles, "parts/own", nil); err != nil {
		return nil, err
	}
	return s, nil
}

// Path returns the address of a path of the daemon, as a browser reaches it.
func (s *Site) Path(path string) string { return s.base + path }

// Pages are the templates of one room.
type Pages struct {
	site  *Site
	named map[string]*template.Template
}

// Parse reads every .html file of a folder as one page, by its name without the ending. What the folder has below parts/ can be
// used by each of its pages.
func (s *Site) Parse(files fs.FS, dir string, more template.FuncMap) (*Pages, error) {
	p := &Pages{site: s, named: make(map[string]*template.Template)}
	names, err := fs.Glob(files, dir+"/*.html")
	if err != nil || len(names) == 0 {
		return nil, errors.Join(fmt.Errorf("page: there are no templates in %s", dir), err)
	}
	shared, err := fs.Glob(files, dir+"/parts/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t, err := s.parts.Clone()
		if err != nil {
			return nil, err
		}
		if t, err = t.Funcs(more).ParseFS(files, append(shared, name)...); err != nil {
			return nil, fmt.Errorf("parse the page %s: %w", name, err)
		}
		p.named[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return p, nil
}

// Link is a named address on a page.
type Link struct {
	Text, URL string
	Current   bool
	Note      string // a few words beside it, such as a number
}

// View is what a page shows: the frame's part, and the page's own in Data.
type View struct {
	Title   string // of the document and its first heading
	Lead    string // one sentence below the heading
	Home    string // where the brand leads; "" is nowhere. Addresses are those of Site.Path, as all on pages are
	Brand   string // beside the platform's name
	Wide    bool   // for tables of many columns
	Nav     []Link
	Trail   []Link // the way to this page, without itself
	Message *Message
	Data    any

	// Who is logged in, and where the form that logs out goes; "" where nobody logs in.
	Who, Leave string

	Platform Platform // filled in
}

// Message tells what became of an act, or what is to be known first of all.
type Message struct {
	Kind  Kind
	Title string
	Text  string
	// Items are more of it, one each; with an address they lead to the field that they are about.
	Items []Link
}

// Write answers with a page.
func (p *Pages) Write(w http.ResponseWriter, r *http.Request, status int, name string, v View) {
	v.Platform = p.site.platform
	var b bytes.Buffer
	t, ok := p.named[name]
	err := fmt.Errorf("there is no page %s", name)
	if ok {
		err = t.ExecuteTemplate(&b, "frame", v)
	}
	if err != nil {
		p.site.log.Error("page not written", "request_id", web.RequestID(r.Context()), "page", name, "err", err)
		if p != p.site.failure {
			p.site.Fail(w, r, Failure{Status: http.StatusInternalServerError})
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader is gone; there is nobody to tell
}
