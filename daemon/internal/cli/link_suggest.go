package cli

import (
	"context"
	"fmt"

	"github.com/atssync/atssync/daemon/internal/api"
)

// Reasons of suggestions that need no second look, and those that do.
const (
	sameTitle    = "same_title"
	similarTitle = "similar_title"
)

func sure(s api.Suggestion) bool {
	return string(s.Reason) != sameTitle && string(s.Reason) != similarTitle && !s.Ambiguous
}

// linkSuggested shows suggestions, and links those that were agreed to.
func (c *command) linkSuggested(ctx context.Context, l linkFlags, backlog *api.Backlog) error {
	id, err := c.connectionID(ctx, l.suggest)
	if err != nil {
		return err
	}
	suggestions, err := c.daemon().Suggestions(ctx, id)
	if err != nil {
		return err
	}
	if !l.all && !l.yesTitles {
		return c.showSuggestions(suggestions, l)
	}
	var links []api.LinkRequest
	left := 0
	for _, s := range suggestions {
		ok, err := c.wanted(s, l)
		if err != nil {
			return err
		}
		if !ok {
			left++
			continue
		}
		r := api.LinkRequest{Connection: id, PlatformJob: s.PlatformJob.ID, ATSJob: s.ATSJob.ID, Backlog: backlog}
		r.As = stateOf(r.As, l.as)
		links = append(links, r)
	}
	results, err := c.linkMany(ctx, links)
	if err != nil {
		return err
	}
	for i := range results {
		if e := results[i].Error; e != nil && e.Code == "conflict" && backlog == nil {
			if waiting, err := c.daemon().Backlog(ctx, id, links[i].PlatformJob); err == nil && waiting.Count > 0 {
				e.Remedy = whichBacklog
			}
		}
	}
	return c.linked(results, left, *l.json)
}

// wanted decides about one pair, and asks where only a person can.
func (c *command) wanted(s api.Suggestion, l linkFlags) (bool, error) {
	if sure(s) && l.all {
		return true, nil
	}
	if string(s.Reason) == sameTitle && !s.Ambiguous && l.yesTitles {
		return true, nil
	}
	a := c.asker()
	if !a.possible() || *l.json {
		return false, nil
	}
	return a.agree(fmt.Sprintf("Connect %s %q to %s %q (%s, %.0f %%)?", s.PlatformJob.ID, clean(s.PlatformJob.Title, false), s.ATSJob.ID,
		clean(s.ATSJob.Name, false), s.Reason, s.Confidence*100))
}

// linkMany links in shares of what the API takes at once.
func (c *command) linkMany(ctx context.Context, links []api.LinkRequest) ([]api.LinkResult, error) {
	var results []api.LinkResult
	for len(links) > 0 {
		n := min(len(links), maxPage)
		got, err := c.daemon().LinkMany(ctx, links[:n])
		results = append(results, got...)
		if err != nil {
			return results, err
		}
		links = links[n:]
	}
	return results, nil
}

func (c *command) linked(results []api.LinkResult, left int, asJSON bool) error {
	refused := 0
	for _, r := range results {
		if r.Error != nil {
			refused++
		}
	}
	if asJSON {
		if results == nil {
			results = []api.LinkResult{}
		}
		if err := printJSON(c.Out, map[string]any{"items": results, "left": left}); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			if err := r.Error.Err(); err != nil {
				tell(c.Err, err)
				continue
			}
			fmt.Fprintf(c.Out, "%s %s → %s\n", done(r.Created), clean(r.Link.PlatformJob, false), clean(r.Link.ATSJob, false))
			if r.Warning != "" {
				fmt.Fprintf(c.Err, "Mind: %s\n", clean(r.Warning, false))
			}
		}
		fmt.Fprintf(c.Err, "%s connected, %d refused, %d left.\n", some(len(results)-refused, "job"), refused, left)
	}
	if refused > 0 {
		return &someRefused{refused, len(results)}
	}
	return nil
}

func (c *command) showSuggestions(suggestions []api.Suggestion, l linkFlags) error {
	columns := []column[api.Suggestion]{
		{"PLATFORM JOB", func(s api.Suggestion) string { return s.PlatformJob.ID }},
		{"TITLE", func(s api.Suggestion) string { return shorten(s.PlatformJob.Title, 40) }},
		{"ATS JOB", func(s api.Suggestion) string { return s.ATSJob.ID }},
		{"NAME", func(s api.Suggestion) string { return shorten(s.ATSJob.Name, 40) }},
		{"REASON", func(s api.Suggestion) string { return string(s.Reason) }},
		{"CONFIDENCE", func(s api.Suggestion) string { return fmt.Sprintf("%.0f %%", s.Confidence*100) }},
		{"MIND", func(s api.Suggestion) string {
			if s.Ambiguous {
				return "another pair looks as good"
			}
			return ""
		}},
		{"WAITING", func(s api.Suggestion) string { return count(s.Backlog) }},
	}
	if err := listAll(c, *l.json, columns, suggestions); err != nil || *l.json || len(suggestions) == 0 {
		return err
	}
	n := 0
	for _, s := range suggestions {
		if sure(s) {
			n++
		}
	}
	if n > 0 {
		fmt.Fprintf(c.Err, "%d of them need no second look: atssync link --suggest %s --all\n", n, quoted(l.suggest))
	}
	if n < len(suggestions) {
		fmt.Fprintf(c.Err, "Look at the others, and connect what is right: atssync link PLATFORM_JOB ATS_JOB --connection %s\n", quoted(l.suggest))
	}
	return nil
}
