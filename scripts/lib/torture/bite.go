package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// guard is what stops a second send or a silent loss. It has a build tag, bite_NAME, that breaks it, and a promise that must
// be broken then: a check that cannot fail proves nothing.
type guard struct {
	name, part string
	n          int
	promise    string
}

func guards() []guard {
	return []guard{
		{"writeahead", "kill", 8, promiseOnce},
		{"lease", "kill", 5, promiseOnce},
		{"writeahead", "model", 500, promiseModel},
		{"lease", "model", 500, promiseModel},
		{"replay", "lost", 200, promiseOnePost},
		{"sync", "power", 2, promiseKept},
		{"restore", "restore", 2, promiseOnce},
		{"marks", "damage", 8, promiseNotSilent},
	}
}

// The promises that the guards hold.
const (
	promiseOnce      = "nobody stands twice in the ATS"
	promiseOnePost   = "one attempt is one POST on the wire"
	promiseKept      = "nothing acknowledged is lost"
	promiseNotSilent = "damage is refused, or nothing is lost"
)

func guardNames() []string {
	var out []string
	for _, g := range guards() {
		if !slices.Contains(out, g.name) {
			out = append(out, g.name)
		}
	}
	return out
}

// bites builds daemon and adapter without each guard, and runs the part that must notice.
func bites(ctx context.Context, s settings) (report, error) {
	wanted := strings.Split(s.bite, ",")
	for _, name := range wanted {
		if name != "all" && !slices.Contains(guardNames(), name) {
			return report{}, fmt.Errorf("there is no guard %q; there are all, %s", name, strings.Join(guardNames(), ", "))
		}
	}
	t := &trial{settings: s, part: part{Name: "bite", What: "each guard broken by a build tag, and its part at the smallest size"}}
	began := time.Now()
	for _, g := range guards() {
		if ctx.Err() != nil || !slices.Contains(wanted, "all") && !slices.Contains(wanted, g.name) {
			continue
		}
		if err := bite(ctx, t, g); err != nil {
			return report{}, fmt.Errorf("without the guard %s: %w", g.name, err)
		}
	}
	t.part.Took = time.Since(began).Seconds()
	return report{Parts: []part{t.part}}, ctx.Err()
}

func bite(ctx context.Context, t *trial, g guard) error {
	bin, err := os.MkdirTemp("", "torture-bite")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(bin) }()
	programs := map[string]string{"atssync": "./daemon/cmd/atssync", "adapters/greenhouse": "./adapters/greenhouse"}
	if g.part == "model" {
		clear(programs) // it builds its own
	}
	for out, from := range programs {
		if _, err := command(ctx, "", nil, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "bite_"+g.name, "-o", filepath.Join(bin, out), from); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "bite: %s without the guard %s (seed %d) ...\n", g.part, g.name, t.seed)
	s := t.settings
	s.bin, s.n, s.keep, s.tags = bin, g.n, false, "bite_"+g.name
	for _, p := range programmes() {
		if p.name != g.part {
			continue
		}
		got := one(ctx, s, p)
		if got.NotRun != "" {
			t.note("%s not run: %s", g.name, got.NotRun)
			continue
		}
		i := slices.IndexFunc(got.Checks, func(h held) bool { return h.What == g.promise })
		seen := i >= 0 && got.Checks[i].Failed > 0
		t.check(fmt.Sprintf("without the guard %s, %q is broken in %s", g.name, g.promise, g.part), seen, "nobody noticed: %+v", got.Checks)
		if seen {
			first, _, _ := strings.Cut(got.Checks[i].Failures[0], "\n")
			t.note("%s: %s", g.name, first)
		}
	}
	return nil
}
