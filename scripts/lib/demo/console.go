package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
)

// open leaves something to look at, and prints where the two kinds of people look: ops at the console, an employer who is not
// connected yet at its connect link.
func (d *demo) open(ctx context.Context) error {
	if err := d.leave(ctx); err != nil {
		return err
	}
	var console, connect struct {
		URL string `json:"url"`
	}
	if err := d.ask(ctx, &console, "console"); err != nil {
		return err
	}
	if err := d.ask(ctx, &connect, "connect-link", "--account", d.newcomer.Name, "--adapter", "greenhouse"); err != nil {
		return err
	}
	fmt.Printf("\n== Look around in the browser\n"+
		"  The console, for one log-in within five minutes (atssync console makes another link):\n    %s\n"+
		"  The connect page of an employer who is not connected yet:\n    %s\n    API key  %s\n    e-mail   %s\n",
		console.URL, connect.URL, d.newcomer.Key, d.newcomer.SiteAdmin)
	return nil
}

// leave makes troubles for the console: applications for a job that nobody connected, one whose answer is lost, and the jobs of the
// employer who is to come.
func (d *demo) leave(ctx context.Context) error {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for i, j := range d.newcomer.Jobs {
		if err := enc.Encode(map[string]any{"id": fmt.Sprintf("%s-%d", d.newcomer.Name, i+1), "account": d.newcomer.Name, "title": j.Name, "open": true}); err != nil {
			return err
		}
	}
	path := filepath.Join(d.dir, "newcomer.ndjson")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		return err
	}
	if err := d.command(ctx, "platform-jobs", "import", path).Run(); err != nil {
		return fmt.Errorf("import the jobs of %s: %w", d.newcomer.Name, err)
	}
	var links struct {
		Items []struct {
			Connection  string `json:"connection"`
			PlatformJob string `json:"platform_job"`
		} `json:"items"`
	}
	if err := d.ask(ctx, &links, "links", "--limit", "1"); err != nil {
		return err
	}
	first := links.Items[0]
	if err := d.apply(ctx, first.Connection, "job-nobody-connected", 3, 10_000); err != nil {
		return err
	}
	lost := []map[string]any{{"kind": "cut_after", "method": "POST", "endpoint": "candidates", "probability": 1}}
	if err := d.control(ctx, http.MethodPost, "/faults", lost, nil); err != nil {
		return err
	}
	if err := d.apply(ctx, first.Connection, first.PlatformJob, 1, 20_000); err != nil {
		return err
	}
	return d.until(ctx, time.Minute, "no answer was lost", func() (bool, error) {
		var t total
		if err := d.ask(ctx, &t, "ledger"); err != nil || t.Total.States["uncertain"] == 0 {
			return false, err
		}
		return true, d.control(ctx, http.MethodPost, "/faults", []any{}, nil)
	})
}

// apply has invented people apply.
func (d *demo) apply(ctx context.Context, connection, job string, n, from int) error {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for i := range n {
		if err := enc.Encode(people.Invent(1, uint64(from+i), connection, job, time.Now())); err != nil { //nolint:gosec // small numbers.
			return err
		}
	}
	cmd := d.command(ctx, "submit", "-")
	cmd.Stdin = &lines
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("submit: %w: %s", err, out)
	}
	return nil
}
