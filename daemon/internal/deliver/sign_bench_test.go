package deliver

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// signing is a worker whose requests go nowhere, and an event to send.
func signing(tb testing.TB) (*Worker, atssync.Event, []signer) {
	tb.Helper()
	data, err := json.Marshal(atssync.ApplicationEvent{
		Submission: "sub_06h274zvzsyys84j96wmsx3rqc", ExternalID: "app-4711", Job: "backend", Revision: 3, Status: sdk.StatusActive,
		Phase: sdk.PhaseInterview, Raw: atssync.RawWords{Status: "active", StageName: "Face to Face"},
	})
	require.NoError(tb, err)
	e := atssync.Event{
		ID: "evt_06h274zvzsyb59jh7hm6tyvqng", Type: atssync.EventStatusChanged, Connection: "con_06h274zmddtfz2nc4tf64d6r38", Account: "acme",
		Sequence: 7, At: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), Data: data,
	}
	hook, err := standardwebhooks.NewWebhook(secretA)
	require.NoError(tb, err)
	w := New(Options{Policy: Policy{Door: door(func(*http.Request) (*http.Response, error) { return &http.Response{}, nil })}})
	return w, e, []signer{{hook: hook}}
}

// encodeAndSign makes the request of one delivery.
func encodeAndSign(tb testing.TB, w *Worker, e atssync.Event, keys []signer) {
	body, err := e.Body(11)
	if err == nil {
		_, err = w.request(tb.Context(), message{to: "https://hooks.example.com/atssync", id: e.ID, body: body, keys: keys}, e.At) //nolint:bodyclose // there is none.
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkEncodeAndSign(b *testing.B) {
	w, e, keys := signing(b)
	b.ReportAllocs()
	for b.Loop() {
		encodeAndSign(b, w, e, keys)
	}
}

//nolint:paralleltest // allocations are counted for the whole process.
func TestRequest_EncodingAndSigningAllocateLittle(t *testing.T) {
	w, e, keys := signing(t)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { encodeAndSign(t, w, e, keys) }), 50.0)
}
