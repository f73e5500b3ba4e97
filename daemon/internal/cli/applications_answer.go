package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const answerLong = `Answer which of its candidate's applications a submission's is now. It is asked when the application that was made is gone from the ATS while its candidate is
still there, and not exactly one other application is on the linked job: the status would be guessed, so nobody does. Ask the employer, or look into the ATS.

Without an answer, the candidate's applications are listed as the ATS shows them now. Then say what is so:

  --application ID  it is this one; the candidate is read once more, and its status is followed from now on
  --none            it is none of them; it stays not visible, and is not asked again until it, or exactly one on the linked job, is shown

--version N says which question was looked at, as the list tells it: when the application changed since, nothing is settled. Without it, the question that
is open now is answered.`

func (c *command) applicationsAnswer() *cobra.Command {
	cmd := &cobra.Command{
		Use: "answer ID", Short: "Say which of the candidate's applications it is now", Long: answerLong, Args: cobra.ExactArgs(1),
		Example: `  atssync applications --question
  atssync applications answer sub_01k…
  atssync applications answer sub_01k… --application 69306314
  atssync applications answer sub_01k… --none`,
		ValidArgsFunction: c.questionIDs(),
	}
	f := cmd.Flags()
	application := f.String("application", "", "it is the application with this `id` of the ATS's")
	none := f.Bool("none", false, "it is none of the candidate's applications")
	version := f.Int64("version", 0, "with an answer: the `number` of the question that was looked at")
	asJSON := jsonFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("application", "none")
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		given := cmd.Flags().Changed("version")
		switch {
		case cmd.Flags().Changed("application") && *application == "":
			return usagef("--application is the id of an application in the ATS")
		case given && *version < 1:
			return usagef("--version is the number of a question, from 1")
		case given && *application == "" && !*none:
			return usagef("--version goes with --application or --none")
		case *application == "" && !*none:
			return c.showQuestion(cmd.Context(), args[0], *asJSON)
		}
		if !given {
			a, err := c.daemon().Application(cmd.Context(), args[0])
			if err != nil {
				return hintOfID(err, args[0])
			}
			*version = a.Version
		}
		a, err := c.daemon().Answer(cmd.Context(), args[0], api.AnswerBody{ApplicationID: *application, None: *none, Version: *version})
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, a)
		}
		if *none {
			fmt.Fprintf(c.Out, "%s stays %s\n", a.ID, a.Visibility)
			return nil
		}
		fmt.Fprintf(c.Out, "%s is followed as application %s: %s, %s\n", a.ID, a.ApplicationID, a.Status, a.Phase)
		return nil
	})
	return cmd
}

// showQuestion lists what may be the answer.
func (c *command) showQuestion(ctx context.Context, id string, asJSON bool) error {
	q, err := c.daemon().Question(ctx, id)
	if err != nil {
		return hintOfID(err, id)
	}
	if asJSON {
		return printJSON(c.Out, q)
	}
	columns := []column[api.QuestionChoice]{
		{"APPLICATION", func(o api.QuestionChoice) string { return o.ApplicationID }},
		{"JOB", func(o api.QuestionChoice) string { return shorten(first(o.JobName, o.JobID), 40) }},
		{"IN THE ATS'S WORDS", func(o api.QuestionChoice) string { return strings.TrimSpace(o.Raw.Status + " " + o.Raw.StageName) }},
		{"PROFILE", func(o api.QuestionChoice) string { return o.ProfileURL }},
		{"FOLLOWED AS", func(o api.QuestionChoice) string { return o.FollowedAs }},
	}
	if err := table(c.Out, columns, q.Choices, true); err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "%s (job %s%s) was application %s of candidate %s, which is gone. Which one is it now?\n",
		q.Submission, q.PlatformJob, inBrackets(q.ATSJobName), q.ApplicationID, q.CandidateID)
	answer := fmt.Sprintf("  atssync applications answer %s --version %d ", q.Submission, q.Version)
	if len(q.Choices) > 0 {
		fmt.Fprintln(c.Err, answer+"--application APPLICATION")
	} else {
		fmt.Fprintln(c.Err, "The ATS, or its adapter, names no application of this candidate now.")
	}
	fmt.Fprintln(c.Err, answer+"--none")
	return nil
}

// inBrackets is the ATS's name of a job behind the platform's.
func inBrackets(name string) string {
	if name == "" {
		return ""
	}
	return ", " + clean(name, false)
}

// questionIDs completes the submissions whose question is open.
func (c *command) questionIDs() completer {
	return c.suggest(func(ctx context.Context, d *api.Client) ([]cobra.Completion, error) {
		page, err := d.Applications(ctx, api.ApplicationQuery{Question: true, Limit: 50})
		var out []cobra.Completion
		for _, a := range page.Items {
			out = append(out, cobra.CompletionWithDesc(a.ID, a.ExternalID))
		}
		return out, err
	})
}
