package app

import (
	"fmt"
	"net/url"

	"github.com/atssync/atssync/daemon/internal/page"
)

// pages are the doors of what is written for people, on the platform's listener.
func (a *App) pages() ([]door, error) {
	if _, err := a.newSite(); err != nil {
		return nil, err
	}
	return []door{{page.AssetPrefix, page.Assets()}}, nil
}

// newSite makes what all pages have in common.
func (a *App) newSite() (*page.Site, error) {
	base := ""
	if u, err := url.Parse(a.config.HTTP.PublicURL); err == nil {
		base = u.EscapedPath()
	}
	p := a.config.Platform
	site, err := page.New(page.Options{
		Platform: page.Platform{Name: p.Name, URL: p.URL, LogoURL: p.LogoURL, SupportContact: p.SupportContact, SupportHours: p.SupportHours},
		Base:     base, Log: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("build the pages: %w", err)
	}
	return site, nil
}
