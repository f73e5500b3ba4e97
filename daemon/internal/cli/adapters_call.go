package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/app"
)

const adaptersCallLong = `Start an adapter's program, make one call as the daemon would, print the answer as JSON and end the program. It needs no daemon and
keeps nothing, but a submit is real: it puts the application into the ATS.

The credentials are a JSON object (or TOML, when the file's name ends in .toml) of the fields that the adapter asks for:
  {"api_key": "…", "on_behalf_of": "recruiting@acme.example.com", "base_url": "http://127.0.0.1:8091"}

What --input holds depends on the operation:
  submit         a submission document (atssync submit --example), its job the ATS's own id
  statuses       the applications to read: [{"candidate_id": "1", "application_id": "2"}]
  find           {"external_id": "…", "job_id": "…", "emails": ["…"]}
  changes        {"cursor": "…"}, or nothing for the beginning
  tracking-link  {"job_id": "…"}

With --trace every request that the adapter made is told on stderr, with what the adapter prints. The exit code is 1 when
the adapter refused.`

func (c *command) adaptersCall() *cobra.Command {
	operations := app.AdapterOperations()
	cmd := &cobra.Command{
		Use: "call PATH OPERATION", Short: "Make one call of an adapter's program", Args: cobra.ExactArgs(2), Long: adaptersCallLong,
		Example: `  atssync adapters call ./bin/greenhouse describe
  atssync adapters call ./bin/greenhouse check --from-file creds.json --trace
  atssync adapters call ./bin/greenhouse submit --from-file creds.json --input application.json`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return slices.DeleteFunc(slices.Clone(operations), func(s string) bool { return !strings.HasPrefix(s, typed) }),
				cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	from := f.String("from-file", "", "the `file` with the fields of a connection; - is stdin")
	sets := f.StringArray("set", nil, "set one field, `name=value`; may be given many times")
	input := f.String("input", "", "the `file` with what the call is about; - is stdin")
	platform := f.String("platform", "the platform", "the platform's `name`, for texts")
	trace := f.Bool("trace", false, "tell every request to the ATS, and what the adapter prints")
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(operations, args[1]) {
			return usagef("there is no operation %q; there are: %s", args[1], strings.Join(operations, ", "))
		}
		call := app.AdapterCall{Path: args[0], Operation: args[1], Fields: map[string]string{}, Platform: *platform}
		if err := c.fillCall(&call, *from, *sets, *input); err != nil {
			return err
		}
		if *trace {
			lines := &adapterLines{out: c.Err}
			defer lines.flush()
			call.Stderr = lines
		}
		a, err := app.CallAdapter(cmd.Context(), call)
		if err != nil {
			return err
		}
		if *trace {
			c.trace(a)
		}
		if a.Error == nil {
			return printJSON(c.Out, a.Reply)
		}
		if err := printJSON(c.Out, map[string]any{"error": a.Error}); err != nil {
			return err
		}
		return fmt.Errorf("the adapter refused: %s", a.Error.Message)
	})
	return cmd
}

func (c *command) fillCall(call *app.AdapterCall, from string, sets []string, input string) error {
	var err error
	if from != "" {
		if call.Fields, err = c.readFields(from); err != nil {
			return err
		}
	}
	if err := setFields(call.Fields, sets); err != nil {
		return err
	}
	if input != "" {
		call.Input, err = c.readInput(input, 1<<20)
	}
	return err
}

func (c *command) trace(a *app.AdapterAnswer) {
	for _, x := range a.Exchanges {
		status := "no answer"
		if x.Status != 0 {
			status = count(x.Status)
		}
		fmt.Fprintf(c.Err, "> %s %s: %s, %s\n", x.Method, x.Endpoint, status, x.Duration)
		if x.Excerpt != "" {
			fmt.Fprintf(c.Err, "  %s\n", clean(x.Excerpt, false))
		}
	}
	if b := a.Budget; b != nil {
		fmt.Fprintf(c.Err, "> limit %d, remaining %d, reset after %s\n", b.Limit, b.Remaining, b.ResetAfter)
	}
}
