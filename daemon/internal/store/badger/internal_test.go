package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

func quiet(dir string) Options {
	return Options{Dir: dir, MinFree: 1, MinFreePercent: 0.001, ReadOnlyFree: 1, Ballast: -1}
}

func opened(t *testing.T, o Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func setOne(ctx context.Context, e *Engine, key, value string) error {
	return e.Update(ctx, func(w kv.Writer) error { w.Set([]byte(key), []byte(value)); return nil })
}

func valueOf(t *testing.T, e *Engine, key string) []byte {
	t.Helper()
	var got []byte
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		v, err := r.Value([]byte(key))
		got = bytes.Clone(v)
		return err
	}))
	return got
}

// held fills the queue while the writer is kept busy, so that what waits shares a commit.
func held(t *testing.T, e *Engine, steps ...func(kv.Writer) error) []error {
	t.Helper()
	holding, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_ = e.Update(context.Background(), func(kv.Writer) error { close(holding); <-release; return nil })
	})
	<-holding
	errs := make([]error, len(steps))
	for i, step := range steps {
		group.Go(func() { errs[i] = e.Update(context.Background(), step) })
		require.Eventually(t, func() bool {
			e.queue.mu.Lock()
			defer e.queue.mu.Unlock()
			return len(e.queue.waiting) == i+1
		}, 10*time.Second, time.Millisecond)
	}
	close(release)
	group.Wait()
	return errs
}

func TestWriter_StepsThatWaitShareOneCommit(t *testing.T) {
	t.Parallel()
	o := quiet(t.TempDir())
	var commits []Commit
	o.OnCommit = func(c Commit) { commits = append(commits, c) }
	e := opened(t, o)
	refused := errors.New("refused")
	errs := held(
		t, e,
		func(w kv.Writer) error { w.Set([]byte("a"), []byte("1")); return nil },
		func(w kv.Writer) error { w.Set([]byte("left"), nil); return refused },
		func(w kv.Writer) error { w.Set([]byte("left too"), nil); panic("harm") },
		func(w kv.Writer) error { w.Set([]byte("left as well"), nil); runtime.Goexit(); return nil },
		func(w kv.Writer) error {
			v, err := w.Value([]byte("a"))
			w.Set([]byte("b"), append([]byte("after "), v...))
			return err
		},
		func(w kv.Writer) error {
			w.Delete([]byte("a"))
			n := 0
			err := w.Scan(nil, nil, func(_, _ []byte) bool { n++; return true })
			w.Set([]byte("seen"), fmt.Append(nil, n))
			return err
		},
	)
	require.NoError(t, errs[0])
	require.Equal(t, refused, errs[1])
	require.ErrorContains(t, errs[2], "harm")
	require.ErrorContains(t, errs[3], "ended its goroutine")
	require.NoError(t, errs[4])
	require.NoError(t, errs[5])
	require.Nil(t, valueOf(t, e, "a"))
	require.Equal(t, "after 1", string(valueOf(t, e, "b")))
	require.Equal(t, "2", string(valueOf(t, e, "seen")))
	for _, key := range []string{"left", "left too", "left as well"} {
		require.Nil(t, valueOf(t, e, key))
	}
	require.NoError(t, setOne(t.Context(), e, "after", "1"), "the writer lives on")
	require.NoError(t, e.Close())
	require.Len(t, commits, 2)
	require.Equal(t, 7, commits[0].Steps)
	require.Positive(t, commits[0].Duration)
	require.Positive(t, commits[0].Bytes)
}

// Steps that together exceed a transaction are spread over several, in order and each one whole.
func TestWriter_LargeStepsAreSpreadOverCommits(t *testing.T) {
	t.Parallel()
	o := quiet(t.TempDir())
	commits := 0
	o.OnCommit = func(Commit) { commits++ }
	e := opened(t, o)
	var steps []func(kv.Writer) error
	for i := range 9 {
		steps = append(steps, func(w kv.Writer) error {
			v, err := w.Value([]byte("order"))
			w.Set([]byte("order"), append(bytes.Clone(v), byte('a'+i)))
			for part := range 3 {
				w.Set(fmt.Appendf(nil, "large/%d/%d", i, part), make([]byte, 80_000+i*20_000))
			}
			return err
		})
	}
	for _, err := range held(t, e, steps...) {
		require.NoError(t, err)
	}
	require.Equal(t, "abcdefghi", string(valueOf(t, e, "order")))
	for i := range 9 {
		require.Len(t, valueOf(t, e, fmt.Sprintf("large/%d/2", i)), 80_000+i*20_000)
	}
	require.NoError(t, e.Close())
	require.Greater(t, commits, 3)
	require.Less(t, commits, 9)
}

func TestEngine_FailedCommitIsNeverTriedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := opened(t, quiet(dir))
	require.NoError(t, setOne(t.Context(), e, "good", "1"))
	require.NoError(t, e.mark.file.Close()) // The next mark cannot be written.
	err := setOne(t.Context(), e, "unsure", "1")
	require.ErrorIs(t, err, kv.ErrFailed)
	require.ErrorContains(t, err, dir)
	<-e.Failed()
	require.ErrorIs(t, e.Err(), kv.ErrFailed)
	ran := false
	require.ErrorIs(t, e.Update(t.Context(), func(kv.Writer) error { ran = true; return nil }), kv.ErrFailed)
	require.False(t, ran)
	require.Equal(t, "1", string(valueOf(t, e, "good")), "reading goes on")
	require.Nil(t, valueOf(t, e, "unsure"), "what was not acknowledged is not shown")
	require.Error(t, e.Maintain(t.Context()))
	_ = e.Close()
	e = opened(t, quiet(dir))
	require.Equal(t, "1", string(valueOf(t, e, "good")))
	require.NoError(t, setOne(t.Context(), e, "again", "1"))
}

func TestEngine_ErrorLineOfBadgerIsAFailure(t *testing.T) {
	t.Parallel()
	e := opened(t, quiet(t.TempDir()))
	e.db.Opts().Logger.Warningf("only a warning")
	e.db.Opts().Logger.Infof("only news")
	require.NoError(t, e.Err())
	e.db.Opts().Logger.Errorf("Error while curlf sync: %v\n", errors.New("input/output error"))
	<-e.Failed()
	err := setOne(t.Context(), e, "a", "1")
	require.ErrorIs(t, err, kv.ErrFailed)
	require.ErrorContains(t, err, "curlf sync: input/output error")
}

// A damaged value is an error for each way to read it, never an absent key, and the engine writes no more.
func TestEngine_DamagedValueIsNeverAbsent(t *testing.T) {
	t.Parallel()
	good := func(key []byte, n uint64) []byte { return encodeValue(key, n, []byte("body")) }
	for name, stored := range map[string]func(key []byte, n uint64) []byte{
		"flipped bit":       func(key []byte, n uint64) []byte { v := good(key, n); v[10] ^= 4; return v },
		"of another key":    func(key []byte, n uint64) []byte { return good(append(key, 'x'), n) },
		"of another commit": func(key []byte, n uint64) []byte { return good(key, n-1) },
		"of a later format": func(key []byte, n uint64) []byte { v := good(key, n); v[0] = 9; return v },
		"cut off":           func(key []byte, n uint64) []byte { return good(key, n)[:8] },
		"empty":             func([]byte, uint64) []byte { return nil },
	} {
		for way, read := range map[string]func(kv.Reader) error{
			"value": func(r kv.Reader) error {
				v, err := r.Value([]byte("person/secret"))
				if v != nil {
					err = errors.New("a value was returned")
				}
				return err
			},
			"scan":      func(r kv.Reader) error { return r.Scan(nil, nil, func(_, _ []byte) bool { return true }) },
			"scan back": func(r kv.Reader) error { return r.ScanBack(nil, nil, func(_, _ []byte) bool { return true }) },
			"value, error dropped": func(r kv.Reader) error {
				_, _ = r.Value([]byte("person/secret"))
				return nil
			},
		} {
			t.Run(name+" by "+way, func(t *testing.T) {
				t.Parallel()
				e := opened(t, quiet(t.TempDir()))
				require.NoError(t, setOne(t.Context(), e, "a", "1"))
				key := append([]byte{stepSpace}, "person/secret"...)
				n := e.commits.Load() + 1
				txn := e.db.NewTransactionAt(n-1, true)
				require.NoError(t, txn.Set(key, stored(key, n)))
				require.NoError(t, txn.CommitAt(n, nil))
				e.published(n)
				err := e.View(t.Context(), read)
				require.ErrorIs(t, err, kv.ErrCorrupt)
				var corrupt *CorruptError
				require.ErrorAs(t, err, &corrupt)
				require.Equal(t, `"pe"`, corrupt.Kind)
				require.NotContains(t, err.Error(), "secret")
				<-e.Failed()
				err = setOne(t.Context(), e, "b", "1")
				require.ErrorIs(t, err, kv.ErrFailed)
				require.ErrorIs(t, err, kv.ErrCorrupt)
			})
		}
	}
}

func TestEngine_DamageMetByAStepFailsItAndItsGroup(t *testing.T) {
	t.Parallel()
	e := opened(t, quiet(t.TempDir()))
	key := append([]byte{stepSpace}, "bad"...)
	txn := e.db.NewTransactionAt(0, true)
	require.NoError(t, txn.Set(key, []byte("not an envelope at all")))
	require.NoError(t, txn.CommitAt(1, nil))
	e.writer.trail.add(1)
	e.published(1)
	errs := held(
		t, e,
		func(w kv.Writer) error { w.Set([]byte("before"), nil); return nil },
		func(w kv.Writer) error { _, _ = w.Value([]byte("bad")); w.Set([]byte("blind"), nil); return nil },
		func(w kv.Writer) error { w.Set([]byte("behind"), nil); return nil },
	)
	require.ErrorIs(t, errs[0], kv.ErrFailed)
	require.ErrorIs(t, errs[1], kv.ErrCorrupt)
	require.ErrorIs(t, errs[2], kv.ErrFailed)
	require.Nil(t, valueOf(t, e, "blind"))
}

func TestEngine_CloseWaitsForViewsAndAnswersWhatWaits(t *testing.T) {
	t.Parallel()
	e := opened(t, quiet(t.TempDir()))
	require.NoError(t, setOne(t.Context(), e, "a", "1"))
	viewing, goOn := make(chan struct{}), make(chan struct{})
	viewed := make(chan error, 1)
	go func() {
		viewed <- e.View(context.Background(), func(r kv.Reader) error {
			close(viewing)
			<-goOn
			v, err := r.Value([]byte("a"))
			if string(v) != "1" {
				err = errors.New("the value is gone")
			}
			return err
		})
	}()
	<-viewing
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	require.Eventually(t, func() bool { return errors.Is(setOne(context.Background(), e, "b", "1"), kv.ErrClosed) }, 10*time.Second, time.Millisecond)
	select {
	case <-closed:
		t.Fatal("closed under a reader")
	default:
	}
	close(goOn)
	require.NoError(t, <-viewed)
	require.NoError(t, <-closed)
	_, err := e.Stats()
	require.ErrorIs(t, err, kv.ErrClosed)
	_, err = e.Backup(context.Background(), &bytes.Buffer{})
	require.ErrorIs(t, err, kv.ErrClosed)
}

// Old versions go once nobody reads them, and not before.
func TestSnapshots_OldestReaderHoldsVersionsBack(t *testing.T) {
	t.Parallel()
	var s snapshots
	s.init()
	s.publish(5)
	five, err := s.acquire()
	require.NoError(t, err)
	s.publish(9)
	nine, err := s.acquire()
	require.NoError(t, err)
	require.Equal(t, []uint64{5, 9, 5}, []uint64{five, nine, s.oldest()})
	s.release(five)
	require.Equal(t, uint64(9), s.oldest())
	s.publish(12)
	require.Equal(t, uint64(9), s.oldest())
	s.release(nine)
	require.Equal(t, uint64(12), s.oldest())
}
