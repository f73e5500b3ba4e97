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

func (b *bundle) jobsPass() Summary {
	b.t.Helper()
	s, err := b.worker.JobsPass(b.t.Context(), 0)
	require.NoError(b.t, err)
	return s
}

func jobs(n int) []sdk.Job {
	out := []sdk.Job{{ID: "ats-job", Name: "Engineer", State: sdk.JobOpen}}
	for i := 1; i < n; i++ {
		out = append(out, sdk.Job{ID: fmt.Sprint("j", i), Name: fmt.Sprint("Job ", i), State: sdk.JobOpen})
	}
	return out
}

// What was known before is no answer of the ATS: where it was not asked, that is said.
func TestRefreshJobs_SaysThatTheATSWasNotAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		c, other := b.conns[0].ID, b.conns[1].ID
		b.ats.set(func(a *ats) { a.jobs = jobs(4) })
		b.jobsPass()
		quiet := time.Now().Add(40 * time.Minute)
		b.adapters.set(func(a *adapters) {
			a.reserve = func(_ context.Context, _, id string) error {
				if d := time.Until(quiet); d > 0 && id == c {
					return &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: d, Message: "the ATS asked to be left alone, so it was not asked"}
				}
				return nil
			}
		})
		began := time.Now()
		err := b.worker.RefreshJobs(t.Context(), c)
		require.Equal(t, atssync.CodeATS, atssync.CodeOf(err))
		e, ok := errors.AsType[*atssync.Error](err)
		require.True(t, ok)
		require.Contains(t, e.Message, "was not asked")
		require.Contains(t, e.Remedy, "try again after")
		require.NoError(t, b.worker.RefreshJobs(t.Context(), other))
		require.Zero(t, time.Since(began))
		require.True(t, b.health(c, atssync.OpJobs).Throttled(time.Now()), "it is visible")
		require.Empty(t, b.events(c, atssync.EventConnectionUnhealthy), "only sending and reading concern the platform")

		s := b.jobsPass()
		require.Equal(t, 1, s.Throttled)
		require.Equal(t, 4, s.Read, "the others are read at once")
		require.Zero(t, time.Since(began))
		b.after(45 * time.Minute)
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpJobs).State, "listed again by itself")

		b.leases.mu.Lock()
		delete(b.leases.held, c)
		b.leases.mu.Unlock()
		require.Equal(t, atssync.CodeUnavailable, atssync.CodeOf(b.worker.RefreshJobs(t.Context(), c)))
	})
}

// Who asks while the list is being read gets that answer, and not what was known before: of a connection that was just made, nothing.
func TestRefreshJobs_WaitsForTheReadingUnderWay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		first error
		calls int
	}{
		{"which ends well", nil, 1},
		{"which fails, and then reads by itself", &sdk.Error{Kind: sdk.KindTransient, Message: "the connection broke"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				c := b.conns[0].ID
				calls, list := 0, b.adapters.fake.ListJobsFunc
				b.adapters.fake.ListJobsFunc = func(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
					if calls++; calls == 1 {
						time.Sleep(3 * time.Second) // of the test's clock
						if tt.first != nil {
							return sdk.ListJobsReply{}, tt.first
						}
					}
					return list(ctx, req)
				}
				began := time.Now()
				b.worker.ListJobsSoon(c)
				synctest.Wait()
				impatient, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.ErrorIs(t, b.worker.RefreshJobs(impatient, c), context.DeadlineExceeded)
				require.Equal(t, time.Second, time.Since(began))
				require.NoError(t, b.worker.RefreshJobs(t.Context(), c))
				require.Equal(t, 3*time.Second, time.Since(began))
				require.Equal(t, tt.calls, calls)
			})
		})
	}
}

func TestJobs_AbsentThreeTimesIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		b.ats.set(func(a *ats) { a.jobs = jobs(20) })
		require.Equal(t, 20, b.jobsPass().Read)
		b.ats.set(func(a *ats) { a.jobs = jobs(20)[1:] })
		for range 3 {
			require.Empty(t, b.events(c, atssync.EventJobClosed))
			b.after(time.Hour)
			b.jobsPass()
		}
		require.Len(t, b.events(c, atssync.EventJobNotVisible), 1)
		require.Len(t, b.events(c, atssync.EventJobClosed), 1)
	})
}

func TestJobs_ManyThatVanishTogetherAreAPermissionToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		b.ats.set(func(a *ats) { a.jobs = jobs(20) })
		b.jobsPass()
		b.ats.set(func(a *ats) { a.jobs = jobs(20)[10:] })
		for range 10 {
			b.after(time.Hour)
			b.jobsPass()
		}
		require.Empty(t, b.events(c, atssync.EventJobClosed))
		told := b.events(c, atssync.EventConnectionUnhealthy)
		require.Len(t, told, 1)
		require.Contains(t, b.health(c, atssync.OpJobs).Trouble.Message, "recruiter@example.com")
		b.ats.set(func(a *ats) { a.jobs = jobs(20) })
		b.after(time.Hour)
		b.jobsPass()
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}

// A job that refused what was sent is tried again when it is listed and its time has come; the release is owed.
func TestJobs_AForbiddenJobIsFreedWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1, func(o *Options) { o.Policy.ReleasePerMinute = 60 })
		c := b.conns[0].ID
		b.ats.set(func(a *ats) { a.jobs = jobs(3) })
		b.jobsPass()
		lease, _ := b.leases.Lease(c)
		_, err := b.store.UpdateLane(t.Context(), lease, func(l *atssync.Lane) []atssync.EventDraft {
			return l.FailJob("ats-job", atssync.HeldJobNotAccessible, nil, time.Now().UTC())
		}, time.Now())
		require.NoError(t, err)
		b.after(30 * time.Minute)
		b.jobsPass()
		require.Contains(t, b.lane(c).Jobs, "ats-job")
		b.after(31 * time.Minute)
		b.jobsPass()
		require.NotContains(t, b.lane(c).Jobs, "ats-job")
		require.Equal(t, map[atssync.HeldReason]int{atssync.HeldJobNotAccessible: 60}, b.lane(c).Owed)
		require.Contains(t, b.woken, c)
	})
}

func TestJobs_APersonWhoAsksFreesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		b.ats.set(func(a *ats) { a.jobs = jobs(3) })
		lease, _ := b.leases.Lease(c)
		_, err := b.store.UpdateLane(t.Context(), lease, func(l *atssync.Lane) []atssync.EventDraft {
			return l.FailJob("ats-job", atssync.HeldJobNotAccessible, nil, time.Now().UTC())
		}, time.Now())
		require.NoError(t, err)
		require.NoError(t, b.worker.RefreshJobs(t.Context(), c))
		require.NotContains(t, b.lane(c).Jobs, "ats-job")
		b.ats.set(func(a *ats) { a.rule = func(string) error { return errServer } })
		err = b.worker.RefreshJobs(t.Context(), c)
		require.Equal(t, atssync.CodeATS, atssync.CodeOf(err))
	})
}

func TestJobs_AListingWithoutAnEndEnds(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(page string) string{
		"the same page again": func(string) string { return "2" },
		"ever new pages":      func(page string) string { return page + "x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				calls := 0
				b.adapters.fake.ListJobsFunc = func(_ context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
					calls++
					return sdk.ListJobsReply{Next: next(req.Page)}, nil
				}
				s, err := b.worker.JobsPass(t.Context(), 0)
				require.Error(t, err)
				require.Equal(t, 1, s.Failed)
				require.LessOrEqual(t, calls, maxPages)
				require.Equal(t, string(sdk.KindRemoteChanged), b.health(b.conns[0].ID, atssync.OpJobs).Cause)
			})
		})
	}
}

func TestCheck_ARevokedKeyIsToldOnceAndItsReturnToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		bad := true
		b.ats.set(func(a *ats) {
			a.check = func(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) {
				if bad {
					return sdk.CheckReply{Items: []sdk.CheckItem{
						{ID: "pools", Warning: true, Kind: sdk.KindPermission},
						{ID: "credentials", Kind: sdk.KindAuth, Cause: "refused", Turn: sdk.TurnEmployer, Remedy: "make a new key"},
					}}, nil
				}
				return sdk.CheckReply{Items: []sdk.CheckItem{{ID: "pools", Warning: true, Kind: sdk.KindPermission}}}, nil
			}
		})
		for range 5 {
			_, err := b.worker.CheckPass(t.Context(), 0)
			require.Error(t, err)
			b.after(6 * time.Hour)
		}
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		bad = false
		_, err := b.worker.CheckPass(t.Context(), 0)
		require.NoError(t, err)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}
