package atssync_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var trouble = &atssync.Trouble{Message: "it does not work", Turn: sdk.TurnEmployer, Remedy: "mend it"}

func TestFail_ThreeInARowStop(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	for i := 1; i <= 2; i++ {
		require.Empty(t, l.Fail(atssync.OpSubmit, "transient", trouble, now))
		h := l.Health(atssync.OpSubmit)
		require.Equal(t, atssync.HealthFailing, h.State)
		require.Equal(t, i, h.Failures)
	}
	drafts := l.Fail(atssync.OpSubmit, "transient", trouble, now)
	require.Equal(t, []atssync.EventType{atssync.EventConnectionUnhealthy}, types(drafts))
	require.Equal(t, atssync.ConnectionEvent{
		Operation: atssync.OpSubmit, State: "unhealthy", Cause: "transient", Message: "it does not work", WhoseTurn: "employer", Remedy: "mend it",
	}, drafts[0].Data)
	h := l.Health(atssync.OpSubmit)
	require.Equal(t, atssync.HealthStopped, h.State)
	require.Equal(t, now.Add(10*time.Second), h.NextAt)
	require.Empty(t, l.Fail(atssync.OpSubmit, "transient", trouble, now), "it is told once")
}

func TestFail_ASuccessBetweenBeginsTheRowAnew(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	for range 5 {
		require.Empty(t, l.Fail(atssync.OpRead, "transient", trouble, now))
		require.Empty(t, l.Fail(atssync.OpRead, "transient", trouble, now))
		require.Empty(t, l.Succeed(atssync.OpRead, now), "nobody was told that it failed")
		require.Equal(t, atssync.HealthOK, l.Health(atssync.OpRead).State)
	}
}

func TestFail_WhatAPersonHasToMendStopsAtOnce(t *testing.T) {
	t.Parallel()
	for _, cause := range []string{
		string(sdk.KindAuth), string(sdk.KindPermission), string(sdk.KindConfigRequired), atssync.CauseUncertain,
		atssync.CauseAdapterMissing, atssync.CannotRead, atssync.CauseMissingMany, atssync.CauseJobsVanished,
	} {
		var l atssync.Lane
		told := l.Fail(atssync.OpSubmit, cause, trouble, now)
		require.Equal(t, cause != atssync.CauseUncertain, len(told) == 1, cause)
		require.Equal(t, atssync.HealthStopped, l.Health(atssync.OpSubmit).State, cause)
	}
}

func TestFail_OneOperationLeavesTheOthersWell(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.Fail(atssync.OpRead, atssync.CannotRead, trouble, now)
	for _, op := range atssync.Operations() {
		require.Equal(t, op == atssync.OpRead, l.Health(op).State == atssync.HealthStopped, op)
	}
}

func TestProbe_WaitsLongerEachTimeUpToABound(t *testing.T) {
	t.Parallel()
	for _, cause := range []string{"transient", atssync.CauseUncertain, atssync.CauseAdapterMissing, string(sdk.KindAuth)} {
		last := time.Duration(0)
		for n := range 10 {
			d := atssync.ProbeDelay(cause, n)
			require.GreaterOrEqual(t, d, last, cause)
			require.LessOrEqual(t, d, time.Hour)
			last = d
		}
		require.Equal(t, atssync.ProbeDelay(cause, 0), atssync.ProbeDelay(cause, -1))
	}
	var l atssync.Lane
	l.Fail(atssync.OpSubmit, "auth", trouble, now)
	require.Equal(t, now.Add(time.Minute), l.Health(atssync.OpSubmit).NextAt)
	l.ProbeFailed(atssync.OpSubmit, nil, now)
	require.Equal(t, now.Add(5*time.Minute), l.Health(atssync.OpSubmit).NextAt)
	require.Equal(t, trouble, l.Health(atssync.OpSubmit).Trouble, "the reason stays where a probe has none")
}

func TestProbe_AfterAnUncertainWriteOneSuccessHeals(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.Fail(atssync.OpSubmit, atssync.CauseUncertain, trouble, now)
	require.Empty(t, l.Succeed(atssync.OpSubmit, now), "what was under way when it stopped does not end the stop")
	require.Equal(t, atssync.HealthStopped, l.Health(atssync.OpSubmit).State)
	require.Empty(t, l.ProbeOK(atssync.OpSubmit, now))
	require.Equal(t, atssync.HealthCanary, l.Health(atssync.OpSubmit).State)
	require.Empty(t, l.Succeed(atssync.OpSubmit, now), "one lost answer is no trouble of the connection")
	require.Equal(t, atssync.HealthOK, l.Health(atssync.OpSubmit).State)
}

func TestProbe_OneThatFailsTellsWhatOneUncertainWriteDidNot(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	require.Empty(t, l.Fail(atssync.OpSubmit, atssync.CauseUncertain, trouble, now))
	require.Equal(t, []atssync.EventType{atssync.EventConnectionUnhealthy}, types(l.ProbeFailed(atssync.OpSubmit, trouble, now)))
	require.Empty(t, l.ProbeFailed(atssync.OpSubmit, trouble, now), "once")
	l.ProbeOK(atssync.OpSubmit, now)
	require.Equal(t, []atssync.EventType{atssync.EventConnectionHealthy}, types(l.Succeed(atssync.OpSubmit, now)))
}

func TestProbe_AfterAnIncidentTheQueueDrainsAtAPace(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.Fail(atssync.OpSubmit, "auth", trouble, now)
	l.ProbeOK(atssync.OpSubmit, now)
	require.Empty(t, l.Succeed(atssync.OpSubmit, now))
	require.Equal(t, atssync.HealthDraining, l.Health(atssync.OpSubmit).State)
	l.PaceDraining(atssync.OpSubmit, now.Add(time.Second))
	require.Equal(t, now.Add(time.Second), l.Health(atssync.OpSubmit).NextAt)
	require.Empty(t, l.Succeed(atssync.OpSubmit, now), "more successes do not end it")
	require.Equal(t, []atssync.EventType{atssync.EventConnectionHealthy}, types(l.Drained(atssync.OpSubmit, now)))
	require.Empty(t, l.Drained(atssync.OpSubmit, now))
}

func TestProbe_ACanaryThatFailsGoesOnCounting(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.Fail(atssync.OpSubmit, atssync.CauseUncertain, trouble, now)
	l.ProbeOK(atssync.OpSubmit, now)
	require.Equal(t, []atssync.EventType{atssync.EventConnectionUnhealthy}, types(l.Fail(atssync.OpSubmit, atssync.CauseUncertain, trouble, now)))
	h := l.Health(atssync.OpSubmit)
	require.Equal(t, atssync.HealthStopped, h.State)
	require.Equal(t, now.Add(atssync.ProbeDelay(atssync.CauseUncertain, 1)), h.NextAt)
}

func TestProbe_AnyOtherOperationIsWellAgainAtOnce(t *testing.T) {
	t.Parallel()
	for _, op := range []atssync.Operation{atssync.OpRead, atssync.OpJobs, atssync.OpCheck} {
		var l atssync.Lane
		require.Empty(t, l.ProbeOK(op, now), "what was not stopped needs no probe")
		l.Fail(op, "auth", trouble, now)
		require.Equal(t, []atssync.EventType{atssync.EventConnectionHealthy}, types(l.ProbeOK(op, now)))
		require.Equal(t, atssync.HealthOK, l.Health(op).State)
	}
}

func TestFailJob_OneJobIsItsOwnTroubleTwoAreTheConnections(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	require.Empty(t, l.FailJob("j1", atssync.HeldJobNotAccessible, trouble, now))
	require.Empty(t, l.FailJob("j1", atssync.HeldJobNotAccessible, trouble, now))
	require.Equal(t, atssync.HealthOK, l.Health(atssync.OpSubmit).State)
	require.Equal(t, 2, l.Jobs["j1"].Retries)
	require.Equal(t, now.Add(2*time.Hour), l.Jobs["j1"].NextAt)
	drafts := l.FailJob("j2", atssync.HeldJobNotAccessible, trouble, now)
	require.Equal(t, []atssync.EventType{atssync.EventConnectionUnhealthy}, types(drafts))
	require.Equal(t, string(sdk.KindPermission), l.Health(atssync.OpSubmit).Cause)
}

func TestFailJob_ASuccessBetweenSaysThatTheConnectionIsWell(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.FailJob("j1", atssync.HeldJobNotAccessible, trouble, now)
	l.JobOK("j3")
	require.Empty(t, l.FailJob("j2", atssync.HeldJobNotAccessible, trouble, now))
	require.Len(t, l.Jobs, 2, "each keeps its own trouble")
	l.JobOK("j1")
	require.Len(t, l.Jobs, 1)
}

func TestFailJob_ClosingJobsSayNothingAboutTheConnection(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	for _, j := range []string{"j1", "j2", "j3"} {
		require.Empty(t, l.FailJob(j, atssync.HeldJobClosed, trouble, now))
	}
	require.Empty(t, l.FailJob("j4", atssync.HeldJobNotAccessible, trouble, now))
	require.Equal(t, atssync.HealthOK, l.Health(atssync.OpSubmit).State)
}

func TestFailJob_RetriesAtMostADayApart(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	for range 20 {
		l.FailJob("j1", atssync.HeldJobClosed, trouble, now)
		require.LessOrEqual(t, l.Jobs["j1"].NextAt.Sub(now), 24*time.Hour)
	}
	require.Equal(t, now.Add(24*time.Hour), l.Jobs["j1"].NextAt)
}

func TestReadBack_ThreeMissesTellThatNothingCanBeRead(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.StartReadBack("j1", "sub_1", now)
	at := now
	for i, d := range []time.Duration{2 * time.Second, 28 * time.Second, 270 * time.Second} {
		at = at.Add(d)
		require.Equal(t, at, l.ReadBacks["j1"].NextAt, "step %d", i)
		drafts := l.ReadBackMissed("j1", trouble, at)
		require.Equal(t, i == 2, len(drafts) == 1, "step %d", i)
	}
	require.Equal(t, atssync.CannotRead, l.Health(atssync.OpRead).Cause)
	require.Equal(t, at.Add(time.Hour), l.ReadBacks["j1"].NextAt, "a granted permission is noticed")
	drafts := l.ReadBackSeen("j1", at)
	require.Equal(t, []atssync.EventType{atssync.EventConnectionHealthy}, types(drafts))
	require.Empty(t, l.ReadBacks)
	l.StartReadBack("j1", "sub_2", at)
	require.Empty(t, l.ReadBacks, "a job is followed once")
}

func TestReadBack_AnotherTroubleOfReadingIsNotEndedByIt(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.Fail(atssync.OpRead, "auth", trouble, now)
	l.StartReadBack("j1", "sub_1", now)
	l.StartReadBack("j1", "sub_2", now)
	require.Equal(t, "sub_1", l.ReadBacks["j1"].Submission, "the first one is followed")
	require.Empty(t, l.ReadBackSeen("j1", now))
	require.Equal(t, atssync.HealthStopped, l.Health(atssync.OpRead).State)
	require.Empty(t, l.ReadBackMissed("unknown", trouble, now))
}

func TestAdapterGone_HoldsAndOwesTheRelease(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	require.Equal(t, []atssync.EventType{atssync.EventConnectionUnhealthy}, types(l.AdapterGone(trouble, now)))
	require.Equal(t, atssync.HeldAdapterMissing, l.HoldReason)
	require.Empty(t, l.AdapterGone(trouble, now))
	require.Equal(t, []atssync.EventType{atssync.EventConnectionHealthy}, types(l.AdapterBack(now)))
	require.Empty(t, l.HoldReason)
	require.Contains(t, l.Owed, atssync.HeldAdapterMissing)
	l.Paid(atssync.HeldAdapterMissing)
	require.Empty(t, l.Owed)
	require.Empty(t, l.AdapterBack(now))
}

func TestAdapterGone_AStopThatWasThereBeforeStays(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.Fail(atssync.OpSubmit, atssync.CauseUncertain, trouble, now)
	l.AdapterGone(trouble, now)
	l.AdapterBack(now)
	h := l.Health(atssync.OpSubmit)
	require.Equal(t, atssync.HealthStopped, h.State)
	require.Equal(t, atssync.CauseUncertain, h.Cause)
}

func TestAdapterGone_ARestoredConnectionStaysRestored(t *testing.T) {
	t.Parallel()
	l := atssync.Lane{HoldReason: atssync.HeldRestored}
	l.AdapterGone(trouble, now)
	l.AdapterBack(now)
	require.Equal(t, atssync.HeldRestored, l.HoldReason)
}

func TestLaneClone_SharesNothing(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	l.FailJob("j1", atssync.HeldJobNotAccessible, trouble, now)
	l.Fail(atssync.OpRead, "auth", trouble, now)
	l.StartReadBack("j1", "sub_1", now)
	l.ReadBackSeen("j2", now)
	l.Owe(atssync.HeldQuota, 60)
	c := l.Clone()
	require.Equal(t, l, c)
	c.FailJob("j9", atssync.HeldJobNotAccessible, trouble, now)
	c.Fail(atssync.OpSubmit, "auth", trouble, now)
	c.StartReadBack("j9", "sub_9", now)
	c.ReadBackSeen("j1", now)
	c.Paid(atssync.HeldQuota)
	require.Len(t, l.Jobs, 1)
	require.Len(t, l.Operations, 1)
	require.Len(t, l.ReadBacks, 1)
	require.Len(t, l.Verified, 1)
	require.Len(t, l.Owed, 1)
	require.Equal(t, []string{"j1"}, l.JobsFailedInRow)
}

func TestJudge(t *testing.T) {
	t.Parallel()
	link := &atssync.JobLink{ATSJob: "j1"}
	open, closed := &atssync.ATSJob{ID: "j1", State: sdk.JobOpen}, &atssync.ATSJob{ID: "j1", State: sdk.JobClosed}
	hidden := &atssync.ATSJob{ID: "j1", State: sdk.JobOpen, Visibility: atssync.NotVisible}
	active, paused := atssync.Connection{State: atssync.ConnectionActive}, atssync.Connection{State: atssync.ConnectionPaused}
	troubled := atssync.Lane{Jobs: map[string]atssync.JobTrouble{"j1": {Reason: atssync.HeldJobNotAccessible}}}
	other := atssync.Lane{Jobs: map[string]atssync.JobTrouble{"j2": {Reason: atssync.HeldJobNotAccessible}}}
	restored := atssync.Lane{HoldReason: atssync.HeldRestored}
	for _, c := range []struct {
		name string
		c    atssync.Connection
		lane atssync.Lane
		link *atssync.JobLink
		job  *atssync.ATSJob
		want atssync.HeldReason // "" is queued
	}{
		{"all is well", active, atssync.Lane{}, link, open, ""},
		{"a job that was never listed", active, atssync.Lane{}, link, nil, ""},
		{"a job that is out of sight is tried", active, atssync.Lane{}, link, hidden, ""},
		{"trouble of another job", active, other, link, open, ""},
		{"a prospect of no job", active, troubled, &atssync.JobLink{}, nil, ""},
		{"not linked", active, atssync.Lane{}, nil, nil, atssync.HeldJobNotLinked},
		{"closed", active, atssync.Lane{}, link, closed, atssync.HeldJobClosed},
		{"trouble of the job before its closing", active, troubled, link, closed, atssync.HeldJobNotAccessible},
		{"a lane that holds, before the link", active, restored, nil, nil, atssync.HeldRestored},
		{"paused before all", paused, restored, nil, closed, atssync.HeldConnectionPaused},
	} {
		state, reason := atssync.Judge(c.c, c.lane, c.link, c.job)
		require.Equal(t, c.want, reason, c.name)
		require.Equal(t, c.want == "", state == atssync.StateQueued, c.name)
		require.Equal(t, c.want != "", state == atssync.StateHeld, c.name)
	}
}

func TestHamper_APartThatFailsIsToldAndStopsNothing(t *testing.T) {
	t.Parallel()
	var l atssync.Lane
	for i := 1; i <= 2; i++ {
		require.Empty(t, l.Hamper(atssync.OpRead, atssync.CauseUnreadable, trouble, now))
	}
	require.Equal(t, []atssync.EventType{atssync.EventConnectionUnhealthy}, types(l.Hamper(atssync.OpRead, atssync.CauseUnreadable, trouble, now)))
	for range 5 {
		require.Empty(t, l.Hamper(atssync.OpRead, atssync.CauseUnreadable, trouble, now), "once")
		require.Equal(t, atssync.HealthFailing, l.Health(atssync.OpRead).State)
	}
	require.Empty(t, l.Fail(atssync.OpRead, "transient", trouble, now))
	require.Equal(t, atssync.HealthFailing, l.Health(atssync.OpRead).State, "the first failure of the whole is the first")
	require.Empty(t, l.Hamper(atssync.OpRead, atssync.CauseUnreadable, trouble, now))
	require.Equal(t, []atssync.EventType{atssync.EventConnectionHealthy}, types(l.Succeed(atssync.OpRead, now)))
	l.Fail(atssync.OpRead, atssync.CauseMissingMany, trouble, now)
	l.Hamper(atssync.OpRead, atssync.CauseUnreadable, trouble, now)
	require.Equal(t, atssync.HealthFailing, l.Health(atssync.OpRead).State, "what stopped all of it is over")
}
