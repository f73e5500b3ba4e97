package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

func TestFleet_LaunchesAndHandsOutTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, sdk.Manifest{Version: "1.2"}, Limits{})
		_, err := b.f.Manifest("fake")
		require.ErrorIs(t, err, sdk.ErrNotRunning)
		require.Empty(t, b.f.Gone("fake"), "what is being started is not gone")
		b.f.Start()
		b.f.Start()
		b.f.Ready(t.Context())
		require.Equal(t, 1, b.launcher.times())
		s := b.status()
		require.Equal(t, StateRunning, s.State)
		require.Equal(t, 4711, s.PID)
		m, err := b.f.Manifest("fake")
		require.NoError(t, err)
		require.Equal(t, "1.2", m.Version)
		client, done, err := b.f.Reserve(t.Context(), "fake", connection("c", "k"), "")
		require.NoError(t, err)
		defer done()
		_, err = client.Check(t.Context(), sdk.CheckRequest{})
		require.NoError(t, err)
	})
}

func TestFleet_AnUnknownAdapterIsGone(t *testing.T) {
	t.Parallel()
	f, err := New(Options{})
	require.NoError(t, err)
	require.NotEmpty(t, f.Gone("nobody"))
	_, err = f.Manifest("nobody")
	require.ErrorIs(t, err, sdk.ErrNotRunning)
	_, _, err = f.Reserve(t.Context(), "nobody", sdk.Connection{}, "")
	require.ErrorIs(t, err, sdk.ErrNotRunning)
	_, err = New(Options{Adapters: []Spec{{Name: "a"}, {Name: "a"}}})
	require.Error(t, err)
}

func TestFleet_ACrashIsFollowedByALaunchAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		b.after(time.Hour)
		b.process().crash()
		b.after(time.Millisecond)
		s := b.status()
		require.Equal(t, StateRestarting, s.State)
		require.Contains(t, s.Error, "killed")
		require.Equal(t, []string{"last words"}, s.Stderr)
		require.Empty(t, b.f.Gone("fake"), "it will be back by itself")
		_, err := b.f.Manifest("fake")
		require.NoError(t, err, "what it said of itself is still known")
		_, _, err = b.f.Reserve(t.Context(), "fake", connection("c", "k"), "")
		require.ErrorIs(t, err, sdk.ErrNotRunning)
		b.after(200 * time.Millisecond)
		require.Equal(t, StateRunning, b.status().State)
		require.Equal(t, 1, b.status().Restarts)
	})
}

func TestFleet_TheCrashBudgetDeactivatesForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		for b.status().State != StateDeactivated {
			require.LessOrEqual(t, b.launcher.times(), crashBudget)
			if b.status().State == StateRunning {
				b.process().crash()
			}
			b.after(100 * time.Millisecond)
		}
		require.Equal(t, crashBudget, b.launcher.times())
		require.Contains(t, b.f.Gone("fake"), "deactivated")
		b.after(deactivatedFor - time.Minute)
		require.Equal(t, StateDeactivated, b.status().State)
		b.after(2 * time.Minute)
		require.Equal(t, StateRunning, b.status().State)
		require.Empty(t, b.f.Gone("fake"))
		b.process().crash()
		b.after(time.Second)
		require.Equal(t, StateRunning, b.status().State, "it begins with a whole budget")
	})
}

// The pause grows with each crash and is short again after a good while.
func TestFleet_APauseDoesNotOutliveItsReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		for range 12 {
			b.after(30 * time.Second)
			if b.status().State == StateRunning {
				b.process().crash()
			}
		}
		b.after(10 * time.Minute)
		require.Equal(t, StateRunning, b.status().State)
		b.process().crash()
		b.after(200 * time.Millisecond)
		require.Equal(t, StateRunning, b.status().State)
	})
}

func TestFleet_WhatCannotBeTheAdapterIsMissingUntilItIsMended(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"no file":        {&host.StartError{Err: host.ErrMissing}, "no program at /opt/fake"},
		"checksum":       {&host.StartError{Err: fmt.Errorf("%w: it has 1234", host.ErrChecksum)}, "checksum"},
		"protocol":       {&host.StartError{Err: host.ErrProtocol}, "another contract"},
		"no handshake":   {&host.StartError{Err: host.ErrHandshake}, "does not answer as an adapter"},
		"wrong manifest": {&host.StartError{Err: host.ErrManifest}, "manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, sdk.Manifest{}, Limits{})
				b.launcher.refuse = func(context.Context) error { return c.err }
				b.f.Start()
				b.f.Ready(t.Context())
				b.after(time.Minute)
				require.Equal(t, StateMissing, b.status().State)
				require.Contains(t, b.f.Gone("fake"), c.says)
				require.Contains(t, b.status().Error, c.says)
				b.mu.Lock()
				require.Equal(t, 1, b.changes, "one change, however often it is tried")
				b.mu.Unlock()
				b.launcher.set(func(l *launcher) { l.refuse = nil })
				b.after(missingRetry)
				require.Equal(t, StateRunning, b.status().State)
				require.Empty(t, b.f.Gone("fake"))
			})
		})
	}
}

func TestFleet_AProgramOfAnotherNameIsMissingAndEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, sdk.Manifest{Name: "other"}, Limits{})
		b.f.Start()
		b.after(time.Second)
		require.Contains(t, b.f.Gone("fake"), `"other"`)
		require.Equal(t, 1, b.process().stops())
	})
}

// A start that fails by chance must not hold every submission as if the program were gone.
func TestFleet_AStartThatEndsEarlyIsACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, sdk.Manifest{}, Limits{})
		n := 0
		b.launcher.refuse = func(context.Context) error {
			if n++; n < 3 {
				return &host.StartError{Err: host.ErrExited}
			}
			return nil
		}
		b.f.Start()
		b.f.Ready(t.Context())
		synctest.Wait()
		require.Empty(t, b.f.Gone("fake"))
		b.after(time.Second)
		require.Equal(t, StateRunning, b.status().State)
		b.launcher.set(func(l *launcher) {
			l.refuse = func(context.Context) error { return &host.StartError{Err: host.ErrStartTimeout} }
		})
		b.process().crash()
		b.after(10 * time.Second)
		require.Equal(t, StateDeactivated, b.status().State)
	})
}

func TestFleet_AProcessThatDoesNotAnswerPingsIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, sdk.Manifest{}, Limits{})
		var hung atomic.Bool
		b.launcher.born = func(p *process) {
			p.ping = func(ctx context.Context) error {
				if !hung.Load() {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
		}
		b.f.Start()
		b.after(5 * time.Minute)
		require.Equal(t, 1, b.launcher.times())
		first := b.process()
		hung.Store(true)
		b.after(25 * time.Second)
		require.Zero(t, first.stops(), "two silences are not enough")
		b.after(15 * time.Second)
		require.Equal(t, 1, first.stops())
		hung.Store(false)
		b.after(time.Second)
		require.Equal(t, StateRunning, b.status().State)
		require.NotSame(t, first, b.process())
	})
}

func TestStop_DuringALaunchEndsWhatIsBorn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, sdk.Manifest{}, Limits{})
		b.launcher.refuse = func(context.Context) error { time.Sleep(5 * time.Second); return nil } // deaf to ctx
		b.f.Start()
		b.after(time.Second)
		b.f.Stop(t.Context())
		b.f.Stop(t.Context())
		require.Equal(t, 1, b.process().stops())
		require.Equal(t, StateStopped, b.status().State)
		b.f.Start()
		b.after(time.Minute)
		require.Equal(t, 1, b.launcher.times())
	})
}

func TestStop_CutsALaunchThatListens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, sdk.Manifest{}, Limits{})
		b.launcher.refuse = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		b.f.Start()
		b.after(time.Second)
		b.f.Stop(t.Context())
		b.f.Ready(t.Context())
		require.Equal(t, StateStopped, b.status().State)
	})
}

func TestStop_BeforeStartAndWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, sdk.Manifest{}, Limits{})
		b.f.Stop(t.Context())
		b.f.Start()
		b.after(time.Minute)
		require.Zero(t, b.launcher.times())

		b = setup(t, sdk.Manifest{}, Limits{})
		b.launcher.refuse = func(context.Context) error { return &host.StartError{Err: host.ErrMissing} }
		b.f.Start()
		b.after(time.Second)
		b.f.Stop(t.Context())
		b.after(time.Hour)
		require.Equal(t, 1, b.launcher.times())
	})
}

// Crashes, stops and reservations at random moments leave nothing behind and nobody waiting.
func TestFleet_ChaosEndsInPeace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{MaxInFlight: 3})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for range 200 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*7*time.Millisecond)
					_, done, err := b.f.Reserve(ctx, "fake", connection(fmt.Sprint(i%4), "k"), sdk.PowerSubmit)
					if err == nil {
						time.Sleep(time.Duration(i) * time.Millisecond)
						done()
						done()
					} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, sdk.ErrNotRunning) {
						require.NoError(t, err)
					}
					cancel()
				}
			})
		}
		for range 4 {
			b.after(200 * time.Millisecond)
			if b.status().State == StateRunning {
				b.process().crash()
			}
		}
		wg.Wait()
		a := b.f.adapters["fake"]
		require.Empty(t, a.limiters.inFlight)
		require.Empty(t, a.limiters.places.m)
	})
}
