package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) submissions() *cobra.Command {
	return parent("submissions", "List, look at and steer submissions",
		"Commands about submissions: applications on their way into an ATS.",
		c.submissionsList(), c.submissionsShow(),
		c.act(actHold), c.act(actRelease), c.act(actRetry), c.act(actCancel), c.submissionsFind())
}

// filter are the flags that select submissions.
type filter struct {
	q    api.SubmissionQuery
	span *span
}

func (c *command) filterFlags(cmd *cobra.Command, states bool) *filter {
	var x filter
	f := cmd.Flags()
	c.connectionFlag(cmd, &x.q.Connection, "only those of this `connection`, by id or name")
	f.StringVar(&x.q.Account, "account", "", "only this `account`'s")
	f.StringVar(&x.q.Job, "job", "", "only those for this platform job, by `id`")
	if states {
		f.StringVar(&x.q.State, "state", "", "only those in this `state`: "+strings.Join(api.States(), ", "))
		completeFlag(cmd, "state", words(api.States()...))
	}
	f.StringVar(&x.q.HeldReason, "reason", "", "only those held for this `reason`; see: atssync help states")
	x.span = spanFlags(cmd, "accepted")
	completeFlag(cmd, "reason", words(api.HeldReasons()...))
	return &x
}

// query completes the query from the flags.
func (c *command) query(cmd *cobra.Command, x *filter) (api.SubmissionQuery, error) {
	q := x.q
	if err := oneOf("state", q.State, api.States()); err != nil {
		return q, err
	}
	if err := oneOf("reason", q.HeldReason, api.HeldReasons()); err != nil {
		return q, err
	}
	var err error
	if q.Connection, err = c.connectionID(cmd.Context(), q.Connection); err != nil {
		return q, err
	}
	q.Since, q.Until, err = x.span.times()
	return q, err
}

// span are the flags that select by time.
type span struct{ since, until string }

func spanFlags(cmd *cobra.Command, what string) *span {
	var s span
	cmd.Flags().StringVar(&s.since, "since", "", "only those "+what+" at or after this `time`: a date, an instant, or an age such as 24h")
	cmd.Flags().StringVar(&s.until, "until", "", "only those "+what+" before this `time`")
	return &s
}

// times reads both flags.
func (s *span) times() (since, until time.Time, err error) {
	if since, err = instant("since", s.since, now()); err != nil {
		return since, until, err
	}
	until, err = instant("until", s.until, now())
	return since, until, err
}

// instant reads a date, an instant or an age.
func instant(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usagef("--%s takes a date such as 2026-01-31, an instant such as 2026-01-31T08:00:00Z, or an age such as 24h", flag)
}

func submissionColumns(names *namer) []column[api.Submission] {
	return []column[api.Submission]{
		{"ID", func(s api.Submission) string { return s.ID }},
		{"EXTERNAL ID", func(s api.Submission) string { return shorten(s.ExternalID, 40) }},
		{"CONNECTION", func(s api.Submission) string { return names.connection(s.Connection) }},
		{"JOB", func(s api.Submission) string { return shorten(s.PlatformJob, 30) }},
		{"STATE", func(s api.Submission) string {
			if s.HeldReason != "" {
				return string(s.State) + ": " + string(s.HeldReason)
			}
			return string(s.State)
		}},
		{"WHOSE TURN", func(s api.Submission) string { return string(s.WhoseTurn) }},
		{"ACCEPTED", func(s api.Submission) string { return at(s.AcceptedAt) }},
		{"UPDATED", func(s api.Submission) string { return at(s.UpdatedAt) }},
	}
}

func (c *command) submissionsList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List submissions", Args: cobra.NoArgs,
		Long: "List submissions, the oldest first. With --external-id, which needs --connection, it is the one that the platform calls so.",
		Example: `  atssync submissions list --state uncertain
  atssync submissions list --state held --reason job_not_linked
  atssync submissions list --connection Acme --external-id app-4711 --json`,
	}
	x := c.filterFlags(cmd, true)
	cmd.Flags().StringVar(&x.q.ExternalID, "external-id", "", "only the one that the platform calls by this `id`")
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		q, err := c.query(cmd, x)
		if err != nil {
			return err
		}
		return list(c, p, submissionColumns(c.namer(cmd.Context())), func(after string, limit int) (api.Page[api.Submission], error) {
			q := q
			q.After, q.Limit = after, limit
			return c.daemon().Submissions(cmd.Context(), q)
		})
	})
	return cmd
}

func (c *command) submissionsShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one submission with its attempts", Args: cobra.ExactArgs(1), ValidArgsFunction: c.submissionIDs(""),
		Long: `Show one submission: where it is, why, whose turn it is, and every attempt with what was exchanged with the ATS. With --document the document and
the note are shown too; they are personal data, and that they were looked at is recorded.`,
		Example: "  atssync submissions show sub_01k…\n  atssync submissions show sub_01k… --document --json",
	}
	document := cmd.Flags().Bool("document", false, "show the document and the note too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		d, err := c.daemon().Submission(cmd.Context(), args[0], *document)
		if err != nil {
			return hintOfID(err, args[0])
		}
		if *asJSON {
			return printJSON(c.Out, d)
		}
		if err := submissionSheet(d, c.namer(cmd.Context()).connection(d.Connection)).write(c.Out); err != nil {
			return err
		}
		if d.Document != nil {
			fmt.Fprintln(c.Out, "\ndocument")
			return printJSON(c.Out, d.Document)
		}
		return nil
	})
	return cmd
}

func submissionSheet(d api.SubmissionDetail, connection string) *sheet {
	s := &sheet{}
	s.add("id", d.ID)
	s.add("external id", d.ExternalID)
	s.add("connection", d.Connection+" "+connection)
	s.add("account", d.Account)
	s.add("job", d.PlatformJob)
	s.add("state", string(d.State))
	s.add("held for", string(d.HeldReason))
	if t := d.Trouble; t != nil {
		lines := []string{t.Message}
		for _, f := range t.Fields {
			lines = append(lines, f.Path+": "+f.Message)
		}
		s.add("trouble", strings.Join(lines, "\n"))
	}
	s.add("whose turn", string(d.WhoseTurn))
	s.add("what to do", d.Remedy)
	s.add("warning", d.Warning)
	s.add("ATS job", d.ATSJob)
	s.add("as", string(d.As))
	if r := d.Receipt; r != nil {
		s.add("candidate", r.CandidateID)
		s.add("application", r.ApplicationID)
		s.add("profile", r.ProfileURL)
	}
	if r := d.Proposal; r != nil {
		s.add("may be", strings.TrimSpace(r.CandidateID+" "+r.ProfileURL))
	}
	s.add("possible duplicate", yes(d.PossibleDuplicate))
	s.add("partly in the ATS", yes(d.Partial))
	s.add("revision", count(d.Revision))
	if d.Attempt > 0 {
		s.add("last attempt", count(d.Attempt))
	}
	s.add("accepted", at(d.AcceptedAt))
	s.add("updated", at(d.UpdatedAt))
	s.add("next attempt", at(d.NextAt))
	s.add("expires", at(d.ExpiresAt))
	if a := d.Application; a != nil {
		s.add("status", fmt.Sprintf("%s, %s (%s)", a.Status, a.Phase, a.Visibility))
		s.add("in the ATS's words", strings.TrimSpace(a.Raw.Status+" "+a.Raw.StageName))
		if a.Question != "" {
			s.add("question", a.Question+"\nthe employer's turn: ask, or look into the ATS, and answer: atssync applications answer "+a.ID)
		}
	}
	for _, a := range d.Attempts {
		s.add("attempt "+count(a.Number), attemptText(a))
	}
	return s
}

func attemptText(a api.Attempt) string {
	outcome := first(string(a.Outcome), "under way")
	if a.Kind != "" {
		outcome += " (" + string(a.Kind) + ")"
	}
	lines := []string{at(a.StartedAt) + " " + outcome}
	if a.Trouble != nil && a.Trouble.Message != "" {
		lines = append(lines, a.Trouble.Message)
	}
	for _, e := range a.Exchanges {
		status := "no answer"
		if e.Status != 0 {
			status = count(e.Status)
		}
		line := fmt.Sprintf("%s %s: %s after %d ms", e.Method, e.Endpoint, status, e.DurationMS)
		if e.RequestID != "" {
			line += ", request " + e.RequestID
		}
		lines = append(lines, line)
	}
	if a.Note != "" {
		lines = append(lines, "note: "+a.Note)
	}
	return strings.Join(lines, "\n")
}

// hintOfID tells who asked for a submission by the platform's id of it how that is done.
func hintOfID(err error, id string) error {
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "not_found" && !strings.HasPrefix(id, "sub_") {
		e.Remedy = "ids begin with sub_; by the platform's id: atssync submissions list --external-id " + id + " --connection NAME"
	}
	return err
}
