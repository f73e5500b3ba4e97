package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/app"
)

func (c *command) simulate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "simulate NAME [ARGUMENT…]", Short: "Run the simulator of an adapter's ATS",
		Long: `Run the simulator that an adapter brings along: an ATS to try things out against, without an employer. This program is replaced by
the adapter's, which gets the arguments after its name; --help after the name tells which there are.

NAME is an adapter of the config file or of its adapters folder, or the path of an adapter's program. The flags of atssync itself stand before
NAME.`,
		Example: `  atssync simulate greenhouse --listen 127.0.0.1:8091
  atssync --config ./atssync.toml simulate greenhouse --help
  atssync simulate ./bin/greenhouse`,
		Args: cobra.MinimumNArgs(1), ValidArgsFunction: c.adapterNames(),
	}
	cmd.Flags().SetInterspersed(false) // what follows the name is the simulator's
	cmd.RunE = c.do(func(_ *cobra.Command, args []string) error {
		path, err := c.adapterPath(args[0])
		if err != nil {
			return err
		}
		if err := syscall.Exec(path, append([]string{path, "simulate"}, args[1:]...), os.Environ()); err != nil {
			return fmt.Errorf("run %s: %w", path, err)
		}
		return nil
	})
	return cmd
}

// adapterPath finds an adapter's program by its path or by its name in the config.
func (c *command) adapterPath(nameOrPath string) (string, error) {
	if strings.ContainsRune(nameOrPath, '/') {
		return nameOrPath, nil
	}
	conf, err := app.LoadConfig(c.configPath())
	if err != nil {
		return "", fmt.Errorf("find the adapter %s: %w", nameOrPath, err)
	}
	return app.AdapterPath(conf, nameOrPath)
}
