package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// report is what was found.
type report struct {
	// Program is the version of the daemon.
	Program string  `json:"program"`
	Began   string  `json:"began"`
	Seed    uint64  `json:"seed"`
	Took    float64 `json:"seconds"`
	Parts   []part  `json:"parts"`
	Passed  int     `json:"passed"`
	Failed  int     `json:"failed"`
}

// part is what one part found.
type part struct {
	Name   string   `json:"name"`
	What   string   `json:"what"`
	Took   float64  `json:"seconds"`
	NotRun string   `json:"not_run,omitempty"`
	Checks []held   `json:"checks"`
	Notes  []string `json:"notes,omitempty"`
}

// held is one promise, and how often it was kept.
type held struct {
	What   string `json:"what"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
	// Failures are the first ones, each with its seed.
	Failures []string `json:"failures,omitempty"`
}

// mostFailures is how many failures of one promise are told.
const mostFailures = 5

func (p *part) failed() (n int) {
	for _, c := range p.Checks {
		n += c.Failed
	}
	return n
}

func (r *report) failed() (n int) {
	for i := range r.Parts {
		n += r.Parts[i].failed()
	}
	return n
}

func (r *report) count() {
	r.Passed, r.Failed = 0, r.failed()
	for _, p := range r.Parts {
		for _, c := range p.Checks {
			r.Passed += c.Passed
		}
	}
}

func (r *report) printJSON(w io.Writer) error {
	r.count()
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r *report) print(w io.Writer) {
	r.count()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "part\tpromise\tkept\tbroken")
	for _, p := range r.Parts {
		if p.NotRun != "" {
			fmt.Fprintf(t, "%s\tnot run: %s\t-\t-\n", p.Name, p.NotRun)
		}
		for _, c := range p.Checks {
			broken := "-"
			if c.Failed > 0 {
				broken = fmt.Sprint(c.Failed)
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", p.Name, c.What, c.Passed, broken)
		}
	}
	_ = t.Flush()
	fmt.Fprintln(w)
	for _, p := range r.Parts {
		fmt.Fprintf(w, "%-8s %.0f s; %s\n", p.Name, p.Took, strings.Join(append([]string{p.What}, p.Notes...), "; "))
	}
	for _, p := range r.Parts {
		for _, c := range p.Checks {
			for _, f := range c.Failures {
				fmt.Fprintf(w, "FAILED %s: %s: %s\n", p.Name, c.What, f)
			}
		}
	}
	fmt.Fprintf(w, "\natssync %s, %s; seed %d; %d CPUs; %s; %s in all\n", r.Program, r.Began, r.Seed, runtime.NumCPU(), runtime.Version(), time.Duration(r.Took*float64(time.Second)).Round(time.Second))
	fmt.Fprintf(w, "%d passed, %d failed\n", r.Passed, r.Failed)
}

// trial is one run of a part.
type trial struct {
	settings
	root  string
	total int // of what done counts

	mu     sync.Mutex
	part   part
	worlds []*world
	last   []func() // what end undoes, the last one first
	did    int
	told   time.Time // when progress was told last
}

// tellEvery is how often a part tells how far it is.
const tellEvery = 30 * time.Second

// done counts n more kills, cuts, bits, posts, crashes or inputs as done, and tells how far the part is now and then.
func (t *trial) done(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.did += n
	if time.Since(t.told) < tellEvery {
		return
	}
	if !t.told.IsZero() {
		fmt.Fprintf(os.Stderr, "%s: %d of %d; %d broken\n", t.part.Name, t.did, t.total, t.part.failed())
	}
	t.told = time.Now()
}

// random returns the dice of something: the same seed and the same name give the same throws.
func (t *trial) random(what string, i int) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, c := range []byte(what) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(t.seed, h+uint64(i)))
}

// check counts a promise as kept or broken. The text says what was seen when it was broken.
func (t *trial) check(what string, ok bool, format string, args ...any) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.part.Checks, func(c held) bool { return c.What == what })
	if i < 0 {
		i, t.part.Checks = len(t.part.Checks), append(t.part.Checks, held{What: what})
	}
	c := &t.part.Checks[i]
	if ok {
		c.Passed++
		return true
	}
	c.Failed++
	if len(c.Failures) < mostFailures {
		c.Failures = append(c.Failures, fmt.Sprintf(format, args...)+fmt.Sprintf(" (seed %d)", t.seed))
	}
	return false
}

// note is a figure beside the table.
func (t *trial) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.part.Notes = append(t.part.Notes, fmt.Sprintf(format, args...))
}

// notRun says why a part, or the rest of it, could not be run on this machine.
func (t *trial) notRun(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.part.NotRun = why
}

// undo has end call f.
func (t *trial) undo(f func()) { t.last = append(t.last, f) }

// end stops everything that the part started.
func (t *trial) end() {
	for _, w := range t.worlds {
		w.end()
	}
	for _, f := range slices.Backward(t.last) {
		f()
	}
}
