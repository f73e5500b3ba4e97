// Command torture is the crash programme: the real daemon, the real adapter in its own process, and the Greenhouse
// simulator as the judge that keeps everything it was sent, while processes are killed, power fails, bits flip, disks fill
// up, answers get lost, adapters misbehave and clients are hostile. Each part is bounded in time, prints its seed, and plays
// the same plan again with -run NAME -seed N -n N. It prints one table of what was held and how often, and ends with
// "N passed, N failed". Nothing is left running or behind.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	bin, dir string
	run      []string
	seed     uint64
	n        int
	long     bool
	tags     string // what the model is built with
	bite     string // the guards to break, with commas between them, or "all"
	asJSON   bool
	keep     bool
}

// programme is one part. ci and long are how much it does: kills, cuts, bits, posts, crashes. One that measures is alone.
type programme struct {
	name, what string
	ci, long   int
	alone      bool
	run        func(context.Context, *trial) error
}

func programmes() []programme {
	return []programme{
		{"kill", "kill -9 of daemon, adapter or both at random moments", 150, 10_000, false, kills},
		{"drain", "ends in order while applications are accepted and sent", 100, 1000, false, drains},
		{"lost", "answers lost, storms, a refused key, a closed job, statuses that cannot be read", 5000, 25_000, false, lost},
		{"power", "the power fails under the disk of a daemon that accepts and sends", 10, 200, false, powerCuts},
		{"restore", "backups under load, cut off, flipped; the data lost, restored, and everything sent again", 3, 20, false, restores},
		{"damage", "single bits flipped in each kind of file; files emptied and removed", 40, 500, false, damage},
		{"disk", "the disk of a daemon that accepts and sends fills up", 1, 20, false, fullDisk},
		{"plugins", "an adapter that crashes, hangs, hoards, floods and is replaced", 300, 10_000, true, plugins},
		{"model", "a model of the daemon, killed at store steps, calls of the adapter and moments, with the clock set", 20_000, 1_000_000, true, model},
		{"malformed", "malformed inputs of every decoder", 50_000, 1_000_000, true, malformed},
		{"clients", "dripping, huge, deep and noisy clients at every listener", 200, 2000, true, clients},
	}
}

func names() []string {
	var out []string
	for _, p := range programmes() {
		out = append(out, p.name)
	}
	return out
}

func main() {
	s := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed, err := begin(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func parse() settings {
	var s settings
	run := flag.String("run", "", "run these `parts` alone, with commas between them: "+strings.Join(names(), ", "))
	flag.StringVar(&s.bin, "bin", "bin", "the folder with atssync and adapters/")
	flag.StringVar(&s.dir, "dir", "", "where the temporary folders are made; a disk, not memory (default /var/tmp)")
	flag.Uint64Var(&s.seed, "seed", 0, "the seed of all that is random (default a new one, printed)")
	flag.IntVar(&s.n, "n", 0, "how many kills, cuts, bits, posts or crashes, instead of the short form's")
	flag.BoolVar(&s.long, "long", false, "the long form: hours")
	flag.StringVar(&s.bite, "bite", "", "break these `guards`, or all, and demand that their part fails: "+strings.Join(guardNames(), ", "))
	flag.BoolVar(&s.asJSON, "json", false, "print the report as JSON, and the table to standard error")
	flag.BoolVar(&s.keep, "keep", false, "leave the folders of parts that failed, to look into them")
	flag.Parse()
	if *run != "" {
		s.run = strings.Split(*run, ",")
	}
	if s.seed == 0 {
		s.seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	return s
}

// begin runs what was asked for and says how many checks failed. An error is a command line or a machine that is not right.
func begin(ctx context.Context, s settings) (int, error) {
	for _, name := range s.run {
		if !slices.Contains(names(), name) {
			return 0, fmt.Errorf("there is no part %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	var err error
	if s.bin, err = filepath.Abs(s.bin); err != nil {
		return 0, err
	}
	if s.dir == "" {
		s.dir = "/var/tmp"
	}
	began := time.Now()
	var r report
	program, err := versionOf(ctx, s.bin)
	if err != nil {
		return 0, err
	}
	if s.bite != "" {
		r, err = bites(ctx, s)
	} else {
		r = all(ctx, s)
	}
	if err != nil {
		return 0, err
	}
	r.Program, r.Began = program, began.UTC().Format(time.RFC3339)
	r.Seed, r.Took = s.seed, time.Since(began).Seconds()
	if s.asJSON {
		r.print(os.Stderr)
		return r.failed(), r.printJSON(os.Stdout)
	}
	r.print(os.Stdout)
	return r.failed(), nil
}

// versionOf is the version of the daemon that is tortured.
func versionOf(ctx context.Context, bin string) (string, error) {
	out, err := command(ctx, "", nil, filepath.Join(bin, "atssync"), "version", "--json")
	if err != nil {
		return "", err
	}
	var v struct {
		Version string `json:"version"`
	}
	err = json.Unmarshal(out, &v)
	return v.Version, err
}

// all runs the parts: two at a time, because most of them wait for clocks, and those that measure alone after them.
func all(ctx context.Context, s settings) report {
	list := slices.DeleteFunc(programmes(), func(p programme) bool { return len(s.run) > 0 && !slices.Contains(s.run, p.name) })
	r := report{Parts: make([]part, len(list))}
	do := func(i int) {
		if ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "%s: %s (seed %d) ...\n", list[i].name, list[i].what, s.seed)
			r.Parts[i] = one(ctx, s, list[i])
		}
	}
	queue := make(chan int, len(list))
	for i := range list {
		if !list[i].alone {
			queue <- i
		}
	}
	close(queue)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range queue {
				do(i)
			}
		})
	}
	group.Wait()
	for i := range list {
		if list[i].alone {
			do(i)
		}
	}
	return r
}

// one runs a part in a folder of its own.
func one(ctx context.Context, s settings, p programme) (out part) {
	t := &trial{settings: s, part: part{Name: p.name, What: p.what}}
	if t.n == 0 {
		t.n = p.ci
		if s.long {
			t.n = p.long
		}
	}
	t.total, t.told = t.n, time.Now()
	began := time.Now()
	var err error
	if t.root, err = os.MkdirTemp(s.dir, "torture"); err == nil { // short: socket paths are
		err = p.run(ctx, t)
	}
	t.end()
	if err != nil {
		t.check("the part ran to its end", false, "%v", err)
	}
	t.part.Took = time.Since(began).Seconds()
	if t.part.failed() == 0 || !s.keep {
		_ = os.RemoveAll(t.root)
	} else {
		t.note("what is left lies in %s", t.root)
	}
	return t.part
}
