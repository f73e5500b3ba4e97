package schedule

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// keptRuns keeps runs as a store would.
type keptRuns struct {
	mu   sync.Mutex
	last map[string]atssync.Run
	all  []atssync.Run // finished ones, in their order
	err  error
}

func (k *keptRuns) PutRun(ctx context.Context, r atssync.Run, _ time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := errors.Join(k.err, ctx.Err()); err != nil {
		return err
	}
	if k.last == nil {
		k.last = map[string]atssync.Run{}
	}
	k.last[r.Pass] = r
	if !r.FinishedAt.IsZero() {
		k.all = append(k.all, r)
	}
	return nil
}

func (k *keptRuns) LastRun(_ context.Context, pass string) (atssync.Run, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	run, ok := k.last[pass]
	if !ok && k.err == nil {
		return run, atssync.Errorf(atssync.CodeNotFound, "there is no run of %s", pass)
	}
	return run, k.err
}

func (k *keptRuns) finished() []atssync.Run {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]atssync.Run(nil), k.all...)
}

type bundle struct {
	*Runner
	kept *keptRuns
	log  *strings.Builder
}

// setup returns a started runner of one pass named "work". It must be called in a bubble, and is stopped with it.
func setup(t *testing.T, kept *keptRuns, spec string, do func(context.Context) (string, error)) *bundle {
	t.Helper()
	b := &bundle{kept: kept, log: &strings.Builder{}}
	var err error
	b.Runner, err = New(Options{
		Passes: []Pass{{Name: "work", Spec: mustParse(t, spec, ""), Do: do}},
		Runs:   kept,
		Log:    slog.New(slog.NewTextHandler(b.log, nil)),
	})
	require.NoError(t, err)
	require.NoError(t, b.Start(t.Context()))
	t.Cleanup(b.Stop)
	return b
}

func nothing(context.Context) (string, error) { return "", nil }

func TestRunner_RunsWhenDueAndKeepsEveryRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &keptRuns{}
		b := setup(t, kept, "*/15 * * * *", func(context.Context) (string, error) {
			time.Sleep(time.Minute)
			return "read 3", nil
		})
		time.Sleep(time.Hour + 10*time.Minute)
		synctest.Wait()

		all := kept.finished()
		require.Len(t, all, 4)
		for i, run := range all {
			require.Zero(t, run.StartedAt.Minute()%15)
			require.Zero(t, run.StartedAt.Second())
			require.Equal(t, time.Minute, run.FinishedAt.Sub(run.StartedAt))
			require.Equal(t, atssync.Run{
				ID: run.ID, Pass: "work", Trigger: "schedule", Summary: "read 3", StartedAt: run.StartedAt, FinishedAt: run.FinishedAt,
				NextAt: run.StartedAt.Add(15 * time.Minute),
			}, run)
			require.True(t, atssync.ValidID(atssync.PrefixRun, run.ID))
			if i > 0 {
				require.Equal(t, all[i-1].NextAt, run.StartedAt)
			}
		}

		list := b.List(time.Now())
		require.Len(t, list, 1)
		require.Equal(t, Status{Name: "work", Spec: "*/15 * * * *", Zone: "UTC", Last: all[3], Next: list[0].Next}, list[0])
		require.Len(t, list[0].Next, 5)
		require.Equal(t, all[3].NextAt, list[0].Next[0])
	})
}

func TestRunner_MissedRunsAreCaughtUpOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := time.Now().Add(-100 * time.Hour).UTC()
		kept := &keptRuns{last: map[string]atssync.Run{"work": {Pass: "work", StartedAt: before, FinishedAt: before}}}
		setup(t, kept, "@every 6h", nothing)
		synctest.Wait()
		require.Len(t, kept.finished(), 1)
		require.Equal(t, "catch_up", kept.finished()[0].Trigger)

		time.Sleep(6 * time.Hour)
		synctest.Wait()
		require.Len(t, kept.finished(), 2)
		require.Equal(t, "schedule", kept.finished()[1].Trigger)
	})
}

func TestRunner_FirstStartWaitsForItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &keptRuns{}
		setup(t, kept, "30 * * * *", nothing)
		time.Sleep(30*time.Minute - time.Second)
		synctest.Wait()
		require.Empty(t, kept.finished())
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, kept.finished(), 1)
	})
}

func TestRunner_LongRunsNeverOverlapAndSkip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept, running, most := &keptRuns{}, 0, 0
		b := setup(t, kept, "@every 1m", func(context.Context) (string, error) {
			running++
			most = max(most, running)
			time.Sleep(150 * time.Second)
			running--
			return "", nil
		})
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		require.Equal(t, 1, most)
		require.Len(t, kept.finished(), 3)
		require.Equal(t, 6, b.List(time.Now())[0].Skipped)
	})
}

func TestRunner_ClockSetBackIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		future := time.Now().AddDate(1, 0, 0).UTC()
		kept := &keptRuns{last: map[string]atssync.Run{"work": {Pass: "work", StartedAt: future, FinishedAt: future}}}
		setup(t, kept, "@every 1m", nothing)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		require.Len(t, kept.finished(), 3)
	})
}

func TestRunner_ClockSetForwardIsNoticedWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &keptRuns{}
		b := setup(t, kept, "@every 6h", nothing)
		synctest.Wait()
		// A bubble's clock cannot be set; that the last run moves away into the past looks the same to the loop.
		p := b.passes["work"]
		p.mu.Lock()
		p.from = p.from.Add(-24 * time.Hour)
		p.mu.Unlock()
		time.Sleep(recheck)
		synctest.Wait()
		require.Len(t, kept.finished(), 1)
		require.Equal(t, "catch_up", kept.finished()[0].Trigger)
	})
}

func TestRunner_PanicIsAnErrorOfTheRunAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept, n := &keptRuns{}, 0
		b := setup(t, kept, "@every 1m", func(context.Context) (string, error) {
			n++
			switch n {
			case 1:
				panic("Ada Lovelace, 555-0100")
			case 2:
				var none []int
				none[n] = 1
			}
			return "fine", nil
		})
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		all := kept.finished()
		require.Len(t, all, 3)
		require.Equal(t, "the pass work panicked (string)", all[0].Error)
		require.Contains(t, all[1].Error, "index out of range")
		require.Equal(t, "fine", all[2].Summary)
		b.Stop()
		require.Contains(t, b.log.String(), "pass panicked")
		require.NotContains(t, b.log.String(), "Lovelace")
	})
}

func TestTrigger_RunsAtOnceAndOnlyWhatIsIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &keptRuns{}
		b := setup(t, kept, "@every 6h", func(context.Context) (string, error) {
			time.Sleep(time.Minute)
			return "", nil
		})
		id, err := b.Trigger(t.Context(), "work")
		require.NoError(t, err)
		synctest.Wait()
		require.True(t, b.List(time.Now())[0].Running)
		require.Equal(t, id, b.List(time.Now())[0].Last.ID)

		_, err = b.Trigger(t.Context(), "work")
		require.ErrorIs(t, err, ErrRunning)
		_, err = b.Trigger(t.Context(), "rest")
		require.ErrorIs(t, err, ErrUnknown)

		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, kept.finished(), 1)
		require.Equal(t, "person", kept.finished()[0].Trigger)
		b.Stop()
		_, err = b.Trigger(t.Context(), "work")
		require.ErrorIs(t, err, ErrStopped)
	})
}

func TestReschedule_CountsFromNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &keptRuns{}
		b := setup(t, kept, "@yearly", nothing)
		time.Sleep(90 * time.Minute)
		require.NoError(t, b.Reschedule("work", mustParse(t, "@hourly", "")))
		synctest.Wait()
		require.Empty(t, kept.finished())
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		require.Len(t, kept.finished(), 1)
		require.ErrorIs(t, b.Reschedule("none", Spec{}), ErrUnknown)
	})
}

func TestStop_EndsARunAndKeepsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &keptRuns{}
		b := setup(t, kept, "@every 1m", func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})
		time.Sleep(90 * time.Second)
		b.Stop()
		require.Len(t, kept.finished(), 1)
		require.Equal(t, context.Canceled.Error(), kept.finished()[0].Error)
		require.Empty(t, b.log.String(), "an end that was asked for is no trouble")
	})
}

func TestStartStop_TwiceAndOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &keptRuns{}
		b := setup(t, kept, "@every 1m", nothing)
		require.NoError(t, b.Start(t.Context()))
		b.Stop()
		b.Stop()
		require.NoError(t, b.Start(t.Context()))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Len(t, kept.finished(), 2)

		idle, err := New(Options{Runs: kept})
		require.NoError(t, err)
		idle.Stop()
		require.Empty(t, idle.List(time.Now()))
	})
}

func TestStart_RunsThatCannotBeReadStartNothing(t *testing.T) {
	t.Parallel()
	kept := &keptRuns{err: errors.New("disk on fire")}
	r, err := New(Options{
		Passes: []Pass{{Name: "work", Spec: mustParse(t, "@every 1m", ""), Do: nothing}},
		Runs:   kept, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context()), "reading the last run of work: disk on fire")
	_, err = r.Trigger(t.Context(), "work")
	require.ErrorIs(t, err, ErrStopped)
}

func TestRun_StoreThatFailsDoesNotStopTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept, n := &keptRuns{}, 0
		b := setup(t, kept, "@every 1m", func(context.Context) (string, error) {
			n++
			return "", nil
		})
		kept.mu.Lock()
		kept.err = errors.New("disk on fire")
		kept.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, 2, n)
		b.Stop()
		require.Contains(t, b.log.String(), "run of a pass not kept")
	})
}

func TestNew_RefusesPassesThatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := New(Options{Passes: []Pass{{Name: "a", Do: nothing}, {Name: "a", Do: nothing}}})
	require.ErrorContains(t, err, "the pass a stands twice")
	_, err = New(Options{Passes: []Pass{{Name: "a"}}})
	require.ErrorContains(t, err, "needs a name and something to do")
}

func TestObserve_IsToldOfEveryRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []int
		r, err := New(Options{
			Passes: []Pass{{Name: "work", Spec: mustParse(t, "@every 1m", ""), Do: func(context.Context) (string, error) {
				time.Sleep(90 * time.Second)
				return "", nil
			}}},
			Runs: &keptRuns{}, Log: slog.New(slog.DiscardHandler),
			Observe: func(_ atssync.Run, skipped int) { seen = append(seen, skipped) },
		})
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context()))
		time.Sleep(5*time.Minute - time.Second)
		r.Stop()
		require.Equal(t, []int{1, 1}, seen)
	})
}
