package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) checkpoints() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use: "checkpoints", Short: "List how far each operation of each connection came", Args: cobra.NoArgs,
		Long:    "List checkpoints: for each connection and operation the pass, how far it came, and when it last moved. One that does not move is a trouble of its own.",
		Example: "  atssync checkpoints --connection Acme",
	}
	c.connectionFlag(cmd, &connection, "only this `connection`'s, by id or name")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		id, err := c.connectionID(cmd.Context(), connection)
		if err != nil {
			return err
		}
		items, err := c.daemon().Checkpoints(cmd.Context(), id)
		if err != nil {
			return err
		}
		names := c.namer(cmd.Context())
		return listAll(c, *asJSON, []column[api.Checkpoint]{
			{"CONNECTION", func(x api.Checkpoint) string { return names.connection(x.Connection) }},
			{"OPERATION", func(x api.Checkpoint) string { return string(x.Operation) }},
			{"PASS", func(x api.Checkpoint) string { return fmt.Sprint(x.Pass) }},
			{"AT", func(x api.Checkpoint) string { return x.LastKey }},
			{"MOVED", func(x api.Checkpoint) string { return at(x.AdvancedAt) }},
			{"FINISHED", func(x api.Checkpoint) string { return at(x.FinishedAt) }},
			{"ASKED", func(x api.Checkpoint) string { return count(x.Asked) }},
			{"READ", func(x api.Checkpoint) string { return count(x.Read) }},
			{"TROUBLE", func(x api.Checkpoint) string { return x.Error }},
		}, items)
	})
	return cmd
}

func (c *command) tasks() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use: "tasks", Short: "List the work on many submissions that is under way", Args: cobra.NoArgs,
		Long:    "List tasks: releases, holds and cancellations of many submissions, which are worked off at a pace. One that is done is no longer listed.",
		Example: "  atssync tasks",
	}
	c.connectionFlag(cmd, &connection, "only this `connection`'s, by id or name")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		id, err := c.connectionID(cmd.Context(), connection)
		if err != nil {
			return err
		}
		items, err := c.daemon().Tasks(cmd.Context(), id)
		if err != nil {
			return err
		}
		names := c.namer(cmd.Context())
		return listAll(c, *asJSON, []column[api.Task]{
			{"ID", func(t api.Task) string { return t.ID }},
			{"WHAT", func(t api.Task) string { return string(t.Kind) }},
			{"CONNECTION", func(t api.Task) string { return names.connection(t.Connection) }},
			{"REASON", func(t api.Task) string { return string(t.Reason) }},
			{"JOB", func(t api.Task) string { return t.PlatformJob }},
			{"DONE", func(t api.Task) string { return count(t.Done) }},
			{"A MINUTE", func(t api.Task) string { return count(t.PerMinute) }},
			{"BY", func(t api.Task) string { return t.Actor }},
			{"SINCE", func(t api.Task) string { return at(t.CreatedAt) }},
		}, items)
	})
	return cmd
}
