package wire_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

type bundle struct {
	client *wire.Client
	guard  *wire.Guard
	server *grpc.Server
	log    *bytes.Buffer
}

// setup serves an adapter over gRPC in memory, with the interceptor and the bounds of the real thing.
func setup(t *testing.T, adapter sdk.Adapter) *bundle {
	t.Helper()
	b := &bundle{log: &bytes.Buffer{}}
	b.guard = wire.NewGuard(slog.New(slog.NewTextHandler(b.log, nil)),
		func(ctx context.Context, _ *slog.Logger) context.Context { return ctx })
	b.server = grpc.NewServer(wire.ServerOptions(b.guard.Unary)...)
	wire.RegisterAdapterServer(b.server, wire.NewServer(adapter))
	lis := bufconn.Listen(1 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.server.Serve(lis)
	}()
	dial := append(wire.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///adapter", dial...)
	require.NoError(t, err)
	b.client = wire.NewClient(conn)
	t.Cleanup(func() {
		_ = conn.Close()
		b.server.Stop()
		<-done
	})
	return b
}

func oneItem() sdk.SubmitRequest {
	return sdk.SubmitRequest{
		Connection: sdk.Connection{ID: "con_1", Credentials: map[string]sdk.Secret{"key": "canary-0123456789"}},
		Items:      []sdk.SubmitItem{{ExternalID: "x-1"}},
	}
}

func TestWire_ACallCarriesRequestAndReply(t *testing.T) {
	t.Parallel()
	b := setup(t, &adaptertest.Fake{SubmitFunc: func(_ context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
		return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{{
			Kind:    sdk.OutcomeCreated,
			Receipt: sdk.Receipt{CandidateID: req.Items[0].ExternalID, ApplicationID: req.Connection.Value("key")},
		}}}, nil
	}})
	r, err := b.client.Submit(t.Context(), oneItem())
	require.NoError(t, err)
	require.Equal(t, sdk.Receipt{CandidateID: "x-1", ApplicationID: "canary-0123456789"}, r.Outcomes[0].Receipt)
}

func TestWire_APowerThatIsNotThereIsUnsupportedInEveryMethod(t *testing.T) {
	t.Parallel()
	type bare struct{ sdk.Adapter }
	b := setup(t, bare{&adaptertest.Fake{}})
	for power, err := range callAll(t.Context(), b.client) {
		require.Equal(t, sdk.KindUnsupported, sdk.KindOf(err), power)
		require.True(t, sdk.AsError(err).NotApplied, power)
	}
}

// callAll calls every optional method once.
func callAll(ctx context.Context, c *wire.Client) map[string]error {
	errs := map[string]error{}
	_, errs["ListJobs"] = c.ListJobs(ctx, sdk.ListJobsRequest{})
	_, errs["Submit"] = c.Submit(ctx, sdk.SubmitRequest{})
	_, errs["ReadStatuses"] = c.ReadStatuses(ctx, sdk.ReadStatusesRequest{})
	_, errs["Changes"] = c.Changes(ctx, sdk.ChangesRequest{})
	_, errs["Find"] = c.Find(ctx, sdk.FindRequest{})
	_, errs["HandleWebhook"] = c.HandleWebhook(ctx, sdk.WebhookRequest{})
	_, errs["ListPools"] = c.ListPools(ctx, sdk.ListPoolsRequest{})
	_, errs["TrackingLink"] = c.TrackingLink(ctx, sdk.TrackingLinkRequest{})
	_, errs["Vocabulary"] = c.Vocabulary(ctx, sdk.VocabularyRequest{})
	_, errs["BeginAuth"] = c.BeginAuth(ctx, sdk.BeginAuthRequest{})
	_, errs["CompleteAuth"] = c.CompleteAuth(ctx, sdk.CompleteAuthRequest{})
	_, errs["RefreshAuth"] = c.RefreshAuth(ctx, sdk.RefreshAuthRequest{})
	return errs
}

func TestWire_CancellationAndDeadlineReachTheHandler(t *testing.T) {
	t.Parallel()
	entered, ended := make(chan struct{}), make(chan error, 1)
	b := setup(t, &adaptertest.Fake{SubmitFunc: func(ctx context.Context, _ sdk.SubmitRequest) (sdk.SubmitReply, error) {
		_, has := ctx.Deadline()
		if !has {
			return sdk.SubmitReply{}, errors.New("no deadline crossed the wire")
		}
		close(entered)
		<-ctx.Done()
		ended <- ctx.Err()
		return sdk.SubmitReply{}, ctx.Err()
	}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		<-entered
		cancel()
	}()
	_, err := b.client.Submit(ctx, oneItem())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestWire_APanicFailsItsCallAndNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t, &adaptertest.Fake{
		Manifest: sdk.Manifest{Name: "fake"},
		SubmitFunc: func(_ context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
			panic("no use for " + req.Connection.Value("key"))
		},
	})
	_, err := b.client.Submit(t.Context(), oneItem())
	require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
	require.False(t, sdk.AsError(err).NotApplied)
	m, err := b.client.Describe(t.Context(), sdk.DescribeRequest{})
	require.NoError(t, err)
	require.Equal(t, "fake", m.Name)
	require.Contains(t, b.log.String(), "no use for ***")
	require.NotContains(t, b.log.String(), "canary")
}

func TestWire_CredentialsNeverLeaveInATextOrExchange(t *testing.T) {
	t.Parallel()
	const canary = "canary-0123456789"
	meta := sdk.Meta{Exchanges: []sdk.Exchange{{Endpoint: "/v1?key=" + canary, Excerpt: "bad key " + canary}}}
	broken := &sdk.Error{
		Kind: sdk.KindAuth, Message: "key " + canary, Remedy: "change " + canary,
		Fields: []sdk.FieldError{{Message: canary}}, Meta: meta,
	}
	b := setup(t, &adaptertest.Fake{
		SubmitFunc: func(_ context.Context, _ sdk.SubmitRequest) (sdk.SubmitReply, error) {
			return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{{Kind: sdk.OutcomeFailed, Err: broken}}, Meta: meta}, nil
		},
		CheckFunc: func(_ context.Context, _ sdk.CheckRequest) (sdk.CheckReply, error) {
			return sdk.CheckReply{Items: []sdk.CheckItem{{Cause: canary, Remedy: canary}}, Meta: meta}, nil
		},
		FindFunc: func(_ context.Context, _ sdk.FindRequest) (sdk.FindReply, error) {
			return sdk.FindReply{}, errors.New("get https://ats.example.com/?key=" + canary)
		},
	})
	con := oneItem().Connection
	submit, err := b.client.Submit(t.Context(), oneItem())
	require.NoError(t, err)
	check, err := b.client.Check(t.Context(), sdk.CheckRequest{Connection: con})
	require.NoError(t, err)
	_, err = b.client.Find(t.Context(), sdk.FindRequest{Connection: con})
	e := submit.Outcomes[0].Err
	all := []string{
		err.Error(), check.Items[0].Cause, check.Items[0].Remedy, check.Exchanges[0].Excerpt, submit.Exchanges[0].Endpoint,
		e.Message, e.Remedy, e.Fields[0].Message, e.Exchanges[0].Excerpt,
	}
	for _, text := range all {
		require.NotContains(t, text, canary)
		require.Contains(t, text, "***")
	}
}

func TestWire_MessagesOverTheBoundAreRefusedBothWays(t *testing.T) {
	t.Parallel()
	b := setup(t, &adaptertest.Fake{SubmitFunc: func(_ context.Context, _ sdk.SubmitRequest) (sdk.SubmitReply, error) {
		return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{{
			Kind: sdk.OutcomeCreated, Message: strings.Repeat("x", wire.MaxMessage), Receipt: sdk.Receipt{CandidateID: "1"},
		}}}, nil
	}})
	_, err := b.client.Submit(t.Context(), oneItem())
	require.Equal(t, sdk.KindInternal, sdk.KindOf(err), err)
	require.False(t, sdk.AsError(err).NotApplied, "the write may have happened")

	big := oneItem()
	big.Items[0].Note = strings.Repeat("x", wire.MaxMessage+1)
	_, err = b.client.Submit(t.Context(), big)
	require.Equal(t, sdk.KindInvalid, sdk.KindOf(err))
	require.True(t, sdk.AsError(err).NotApplied, "nothing was sent")
}

func TestWire_AConnectionThatBreaksIsADeathDuringTheCall(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, &adaptertest.Fake{SubmitFunc: func(ctx context.Context, _ sdk.SubmitRequest) (sdk.SubmitReply, error) {
		go b.server.Stop()
		<-ctx.Done()
		return sdk.SubmitReply{}, ctx.Err()
	}})
	_, err := b.client.Submit(t.Context(), oneItem())
	require.ErrorIs(t, err, wire.ErrLost)
	require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
	require.False(t, sdk.AsError(err).NotApplied)
}

func TestWire_ACallThatFindsNoConnectionWasNeverSent(t *testing.T) {
	t.Parallel()
	b := setup(t, &adaptertest.Fake{})
	b.server.Stop()
	_, err := b.client.Submit(t.Context(), oneItem())
	require.ErrorIs(t, err, sdk.ErrNotRunning)
	require.ErrorIs(t, b.client.Ping(t.Context()), sdk.ErrNotRunning)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.client.Submit(ctx, oneItem())
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, sdk.AsError(err).NotApplied)
}

func TestWire_DrainFinishesWhatIsInFlightAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	entered, finish := make(chan struct{}), make(chan struct{})
	b := setup(t, &adaptertest.Fake{SubmitFunc: func(_ context.Context, _ sdk.SubmitRequest) (sdk.SubmitReply, error) {
		close(entered)
		<-finish
		return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{{Kind: sdk.OutcomePending, Receipt: sdk.Receipt{Pending: "p"}}}}, nil
	}})
	first := make(chan error, 1)
	go func() {
		_, err := b.client.Submit(t.Context(), oneItem())
		first <- err
	}()
	<-entered
	soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.False(t, b.guard.Drain(soon), "a call is in flight")
	for power, err := range callAll(t.Context(), b.client) {
		require.Equal(t, sdk.KindTransient, sdk.KindOf(err), power)
		require.True(t, sdk.AsError(err).NotApplied, power)
	}
	_, err := b.client.Describe(t.Context(), sdk.DescribeRequest{})
	require.Equal(t, sdk.KindTransient, sdk.KindOf(err))
	_, err = b.client.Check(t.Context(), sdk.CheckRequest{})
	require.Equal(t, sdk.KindTransient, sdk.KindOf(err))
	close(finish)
	require.NoError(t, <-first)
	require.True(t, b.guard.Drain(t.Context()))
}
