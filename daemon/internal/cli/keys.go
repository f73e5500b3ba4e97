package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) keys() *cobra.Command {
	return parent("keys", "List and exchange the keys that seal the data",
		"Commands about the sealing keys, with which credentials, documents and notes are encrypted on disk. They lie in the key file ([store] key_file).",
		c.keysList(), c.keysRotate())
}

func (c *command) keysList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the sealing keys and what is sealed with each", Args: cobra.NoArgs,
		Long: `List the sealing keys by their ids, when each was made, and how many values are sealed with it: the one that seals first, those that were removed
last. Every record is counted, which takes a while with many.`,
		Example: "  atssync keys list\n  atssync keys list --json",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		v, err := c.daemon().Keys(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, v)
		}
		return c.showKeys(v)
	})
	return cmd
}

func (c *command) showKeys(v api.KeysView) error {
	err := table(c.Out, []column[api.SealingKey]{
		{"KEY", func(k api.SealingKey) string { return k.ID }},
		{"USE", func(k api.SealingKey) string { return k.Use }},
		{"MADE", func(k api.SealingKey) string { return at(k.MadeAt) }},
		{"AGE", func(k api.SealingKey) string { return age(k.MadeAt, now()) }},
		{"RECORDS", func(k api.SealingKey) string { return count(k.Records) }},
		{"REMOVED", func(k api.SealingKey) string { return at(k.RemovedAt) }},
	}, v.Keys, true)
	if err != nil {
		return err
	}
	if r := v.Rotation; r != nil {
		fmt.Fprintf(c.Err, "Sealing anew since %s: %s so far. Older keys are removed once nothing is sealed with them.\n", at(r.StartedAt), some(r.Resealed, "value"))
		if r.Error != "" {
			fmt.Fprintf(c.Err, "It does not go on: %s\n", clean(r.Error, false))
		}
	}
	return nil
}

// age is how long ago something was, in days.
func age(then, now time.Time) string {
	if then.IsZero() {
		return ""
	}
	return fmt.Sprintf("%dd", max(int(now.Sub(then)/day), 0))
}

func (c *command) keysRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: "Seal with a new key, and everything there is anew", Args: cobra.NoArgs,
		Long: `Put a new sealing key into the key file and seal with it from now on. What is sealed with older keys is sealed anew in the background, in small
commits, and goes on after a restart; an older key leaves the file once nothing is sealed with it any more.

Copy the key file right afterwards, and keep the copy you have: backups made before need the older key. The key by which people are found again
(the index key) stays.`,
		Example: "  atssync keys rotate\n  atssync keys list",
	}
	sure := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if err := c.sure(*sure, "Exchange the sealing key?"); err != nil {
			return err
		}
		v, err := c.daemon().RotateKeys(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, v)
		}
		if err := c.showKeys(v); err != nil {
			return err
		}
		fmt.Fprintf(c.Err, "Copy %s now, apart from the data, and keep the older copy: backups made before need it.\n", clean(v.File, false))
		return nil
	})
	return cmd
}
