package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// modelShare is how many seeds one process plays.
const modelShare = 1000

// promiseModel is what the model demands of every seed, in words of its own where one breaks it.
const promiseModel = "wherever a daemon is killed, nothing is lost, doubled, retold or left open"

// model plays seeds of the model of daemon/internal/torture, which is built from here: four of five with crashes at store
// steps, calls of the adapter and moments, the fifth with the clock set as well.
func model(ctx context.Context, t *trial) error {
	binary := filepath.Join(t.root, "model")
	args := []string{"test", "-c", "-o", binary}
	if t.tags != "" {
		args = append(args, "-tags", t.tags)
	}
	if _, err := command(ctx, "", nil, "go", append(args, "./daemon/internal/torture")...); err != nil {
		return err
	}
	shares := make(chan share)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for s := range shares {
				t.share(ctx, binary, s)
			}
		})
	}
	for from := 0; from < t.n && ctx.Err() == nil; from += modelShare {
		s := share{first: t.seed + uint64(from), n: min(modelShare, t.n-from), run: "WhereverTheDaemonIsKilled", promise: promiseModel}
		if from/modelShare%5 == 4 {
			s.run, s.promise = "WhenTheClockIsSet", "and neither with the clock set by an hour, a day or to 1970 and 2106"
		}
		shares <- s
	}
	close(shares)
	group.Wait()
	t.note("%d seeds; again with its trace: go test ./daemon/internal/torture -run Killed -args -seeds 1 -trace -seed SEED", t.n)
	return ctx.Err()
}

// share is a row of seeds.
type share struct {
	first        uint64
	n            int
	run, promise string
}

var modelFailed = regexp.MustCompile(`Messages:\s+seed (\d+): (.*)`)

// share plays seeds until one of them fails, and goes on behind it.
func (t *trial) share(ctx context.Context, binary string, s share) {
	for s.n > 0 && ctx.Err() == nil {
		cmd := exec.CommandContext(ctx, binary, "-test.run", s.run, "-test.timeout", "30m",
			"-seeds", strconv.Itoa(s.n), "-seed", strconv.FormatUint(s.first, 10))
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.kept(s.promise, s.n)
			t.done(s.n)
			return
		}
		if ctx.Err() != nil {
			return
		}
		found := modelFailed.FindSubmatch(out)
		if found == nil {
			t.check(s.promise, false, "seeds from %d: %v: %s", s.first, err, bytes.TrimSpace(out))
			return
		}
		seed, err := strconv.ParseUint(string(found[1]), 10, 64)
		if err != nil || seed < s.first || seed >= s.first+uint64(s.n) {
			t.check(s.promise, false, "seeds from %d: %v", s.first, errors.Join(err, fmt.Errorf("it names the seed %s", found[1])))
			return
		}
		t.kept(s.promise, int(seed-s.first))
		t.done(int(seed-s.first) + 1)
		t.check(s.promise, false, "the model's seed %d: %s", seed, strings.TrimSpace(string(found[2])))
		s.n, s.first = s.n-int(seed-s.first)-1, seed+1
		if t.tags != "" {
			return // one is enough to prove that it bites
		}
	}
}

// kept counts a promise as kept n times.
func (t *trial) kept(what string, n int) {
	for range n {
		t.check(what, true, "")
	}
}
