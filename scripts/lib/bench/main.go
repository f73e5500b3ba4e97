// Command bench measures atssync from outside, as its users meet it: the built daemon, the built adapter in its own
// process and the bundled Greenhouse simulator, over the JSON API on the daemon's socket. It prints one table with what
// was measured, what was aimed at, and what the same machine does at best in the same run: a bare HTTP server that
// decodes the same documents (floor of what a request costs) and bare Badger commits of the same bytes (ceiling of what
// the disk takes). Load generator, daemon, adapter and simulator share the machine. Nothing is left running or behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	bin, dir     string
	seconds      time.Duration // of load for each row that is measured by time
	connections  int           // of the rows submit and webhooks
	employers    int           // connections of the rows status, memory and restart
	submissions  int           // of the rows submit and webhooks
	applications int           // of the rows status, memory and restart
	growth       []int         // connections of the row growth; the last number is that of the row idle too
	growing      int           // applications of the row growth
	idle         time.Duration // of the row idle
	only         []string
	quick        bool
	profiles     string
}

func main() {
	s, asJSON, serveFloor := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if serveFloor != "" {
		err = serveBare(ctx, serveFloor)
	} else {
		err = run(ctx, s, asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run.
	}
}

func parse() (s settings, asJSON bool, serveFloor string) {
	only := flag.String("only", "", "measure these `rows` alone, with commas between them: "+strings.Join(rowNames(), ", "))
	seconds := flag.Int("seconds", 10, "load of each row that is measured by time")
	quick := flag.Bool("quick", false, "a look in about a minute: 3 seconds a row, 10,000 applications, 500 connections")
	full := flag.Bool("full", false, "1,000,000 applications instead of 100,000; takes about twenty minutes and 15 GB of disk")
	flag.StringVar(&s.bin, "bin", "bin", "the folder with atssync and adapters/")
	flag.StringVar(&s.dir, "dir", "", "where the temporary data folders are made; a disk, not memory (default the system's)")
	flag.IntVar(&s.connections, "connections", 50, "connections of the rows submit and webhooks")
	flag.StringVar(&s.profiles, "profile", "", "write the daemon's CPU profile of each row, and its heap, into this `folder`")
	flag.BoolVar(&asJSON, "json", false, "print the numbers as JSON")
	flag.StringVar(&serveFloor, "serve-floor", "", "be the bare HTTP server on this `socket`; bench starts itself so")
	flag.Parse()
	s.seconds, s.submissions, s.applications, s.employers = time.Duration(*seconds)*time.Second, 50_000, 100_000, 1_000
	s.growth, s.growing, s.idle = []int{10, 1_000, 10_000}, 20_000, time.Minute
	if *full {
		s.applications = 1_000_000
	}
	if s.quick = *quick; s.quick {
		s.growth, s.growing, s.idle = []int{10, 100, 500}, 3_000, 10*time.Second
		s.seconds, s.submissions, s.applications = 3*time.Second, 10_000, 10_000
	}
	if *only != "" {
		s.only = strings.Split(*only, ",")
	}
	return s, asJSON, serveFloor
}

// rows are all that can be measured, in the order in which they build on each other.
func rows() []struct {
	name    string
	measure func(context.Context, *bench) (result, error)
} {
	return []struct {
		name    string
		measure func(context.Context, *bench) (result, error)
	}{
		{"accept", acceptOne},
		{"accept-batch", acceptBatch},
		{"submit", submitThrough},
		{"webhooks", deliverAll},
		{"status", statusPass},
		{"memory", memory},
		{"restart", restart},
		{"freshness", freshness},
		{"freshness-poll", freshnessPolled},
		{"growth", growth},
		{"idle", idle},
		{"console", console},
	}
}

func rowNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

func run(ctx context.Context, s settings, asJSON bool) (err error) {
	for _, name := range s.only {
		if !slices.Contains(rowNames(), name) {
			return fmt.Errorf("there is no row %q; there are %s", name, strings.Join(rowNames(), ", "))
		}
	}
	b, err := newBench(s)
	if err != nil {
		return err
	}
	defer b.end()
	began, others := time.Now(), loadAverage()
	var results []result
	for _, r := range rows() {
		if len(s.only) > 0 && !slices.Contains(s.only, r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s ...\n", r.name)
		res, err := r.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w%s", r.name, err, b.log())
		}
		res.Row = r.name
		results = append(results, res)
	}
	if asJSON {
		return printJSON(os.Stdout, results, others)
	}
	printTable(os.Stdout, results, began, others)
	return nil
}
