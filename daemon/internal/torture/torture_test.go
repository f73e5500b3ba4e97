package torture

import (
	"bytes"
	"flag"
	"io"
	"os"
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
		m.run()
		m.daemon.bury(false)
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

//nolint:paralleltest // the source of random ids is the process's own
func TestModel_NothingIsLostOrDoubledWhereverTheDaemonIsKilled(t *testing.T) {
	n := *seedsFlag
	if n == 0 {
		n = 300
	}
	for i := range n {
		seed := *seedFlag + uint64(i)
		hash := play(t, seed, false, tracing())
		if n < 10 {
			t.Logf("seed %d: trace %016x", seed, hash)
		}
	}
}

//nolint:paralleltest // as above
func TestModel_TheSameSeedReplaysTheSameRun(t *testing.T) {
	for seed := range uint64(30) {
		var first, second bytes.Buffer
		a, b := play(t, seed, seed%2 == 1, &first), play(t, seed, seed%2 == 1, &second)
		if a != b {
			require.Equal(t, first.String(), second.String(), "seed %d", seed)
		}
	}
}
