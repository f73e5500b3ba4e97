package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	promiseNoPanic = "no malformed input makes a decoder panic, answer 5xx or lose its way"
	promiseFlat    = "malformed inputs leave the memory flat"
	// mostFuzzMemory is more than a fuzzing process of any decoder takes, its own corpus included.
	mostFuzzMemory = 512 << 20
	// slowestInput is slower than any decoder is on any input, a busy machine included.
	slowestInput = 20 * time.Millisecond
)

// decoders are the fuzz tests of everything that reads what others wrote: files, documents, cursors, tokens, requests,
// and the answers of adapters and of Greenhouse. Those that need a server for each input are left to go test -fuzz.
var decoders = []struct{ folder, tests string }{
	{"config", "Parse"},
	{"daemon/internal/intake", "Decode SubmitBatch"},
	{"daemon/internal/manage", "ReadRecords"},
	{"daemon/internal/api", "Requests IfMatch Cursor"},
	{"daemon/internal/atssync", "ValidID ParseToken ParseConnectToken MapStanding"},
	{"daemon/internal/schedule", "Parse"},
	{"daemon/internal/hook", "Parse"},
	{"daemon/internal/deliver", "ParseRetryAfter_IsNeverNegativeAndNeverPanics"},
	{"plugin-sdk/rest", "Headers Lenient"},
	{"plugin-sdk/internal/wire", "Replies"},
	{"adapters/greenhouse", "ReadReceipt Readings Jobs Pools User"},
}

// malformed mutates inputs of every decoder, in the long form led by what they reach in its code. The mutations have no
// seed; an input that breaks a decoder is kept beside its test and fails that from then on.
func malformed(ctx context.Context, t *trial) error {
	total, tests := 0, 0
	for _, d := range decoders {
		tests += len(strings.Fields(d.tests))
	}
	t.total *= tests
	for i, d := range decoders {
		binary := filepath.Join(t.root, fmt.Sprintf("decoder%d", i))
		args := []string{"test", "-c", "-o", binary}
		if t.long {
			args = append(args, "-fuzz", ".")
		}
		if _, err := command(ctx, "", nil, "go", append(args, "./"+d.folder)...); err != nil {
			return err
		}
		for test := range strings.FieldsSeq(d.tests) {
			n, err := fuzz(ctx, t, binary, d.folder, "Fuzz"+test)
			if err != nil {
				return err
			}
			total += n
			t.done(n)
		}
	}
	t.note("%d inputs of %d decoders", total, tests)
	return ctx.Err()
}

var fuzzed = regexp.MustCompile(`execs: (\d+)`)

// fuzz gives one decoder its inputs, and returns how many.
func fuzz(ctx context.Context, t *trial, binary, folder, test string) (int, error) {
	limited, cancel := context.WithTimeout(ctx, 30*time.Second+time.Duration(t.n)*slowestInput)
	defer cancel()
	cmd := exec.CommandContext(limited, binary, "-test.run", "^$", "-test.fuzz", "^"+test+"$", "-test.fuzztime", fmt.Sprintf("%dx", t.n),
		"-test.fuzzminimizetime", "1x", "-test.parallel", "2", "-test.fuzzcachedir", filepath.Join(t.root, "corpus"))
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	n := 0
	if all := fuzzed.FindAllSubmatch(out, -1); len(all) > 0 {
		_, _ = fmt.Sscan(string(all[len(all)-1][1]), &n)
	}
	ended := bytes.HasSuffix(bytes.TrimSpace(out), []byte("PASS"))
	if t.check(promiseNoPanic, err == nil && ended && n >= t.n, "%s of %s after %d inputs: %v: %s", test, folder, n, err, lastOf(out)) {
		t.kept(promiseNoPanic, n-1)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok { // with its workers
		t.check(promiseFlat, usage.Maxrss<<10 <= mostFuzzMemory, "%s of %s took %d MiB", test, folder, usage.Maxrss>>10)
	}
	return n, nil
}

// lastOf is the end of what a program printed.
func lastOf(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "fuzz: elapsed") })
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}
