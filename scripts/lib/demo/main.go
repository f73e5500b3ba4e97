// Command demo walks through atssync's main job as a user would, with the real commands, against the bundled
// Greenhouse simulator: three employers connect, jobs are linked by suggestion, three hundred invented people apply,
// twenty of them move through the stages, and their statuses come back. It leaves nothing running and nothing behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "the folder with atssync and adapters/")
	people := flag.Int("applications", 300, "how many people apply")
	keep := flag.Bool("keep", false, "leave the demo running until Ctrl-C")
	console := flag.Bool("console", false, "leave it running, and print the addresses of the console and of a connect link")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	began := time.Now()
	err := run(ctx, *bin, *people, *keep, *console)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	fmt.Printf("\nDone in %s. Nothing is left running.\n", time.Since(began).Round(100*time.Millisecond))
}

func run(ctx context.Context, bin string, people int, keep, console bool) (err error) {
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "atssync-demo") // short: socket paths are
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d := &demo{bin: bin, dir: dir, people: people, console: console}
	defer d.end()

	for _, part := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"An ATS to try things out against: three employers who use Greenhouse", d.startSimulator},
		{"The daemon, with the Greenhouse adapter as a process of its own", d.startDaemon},
		{"Each employer connects: the key and the user are checked before anything is saved", d.connect},
		{"A wrong key saves nothing, and says whose turn it is", d.connectWrongly},
		{"The platform's jobs, and proposals which of them are the same as the employers'", d.link},
		{fmt.Sprintf("%d people apply", people), d.submit},
		{"The same file once more: nothing is sent twice", d.submitAgain},
		{"Recruiters move twenty of them; the statuses come back, numbered without gaps", d.move},
		{"The ledger: everything that was accepted is accounted for", d.ledger},
	} {
		fmt.Printf("\n== %s\n", part.title)
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.title, err)
		}
	}
	if console {
		if err := d.open(ctx); err != nil {
			return fmt.Errorf("open the console: %w", err)
		}
	}
	if keep || console {
		fmt.Printf("\nThe demo goes on until Ctrl-C. Look around with:\n  export ATSSYNC_CONFIG=%s\n  %s submissions list\n", d.config(), filepath.Join(bin, "atssync"))
		<-ctx.Done()
	}
	return nil
}
