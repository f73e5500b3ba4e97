package app

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/hook"
	"github.com/atssync/atssync/daemon/internal/web"
)

// listenHTTP binds the platform's listener: the same API as on the socket, for callers with a token.
func (a *App) listenHTTP() error {
	c := a.conf().HTTP
	if c.Listen == "" {
		return nil
	}
	handler, err := api.New(api.Options{
		Manage: a.manage, Intake: a.intake, Authenticate: api.Bearer(a.manage), Logger: a.log, Version: a.version,
		MaxBody: c.MaxBody, MaxDocument: a.conf().Submissions.MaxDocument, Console: a.consoles(), Ops: a.opsAddress,
	})
	if err != nil {
		return fmt.Errorf("build the API: %w", err)
	}
	pages, err := a.pages()
	if err != nil {
		return err
	}
	doors := append(pages, door{hook.Prefix, a.hooks})
	o := web.Options{
		Name: "http", Listen: c.Listen, Handler: besideAPI{doors, a.front(), handler}, Logger: a.log, MaxRequests: c.MaxRequests, MaxBody: c.MaxBody,
		Observe: a.metrics.answers("http"),
	}
	if c.TLSCert != "" {
		o.TLS = &web.TLS{Cert: c.TLSCert, Key: c.TLSKey}
	}
	if a.http, err = web.New(o); err != nil {
		return err
	}
	a.stops.add("http", a.http.Stop)
	return nil
}

// door is what lies below a path and is not the API's.
type door struct {
	prefix  string
	handler http.Handler
}

// besideAPI serves what lies below a door by another handler than the API, without tokens.
type besideAPI struct {
	doors []door
	front string // where a browser goes that names no path, "" is nowhere
	api   http.Handler
}

// ServeHTTP also leads who types no path, a person with a browser, to the console.
func (b besideAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.front != "" && r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		http.Redirect(w, r, b.front, http.StatusSeeOther)
		return
	}
	for _, d := range b.doors {
		if strings.HasPrefix(r.URL.Path, d.prefix) {
			d.handler.ServeHTTP(w, r)
			return
		}
	}
	b.api.ServeHTTP(w, r)
}

// newHooks makes what takes the calls of ATSes in.
func (a *App) newHooks(k keys, adapters []string) *hook.Handler {
	a.registry.MustRegister(hook.NewStock(a.store))
	return hook.New(hook.Options{
		Store: a.store, Secrets: a.manage, Adapters: a.fleet, Keys: k, Wake: a.collect.Hinted,
		Log: a.log.With("component", "hook"), Metrics: hook.NewMetrics(a.registry, adapters),
	})
}

// startHTTP lets the platform in, once what it asks for runs.
func (a *App) startHTTP() {
	if a.http == nil {
		return
	}
	a.http.Start()
	a.stops.add("http", a.http.Stop)
	a.log.Info("the API is served over HTTP", "http", a.http.Addr().String(), "tls", a.conf().HTTP.TLSCert != "")
}

// HTTPAddr is where the platform's API is served, nil when there is no such listener.
func (a *App) HTTPAddr() net.Addr {
	if a.http == nil {
		return nil
	}
	return a.http.Addr()
}
