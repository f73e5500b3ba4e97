package app

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/console"
	"github.com/atssync/atssync/daemon/internal/page"
)

// newConsole makes the pages for those who run the daemon.
func (a *App) newConsole(site *page.Site) error {
	var err error
	a.console, err = console.New(console.Options{
		Manage: a.manage, Site: site, Log: a.log, Version: a.version, LoggedIn: a.metrics.loggedIn,
		Secure: strings.HasPrefix(a.publicURL(), "https://"),
		Idle:   a.conf().Console.IdleTimeout, Lifetime: a.conf().Console.SessionLifetime,
	})
	if err != nil {
		return fmt.Errorf("build the console: %w", err)
	}
	return nil
}

// consoles makes links to the console, nil when none is served.
func (a *App) consoles() api.Consoles {
	if a.conf().HTTP.Listen == "" || !a.conf().Console.Enabled {
		return nil
	}
	return func(ctx context.Context, t *atssync.Token) (api.ConsoleLink, error) {
		path, until, err := a.console.NewLink(ctx, t)
		return api.ConsoleLink{URL: a.publicURL() + path, ExpiresAt: until}, err
	}
}

// front is the console's address for a browser, below the path at which a proxy has the daemon; "" when none is served.
func (a *App) front() string {
	if a.console == nil {
		return ""
	}
	return a.basePath() + console.Root
}

// publicURL is how people reach the platform's listener, without a slash at its end: what the configuration says, else where
// it listens.
func (a *App) publicURL() string {
	c := a.conf().HTTP
	if c.PublicURL != "" {
		return c.PublicURL
	}
	u := url.URL{Scheme: "http", Host: c.Listen}
	if c.TLSCert != "" {
		u.Scheme = "https"
	}
	if addr := a.HTTPAddr(); addr != nil {
		u.Host = addr.String()
	}
	return u.String()
}
