package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

// completeTimeout is how long a shell waits for the daemon while a person presses tab.
const completeTimeout = time.Second

type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// suggest makes a completer of something that asks the daemon. Without a daemon nothing is suggested.
func (c *command) suggest(ask func(ctx context.Context, d *api.Client) ([]cobra.Completion, error)) completer {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		parent := cmd.Context()
		if parent == nil {
			parent = context.Background()
		}
		ctx, cancel := context.WithTimeout(parent, completeTimeout)
		defer cancel()
		found, err := ask(ctx, c.daemon())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []cobra.Completion
		for _, f := range found {
			if strings.HasPrefix(strings.ToLower(f), strings.ToLower(typed)) {
				out = append(out, f)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// connectionNames completes connections by name and by id.
func (c *command) connectionNames() completer {
	return c.suggest(func(ctx context.Context, d *api.Client) ([]cobra.Completion, error) {
		page, err := d.Connections(ctx, api.ConnectionQuery{})
		var out []cobra.Completion
		for _, con := range page.Items {
			out = append(out, cobra.CompletionWithDesc(con.Name, con.ID), cobra.CompletionWithDesc(con.ID, con.Name))
		}
		return out, err
	})
}

func (c *command) adapterNames() completer {
	return c.suggest(func(ctx context.Context, d *api.Client) ([]cobra.Completion, error) {
		adapters, err := d.Adapters(ctx)
		var out []cobra.Completion
		for _, a := range adapters {
			out = append(out, a.Name)
		}
		return out, err
	})
}

func (c *command) passNames() completer {
	return c.suggest(func(ctx context.Context, d *api.Client) ([]cobra.Completion, error) {
		passes, err := d.Schedule(ctx)
		var out []cobra.Completion
		for _, p := range passes {
			out = append(out, cobra.CompletionWithDesc(p.Name, p.Spec))
		}
		return out, err
	})
}

// submissionIDs completes the ids of the oldest submissions in some state.
func (c *command) submissionIDs(state string) completer {
	return c.suggest(func(ctx context.Context, d *api.Client) ([]cobra.Completion, error) {
		page, err := d.Submissions(ctx, api.SubmissionQuery{State: state, Limit: 50})
		var out []cobra.Completion
		for _, s := range page.Items {
			out = append(out, cobra.CompletionWithDesc(s.ID, s.ExternalID))
		}
		return out, err
	})
}

// words completes from a closed list.
func words(list ...string) completer {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}

// completeFlag gives a flag its completer.
func completeFlag(cmd *cobra.Command, flag string, f completer) {
	_ = cmd.RegisterFlagCompletionFunc(flag, f) // fails for a flag that is not defined, which the tests would show
}

// connectionFlag adds --connection.
func (c *command) connectionFlag(cmd *cobra.Command, into *string, usage string) {
	cmd.Flags().StringVar(into, "connection", "", usage)
	completeFlag(cmd, "connection", c.connectionNames())
}

// connectionID finds the id of the connection that a word means, see meant; "" stays "".
func (c *command) connectionID(ctx context.Context, idOrName string) (string, error) {
	if idOrName == "" {
		return "", nil
	}
	con, err := c.meant(ctx, idOrName)
	return con.ID, err
}
