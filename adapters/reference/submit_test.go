package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/reference/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestSubmit_EachAnswerOfTheATSHasItsOutcome(t *testing.T) {
	t.Parallel()
	w := setup(t)
	created := w.one(item("x-1", openJob))
	require.Equal(t, sdk.OutcomeCreated, created.Kind)
	require.NotEmpty(t, created.Receipt.CandidateID)
	require.NotEmpty(t, created.Receipt.ApplicationID)
	require.Regexp(t, `/people/.+/applications/.+`, created.Receipt.ProfileURL)

	again := w.one(item("x-1", openJob))
	require.Equal(t, sdk.OutcomeAlreadyApplied, again.Kind)
	require.Equal(t, created.Receipt, again.Receipt)

	same := item("x-2", "job1-2")
	same.Person.Emails[0].Address = "X-1@example.com"
	existing := w.one(same)
	require.Equal(t, sdk.OutcomeCreatedOnExisting, existing.Kind)
	require.Equal(t, created.Receipt.CandidateID, existing.Receipt.CandidateID)

	pending := w.one(item("x-3", pendingJob))
	require.Equal(t, sdk.OutcomePending, pending.Kind)
	require.NotEmpty(t, pending.Receipt.Pending)
	require.Empty(t, pending.Receipt.ApplicationID)

	blocked := w.one(item("x-4", blockedJob))
	require.Equal(t, sdk.OutcomeBlocked, blocked.Kind)
	require.False(t, blocked.NotBefore.IsZero())
}

func TestSubmit_EachRefusalHasItsKindAndSaysWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	noMail, badFile := item("x-1", openJob), item("x-2", openJob)
	noMail.Person.Emails[0].Address = "nobody at home"
	badFile.Resume = &sdk.Resume{URL: "https://files.example.com/cv.exe"}
	for name, c := range map[string]struct {
		item sdk.SubmitItem
		kind sdk.Kind
		turn sdk.Turn
		path string
	}{
		"no such job": {item("x-3", "job9-9"), sdk.KindNotFound, sdk.TurnEmployer, ""},
		"closed job":  {item("x-4", closedJob), sdk.KindJobClosed, sdk.TurnEmployer, ""},
		"bad address": {noMail, sdk.KindInvalid, sdk.TurnPlatform, "person.emails[0].address"},
		"bad resume":  {badFile, sdk.KindAttachment, sdk.TurnPlatform, "resume.url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := w.one(c.item)
			require.Equal(t, sdk.OutcomeFailed, out.Kind)
			require.Equal(t, c.kind, out.Err.Kind)
			require.Equal(t, c.turn, out.Err.Turn)
			require.NotEmpty(t, out.Err.Remedy)
			if c.path != "" {
				require.Equal(t, c.path, out.Err.Fields[0].Path)
			}
			require.Zero(t, w.people(c.item.ExternalID))
		})
	}
}

func TestSubmit_ABatchKeepsItsOrderAndItsNeighbours(t *testing.T) {
	t.Parallel()
	w := setup(t)
	out, err := w.submit(item("x-1", openJob), item("x-2", closedJob), item("x-3", openJob))
	require.NoError(t, err)
	require.Equal(t, sdk.OutcomeCreated, out[0].Kind)
	require.Equal(t, sdk.KindJobClosed, out[1].Err.Kind)
	require.Equal(t, sdk.OutcomeCreated, out[2].Kind)
}

func TestSubmit_ALostAnswerIsNeverCalledNotApplied(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		applied bool
		want    sdk.Kind
	}{
		"fail_after": {true, sdk.KindAmbiguous}, "cut_after": {true, sdk.KindAmbiguous}, "html": {true, sdk.KindAmbiguous},
		"fail_before": {false, sdk.KindAmbiguous}, "cut_before": {false, sdk.KindAmbiguous}, "rate": {false, sdk.KindRateLimited},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.fault(simulator.Fault{Kind: kind, On: "write"})
			_, err := w.submit(item("x-1", openJob))
			e := sdk.AsError(err)
			require.Equal(t, c.want, e.Kind, err)
			require.False(t, e.NotApplied && c.applied)
			require.Len(t, e.Exchanges, 1, "one write, never repeated")
			require.Equal(t, c.applied, w.people("x-1") == 1)
		})
	}
}

func TestSubmit_InTwoStepsMakesOnePersonAcrossACrash(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.conn.Settings[fieldTwoStep] = "true"
	it := item("x-1", openJob)
	first := w.one(it)
	require.Equal(t, sdk.OutcomeContinue, first.Kind)
	require.LessOrEqual(t, len(first.Continuation), sdk.MaxContinuation)

	// What was between the steps is gone but for the continuation.
	w.adapter = newAdapter()
	it.Continuation = first.Continuation
	second := w.one(it)
	require.Equal(t, sdk.OutcomeCreated, second.Kind)
	require.Equal(t, first.Receipt.CandidateID, second.Receipt.CandidateID)
	require.Equal(t, 1, w.people("x-1"))

	it.Continuation = []byte("not ours")
	out := w.one(it)
	require.Equal(t, sdk.KindInternal, out.Err.Kind)
	require.True(t, out.Err.NotApplied)
}

func TestSubmit_InTwoStepsStopsAtTheFirstFailureAndProvesTheRestUnsent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.conn.Settings[fieldTwoStep] = "true"
	w.fault(simulator.Fault{Kind: "cut_after", On: "write"})
	out, err := w.submit(item("x-1", openJob), item("x-2", openJob))
	require.NoError(t, err)
	require.Equal(t, sdk.KindAmbiguous, out[0].Err.Kind)
	require.Equal(t, sdk.KindTransient, out[1].Err.Kind)
	require.True(t, out[1].Err.NotApplied)
	require.Zero(t, w.people("x-2"))

	found, err := w.Find(t.Context(), sdk.FindRequest{Connection: w.conn, ExternalID: "x-1"})
	require.NoError(t, err)
	require.Equal(t, sdk.FindEmailAndJob, found.Matches[0].By, "half a submission only proposes")
}

func TestOutcome_AnUnknownResultProvesNothing(t *testing.T) {
	t.Parallel()
	out := result{Status: "teleported"}.outcome()
	require.Equal(t, sdk.KindRemoteChanged, out.Err.Kind)
	require.False(t, out.Err.NotApplied)
}
