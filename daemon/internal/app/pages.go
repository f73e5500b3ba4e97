package app

import (
	"fmt"
	"net/url"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/connectpage"
	"github.com/atssync/atssync/daemon/internal/console"
	"github.com/atssync/atssync/daemon/internal/page"
)

// pages are the doors of what is written for people, on the platform's listener.
func (a *App) pages() ([]door, error) {
	site, err := a.newSite()
	if err != nil {
		return nil, err
	}
	employers, err := connectpage.New(connectpage.Options{
		Site: site, Manage: a.manage, Intake: a.intake, Platform: platformOf(a.conf().Platform), PartnerName: partnerName(a.conf().Platform),
		Frames: a.conf().HTTP.FrameAncestors, Log: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("build the connect page: %w", err)
	}
	doors := []door{{page.AssetPrefix, page.Assets()}, {atssync.ConnectPrefix, employers}}
	if a.conf().Console.Enabled {
		if err := a.newConsole(site); err != nil {
			return nil, err
		}
		doors = append(doors, door{console.Root, a.console})
	}
	return doors, nil
}

// newSite makes what all pages have in common.
func (a *App) newSite() (*page.Site, error) {
	site, err := page.New(page.Options{Platform: platformOf(a.conf().Platform), Base: a.basePath(), Log: a.log})
	if err != nil {
		return nil, fmt.Errorf("build the pages: %w", err)
	}
	return site, nil
}

// basePath is the path of public_url, at which a proxy has the daemon; "" mostly.
func (a *App) basePath() string {
	u, err := url.Parse(a.conf().HTTP.PublicURL)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}

// platformOf is the platform as people see it on pages.
func platformOf(p config.Platform) page.Platform {
	return page.Platform{Name: p.Name, URL: p.URL, LogoURL: p.LogoURL, SupportContact: p.SupportContact, SupportHours: p.SupportHours}
}
