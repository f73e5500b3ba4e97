package badger_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// childFolder tells the test binary to be the process that is killed: it writes until then.
const childFolder = "ATSSYNC_TEST_STORE_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child opens the store, goes on where it stands, and prints each step when it is acknowledged: worker and
// number. A step writes the worker's counter and one pair, which must never part.
func child(dir string) int {
	ctx := context.Background()
	e, err := badger.Open(ctx, badger.Options{Dir: dir, MinFree: 1, MinFreePercent: 0.001, ReadOnlyFree: 1, Ballast: -1})
	if err != nil {
		fmt.Println("refused", err)
		return 1
	}
	fmt.Println("open")
	for worker := range 8 {
		go func() {
			for {
				n := 0
				err := e.Update(ctx, func(w kv.Writer) error {
					v, err := w.Value(counterKey(worker))
					if err != nil {
						return err
					}
					n, _ = strconv.Atoi(string(v))
					n++
					w.Set(counterKey(worker), []byte(strconv.Itoa(n)))
					w.Set(pairKey(worker, n), []byte(strings.Repeat(strconv.Itoa(n), 200)))
					w.Delete(pairKey(worker, n-20))
					return nil
				})
				if err != nil {
					fmt.Println("refused", err)
					os.Exit(1)
				}
				fmt.Println("ack", worker, n)
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // Ends with the parent.
	return 0
}

func counterKey(worker int) []byte { return fmt.Appendf(nil, "counter/%d", worker) }

func pairKey(worker, n int) []byte { return fmt.Appendf(nil, "pair/%d/%09d", worker, n) }

// Whatever was acknowledged is there after kill -9, whole steps only, and the next start takes it from there.
func TestCrash_KillNineLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	rnd := rand.New(rand.NewPCG(1, 1))
	acked := map[int]int{}
	for range 8 {
		before := acked[0]
		killed(t, dir, acked, 1+rnd.IntN(400))
		require.Greater(t, acked[0]+1, before)
		e := openAt(t, dir)
		require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
			for worker := range 8 {
				v, err := r.Value(counterKey(worker))
				if err != nil {
					return err
				}
				n, _ := strconv.Atoi(string(v))
				if n < acked[worker] || n > acked[worker]+1 {
					return fmt.Errorf("worker %d was told %d and stands at %d", worker, acked[worker], n)
				}
				acked[worker] = n // The step that was not answered in time did happen.
				var pairs []string
				err = r.Scan(fmt.Appendf(nil, "pair/%d/", worker), nil, func(k, _ []byte) bool {
					pairs = append(pairs, string(k))
					return true
				})
				if err != nil || len(pairs) != min(n, 20) || (n > 0 && pairs[len(pairs)-1] != string(pairKey(worker, n))) {
					return fmt.Errorf("worker %d stands at %d with the pairs %v: %w", worker, n, pairs, err)
				}
			}
			return nil
		}))
		require.NoError(t, e.Close())
	}
}

// killed runs a child on dir, kills it after that many acknowledgements and notes them all.
func killed(t *testing.T, dir string, acked map[int]int, after int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	for seen := 0; lines.Scan(); seen++ {
		if seen == after {
			require.NoError(t, cmd.Process.Kill())
		}
		text, worker, n := "", 0, 0
		_, err := fmt.Sscan(lines.Text(), &text, &worker, &n)
		if text == "ack" && err == nil && strings.HasPrefix(lines.Text(), fmt.Sprint("ack ", worker, " ", n)) {
			acked[worker] = max(acked[worker], n)
		}
		require.NotEqual(t, "refused", text, lines.Text())
	}
	require.Error(t, cmd.Wait(), "it was killed")
}

func TestOpen_SecondProcessIsToldWhoHoldsTheFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan())
	_, err = tryOpen(t, dir)
	require.ErrorContains(t, err, fmt.Sprintf("another atssync (pid %d) has the data folder %s open", cmd.Process.Pid, dir))
	require.NoError(t, stdin.Close())
	for lines.Scan() {
		require.NotContains(t, lines.Text(), "refused", "the holder is not disturbed")
	}
	require.NoError(t, cmd.Wait())
	require.NoError(t, openAt(t, dir).Close(), "the lock ends with its process")
}
