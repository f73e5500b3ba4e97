package collect

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Connections whose ATS hangs, or whose limits are used up, keep those of another adapter from nothing.
func TestStatus_NobodyWaitsForAnotherATS(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(b *bundle){
		"calls hang": func(b *bundle) {
			b.ats.set(func(a *ats) {
				a.rule = func(c string) error {
					if c != b.conns[40].ID {
						<-time.After(time.Hour)
					}
					return nil
				}
			})
		},
		"limits are used up": func(b *bundle) {
			b.adapters.set(func(a *adapters) {
				a.reserve = func(ctx context.Context, adapter, _ string) error {
					if adapter == "fake" {
						<-ctx.Done()
					}
					return ctx.Err()
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 40, func(o *Options) { o.Parallel = 4 })
				for _, c := range b.conns {
					b.submitted(c, 1)
				}
				other := b.connect("other", "other")
				ids := b.submitted(other, 3)
				hang(b)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				s, err := b.worker.StatusPass(ctx, 0)
				require.NoError(t, err)
				require.Equal(t, 40, s.Running)
				require.Equal(t, sdk.PhaseScreen, b.app(ids[0]).Phase)
				b.after(3 * time.Hour)
			})
		})
	}
}

func TestStatus_AConnectionIsReadByOnePassAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.submitted(b.conns[0], 1)
		b.ats.set(func(a *ats) { a.rule = func(string) error { time.Sleep(time.Minute); return nil } })
		go func() { _, _ = b.worker.StatusPass(context.Background(), 0) }()
		b.after(time.Second)
		require.Equal(t, Summary{Connections: 1, Skipped: 1}, b.pass())
		b.after(2 * time.Minute)
		require.Equal(t, 1, b.ats.count())
	})
}

func TestStatus_ConnectionsAreSpreadOverTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 50)
		for _, c := range b.conns {
			b.submitted(c, 1)
		}
		began := time.Now()
		var at []time.Duration
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				b.ats.set(func(*ats) { at = append(at, time.Since(began)) })
				return nil
			}
		})
		s, err := b.worker.StatusPass(t.Context(), 10*time.Minute)
		require.NoError(t, err)
		require.Equal(t, 50, s.Read)
		early := 0
		for _, d := range at {
			require.Less(t, d, 10*time.Minute)
			if d < 5*time.Minute {
				early++
			}
		}
		require.InDelta(t, 25, early, 15)
	})
}

func TestStop_EndsAPassInTheMiddle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 20)
		for _, c := range b.conns {
			b.submitted(c, 1)
		}
		b.adapters.set(func(a *adapters) {
			a.reserve = func(ctx context.Context, _, _ string) error { <-ctx.Done(); return ctx.Err() }
		})
		done := make(chan Summary)
		go func() { s, _ := b.worker.StatusPass(context.Background(), time.Hour); done <- s }()
		b.worker.Follow(b.conns[0].ID)
		b.after(30 * time.Minute)
		b.worker.Stop()
		b.worker.Stop()
		s := <-done
		require.Equal(t, 20, s.Running+s.Connections)
		b.worker.Follow(b.conns[0].ID)
		b.worker.Sweep()
		b.worker.ListJobsSoon(b.conns[0].ID)
		b.after(time.Hour)
	})
}

func TestSummary_SaysItInWords(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0 connections", Summary{}.String())
	require.Equal(t, "3 connections, 9 asked, 8 read, 2 changed, 1 failed, 1 still running",
		Summary{Connections: 3, Asked: 9, Read: 8, Changed: 2, Failed: 1, Running: 1}.String())
}

func TestOne_ACallIsNeverMadeAfterStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.worker.Stop()
		s := b.worker.one(operation{op: atssync.OpRead, do: func(context.Context, *visit) (Summary, error) {
			return Summary{}, errors.New("it was called")
		}}, b.conns[0].ID)
		require.Equal(t, 1, s.Skipped, fmt.Sprint(s))
	})
}
