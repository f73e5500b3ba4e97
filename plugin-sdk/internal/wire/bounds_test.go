package wire

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestBounds_AnOutcomeThatCannotBeBelievedIsUncertainAlone(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", maxID+1)
	for name, o := range map[string]*SubmitOutcome{
		"unknown kind":              {Kind: "vanished", Receipt: &Receipt{CandidateId: "1"}},
		"no kind":                   {},
		"created without receipt":   {Kind: "created"},
		"existing without receipt":  {Kind: "created_on_existing", Receipt: &Receipt{ProfileUrl: "https://ats.example.com"}},
		"repeated without receipt":  {Kind: "already_applied"},
		"pending without reference": {Kind: "pending"},
		"continue without a state":  {Kind: "continue"},
		"continue with too much":    {Kind: "continue", Continuation: make([]byte, sdk.MaxContinuation+1)},
		"failed without an error":   {Kind: "failed"},
		"endless candidate id":      {Kind: "created", Receipt: &Receipt{CandidateId: long}},
		"endless pending reference": {Kind: "pending", Receipt: &Receipt{Pending: long}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := &SubmitOutcome{Kind: "created", Receipt: &Receipt{CandidateId: "1"}}
			r, err := submitReplyFromWire(&SubmitReply{Outcomes: []*SubmitOutcome{o, good}}, 2)
			require.NoError(t, err)
			require.Equal(t, sdk.OutcomeFailed, r.Outcomes[0].Kind)
			require.Equal(t, sdk.KindInternal, r.Outcomes[0].Err.Kind)
			require.False(t, r.Outcomes[0].Err.NotApplied)
			require.Empty(t, r.Outcomes[0].Receipt)
			require.Equal(t, sdk.OutcomeCreated, r.Outcomes[1].Kind)
		})
	}
}

func TestBounds_AWrongNumberOfOutcomesFailsTheCall(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 3} {
		_, err := submitReplyFromWire(&SubmitReply{Outcomes: make([]*SubmitOutcome, n)}, 2)
		require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
		require.False(t, sdk.AsError(err).NotApplied)
	}
}

func TestBounds_RepliesBeyondTheContractAreRefusedByName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxToken+1)
	_, jobs := listJobsReplyFromWire(&ListJobsReply{Next: long})
	_, noID := listJobsReplyFromWire(&ListJobsReply{Jobs: []*Job{{Name: "Cook"}}})
	_, many := readStatusesReplyFromWire(&ReadStatusesReply{Readings: make([]*Reading, maxItems+1)})
	_, gone := readStatusesReplyFromWire(&ReadStatusesReply{Readings: []*Reading{{Gone: "eaten"}}})
	_, cursor := changesReplyFromWire(&ChangesReply{CursorAfter: long})
	_, find := findReplyFromWire(&FindReply{Matches: []*Match{{Receipt: &Receipt{ApplicationId: long}}}})
	_, hook := webhookReplyFromWire(&HandleWebhookReply{Status: 42})
	_, big := webhookReplyFromWire(&HandleWebhookReply{Status: 200, Body: make([]byte, 64<<10+1)})
	_, pools := listPoolsReplyFromWire(&ListPoolsReply{Pools: []*Pool{{Id: "1", Stages: []*PoolStage{{}}}}})
	_, link := trackingLinkReplyFromWire(&TrackingLinkReply{Url: long})
	_, words := vocabularyReplyFromWire(&VocabularyReply{Terms: []*Term{{Id: long}}})
	_, check := checkReplyFromWire(&CheckReply{Host: long})
	_, auth := beginAuthReplyFromWire(&BeginAuthReply{Url: long})
	_, tokens := tokensReplyFromWire(nil, nil)
	for what, err := range map[string]error{
		"next": jobs, "jobs[].id": noID, "readings": many, "eaten": gone, "cursor_after": cursor,
		"application_id": find, "status 42": hook, "body": big, "stages[].id": pools, "url": link,
		"terms[].id": words, "host": check, " url": auth, "access token": tokens,
	} {
		require.ErrorContains(t, err, what)
		require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
		require.Less(t, len(err.Error()), 300)
	}
}

func TestBounds_TextsForPeopleAreCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	fields := make([]*FieldError, maxFields+5)
	for i := range fields {
		fields[i] = &FieldError{}
	}
	e := errorFromWire(&Error{
		Kind: "invalid", Message: strings.Repeat("é", maxText), Fields: fields,
		Meta: &Meta{Exchanges: []*Exchange{{Excerpt: strings.Repeat("漢", maxExcerpt)}}},
	})
	require.LessOrEqual(t, len(e.Message), maxText)
	require.True(t, utf8.ValidString(e.Message))
	require.Len(t, e.Fields, maxFields)
	require.LessOrEqual(t, len(e.Exchanges[0].Excerpt), maxExcerpt)
	require.True(t, utf8.ValidString(e.Exchanges[0].Excerpt))
	require.Empty(t, cut("漢", 1))
}

// FuzzReplies lets a hostile adapter answer anything: the host gets a value or an error, never a panic,
// and never a promise that nothing was written from a reply that it could not read.
func FuzzReplies(f *testing.F) {
	seed := &SubmitReply{Outcomes: []*SubmitOutcome{{Kind: "created", Receipt: &Receipt{CandidateId: "1"}}}}
	b, err := proto.Marshal(seed)
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var submit SubmitReply
		if proto.Unmarshal(b, &submit) == nil {
			reply, err := submitReplyFromWire(&submit, 1)
			require.True(t, (err == nil) == (len(reply.Outcomes) == 1))
			errorFromWire(submit.Error)
		}
		var check CheckReply
		if proto.Unmarshal(b, &check) == nil {
			_, _ = checkReplyFromWire(&check)
		}
		var changes ChangesReply
		if proto.Unmarshal(b, &changes) == nil {
			_, _ = changesReplyFromWire(&changes)
		}
		var hook HandleWebhookReply
		if proto.Unmarshal(b, &hook) == nil {
			_, _ = webhookReplyFromWire(&hook)
		}
		var describe DescribeReply
		if proto.Unmarshal(b, &describe) == nil {
			_ = describeReplyFromWire(describe.Manifest)
		}
	})
}
