// Command manual writes the man pages and the completions of shells into a folder, for scripts/package:
//
//	manual FOLDER VERSION SECONDS
//
// where the last is the time of the commit since 1970. It makes FOLDER/man1, FOLDER/man5 and FOLDER/completions.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/cli"
	"github.com/atssync/atssync/daemon/internal/manual"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: manual FOLDER VERSION SECONDS")
	}
	seconds, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("the time of the commit: %w", err)
	}
	dir, o := args[0], manual.Options{Version: args[1], Date: time.Unix(seconds, 0)}
	root := cli.Tree()
	files := map[string]string{"man5/atssync.toml.5": manual.Config(string(config.Example()), o)}
	for name, text := range manual.Pages(root, o) {
		files["man1/"+name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return completions(root, filepath.Join(dir, "completions"))
}

// completions writes each under the name that its shell looks for.
func completions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(
		root.GenBashCompletionFileV2(filepath.Join(dir, "atssync"), true),
		root.GenZshCompletionFile(filepath.Join(dir, "_atssync")),
		root.GenFishCompletionFile(filepath.Join(dir, "atssync.fish"), true),
	)
}
