package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) connectionsHook() *cobra.Command {
	cmd := c.oneConnection("hook CONNECTION", "Show the address that a connection's ATS calls",
		`Show the address that a connection's ATS calls when something changes, to be entered in the ATS. It holds a secret: whoever needs it no more should not
keep it. With --rotate a new one is made and the present one ends at once. Polling goes on beside it, so that nothing depends on these calls.`,
		"  atssync connections hook Acme\n  atssync connections hook Acme --rotate")
	rotate := cmd.Flags().Bool("rotate", false, "make a new address; the present one ends at once")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		id, err := c.connectionID(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		do := c.daemon().Hook
		if *rotate {
			do = c.daemon().RotateHook
		}
		h, err := do(cmd.Context(), id)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, h)
		}
		fmt.Fprintln(c.Out, first(h.URL, h.Path))
		if h.Notice != "" {
			fmt.Fprintf(c.Err, "Mind: %s\n", clean(h.Notice, false))
		}
		if *rotate {
			fmt.Fprintln(c.Err, "The address before this one has ended: enter the new one in the ATS.")
		}
		return nil
	})
	return cmd
}

// hookOf returns the address that a connection's ATS calls, nil when it has none.
func (c *command) hookOf(ctx context.Context, con api.Connection) (*api.Hook, error) {
	h, err := c.daemon().Hook(ctx, con.ID)
	if err == nil {
		return &h, nil
	}
	if e, ok := errors.AsType[*api.Error](err); ok && !errors.Is(err, api.ErrUnreachable) && slices.Contains([]api.Code{"not_found", "conflict", "adapter_unavailable"}, e.Code) {
		return nil, nil // none was made, or its adapter takes no calls, as far as anybody knows
	}
	return nil, err
}

// addHook adds the address to a sheet, with what is known against it.
func addHook(s *sheet, h *api.Hook) {
	if h == nil {
		return
	}
	text := first(h.URL, h.Path)
	if h.Notice != "" {
		text += "\n" + clean(h.Notice, false)
	}
	s.add("its ATS calls", text)
}
