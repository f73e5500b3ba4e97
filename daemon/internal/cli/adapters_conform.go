package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/app"
)

const adaptersConformLong = `Hold an adapter's program against the contract, over the real wire, and print a verdict: each check passes, fails with a sentence, or is skipped with its
declared reason. The exit code is 1 when one fails.

With --fake the adapter speaks to a fake ATS, usually its own simulator (atssync simulate), which also says how to connect. Without it the fields of a
real ATS account are needed, and only what reads is checked, unless --write says that people may be made there.`

func (c *command) adaptersConform() *cobra.Command {
	var t app.AdapterTest
	cmd := &cobra.Command{
		Use: "test PATH", Short: "Hold an adapter's program against the contract", Args: cobra.ExactArgs(1), Long: adaptersConformLong,
		Example: "  atssync simulate ./bin/greenhouse --listen 127.0.0.1:8091 &\n  atssync adapters test ./bin/greenhouse --fake http://127.0.0.1:8091",
	}
	f := cmd.Flags()
	f.StringVar(&t.Fake, "fake", "", "the `URL` of a fake ATS")
	from := f.String("from-file", "", "the `file` with the fields of a connection; - is stdin")
	sets := f.StringArray("set", nil, "set one field, `name=value`; may be given many times")
	f.StringVar(&t.Job, "job", "", "the ATS job that takes applications, by `id` (default: the first open one)")
	f.BoolVar(&t.Write, "write", false, "allow to make people in a real ATS")
	f.DurationVar(&t.Timeout, "timeout", 20*time.Second, "how long one call may take")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		t.Path, t.Fields = args[0], map[string]string{}
		if *from != "" {
			var err error
			if t.Fields, err = c.readFields(*from); err != nil {
				return err
			}
		}
		if err := setFields(t.Fields, *sets); err != nil {
			return err
		}
		if err := program(args[0]); err != nil {
			return err
		}
		p, n := c.progress(), 0
		v, err := app.TestAdapter(cmd.Context(), t, func(r app.AdapterCheck) {
			n++
			p.show("%d checks, now after %s", n, r.Name)
		})
		p.done()
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c.Out, v)
		} else {
			err = v.Print(c.Out)
		}
		if err == nil && !v.OK {
			return &told{exitFailed}
		}
		return err
	})
	return cmd
}

// program refuses what cannot be an adapter's program, before anything is asked of it.
func program(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("look at the adapter: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file; name the adapter's program", clean(path, false))
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is no program: it is not executable", clean(path, false))
	}
	return nil
}
