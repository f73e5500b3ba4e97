package atssync_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// moves is the life of a submission, drawn independently of the code: a row says what a state may become.
const moves = `
                queued held sending submitted already_applied refused uncertain cancelled expired
queued          yes    yes  yes     -         -               yes     -         yes       yes
held            yes    yes  -       -         -               yes     -         yes       yes
sending         yes    yes  -       yes       yes             yes     yes       -         -
submitted       -      -    -       -         -               -       -         -         -
already_applied -      -    -       -         -               -       -         -         -
refused         yes    yes  -       -         -               -       -         -         -
uncertain       yes    -    -       yes       yes             -       -         yes       -
cancelled       yes    yes  -       -         -               -       -         -         -
expired         yes    yes  -       -         -               -       -         -         -`

// eachMove calls fn for every pair of states.
func eachMove(fn func(from, to atssync.State, allowed bool)) {
	lines := strings.Split(strings.TrimSpace(moves), "\n")
	head := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		row := strings.Fields(line)
		for i, cell := range row[1:] {
			fn(atssync.State(row[0]), atssync.State(head[i]), cell == "yes")
		}
	}
}

func TestMove_EveryPairOfStates(t *testing.T) {
	t.Parallel()
	pairs := 0
	eachMove(func(from, to atssync.State, allowed bool) {
		pairs++
		require.Equal(t, allowed, atssync.CanMove(from, to), "%s → %s", from, to)
		s := atssync.Submission{ID: "sub_1", State: from, HeldReason: atssync.HeldQuota}
		err := s.Move(to, atssync.HeldOperator, now)
		if !allowed {
			require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err), "%s → %s", from, to)
			require.Equal(t, from, s.State)
			require.Equal(t, atssync.HeldQuota, s.HeldReason)
			return
		}
		require.NoError(t, err)
		require.Equal(t, to, s.State)
		require.Equal(t, now, s.UpdatedAt)
		require.Equal(t, to == atssync.StateHeld, s.HeldReason == atssync.HeldOperator, "only what is held has a reason")
	})
	require.Equal(t, len(atssync.States())*len(atssync.States()), pairs)
}

func TestStates_RevisableIsWhatNothingWasSentOfAndWaitingIsWhatIsNotDecided(t *testing.T) {
	t.Parallel()
	for _, s := range atssync.States() {
		sent := s == atssync.StateSending || s == atssync.StateUncertain || s == atssync.StateSubmitted || s == atssync.StateAlreadyApplied
		require.Equal(t, !sent, s.Revisable(), s)
		if s.Revisable() {
			require.True(t, atssync.CanMove(s, atssync.StateQueued), "a revision of %s can be queued", s)
			require.True(t, atssync.CanMove(s, atssync.StateHeld), "a revision of %s can be held", s)
		}
		waits := s == atssync.StateQueued || s == atssync.StateHeld || s == atssync.StateSending || s == atssync.StateUncertain
		require.Equal(t, waits, s.Waiting(), s)
	}
}

func TestHeldReasons_EachNamesAPartyAndARemedy(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range atssync.HeldReasons() {
		turn, remedy := r.Remedy()
		require.NotEmpty(t, turn, r)
		require.NotEmpty(t, remedy, r)
		require.False(t, seen[remedy], "%s has a remedy of its own", r)
		seen[remedy] = true
	}
}

func TestApplyFinish_EveryStateAndOutcome(t *testing.T) {
	t.Parallel()
	for _, from := range atssync.States() {
		for _, to := range atssync.States() {
			s := atssync.Submission{ID: "sub_1", State: from, Attempt: 1}
			_, err := s.ApplyFinish(atssync.Finish{Submission: "sub_1", Attempt: 1, To: to, Receipt: &atssync.Receipt{}}, now)
			evidence := from == atssync.StateUncertain && (to == atssync.StateSubmitted || to == atssync.StateAlreadyApplied)
			switch {
			case from != atssync.StateSending && !evidence:
				require.ErrorIs(t, err, atssync.ErrFenced, "%s → %s", from, to)
				require.Equal(t, from, s.State)
			case !atssync.CanMove(from, to):
				require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err))
				require.Equal(t, from, s.State)
			default:
				require.NoError(t, err, "%s → %s", from, to)
				require.Equal(t, to, s.State)
			}
		}
	}
}

func TestApplyFinish_AnotherAttemptIsFenced(t *testing.T) {
	t.Parallel()
	for _, from := range []atssync.State{atssync.StateSending, atssync.StateUncertain} {
		s := atssync.Submission{State: from, Attempt: 2}
		_, err := s.ApplyFinish(atssync.Finish{Attempt: 1, To: atssync.StateSubmitted}, now)
		require.ErrorIs(t, err, atssync.ErrFenced)
	}
}

func types(drafts []atssync.EventDraft) []atssync.EventType {
	out := []atssync.EventType{}
	for _, d := range drafts {
		out = append(out, d.Type)
	}
	return out
}

func TestApplyFinish_TellsEachOutcomeOnce(t *testing.T) {
	t.Parallel()
	for to, want := range map[atssync.State]atssync.EventType{
		atssync.StateSubmitted: atssync.EventSubmitted, atssync.StateAlreadyApplied: atssync.EventAlreadyApplied,
		atssync.StateRefused: atssync.EventRefused, atssync.StateHeld: atssync.EventHeld, atssync.StateUncertain: atssync.EventUncertain,
	} {
		s := atssync.Submission{ID: "sub_1", State: atssync.StateSending, Attempt: 1}
		drafts, err := s.ApplyFinish(atssync.Finish{Attempt: 1, To: to, HeldReason: atssync.HeldQuota}, now)
		require.NoError(t, err)
		require.Equal(t, []atssync.EventType{want}, types(drafts))
		require.Equal(t, "sub_1", drafts[0].Subject)
		require.Equal(t, to, drafts[0].Data.(atssync.SubmissionEvent).State)
	}
	s := atssync.Submission{State: atssync.StateSending, Attempt: 1}
	drafts, err := s.ApplyFinish(atssync.Finish{Attempt: 1, To: atssync.StateQueued, NextAt: now.Add(time.Minute)}, now)
	require.NoError(t, err)
	require.Empty(t, drafts, "back in the queue is no news")
	require.Equal(t, now.Add(time.Minute), s.NextAt)
}

func TestApplyFinish_EvidenceResolves(t *testing.T) {
	t.Parallel()
	s := atssync.Submission{ID: "sub_1", State: atssync.StateUncertain, Attempt: 3, Failures: 2}
	drafts, err := s.ApplyFinish(atssync.Finish{Attempt: 3, To: atssync.StateSubmitted, Receipt: &atssync.Receipt{CandidateID: "c"}}, now)
	require.NoError(t, err)
	require.Equal(t, []atssync.EventType{atssync.EventResolved, atssync.EventSubmitted}, types(drafts))
	require.Equal(t, "evidence", drafts[0].Data.(atssync.SubmissionEvent).ResolvedBy)
	require.Equal(t, "c", s.Receipt.CandidateID)
	require.Zero(t, s.Failures)
}

func TestApplyFinish_OnlyCountedFailuresCount(t *testing.T) {
	t.Parallel()
	for _, counted := range []bool{true, false} {
		s := atssync.Submission{State: atssync.StateSending, Attempt: 1, Failures: 4}
		_, err := s.ApplyFinish(atssync.Finish{Attempt: 1, To: atssync.StateQueued, Counted: counted}, now)
		require.NoError(t, err)
		require.Equal(t, counted, s.Failures == 5)
	}
}

func TestResolve_EveryStateAndResolution(t *testing.T) {
	t.Parallel()
	for _, from := range atssync.States() {
		for r, want := range map[atssync.Resolution]atssync.State{
			atssync.ResolvedSubmitted: atssync.StateSubmitted, atssync.ResolvedSendAgain: atssync.StateQueued,
			atssync.ResolvedGiveUp: atssync.StateCancelled, "shrug": "",
		} {
			s := atssync.Submission{State: from, Continuation: []byte("part")}
			drafts, err := s.Resolve(r, "person", &atssync.Receipt{CandidateID: "c"}, now)
			if from != atssync.StateUncertain || want == "" {
				require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err), "%s %s", from, r)
				require.Equal(t, from, s.State)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, s.State)
			require.Equal(t, atssync.EventResolved, drafts[0].Type)
			require.Equal(t, "person", drafts[0].Data.(atssync.SubmissionEvent).ResolvedBy)
			require.Equal(t, r == atssync.ResolvedSendAgain, s.PossibleDuplicate)
			require.Equal(t, r == atssync.ResolvedSubmitted, s.Receipt != nil)
			require.Equal(t, r == atssync.ResolvedSubmitted, s.Continuation == nil, "the ATS still holds a part of what is sent again")
		}
	}
}

func TestStateEvent_AHeldOneNamesWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	s := atssync.Submission{ID: "sub_1", State: atssync.StateHeld, HeldReason: atssync.HeldJobClosed}
	d := s.StateEvent(now)
	require.Equal(t, atssync.EventHeld, d.Type)
	e := d.Data.(atssync.SubmissionEvent)
	require.Equal(t, sdk.TurnEmployer, e.WhoseTurn)
	require.NotEmpty(t, e.Remedy)
	s.State = atssync.StateQueued
	require.Equal(t, atssync.EventReleased, s.StateEvent(now).Type)
}

func TestTroubleOf_KeepsWhatAPersonNeeds(t *testing.T) {
	t.Parallel()
	require.Nil(t, atssync.TroubleOf(nil))
	got := atssync.TroubleOf(&sdk.Error{
		Kind: sdk.KindInvalid, Message: "refused", Turn: sdk.TurnPlatform, Remedy: "mend it", Status: 422,
		Fields: []sdk.FieldError{{Path: "person.emails[0].address", Code: "x", Message: "no e-mail"}},
	})
	require.Equal(t, &atssync.Trouble{
		Kind: sdk.KindInvalid, Message: "refused", Turn: sdk.TurnPlatform, Remedy: "mend it", Status: 422,
		Fields: []atssync.FieldError{{Path: "person.emails[0].address", Message: "no e-mail"}},
	}, got)
}
