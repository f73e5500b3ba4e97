package submit

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestHold_AMissingAdapterHoldsAndReleasesWhenItIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		c := b.conns[0]
		b.adapters.set(func(a *adapters) { a.gone = "the adapter fake has no program" })
		b.submit(c, "job", 700)
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateHeld: 700}, b.states(c.ID))
		late := b.submit(c, "job", 1)
		require.Equal(t, atssync.HeldAdapterMissing, b.sub(late[0]).HeldReason, "what comes in is held as well")
		b.after(time.Hour)
		require.Zero(t, b.ats.writesOf(c.ID))
		require.Len(t, b.events(c.ID, atssync.EventConnectionUnhealthy), 1)

		b.adapters.set(func(a *adapters) { a.gone = "" })
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 701}, b.states(c.ID))
		require.Equal(t, atssync.HealthOK, b.health(c.ID).State)
		require.Len(t, b.events(c.ID, atssync.EventConnectionHealthy), 1)
		require.Empty(t, b.lane(c.ID).Owed)
		require.Zero(t, b.ats.doubled())
	})
}

// A crash between giving the hold up and persisting its release must not leave anything held for ever.
func TestHold_AReleaseThatIsOwedIsPaidAfterACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		b.adapters.set(func(a *adapters) { a.gone = "no program" })
		b.submit(c, "job", 5)
		b.after(time.Minute)
		b.worker.Stop(t.Context())
		b.start(func(o *Options) { o.Tasks = noTasks{} })
		b.adapters.set(func(a *adapters) { a.gone = "" })
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateHeld: 5}, b.states(c.ID))
		b.crash()
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 5}, b.states(c.ID))
	})
}

type noTasks struct{}

func (noTasks) PutTask(context.Context, atssync.Task, time.Time) (atssync.Task, error) {
	return atssync.Task{}, fmt.Errorf("no task is persisted")
}

// The adapter dies while a write is under way and stays away: what stopped the lane still stands when it is back.
func TestHold_AnUncertainLaneIsProbedAfterItsAdapterIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		died := false
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if died {
					return passes()
				}
				died = true
				b.adapters.set(func(a *adapters) { a.gone = "it crashed too often" })
				return &said{err: &sdk.Error{Kind: sdk.KindInternal, Message: "the adapter died during the call"}, applied: true}
			}
		})
		b.submit(b.conns[0], "job", 3)
		b.after(5 * time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateUncertain: 1, atssync.StateHeld: 2}, b.states(c))
		require.Zero(t, b.ats.checksMade())
		b.adapters.set(func(a *adapters) { a.gone = "" })
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateUncertain: 1, atssync.StateSubmitted: 2}, b.states(c))
		require.Equal(t, 1, b.ats.checksMade(), "a read comes before the next write")
		require.Zero(t, b.ats.doubled())
	})
}

func TestHold_AnAdapterThatRestartsOnlyDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.adapters.set(func(a *adapters) { a.down = true })
		b.submit(b.conns[0], "job", 5)
		b.after(30 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateQueued: 5}, b.states(b.conns[0].ID))
		b.adapters.set(func(a *adapters) { a.down = false })
		b.after(2 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 5}, b.states(b.conns[0].ID))
	})
}

func TestHold_AnAdapterThatCannotSubmitRefusesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		b.adapters.set(func(a *adapters) { a.manifest.Powers = nil })
		b.submit(b.conns[0], "job", 5)
		b.after(time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateQueued: 5}, b.states(c))
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		b.adapters.set(func(a *adapters) { a.manifest.Powers = []sdk.Power{sdk.PowerSubmit} })
		b.after(2 * time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 5}, b.states(c))
	})
}

func TestHold_AJobThatIsForbiddenHoldsItsOwnAndLetsTheOthersGo(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*sdk.Error{
		"403": {Kind: sdk.KindPermission, Subject: sdk.SubjectJob, Status: 403},
		"404": {Kind: sdk.KindNotFound, Subject: sdk.SubjectJob, Status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				c := b.conns[0]
				b.link(c.ID, "other", "ats-other")
				b.ats.set(func(a *ats) {
					a.rule = func(_ string, it sdk.SubmitItem) *said {
						if it.JobID == "ats-job" {
							return fails(e)
						}
						return passes()
					}
				})
				bad := b.submit(c, "job", 10)
				b.submit(c, "other", 10)
				b.after(time.Minute)
				require.Equal(t, map[atssync.State]int64{atssync.StateHeld: 10, atssync.StateSubmitted: 10}, b.states(c.ID))
				require.Equal(t, atssync.HeldJobNotAccessible, b.sub(bad[9]).HeldReason)
				require.Equal(t, 11, b.ats.writesOf(c.ID), "one try tells for the whole job")
				require.Equal(t, atssync.HealthOK, b.health(c.ID).State)
				next := b.submit(c, "job", 1)
				require.Equal(t, atssync.StateHeld, b.sub(next[0]).State)
				require.Empty(t, b.events(c.ID, atssync.EventConnectionUnhealthy))
			})
		})
	}
}

func TestHold_ASecondForbiddenJobIsTheConnectionsTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		for i := range 5 {
			b.link(c.ID, fmt.Sprint("job", i), fmt.Sprint("ats", i))
		}
		bad := true
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if bad {
					return fails(&sdk.Error{Kind: sdk.KindPermission, Subject: sdk.SubjectJob, Status: 403})
				}
				return passes()
			}
		})
		for i := range 5 {
			b.accept(c, fmt.Sprint("job", i), 4)
		}
		b.worker.Wake(c.ID)
		b.after(50 * time.Second)
		require.Equal(t, 2, b.ats.writesOf(c.ID))
		require.Equal(t, atssync.HealthStopped, b.health(c.ID).State)
		require.Len(t, b.events(c.ID, atssync.EventConnectionUnhealthy), 1)
		b.ats.set(func(*ats) { bad = false })
		b.after(time.Hour)
		got := b.states(c.ID)
		require.Zero(t, got[atssync.StateRefused])
		require.Zero(t, got[atssync.StateQueued])
		require.GreaterOrEqual(t, got[atssync.StateSubmitted], int64(12), "the jobs that were not tried go on")
		require.Len(t, b.events(c.ID, atssync.EventConnectionHealthy), 1)
	})
}

func TestHold_JobsThatCloseSayNothingAboutTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		for i := range 6 {
			b.link(c.ID, fmt.Sprint("job", i), fmt.Sprint("ats", i))
			b.accept(c, fmt.Sprint("job", i), 2)
		}
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said {
				if it.JobID == "ats5" {
					return fails(&sdk.Error{Kind: sdk.KindPermission, Subject: sdk.SubjectJob})
				}
				return fails(&sdk.Error{Kind: sdk.KindJobClosed})
			}
		})
		b.worker.Wake(c.ID)
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateHeld: 12}, b.states(c.ID))
		require.Equal(t, atssync.HealthOK, b.health(c.ID).State)
	})
}

func TestHold_OneBadDocumentStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		bad := document(c, atssync.NewID(atssync.PrefixSubmission, time.Now()), "job")
		bad.Payload = atssync.Payload("not what was sealed")
		_, err := b.store.Accept(t.Context(), []atssync.NewSubmission{bad}, time.Now())
		require.NoError(t, err)
		b.after(time.Second)
		b.submit(c, "job", 5)
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 5, atssync.StateHeld: 1}, b.states(c.ID))
		s := b.sub(bad.Submission.ID)
		require.Equal(t, atssync.HeldOperator, s.HeldReason)
		require.NotEmpty(t, s.Trouble.Message)
	})
}

func TestHold_WhatExpiredIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		d := document(c, atssync.NewID(atssync.PrefixSubmission, time.Now()), "job")
		d.Submission.ExpiresAt = time.Now().Add(time.Hour)
		_, err := b.store.Accept(t.Context(), []atssync.NewSubmission{d}, time.Now())
		require.NoError(t, err)
		b.adapters.set(func(a *adapters) { a.down = true })
		b.after(2 * time.Hour)
		b.adapters.set(func(a *adapters) { a.down = false })
		b.submit(c, "job", 1)
		b.after(time.Minute)
		require.Equal(t, atssync.StateExpired, b.sub(d.Submission.ID).State)
		require.Equal(t, 1, b.ats.writesOf(c.ID))
	})
}

// What changed while a submission waited for the limits counts, not what was read before.
func TestHold_ALongWaitIsFollowedByASecondLook(t *testing.T) {
	t.Parallel()
	change := func(b *bundle, f func(c *atssync.Connection)) {
		_, err := b.store.UpdateConnection(context.Background(), b.conns[0].ID, 0, func(c *atssync.Connection) error { f(c); return nil }, time.Now())
		require.NoError(b.t, err)
	}
	for name, c := range map[string]struct {
		meanwhile func(b *bundle)
		want      map[atssync.State]int64
		job       string
	}{
		"nothing happened": {func(*bundle) {}, map[atssync.State]int64{atssync.StateSubmitted: 2}, "ats-job"},
		"the connection was paused": {func(b *bundle) {
			change(b, func(c *atssync.Connection) { c.State = atssync.ConnectionPaused })
		}, map[atssync.State]int64{atssync.StateHeld: 2}, ""},
		"the job was linked to another": {func(b *bundle) {
			b.link(b.conns[0].ID, "job", "ats-new")
		}, map[atssync.State]int64{atssync.StateSubmitted: 2}, "ats-new"},
		"the link was removed": {func(b *bundle) {
			require.NoError(b.t, b.store.RemoveJobLink(context.Background(), b.conns[0].ID, "job", 0, time.Now()))
		}, map[atssync.State]int64{atssync.StateHeld: 2}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				var jobs []string
				b.ats.set(func(a *ats) {
					a.rule = func(_ string, it sdk.SubmitItem) *said {
						jobs = append(jobs, it.JobID)
						return passes()
					}
				})
				b.adapters.set(func(a *adapters) {
					a.reserve = func(ctx context.Context, _ string, p sdk.Power) error {
						if p == sdk.PowerSubmit {
							time.Sleep(10 * time.Minute)
						}
						return ctx.Err()
					}
				})
				b.submit(b.conns[0], "job", 2)
				b.after(time.Minute)
				c.meanwhile(b)
				b.after(time.Hour)
				require.Equal(t, c.want, b.states(b.conns[0].ID))
				for _, j := range jobs {
					require.Equal(t, c.job, j)
				}
			})
		})
	}
}

func TestHold_ARevisionThatComesWhileItWaitsIsWhatIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		var name string
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said {
				name = it.Person.FirstName
				return passes()
			}
		})
		b.adapters.set(func(a *adapters) {
			a.reserve = func(ctx context.Context, _ string, _ sdk.Power) error {
				time.Sleep(time.Minute)
				return ctx.Err()
			}
		})
		ids := b.submit(c, "job", 1)
		b.after(time.Second)
		again := document(c, ids[0], "job")
		again.Submission.Fingerprint = "another"
		var d atssync.Document
		require.NoError(t, json.Unmarshal(again.Payload, &d))
		d.Person.FirstName = "Grace"
		again.Payload, _ = json.Marshal(d)
		_, err := b.store.Accept(t.Context(), []atssync.NewSubmission{again}, time.Now())
		require.NoError(t, err)
		b.after(time.Hour)
		require.Equal(t, "Grace", name)
		require.Equal(t, 1, b.ats.writesOf(c.ID))
	})
}

// Nothing that is submitted may wait for the next scheduled look: each Wake comes through, whenever it comes.
func TestWake_IsNeverLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 10)
		var wg sync.WaitGroup
		for i, c := range b.conns {
			wg.Go(func() {
				for j := range 50 {
					b.submit(c, "job", 1)
					time.Sleep(time.Duration(dice(fmt.Sprint(i, j))) * 10 * time.Microsecond)
				}
			})
		}
		wg.Wait()
		b.after(time.Millisecond)
		for _, c := range b.conns {
			require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 50}, b.states(c.ID))
		}
		b.worker.mu.Lock()
		defer b.worker.mu.Unlock()
		require.Empty(t, b.worker.lanes, "an idle lane costs nothing")
	})
}
