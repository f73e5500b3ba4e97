package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const (
	followWait = 30 * time.Second // the daemon answers at once when there is something
	followRest = time.Second      // before asking a daemon again that went away
)

type eventFlags struct {
	q      api.EventQuery
	after  string
	since  string
	limit  int
	all    bool
	follow bool
	json   bool
}

func (c *command) events() *cobra.Command {
	var e eventFlags
	cmd := &cobra.Command{
		Use: "events", Short: "Read what the platform is told", Args: cobra.NoArgs,
		Long: `Read events: of all connections in the order they were written, or of one connection by sequence, which has no gaps. --after takes the cursor that
was told at the end, with --connection a sequence number; --after last begins at the end.

With --follow it goes on as events come, until it is interrupted; without --after it then begins at the end. With --json each event is one line on stdout; the cursor to go on with is told on stderr.`,
		Example: `  atssync events --connection Acme --all --json
  atssync events --follow
  atssync events --types application.status_changed,submission.uncertain`,
	}
	f := cmd.Flags()
	c.connectionFlag(cmd, &e.q.Connection, "only those of this `connection`, by id or name")
	f.StringVar(&e.q.Account, "account", "", "only this `account`'s")
	f.StringVar(&e.q.Submission, "submission", "", "only those about this submission, by `id`")
	f.StringVar(&e.q.ExternalID, "external-id", "", "only those about the submission that the platform calls by this `id`; needs --connection")
	f.StringVar(&e.q.Job, "job", "", "only those about this platform job, by `id`")
	f.StringVar(&e.since, "since", "", "only what happened at or after this `time`: a date, an instant, or an age such as 24h")
	f.StringSliceVar(&e.q.Types, "types", nil, "only these `types`, separated by commas")
	f.StringVar(&e.after, "after", "", "go on after this `cursor`")
	f.IntVar(&e.limit, "limit", defaultLimit, "show at most this `number`")
	f.BoolVar(&e.all, "all", false, "show all of them")
	f.BoolVarP(&e.follow, "follow", "f", false, "go on as they come")
	f.BoolVar(&e.json, "json", false, "print each event as one line of JSON")
	cmd.MarkFlagsMutuallyExclusive("limit", "all", "follow")
	completeFlag(cmd, "types", words(api.EventTypes()...))
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		var err error
		if e.q.Connection, err = c.connectionID(cmd.Context(), e.q.Connection); err != nil {
			return err
		}
		if e.q.Since, err = instant("since", e.since, now()); err != nil {
			return err
		}
		for _, t := range e.q.Types {
			if err := oneOf("types", t, api.EventTypes()); err != nil {
				return err
			}
		}
		if e.follow {
			return c.followEvents(cmd.Context(), e)
		}
		return c.listEvents(cmd.Context(), e)
	})
	return cmd
}

func (c *command) listEvents(ctx context.Context, e eventFlags) error {
	if e.limit < 1 {
		return usagef("--limit is at least 1")
	}
	q, left, shown, names := e.q, e.limit, 0, c.namer(ctx)
	q.After = e.after
	for {
		q.Limit = maxPage
		if !e.all {
			q.Limit = min(left, maxPage)
		}
		page, err := c.daemon().Events(ctx, q)
		if err != nil {
			return err
		}
		if err := c.showEvents(names, page.Items, e.json, shown == 0); err != nil {
			return err
		}
		end := page.Next == q.After || len(page.Items) == 0
		shown += len(page.Items)
		left -= len(page.Items)
		q.After = page.Next
		if end || !e.all && left <= 0 {
			break
		}
	}
	if q.After == "" {
		return nil
	}
	more, err := c.moreEvents(ctx, q, !e.all && left <= 0)
	if err != nil {
		return err
	}
	if more {
		fmt.Fprintf(c.Err, "%s. There are more: --after %s goes on, --all shows all.\n", some(shown, "event"), q.After)
		return nil
	}
	fmt.Fprintf(c.Err, "%s. What comes later: --after %s\n", some(shown, "event"), q.After)
	return nil
}

// moreEvents reports whether there are events after those that were shown, where the limit ended the list.
func (c *command) moreEvents(ctx context.Context, q api.EventQuery, cut bool) (bool, error) {
	if !cut {
		return false, nil
	}
	q.Limit = 1
	page, err := c.daemon().Events(ctx, q)
	return len(page.Items) > 0, err
}

// followEvents shows events as they come. A daemon that goes away is waited for.
func (c *command) followEvents(ctx context.Context, e eventFlags) error {
	q := e.q
	q.After, q.Limit = first(e.after, "last"), maxPage
	header, lost, names := true, false, c.namer(ctx)
	for ctx.Err() == nil {
		q.Wait = followWait
		if q.After == "last" {
			q.Wait = 0 // learn where the end is
		}
		page, err := c.daemon().Events(ctx, q)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil && header && !lost && q.After == first(e.after, "last"):
			return err // it never worked
		case err != nil:
			if !lost {
				fmt.Fprintln(c.Err, "The daemon is gone; waiting for it.")
			}
			lost = true
			select {
			case <-ctx.Done():
			case <-time.After(followRest):
			}
			continue
		}
		lost = false
		if err := c.showEvents(names, page.Items, e.json, header); err != nil {
			return err
		}
		header = header && len(page.Items) == 0
		q.After = page.Next
	}
	return nil
}

func (c *command) showEvents(names *namer, events []api.Event, asJSON, header bool) error {
	if asJSON {
		enc := json.NewEncoder(c.Out)
		enc.SetEscapeHTML(false)
		for _, e := range events {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	return table(c.Out, []column[api.Event]{
		{"SEQUENCE", func(e api.Event) string { return fmt.Sprintf("%8d", e.Sequence) }},
		{"AT", func(e api.Event) string { return at(e.At) }},
		{"CONNECTION", func(e api.Event) string { return names.connection(e.Connection) }},
		{"TYPE", func(e api.Event) string { return fmt.Sprintf("%-28s", e.Type) }},
		{"WHAT", eventText},
	}, events, header)
}

// eventText tells the gist of an event's data.
func eventText(e api.Event) string {
	var d struct {
		ExternalID     string `json:"external_id"`
		State          string `json:"state"`
		HeldReason     string `json:"held_reason"`
		Status         string `json:"status"`
		Phase          string `json:"phase"`
		PreviousStatus string `json:"previous_status"`
		PreviousPhase  string `json:"previous_phase"`
		Operation      string `json:"operation"`
		Cause          string `json:"cause"`
		Name           string `json:"name"`
		ATSJob         string `json:"ats_job"`
		Remedy         string `json:"remedy"`
		Raw            struct {
			StageName string `json:"stage_name"`
		} `json:"raw"`
		Trouble *struct {
			Message string `json:"message"`
		} `json:"trouble"`
	}
	if json.Unmarshal(e.Data, &d) != nil {
		return ""
	}
	text := first(d.ExternalID, d.Operation, d.ATSJob+" "+d.Name)
	switch {
	case d.Status != "" && d.PreviousStatus != "":
		text += fmt.Sprintf(": %s/%s → %s/%s", d.PreviousStatus, d.PreviousPhase, d.Status, d.Phase)
	case d.Status != "":
		text += ": " + d.Status + "/" + d.Phase
	case d.HeldReason != "":
		text += ": " + d.HeldReason
	case d.Cause != "":
		text += ": " + d.Cause
	}
	if d.Raw.StageName != "" {
		text += fmt.Sprintf(" (%s)", d.Raw.StageName)
	}
	if d.Trouble != nil && d.Trouble.Message != "" {
		text += ": " + d.Trouble.Message
	}
	return text
}
