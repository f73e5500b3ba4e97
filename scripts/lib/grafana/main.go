// Command grafana writes the dashboards of scripts/grafana: one for the fleet and one for a connection. A dashboard is a list of
// rows of panels here; what Grafana wants to have around them, it gets from model.go.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "scripts/grafana", "the folder that gets the dashboards")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for name, b := range map[string]board{"fleet.json": fleet(), "connection.json": connection()} {
		text, err := b.encode()
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(out, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
