package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

// actsAtOnce is how many acts are asked for at a time: the daemon puts them into one commit.
const actsAtOnce = 16

// actCommand is one thing that can be done to many submissions.
type actCommand struct {
	name, done, short, long string
	// state is the state that the filter selects from.
	state string
}

var (
	actHold = actCommand{
		api.Hold, "held", "Put queued submissions aside",
		"Hold queued submissions, until they are released. What is already being sent cannot be held.", "queued",
	}
	actRelease = actCommand{
		api.Release, "released", "Judge held submissions again",
		"Release held submissions: each is judged again, and goes out if nothing else is in its way.", "held",
	}
	actRetry = actCommand{
		api.Retry, "tried again", "Judge refused submissions again",
		"Judge refused submissions again, after what was wrong was mended; or send queued ones now instead of when their turn comes.", "refused",
	}
	actCancel = actCommand{
		api.Cancel, "cancelled", "Give submissions up",
		"Cancel submissions that are held or queued; the platform is told. What was sent stays in the ATS.", "held",
	}
)

func (c *command) act(a actCommand) *cobra.Command {
	cmd := &cobra.Command{
		Use: a.name + " [ID…]", Short: a.short, Args: cobra.ArbitraryArgs, ValidArgsFunction: c.submissionIDs(a.state),
		Long: a.long + fmt.Sprintf(`

Name submissions by id, or select them with the flags; of those that are selected, the %s ones are meant unless --state says otherwise. A selection
is counted and asked about first; --yes answers. What is refused is told and leaves the others; the exit code is 3 then.`, a.state),
		Example: fmt.Sprintf("  atssync submissions %[1]s sub_01k… sub_01m…\n  atssync submissions %[1]s --connection Acme --since 24h --yes", a.name),
	}
	x := c.filterFlags(cmd, true)
	sure := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		ids := args
		if len(ids) == 0 {
			var err error
			if ids, err = c.selected(cmd, x, a, *sure); err != nil {
				return err
			}
		}
		return c.actOnAll(cmd.Context(), a, ids, *asJSON)
	})
	return cmd
}

// selected finds the submissions of a filter, and has a person agree to their number.
func (c *command) selected(cmd *cobra.Command, x *filter, a actCommand, agreed bool) ([]string, error) {
	if x.q == (api.SubmissionQuery{}) && x.span.since == "" && x.span.until == "" {
		return nil, usagef("name submissions, or select them; see: %s --help", cmd.CommandPath())
	}
	q, err := c.query(cmd, x)
	if err != nil {
		return nil, err
	}
	q.State, q.Limit = first(q.State, a.state), maxPage
	var ids []string
	for s, err := range api.All("", func(after string) (api.Page[api.Submission], error) {
		q.After = after
		return c.daemon().Submissions(cmd.Context(), q)
	}) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, s.ID)
	}
	if len(ids) == 0 {
		fmt.Fprintln(c.Err, "There are none.")
		return nil, nil
	}
	return ids, c.sure(agreed, fmt.Sprintf("%s would be %s. Go on?", some(len(ids), "submission"), a.done))
}

// actResult is what became of one submission.
type actResult struct {
	ID         string          `json:"id"`
	Submission *api.Submission `json:"submission,omitempty"`
	Error      *api.ErrorBody  `json:"error,omitempty"`
	err        error
}

// actOnAll acts on submissions, several at a time, and tells what became of them in their order. It stops where the daemon is gone.
func (c *command) actOnAll(ctx context.Context, a actCommand, ids []string, asJSON bool) error {
	results := make([]actResult, len(ids))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(actsAtOnce, len(ids)) {
		wg.Go(func() {
			for i := range next {
				s, err := c.daemon().Act(ctx, ids[i], a.name)
				results[i] = actResult{ID: ids[i], Submission: &s}
				if e, ok := errors.AsType[*api.Error](err); ok && !errors.Is(err, api.ErrUnreachable) {
					results[i] = actResult{ID: ids[i], err: err, Error: &api.ErrorBody{Code: e.Code, Message: e.Message, Remedy: e.Remedy}}
				} else if err != nil {
					cancel(err)
				}
			}
		})
	}
	p := c.progress()
	for i := range ids {
		if ctx.Err() != nil {
			break
		}
		next <- i
		p.show("%d of %d", i, len(ids))
	}
	close(next)
	wg.Wait()
	p.done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.acted(a, results, asJSON)
}

func (c *command) acted(a actCommand, results []actResult, asJSON bool) error {
	var refused []error
	for _, r := range results {
		if r.err != nil {
			refused = append(refused, r.err)
		}
		if !asJSON && r.err != nil && len(results) > 1 {
			tell(c.Err, r.err)
		}
	}
	if asJSON {
		if err := printJSON(c.Out, map[string]any{"items": results}); err != nil {
			return err
		}
	} else if len(results) > 0 {
		c.summed(a, results, len(refused))
	}
	switch {
	case len(refused) == 1 && len(results) == 1:
		return refused[0]
	case len(refused) > 0:
		return &someRefused{len(refused), len(results)}
	}
	return nil
}

// summed tells how many were acted on. What was judged again and is held after all is not done: it is told with its reasons.
func (c *command) summed(a actCommand, results []actResult, refused int) {
	held, all := map[string]int{}, 0
	for _, r := range results {
		if r.err == nil && (a.name == api.Release || a.name == api.Retry) && r.Submission.State == "held" {
			held[string(r.Submission.HeldReason)]++
			all++
		}
	}
	wait, until := throttled(a, results)
	text := fmt.Sprintf("%d %s", len(results)-refused-all-wait, a.done)
	if all > 0 {
		text += fmt.Sprintf(", %d judged again and held (%s)", all, counted(held, api.HeldReasons()))
	}
	if wait > 0 {
		text += fmt.Sprintf(", %d left waiting", wait)
	}
	fmt.Fprintf(c.Out, "%s, %d refused\n", text, refused)
	if wait > 0 {
		fmt.Fprintf(c.Err, "The ATS asked to be left alone: they go out by themselves after %s; see: atssync health\n", at(until))
	}
	if all > 0 {
		fmt.Fprintln(c.Err, "What each reason waits for: atssync help states")
	}
}

// throttled counts those that were to go out now and wait because the ATS asked to be left alone, and says until when.
func throttled(a actCommand, results []actResult) (n int, until time.Time) {
	for _, r := range results {
		if r.err != nil || a.name != api.Retry && a.name != api.Release {
			continue
		}
		s := r.Submission
		if s.State == "queued" && s.Trouble != nil && s.Trouble.Kind == "rate_limited" && s.NextAt.After(time.Now()) {
			n, until = n+1, s.NextAt
		}
	}
	return n, until
}

func (c *command) submissionsFind() *cobra.Command {
	cmd := &cobra.Command{
		Use: "find ID", Short: "Look for an uncertain submission in the ATS", Args: cobra.ExactArgs(1), ValidArgsFunction: c.submissionIDs("uncertain"),
		Long: `Ask the ATS for a submission whose outcome nobody knows. What is found by the platform's own id settles it; what is found by e-mail address and
job is only proposed, for atssync resolve.`,
		Example: "  atssync submissions find sub_01k…",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		v, err := c.daemon().Find(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, v)
		}
		for _, m := range v.Matches {
			fmt.Fprintf(c.Out, "found by %s: candidate %s, application %s %s\n", m.By, first(m.Receipt.CandidateID, "-"),
				first(m.Receipt.ApplicationID, "-"), clean(m.Receipt.ProfileURL, false))
		}
		switch {
		case v.Settled:
			fmt.Fprintf(c.Err, "It is settled: %s.\n", v.Submission.State)
		case len(v.Matches) == 0:
			fmt.Fprintln(c.Err, "The ATS knows nothing of it. That is no proof; see: atssync resolve --help")
		default:
			fmt.Fprintf(c.Err, "A person has to say which: atssync resolve %s --submitted PROFILE_URL\n", args[0])
		}
		return nil
	})
	return cmd
}
