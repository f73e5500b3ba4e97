package retry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestWrite_EveryKindHasItsOneAnswer(t *testing.T) {
	t.Parallel()
	want := map[sdk.Kind]Action{
		sdk.KindAuth: Stop, sdk.KindPermission: Stop, sdk.KindConfigRequired: Stop, sdk.KindNotFound: Refuse,
		sdk.KindJobClosed: HoldJob, sdk.KindInvalid: Refuse, sdk.KindDuplicate: Refuse, sdk.KindAttachment: HoldItem,
		sdk.KindRateLimited: Again, sdk.KindTransient: Ask, sdk.KindAmbiguous: Ask, sdk.KindCursorExpired: Ask,
		sdk.KindUnsupported: Refuse, sdk.KindRemoteChanged: Ask, sdk.KindInternal: Ask,
	}
	for _, k := range sdk.Kinds() {
		got := Write(Failure{Err: &sdk.Error{Kind: k}}, time.Unix(0, 0))
		require.Equal(t, want[k], got.Action, "kind %s", k)
	}
	require.Equal(t, Ask, Write(Failure{Err: &sdk.Error{Kind: "of a newer contract"}}, time.Unix(0, 0)).Action)
}

func TestWrite_SubjectsAndProofs(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		f    Failure
		want Action
	}{
		"permission on a job":         {Failure{Err: &sdk.Error{Kind: sdk.KindPermission, Subject: sdk.SubjectJob}}, HoldJob},
		"permission of the user":      {Failure{Err: &sdk.Error{Kind: sdk.KindPermission, Subject: sdk.SubjectUser}}, Stop},
		"prospects are off":           {Failure{Err: &sdk.Error{Kind: sdk.KindConfigRequired, Subject: sdk.SubjectPool}}, HoldJob},
		"the address is missing":      {Failure{Err: &sdk.Error{Kind: sdk.KindConfigRequired}}, Stop},
		"job not found":               {Failure{Err: &sdk.Error{Kind: sdk.KindNotFound, Subject: sdk.SubjectJob}}, HoldJob},
		"endpoint not found":          {Failure{Err: &sdk.Error{Kind: sdk.KindNotFound, Subject: sdk.SubjectEndpoint}}, Stop},
		"connection refused":          {Failure{Err: &sdk.Error{Kind: sdk.KindTransient, NotApplied: true}}, Again},
		"5xx":                         {Failure{Err: &sdk.Error{Kind: sdk.KindTransient, Status: 503}}, Ask},
		"5xx that is never processed": {Failure{Err: &sdk.Error{Kind: sdk.KindAmbiguous, Status: 503}, RefusedBeforeProcessing: []int{503}}, Again},
		"another 5xx":                 {Failure{Err: &sdk.Error{Kind: sdk.KindAmbiguous, Status: 500}, RefusedBeforeProcessing: []int{503}}, Ask},
	} {
		require.Equal(t, c.want, Write(c.f, now).Action, name)
	}
}

func TestWait_NeverBeforeTheATSAllows(t *testing.T) {
	t.Parallel()
	for n := range 100 {
		f := Failure{Err: &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: 7 * time.Second}, Failures: n, Key: "sub"}
		d := Write(f, time.Unix(0, 0))
		require.False(t, d.At.Before(time.Unix(7, 0)))
		require.False(t, d.Counted)
	}
	require.GreaterOrEqual(t, Wait(&sdk.Error{}, Failure{}), noHeader)
}

func TestWait_IsBoundedAndNoMoreThanASmallJitterLonger(t *testing.T) {
	t.Parallel()
	for asked, most := range map[time.Duration]time.Duration{
		0: noHeader, time.Second: time.Second, 5 * time.Minute: 5 * time.Minute, time.Hour: time.Hour, 24 * time.Hour: time.Hour,
	} {
		for n := range 100 {
			got := Wait(&sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: asked}, Failure{Key: "sub", Failures: n})
			require.GreaterOrEqual(t, got, most, "%s", asked)
			require.LessOrEqual(t, got, most+min(most/10, time.Minute), "%s", asked)
		}
	}
}

func TestBackoff_GrowsAndIsRepeatable(t *testing.T) {
	t.Parallel()
	last := time.Duration(0)
	for n := range ladder {
		d := Backoff("sub_a", n)
		require.Greater(t, d, last)
		require.Equal(t, d, Backoff("sub_a", n))
		last = d
	}
	require.LessOrEqual(t, Backoff("sub_a", 1000), 72*time.Minute)
}

func TestRead_IsAlwaysSafeToMakeAgain(t *testing.T) {
	t.Parallel()
	for _, k := range sdk.Kinds() {
		a := Read(Failure{Err: &sdk.Error{Kind: k}}, time.Unix(0, 0)).Action
		require.Contains(t, []Action{Again, Stop}, a, "kind %s", k)
	}
}
