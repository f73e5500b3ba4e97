package torture

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A long or a repeated run: go test ./daemon/internal/torture -run Model -args -seeds 1000000 -seed 1.
var (
	seedsFlag = flag.Int("seeds", 0, "how many seeds the model runs; 0 is the short form")
	seedFlag  = flag.Uint64("seed", 1, "the first of them")
	traceFlag = flag.Bool("trace", false, "print what happens")
)

// play runs one seed and returns what the run is known by.
func play(t *testing.T, seed uint64, jumps bool, out io.Writer) (hash uint64) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed) // ids are random, and they decide orders
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, seed, jumps, out)
		defer m.end()
		m.run()
		hash = m.hash.Sum64()
	})
	return hash
}

func tracing() io.Writer {
	if *traceFlag {
		return os.Stderr
	}
	return nil
}

// runs plays seeds, one after the other.
func runs(t *testing.T, n int, jumps bool) {
	t.Helper()
	was := debug.SetGCPercent(400) // many short lives
	t.Cleanup(func() { debug.SetGCPercent(was) })
	for from := 0; from < n; from += 1000 { // by the thousand, so that what each leaves with its test goes
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			for i := from; i < min(from+1000, n); i++ {
				seed := *seedFlag + uint64(i)
				hash := play(t, seed, jumps, tracing())
				if n <= 10 {
					t.Logf("seed %d: trace %016x", seed, hash)
				}
			}
		})
	}
}

// seeds is how many the flag asks for, else those of this build.
func seeds(plain, race int) int {
	switch {
	case *seedsFlag > 0:
		return *seedsFlag
	case raceEnabled:
		return race
	}
	return plain
}

//nolint:paralleltest // the source of random ids is the process's own
func TestModel_NothingIsLostOrDoubledWhereverTheDaemonIsKilled(t *testing.T) {
	runs(t, seeds(2000, 300), false)
}

//nolint:paralleltest // as above
func TestModel_NothingIsLostOrDoubledWhenTheClockIsSet(t *testing.T) {
	runs(t, seeds(1000, 100), true)
}

//nolint:paralleltest // as above
func TestModel_TheSameSeedReplaysTheSameRun(t *testing.T) {
	for seed := range uint64(40) {
		var first, second bytes.Buffer
		a, b := play(t, seed, seed%2 == 1, &first), play(t, seed, seed%2 == 1, &second)
		if a != b {
			one, other := strings.Split(first.String(), "\n"), strings.Split(second.String(), "\n")
			for i := range one {
				require.Equal(t, strings.Join(one[max(0, i-8):i+1], "\n"), strings.Join(other[max(0, i-8):min(i+1, len(other))], "\n"), "seed %d, line %d", seed, i+1)
			}
			require.Equal(t, len(one), len(other), "seed %d", seed)
		}
	}
}
