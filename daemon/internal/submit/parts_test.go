package submit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestLane_ARefusedSecondStepMakesNoSecondPerson(t *testing.T) {
	t.Parallel()
	refusals := map[string]*said{
		"invalid":    fails(&sdk.Error{Kind: sdk.KindInvalid, Turn: sdk.TurnPlatform, Message: "the phone is refused"}),
		"a blockade": {o: sdk.SubmitOutcome{Kind: sdk.OutcomeBlocked}},
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				people, mended := 0, false
				b.ats.set(func(a *ats) {
					a.rule = func(_ string, it sdk.SubmitItem) *said {
						switch {
						case string(it.Continuation) == "":
							people++
							return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Continuation: []byte("person made")}}
						case !mended:
							return refusal
						}
						return passes()
					}
				})
				id := b.submit(b.conns[0], "job", 1)[0]
				b.after(time.Minute)
				require.Equal(t, atssync.StateRefused, b.sub(id).State)
				b.ats.set(func(*ats) { mended = true })
				in := document(b.conns[0], id, "job")
				in.Submission.Fingerprint = "other content"
				got, err := b.store.Accept(t.Context(), []atssync.NewSubmission{in}, time.Now())
				require.NoError(t, err)
				require.NoError(t, got[0].Err)
				b.worker.Wake(b.conns[0].ID)
				b.after(time.Minute)
				require.Equal(t, atssync.StateSubmitted, b.sub(id).State)
				require.Equal(t, 1, people)
			})
		})
	}
}

func TestLane_APartThatIsGoneIsBegunAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said {
				if string(it.Continuation) == "" {
					return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Continuation: []byte("person made")}}
				}
				return fails(&sdk.Error{Kind: sdk.KindNotFound, Subject: sdk.SubjectCandidate})
			}
		})
		id := b.submit(b.conns[0], "job", 1)[0]
		b.after(time.Minute)
		require.Equal(t, atssync.StateRefused, b.sub(id).State)
		require.Empty(t, b.sub(id).Continuation)
	})
}
