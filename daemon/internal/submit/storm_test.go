package submit

import (
	"context"
	"fmt"
	"hash/fnv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// dice gives each key its number of 0 to 99, the same in each run.
func dice(key string) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum64() % 100)
}

func TestStorm_TwoThousandWithFaultsEndBalancedAndUndoubled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 20)
		want := make(map[string]int) // those that became uncertain, and how often the ATS was asked to take them
		limited := make(map[string]bool)
		b.ats.set(func(a *ats) {
			a.hold = func(context.Context, string) error { time.Sleep(20 * time.Millisecond); return nil }
		})
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said {
				switch d := dice(it.SubmissionID); {
				case d < 5:
					want[it.SubmissionID]++
					return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: errServer}, applied: d%2 == 0}
				case d < 7:
					want[it.SubmissionID]++
					return &said{err: fmt.Errorf("cut: %w", &sdk.Error{Kind: sdk.KindAmbiguous, Message: "cut"}), applied: d%2 == 0}
				case d < 12 && !limited[it.SubmissionID]:
					limited[it.SubmissionID] = true
					return fails(&sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: 2 * time.Second, Status: 429})
				}
				return passes()
			}
		})
		var all []string
		for _, c := range b.conns {
			all = append(all, b.submit(c, "job", 100)...)
		}
		b.after(2 * time.Hour)
		total := atssync.Ledger{}
		for _, c := range b.conns {
			got := b.states(c.ID)
			total.Add(atssync.Ledger{Accepted: 100, States: got})
			require.LessOrEqual(t, b.ats.mostOf(c.ID), 1)
			require.Equal(t, atssync.HealthOK, b.health(c.ID).State)
		}
		require.True(t, total.Balanced())
		require.Equal(t, int64(2000), total.Sum())
		require.NotEmpty(t, limited)
		for _, id := range all {
			s := b.sub(id)
			if n := want[id]; n > 0 {
				require.Equal(t, atssync.StateUncertain, s.State)
				require.Equal(t, 1, n, "an uncertain one is not sent again")
			} else {
				require.Equal(t, atssync.StateSubmitted, s.State)
			}
		}
		require.Zero(t, b.ats.doubled())
	})
}

// Ten minutes of 5xx to every write on two hundred connections.
func TestStorm_TenMinutesLeaveAtMostOneUncertainEach(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		readsFail bool
		latency   time.Duration
	}{
		"reads fail too, answers at once":  {true, 0},
		"reads fail too, answers are slow": {true, 20 * time.Second},
		"reads are fine, answers at once":  {false, 0},
		"reads are fine, answers are slow": {false, 20 * time.Second},
		"reads are fine, answers vary":     {false, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { storm(t, c.readsFail, c.latency) })
		})
	}
}

// storm runs in a bubble.
func storm(t *testing.T, readsFail bool, latency time.Duration) {
	t.Helper()
	b := setup(t, 200)
	ends := time.Now().Add(10 * time.Minute)
	b.ats.set(func(a *ats) {
		a.hold = func(_ context.Context, c string) error {
			if time.Now().Before(ends) {
				d := latency
				if d < 0 {
					d = time.Duration(dice(c)) * 100 * time.Millisecond
				}
				time.Sleep(d)
			}
			return nil
		}
	})
	b.ats.set(func(a *ats) {
		a.rule = func(string, sdk.SubmitItem) *said {
			if time.Now().Before(ends) {
				return fails(errServer)
			}
			return passes()
		}
	})
	b.ats.set(func(a *ats) {
		a.checked = func(string) (sdk.CheckReply, error) {
			if readsFail && time.Now().Before(ends) {
				return sdk.CheckReply{}, errServer
			}
			return sdk.CheckReply{}, nil
		}
	})
	for _, c := range b.conns {
		b.submit(c, "job", 10)
	}
	b.after(time.Until(ends))
	uncertain := int64(0)
	for _, c := range b.conns {
		got := b.states(c.ID)
		require.LessOrEqual(t, got[atssync.StateUncertain]+got[atssync.StateSending], int64(1), c.Name)
		require.Zero(t, got[atssync.StateRefused]+got[atssync.StateHeld])
		uncertain += got[atssync.StateUncertain]
	}
	if latency == 0 {
		require.Less(t, uncertain, int64(20), "an adapter that is stopped leaves few")
	}
	b.after(20 * time.Minute)
	for _, c := range b.conns {
		got := b.states(c.ID)
		require.LessOrEqual(t, got[atssync.StateUncertain], int64(1), c.Name)
		require.Equal(t, int64(10), got[atssync.StateUncertain]+got[atssync.StateSubmitted], "%s: %v %+v", c.Name, got, b.health(c.ID))
		require.Equal(t, atssync.HealthOK, b.health(c.ID).State)
	}
	require.Zero(t, b.ats.doubled())
}

func TestStorm_ARevokedKeyForAnHourRefusesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		revoked := &sdk.Error{Kind: sdk.KindAuth, Status: 401, Message: "the key is refused", Turn: sdk.TurnEmployer, Remedy: "make a new key"}
		bad := true
		var sent []time.Time
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if bad {
					return fails(revoked)
				}
				sent = append(sent, time.Now())
				return passes()
			}
		})
		b.ats.set(func(a *ats) {
			a.checked = func(string) (sdk.CheckReply, error) {
				if bad {
					return sdk.CheckReply{Items: []sdk.CheckItem{{ID: "credentials", Kind: sdk.KindAuth, Cause: "refused", Turn: sdk.TurnEmployer, Remedy: "make a new key"}}}, nil
				}
				return sdk.CheckReply{}, nil
			}
		})
		b.submit(b.conns[0], "job", 50)
		b.after(time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateQueued: 50}, b.states(c))
		require.Equal(t, 1, b.ats.writesOf(c), "one 401 stops the operation")
		require.Less(t, b.ats.checksMade(), 10, "and the probes are few")
		told := b.events(c, atssync.EventConnectionUnhealthy)
		require.Len(t, told, 1)
		require.Contains(t, string(told[0].Data), `"make a new key"`)
		b.ats.set(func(*ats) { bad = false })
		b.after(time.Hour + 2*time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 50}, b.states(c))
		for i := 1; i < len(sent); i++ {
			require.GreaterOrEqual(t, sent[i].Sub(sent[i-1]), time.Second, "the queue drains at its pace")
		}
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}

// While the backlog drains, more comes in than the pace lets out: the drain still ends.
func TestStorm_ADrainEndsWithItsBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		bad := true
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if bad {
					return fails(&sdk.Error{Kind: sdk.KindAuth, Status: 401})
				}
				return passes()
			}
		})
		b.submit(b.conns[0], "job", 30)
		b.after(30 * time.Second)
		b.ats.set(func(*ats) { bad = false })
		for range 300 {
			b.submit(b.conns[0], "job", 3)
			b.after(time.Second)
		}
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 930}, b.states(c))
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}
