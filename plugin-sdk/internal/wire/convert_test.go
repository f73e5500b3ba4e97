package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func sure[M, T any](f func(M) T) func(M) (T, error) {
	return func(m M) (T, error) { return f(m), nil }
}

func TestConvert_NoFieldOfARequestIsLost(t *testing.T) {
	t.Parallel()
	requireRoundTrip(t, connectionToWire, sure(connectionFromWire))
	requireRoundTrip(t, checkRequestToWire, sure(checkRequestFromWire))
	requireRoundTrip(t, listJobsRequestToWire, sure(listJobsRequestFromWire))
	requireRoundTrip(t, submitRequestToWire, sure(submitRequestFromWire))
	requireRoundTrip(t, readStatusesRequestToWire, sure(readStatusesRequestFromWire))
	requireRoundTrip(t, changesRequestToWire, sure(changesRequestFromWire))
	requireRoundTrip(t, findRequestToWire, sure(findRequestFromWire))
	requireRoundTrip(t, webhookRequestToWire, sure(webhookRequestFromWire))
	requireRoundTrip(t, trackingLinkRequestToWire, sure(trackingLinkRequestFromWire))
	requireRoundTrip(t, beginAuthRequestToWire, sure(beginAuthRequestFromWire))
	requireRoundTrip(t, completeAuthRequestToWire, sure(completeAuthRequestFromWire))
	requireRoundTrip(t, refreshAuthRequestToWire, sure(refreshAuthRequestFromWire))
}

func TestConvert_NoFieldOfAReplyIsLost(t *testing.T) {
	t.Parallel()
	requireRoundTrip(t, checkReplyToWire, checkReplyFromWire, "error")
	requireRoundTrip(t, listJobsReplyToWire, listJobsReplyFromWire, "error")
	requireRoundTrip(t, submitReplyToWire, func(w *SubmitReply) (sdk.SubmitReply, error) {
		return submitReplyFromWire(w, 2)
	}, "error")
	requireRoundTrip(t, readStatusesReplyToWire, readStatusesReplyFromWire, "error")
	requireRoundTrip(t, changesReplyToWire, changesReplyFromWire, "error")
	requireRoundTrip(t, findReplyToWire, findReplyFromWire, "error")
	requireRoundTrip(t, webhookReplyToWire, webhookReplyFromWire, "error")
	requireRoundTrip(t, listPoolsReplyToWire, listPoolsReplyFromWire, "error")
	requireRoundTrip(t, trackingLinkReplyToWire, trackingLinkReplyFromWire, "error")
	requireRoundTrip(t, vocabularyReplyToWire, vocabularyReplyFromWire, "error")
	requireRoundTrip(t, beginAuthReplyToWire, beginAuthReplyFromWire, "error")
}

func TestConvert_NoFieldOfTheTokensIsLost(t *testing.T) {
	t.Parallel()
	v := filled[sdk.TokensReply](t)
	meta, tokens := metaToWire(&v.Meta), tokensToWire(&v)
	requireAllSet(t, tokens.ProtoReflect(), "Tokens")
	require.Equal(t, 4, tokens.ProtoReflect().Descriptor().Fields().Len()+1, "the fields of sdk.TokensReply")
	got, err := tokensReplyFromWire(meta, tokens)
	require.NoError(t, err)
	require.Equal(t, v, got)
}

func TestConvert_NoFieldOfTheManifestIsLost(t *testing.T) {
	t.Parallel()
	requireRoundTrip(t,
		func(m *sdk.Manifest) *Manifest { return describeReplyToWire(m).Manifest },
		sure(describeReplyFromWire))
}

func TestConvert_EveryErrorKindSurvivesWithAllItCarries(t *testing.T) {
	t.Parallel()
	for _, kind := range sdk.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			want := filled[sdk.Error](t)
			want.Kind = kind
			w := errorToWire(&want)
			requireAllSet(t, w.ProtoReflect(), "Error")
			b, err := proto.Marshal(w)
			require.NoError(t, err)
			back := &Error{}
			require.NoError(t, proto.Unmarshal(b, back))
			require.Equal(t, &want, errorFromWire(back))
		})
	}
}

func TestConvert_UnknownWordsBecomeTheCarefulOnes(t *testing.T) {
	t.Parallel()
	e := errorFromWire(&Error{Kind: "sunspots", Message: "hm", Turn: "moon", Subject: "sea", NotApplied: true})
	require.Equal(t, sdk.KindInternal, e.Kind)
	require.False(t, e.NotApplied, "a promise of an unknown kind is not believed")
	require.Contains(t, e.Message, "sunspots")
	require.Equal(t, sdk.TurnAdapter, e.Turn)
	require.Empty(t, e.Subject)

	var job sdk.Job
	jobFromWire(&job, &Job{Id: "1", State: "half_open"})
	require.Equal(t, sdk.JobUnknown, job.State)

	var m sdk.Match
	matchFromWire(&m, &Match{By: "tea_leaves"})
	require.Equal(t, sdk.FindEmailAndJob, m.By, "only the exact word may settle")

	man := describeReplyFromWire(&Manifest{
		Powers: []string{"submit", "teleport"}, Find: "x", Dedupe: "x", Deletes: "x",
		Note: &NoteRule{Format: "rtf"}, Fields: []*Field{{Name: "f", Who: "x"}},
		InFlight: map[string]int32{"teleport": 2},
	})
	require.Equal(t, []sdk.Power{sdk.PowerSubmit}, man.Powers)
	require.Equal(t, sdk.FindNone, man.Find)
	require.Equal(t, sdk.DedupeNone, man.Dedupe)
	require.Equal(t, sdk.DeletesHidden, man.Deletes)
	require.Equal(t, sdk.NoteNone, man.Note.Format)
	require.Equal(t, sdk.WhoOperator, man.Fields[0].Who)
	require.Empty(t, man.InFlight)
}

func TestConvert_BrokenTextLosesItsBytesAndNotTheReply(t *testing.T) {
	t.Parallel()
	w := errorToWire(&sdk.Error{Kind: sdk.KindInvalid, Message: "bad \xff byte"})
	_, err := proto.Marshal(w)
	require.NoError(t, err)
	require.Equal(t, "bad \uFFFD byte", w.Message)
	require.Equal(t, []string{"a", "\uFFFD"}, textsToWire([]string{"a", "\xc3"}))
}

func TestConvert_TimesAndNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	require.True(t, timeFromWire(&timestamppb.Timestamp{Seconds: 1 << 60}).IsZero())
	require.Zero(t, durationFromWire(durationpb.New(-time.Second)))
	require.Zero(t, durationFromWire(&durationpb.Duration{Seconds: 1 << 60}))
	require.Equal(t, int32(1<<31-1), intToWire(1<<40))
	require.Equal(t, int32(-1<<31), intToWire(-1<<40))
}
