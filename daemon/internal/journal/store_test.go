package journal

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// bundle is a store in memory with a journal around it, one connection and its lease.
type bundle struct {
	t     *testing.T
	path  string
	j     *Journal
	inner *spy
	s     *Store
	c     atssync.Connection
	l     atssync.Lease
	now   time.Time
}

// spy lets a test come between the journal and the store.
type spy struct {
	atssync.Store
	begins func() // before the store begins
}

func (s *spy) BeginAttempts(ctx context.Context, l atssync.Lease, in []atssync.BeginAttempt, now time.Time) ([]atssync.Attempt, error) {
	if s.begins != nil {
		s.begins()
	}
	return s.Store.BeginAttempts(ctx, l, in, now)
}

func setup(t *testing.T) *bundle {
	t.Helper()
	e := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), e))
	b := &bundle{t: t, path: filepath.Join(t.TempDir(), "attempts.log"), inner: &spy{Store: kv.New(e, kv.Options{})}, now: noon}
	b.j = opened(t, b.path, 0)
	b.s = NewStore(b.inner, b.j)
	var err error
	b.c, err = b.s.CreateConnection(t.Context(), atssync.Connection{ID: "acme", Name: "Acme", Account: "acme", Adapter: "reference"}, noon)
	require.NoError(t, err)
	_, _, err = b.s.PutJobLink(t.Context(), atssync.PutJobLink{Link: atssync.JobLink{Connection: "acme", PlatformJob: "job", ATSJob: "7"}}, 0, noon)
	require.NoError(t, err)
	require.NoError(t, b.s.Heartbeat(t.Context(), "daemon", noon.Add(time.Hour), noon))
	got, err := b.s.Acquire(t.Context(), "daemon", []string{"acme"}, noon)
	require.NoError(t, err)
	b.l = got[0]
	return b
}

func (b *bundle) submit(external string) atssync.Submission {
	b.t.Helper()
	out, err := b.s.Accept(b.t.Context(), []atssync.NewSubmission{{
		Submission: atssync.Submission{
			ID: "sub_" + external, Connection: "acme", ExternalID: external, ExternalKey: "key " + external, AccountKey: "account " + external,
			Fingerprint: external, PlatformJob: "job", ExpiresAt: noon.Add(24 * time.Hour),
		},
		Payload: atssync.Payload("sealed"),
	}}, noon)
	require.NoError(b.t, err)
	require.NoError(b.t, out[0].Err)
	return out[0].Submission
}

func attemptOf(s atssync.Submission) atssync.BeginAttempt {
	return atssync.BeginAttempt{
		Submission: s.ID, Revision: s.Revision, ATSJob: "7", As: sdk.AsCandidate, Number: s.Attempt + 1, ExternalKey: s.ExternalKey, AccountKey: s.AccountKey,
	}
}

func (b *bundle) begin(s atssync.Submission) atssync.Attempt {
	b.t.Helper()
	got, err := b.s.BeginAttempts(b.t.Context(), b.l, []atssync.BeginAttempt{attemptOf(s)}, noon)
	require.NoError(b.t, err)
	require.Len(b.t, got, 1)
	return got[0]
}

// evidence ends the journal and tells what it says of a submission after a backup that was made before everything.
func (b *bundle) evidence() map[string]atssync.Evidence {
	b.t.Helper()
	require.NoError(b.t, b.j.Close())
	f := NewFold(noon.Add(-time.Hour), 0)
	c, err := Read(b.path, f.Add)
	require.NoError(b.t, err)
	require.Empty(b.t, c.Damage)
	out := map[string]atssync.Evidence{}
	for _, e := range f.Evidence() {
		out[e.Submission] = e
	}
	return out
}

func TestStore_TellsHowEveryAttemptEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	receipt := atssync.Receipt{CandidateID: "17", ApplicationID: "18"}
	for to, f := range map[atssync.State]atssync.Finish{
		atssync.StateSubmitted: {Receipt: &receipt}, atssync.StateRefused: {}, atssync.StateUncertain: {}, atssync.StateQueued: {NextAt: noon},
		atssync.StateHeld: {HeldReason: atssync.HeldQuota},
	} {
		s := b.submit(string(to))
		f.Submission, f.Attempt, f.To = s.ID, b.begin(s).Number, to
		require.NoError(t, b.s.FinishAttempts(t.Context(), b.l, []atssync.Finish{f}, nil, noon))
	}
	b.begin(b.submit("open"))
	found := b.submit("found")
	require.NoError(t, b.s.FinishAttempts(t.Context(), b.l, []atssync.Finish{{Submission: found.ID, Attempt: b.begin(found).Number, To: atssync.StateUncertain}}, nil, noon))
	_, err := b.s.Resolve(t.Context(), found.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSubmitted, By: "person", Receipt: &receipt}, noon)
	require.NoError(t, err)
	got := b.evidence()
	for id, want := range map[string]atssync.State{
		"submitted": "submitted", "refused": "refused", "uncertain": "uncertain", "queued": "queued", "held": "held", "open": "sending", "found": "submitted",
	} {
		e := got["sub_"+id]
		require.Equal(t, want, e.State, id)
		require.Equal(t, 1, e.Attempt)
		require.Equal(t, "key "+id, e.ExternalKey)
		require.Equal(t, "account "+id, e.AccountKey)
		require.Equal(t, "acme", e.Connection)
		require.Equal(t, "7", e.ATSJob)
	}
	require.Equal(t, &receipt, got["sub_submitted"].Receipt)
	require.Equal(t, &receipt, got["sub_found"].Receipt)
}

// The line is on disk before anybody may send, and a backup that begins meanwhile counts it as news.
func TestStore_IsInTheJournalBeforeItReturns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.submit("a")
	_, before := b.j.Position()
	var during uint64
	b.inner.begins = func() {
		require.NoError(t, b.j.add(true, Line{Op: OpConnection, Connection: "other"}).wait()) // until its own line is there
		_, during = b.j.Position()
	}
	b.begin(s)
	require.Equal(t, before, during)
	got, _ := lines(t, b.path)
	require.Contains(t, []string{got[len(got)-1].Submission, got[len(got)-2].Submission}, s.ID)
	_, after := b.j.Position()
	require.Greater(t, after, during)
}

func TestStore_WhatWasNotBegunIsVoid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone, other := b.submit("gone"), b.submit("other")
	b.inner.begins = func() {
		b.inner.begins = nil
		_, err := b.s.Act(t.Context(), gone.ID, atssync.ActCancel, noon)
		require.NoError(t, err)
	}
	wrong := attemptOf(other)
	wrong.Number = 5
	got, err := b.s.BeginAttempts(t.Context(), b.l, []atssync.BeginAttempt{attemptOf(gone), wrong}, noon)
	require.NoError(t, err)
	require.Len(t, got, 1)
	e := b.evidence()
	require.Equal(t, atssync.StateSending, e["sub_other"].State)
	require.Equal(t, 1, e["sub_other"].Attempt, "the number that the store gave")
	require.Equal(t, atssync.StateCancelled, e["sub_gone"].State)
	require.Zero(t, e["sub_gone"].Attempt)
}

func TestStore_NothingIsSentThatIsNotInTheJournal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.submit("a")
	require.NoError(t, b.j.file.Close())
	_, err := b.s.BeginAttempts(t.Context(), b.l, []atssync.BeginAttempt{attemptOf(s)}, noon)
	require.ErrorContains(t, err, b.path)
	now, err := b.s.Submission(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.StateQueued, now.State, "it was taken back")
	require.Equal(t, 2, b.begin(now).Number)
}

func TestStore_DecisionsImportsAndConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	held, released, cancelled := b.submit("held"), b.submit("released"), b.submit("cancelled")
	for _, a := range []struct {
		s    atssync.Submission
		kind atssync.ActKind
	}{{held, atssync.ActHold}, {released, atssync.ActHold}, {released, atssync.ActRelease}, {cancelled, atssync.ActCancel}} {
		_, err := b.s.Act(t.Context(), a.s.ID, a.kind, noon)
		require.NoError(t, err)
	}
	_, err := b.s.Import(t.Context(), atssync.NewSubmission{Submission: atssync.Submission{
		ID: "sub_old", Connection: "acme", ExternalID: "old", ExternalKey: "key old", PlatformJob: "job",
	}}, atssync.Application{CandidateID: "9"}, noon)
	require.NoError(t, err)
	_, err = b.s.UpdateConnection(t.Context(), "acme", 0, func(c *atssync.Connection) error { c.State = atssync.ConnectionPaused; return nil }, noon)
	require.NoError(t, err)
	_, err = b.s.UpdateConnection(t.Context(), "acme", 0, func(*atssync.Connection) error { return errors.New("no") }, noon)
	require.Error(t, err)
	require.NoError(t, b.j.Close())

	f := NewFold(noon.Add(-time.Hour), 0)
	_, err = Read(b.path, f.Add)
	require.NoError(t, err)
	require.Equal(t, map[string]atssync.ConnectionState{"acme": atssync.ConnectionPaused}, f.Connections())
	got := map[string]atssync.Evidence{}
	for _, e := range f.Evidence() {
		got[e.Submission] = e
	}
	require.Len(t, got, 3)
	require.Equal(t, atssync.HeldOperator, got["sub_held"].HeldReason)
	require.Equal(t, atssync.StateCancelled, got["sub_cancelled"].State)
	require.Equal(t, atssync.StateAlreadyApplied, got["sub_old"].State)
	require.Equal(t, "9", got["sub_old"].Receipt.CandidateID)

	f = NewFold(noon.Add(time.Hour), 0)
	_, err = Read(b.path, f.Add)
	require.NoError(t, err)
	require.Len(t, f.Evidence(), 1, "what people decided before the backup is in the backup")
	require.Empty(t, f.Connections())
}

func TestFold_AReceiptIsNotTakenBack(t *testing.T) {
	t.Parallel()
	f := NewFold(noon.Add(-time.Hour), 0)
	for i, l := range []Line{begin(1), ended(1, atssync.StateSubmitted), ended(1, atssync.StateRefused)} {
		l.N = uint64(i + 2)
		require.NoError(t, f.Add(l))
	}
	require.Equal(t, atssync.StateSubmitted, f.Evidence()[0].State)
	again := begin(1)
	again.N, again.Attempt = 9, 2
	require.NoError(t, f.Add(again))
	require.Equal(t, atssync.StateSending, f.Evidence()[0].State)
	require.Equal(t, 2, f.Evidence()[0].Attempt)
}

// An erasure is in the journal before anything of it is erased, once, and by keys alone.
func TestStore_ErasuresAreNotedBeforeTheyAreWorked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.submit("app-1")
	e, err := b.s.CreateErasure(t.Context(), atssync.NewErasure{By: atssync.ErasedByExternalID, ExternalKey: a.ExternalKey}, noon)
	require.NoError(t, err)
	_, at := b.j.Position()
	for range 2 {
		done, err := b.s.WorkErasure(t.Context(), e.ID, noon)
		require.NoError(t, err)
		require.True(t, done)
	}
	require.NoError(t, b.j.Close())
	f := NewFold(noon, at)
	_, err = Read(b.path, f.Add)
	require.NoError(t, err)
	require.Equal(t, []atssync.ErasedSubmission{{
		Erasure: e.ID, By: atssync.ErasedByExternalID, Submission: a.ID, ExternalKey: a.ExternalKey, AccountKey: a.AccountKey, At: noon,
	}}, f.Erased())
}

// What cannot be noted is not erased: nothing would tell after a restore that it was.
func TestStore_NothingIsErasedThatCannotBeNoted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.submit("app-1")
	e, err := b.s.CreateErasure(t.Context(), atssync.NewErasure{By: atssync.ErasedByExternalID, ExternalKey: a.ExternalKey}, noon)
	require.NoError(t, err)
	require.NoError(t, b.j.Close())
	_, err = b.s.WorkErasure(t.Context(), e.ID, noon)
	require.ErrorIs(t, err, ErrClosed)
	got, err := b.s.Submission(t.Context(), a.ID)
	require.NoError(t, err)
	require.True(t, got.ErasedAt.IsZero())
}
