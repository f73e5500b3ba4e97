package kv_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// engine is an engine whose steps are counted and can be refused.
type engine struct {
	kv.Engine
	updates atomic.Int64
	refuse  func(ctx context.Context) error
	twice   bool // run each step a second time, as an engine may
}

var errAgain = errors.New("again")

func (e *engine) Update(ctx context.Context, fn func(kv.Writer) error) error {
	e.updates.Add(1)
	if e.refuse != nil {
		if err := e.refuse(ctx); err != nil {
			return err
		}
	}
	if e.twice {
		err := e.Engine.Update(ctx, func(w kv.Writer) error { return errors.Join(fn(w), errAgain) })
		if !errors.Is(err, errAgain) {
			return err
		}
	}
	return e.Engine.Update(ctx, fn)
}

var now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func setup(t *testing.T, o kv.Options) (*kv.Store, *engine, atssync.Connection) {
	t.Helper()
	e := &engine{Engine: memory.New()}
	require.NoError(t, kv.Prepare(t.Context(), e))
	s := kv.New(e, o)
	t.Cleanup(func() { _ = s.Close() })
	c, err := s.CreateConnection(t.Context(), atssync.Connection{Name: "one", Account: "acme", Adapter: "reference"}, now)
	require.NoError(t, err)
	return s, e, c
}

func document(c atssync.Connection, external string) atssync.NewSubmission {
	return atssync.NewSubmission{
		Submission: atssync.Submission{
			ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, ExternalID: external,
			ExternalKey: external, Fingerprint: external, PlatformJob: "job-1",
		},
		Payload: make(atssync.Payload, 200<<10),
	}
}

func TestPrepare_RefusesWhatANewerProgramWrote(t *testing.T) {
	t.Parallel()
	e := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), e))
	require.NoError(t, kv.Prepare(t.Context(), e), "its own it takes again")
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		w.Set([]byte("f/"), []byte{0, 0, 0, 0, 0, 0, 0, 99})
		return nil
	}))
	err := kv.Prepare(t.Context(), e)
	require.ErrorContains(t, err, "newer atssync (format 99")
	require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err))
}

func TestAccept_LowSpaceIsToldInWordsAndOnlyIntakeIsMarked(t *testing.T) {
	t.Parallel()
	s, e, c := setup(t, kv.Options{})
	e.refuse = func(ctx context.Context) error {
		if kv.IsIntake(ctx) {
			return kv.ErrLowSpace
		}
		return nil
	}
	_, err := s.Accept(t.Context(), []atssync.NewSubmission{document(c, "app-1")}, now)
	require.Equal(t, atssync.CodeNoSpace, atssync.CodeOf(err))
	_, err = s.Import(t.Context(), document(c, "app-1"), atssync.Application{ApplicationID: "a"}, now)
	require.Equal(t, atssync.CodeNoSpace, atssync.CodeOf(err))
	_, err = s.UpdateConnection(t.Context(), c.ID, 0, func(c *atssync.Connection) error { c.State = atssync.ConnectionPaused; return nil }, now)
	require.NoError(t, err)
}

func TestAccept_AFailureHalfWayRefusesTheRestAndKeepsWhatIsStored(t *testing.T) {
	t.Parallel()
	s, e, c := setup(t, kv.Options{})
	var in []atssync.NewSubmission
	for _, x := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"} {
		in = append(in, document(c, x))
	}
	commits := 0
	e.refuse = func(context.Context) error {
		if commits++; commits > 1 {
			return kv.ErrLowSpace
		}
		return nil
	}
	out, err := s.Accept(t.Context(), in, now)
	require.NoError(t, err)
	stored := 0
	for i, a := range out {
		if a.Err == nil {
			require.Equal(t, i, stored, "what is stored comes first")
			require.Equal(t, atssync.AcceptedNew, a.Result)
			stored++
			continue
		}
		require.Equal(t, atssync.AcceptRefused, a.Result)
		require.Equal(t, atssync.CodeNoSpace, atssync.CodeOf(a.Err))
	}
	require.Positive(t, stored)
	require.Less(t, stored, len(in))
	e.refuse = nil
	out, err = s.Accept(t.Context(), in, now)
	require.NoError(t, err)
	for i, a := range out {
		require.Equal(t, i < stored, a.Result == atssync.AcceptedReplay)
	}
	line, err := s.Recount(t.Context(), c.ID)
	require.NoError(t, err)
	require.True(t, line.OK)
	require.EqualValues(t, len(in), line.Accepted)
}

func lease(t *testing.T, s *kv.Store, owner string, c atssync.Connection, at time.Time) atssync.Lease {
	t.Helper()
	require.NoError(t, s.Heartbeat(t.Context(), owner, at.Add(time.Hour), at))
	got, err := s.Acquire(t.Context(), owner, []string{c.ID}, at)
	require.NoError(t, err)
	require.Len(t, got, 1)
	return got[0]
}

func TestRecordReadings_NothingNewIsNoCommit(t *testing.T) {
	t.Parallel()
	s, e, c := setup(t, kv.Options{})
	l := lease(t, s, "daemon", c, now)
	cp := atssync.Checkpoint{Operation: atssync.OpRead, Pass: 3, StartedAt: now}
	_, err := s.RecordReadings(t.Context(), l, nil, &cp, now)
	require.NoError(t, err)
	before := e.updates.Load()
	for range 3 {
		_, err = s.RecordReadings(t.Context(), l, nil, &cp, now.Add(time.Hour))
		require.NoError(t, err)
		_, err = s.RecordReadings(t.Context(), l, nil, nil, now)
		require.NoError(t, err)
	}
	require.Equal(t, before, e.updates.Load())
	cp.Pass++
	_, err = s.RecordReadings(t.Context(), l, nil, &cp, now)
	require.NoError(t, err)
	require.Equal(t, before+1, e.updates.Load())
}

func TestPutATSJobs_NothingNewIsNoCommit(t *testing.T) {
	t.Parallel()
	s, e, c := setup(t, kv.Options{})
	l := lease(t, s, "daemon", c, now)
	listing := atssync.JobListing{Complete: true, OnlyOpen: true, Jobs: []sdk.Job{{ID: "1", Name: "A", State: sdk.JobOpen}}}
	_, err := s.PutATSJobs(t.Context(), l, listing, now)
	require.NoError(t, err)
	before := e.updates.Load()
	_, err = s.PutATSJobs(t.Context(), l, listing, now.Add(time.Hour))
	require.NoError(t, err)
	n, err := s.Expire(t.Context(), 100, now)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, before, e.updates.Load())
}

func TestAcquire_ASoleOwnersPredecessorIsDeadWhateverItPromised(t *testing.T) {
	t.Parallel()
	e := memory.New()
	first := kv.New(e, kv.Options{SoleOwner: true})
	c, err := first.CreateConnection(t.Context(), atssync.Connection{Name: "one", Account: "acme", Adapter: "reference"}, now)
	require.NoError(t, err)
	old := lease(t, first, "daemon-1", c, now)
	require.NoError(t, first.Heartbeat(t.Context(), "daemon-1b", now.Add(time.Hour), now))
	got, err := first.Acquire(t.Context(), "daemon-1b", []string{c.ID}, now)
	require.NoError(t, err)
	require.Empty(t, got, "who registered here is alive")

	second := kv.New(e, kv.Options{SoleOwner: true}) // the process that came after it
	l := lease(t, second, "daemon-2", c, now.Add(time.Second))
	require.Equal(t, old.Epoch+1, l.Epoch)

	shared := kv.New(e, kv.Options{})
	require.NoError(t, shared.Heartbeat(t.Context(), "daemon-3", now.Add(time.Hour), now))
	got, err = shared.Acquire(t.Context(), "daemon-3", []string{c.ID}, now)
	require.NoError(t, err)
	require.Empty(t, got, "where several share a store a heartbeat counts")
}

func TestSteps_RunTwiceDoTheSameOnce(t *testing.T) {
	t.Parallel()
	s, e, c := setup(t, kv.Options{})
	e.twice = true
	_, _, err := s.PutJobLink(t.Context(), atssync.PutJobLink{Link: atssync.JobLink{Connection: c.ID, PlatformJob: "job-1", ATSJob: "1"}}, 0, now)
	require.NoError(t, err)
	out, err := s.Accept(t.Context(), []atssync.NewSubmission{document(c, "a"), document(c, "b")}, now)
	require.NoError(t, err)
	l := lease(t, s, "daemon", c, now)
	begun, err := s.BeginAttempts(t.Context(), l, []atssync.BeginAttempt{{Submission: out[0].Submission.ID, Revision: 1, ATSJob: "1"}}, now)
	require.NoError(t, err)
	require.Len(t, begun, 1)
	require.NoError(t, s.FinishAttempts(t.Context(), l, []atssync.Finish{{
		Submission: begun[0].Submission, Attempt: 1, To: atssync.StateRefused, Trouble: &atssync.Trouble{Message: "no"},
	}}, func(l *atssync.Lane) []atssync.EventDraft { return l.Fail(atssync.OpSubmit, "auth", nil, now) }, now))
	es, _, err := s.Events(t.Context(), atssync.EventQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Len(t, es, 2)
	require.EqualValues(t, 1, es[0].Sequence)
	require.EqualValues(t, 2, es[1].Sequence)
	line, err := s.Recount(t.Context(), c.ID)
	require.NoError(t, err)
	require.True(t, line.OK)
	require.EqualValues(t, 2, line.Accepted)
}

func TestRecords_AFieldOfTomorrowIsPassedOverAndDamageIsAnError(t *testing.T) {
	t.Parallel()
	s, e, c := setup(t, kv.Options{})
	out, err := s.Accept(t.Context(), []atssync.NewSubmission{document(c, "a")}, now)
	require.NoError(t, err)
	id := out[0].Submission.ID
	at, raw := onlyRecord(t, e.Engine, "s/")
	change := func(value []byte) {
		require.NoError(t, e.Engine.Update(t.Context(), func(w kv.Writer) error { w.Set(at, value); return nil }))
	}
	change(append(bytes.Clone(raw), 0xf4, 0x03, 2, 'h', 'i')) // field 166, of two bytes
	got, err := s.Submission(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, out[0].Submission, got)
	change(raw[:len(raw)-1])
	_, err = s.Submission(t.Context(), id)
	require.ErrorContains(t, err, `table "s/"`)
	require.Equal(t, atssync.CodeInternal, atssync.CodeOf(err), "damage is never told as absence")
	_, err = s.Recount(t.Context(), c.ID)
	require.Error(t, err)
}

// onlyRecord returns the one pair of a table.
func onlyRecord(t *testing.T, e kv.Engine, table string) (k, value []byte) {
	t.Helper()
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		return r.Scan([]byte(table), nil, func(at, v []byte) bool {
			require.Nil(t, k, "table %s has more than one record", table)
			k, value = bytes.Clone(at), bytes.Clone(v)
			return true
		})
	}))
	require.NotEmpty(t, value)
	return k, value
}

func TestResume_ReleasesAtThePaceOfTheOptions(t *testing.T) {
	t.Parallel()
	s, _, c := setup(t, kv.Options{ReleasePerMinute: func() int { return 7 }})
	for _, state := range []atssync.ConnectionState{atssync.ConnectionPaused, atssync.ConnectionActive} {
		_, err := s.UpdateConnection(t.Context(), c.ID, 0, func(c *atssync.Connection) error { c.State = state; return nil }, now)
		require.NoError(t, err)
	}
	tasks, err := s.Tasks(t.Context(), c.ID)
	require.NoError(t, err)
	require.Len(t, tasks, 1)
	require.Equal(t, atssync.TaskRelease, tasks[0].Kind)
	require.Equal(t, 7, tasks[0].PerMinute)
}

func TestRecount_ARecordThatStrayedShows(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(kv.Writer, []byte, []byte){
		"a record that is gone":         func(w kv.Writer, at, _ []byte) { w.Delete(at) },
		"a record in another state":     func(w kv.Writer, at, raw []byte) { w.Set(at, bytes.ReplaceAll(raw, []byte("held"), []byte("sent"))) },
		"a record that nobody accepted": func(w kv.Writer, _, _ []byte) { w.Delete([]byte("g/con\x00")) },
	} {
		e := memory.New()
		s := kv.New(e, kv.Options{})
		c, err := s.CreateConnection(t.Context(), atssync.Connection{ID: "con", Account: "acme", Adapter: "reference"}, now)
		require.NoError(t, err)
		_, err = s.Accept(t.Context(), []atssync.NewSubmission{document(c, "a")}, now)
		require.NoError(t, err)
		line, err := s.Recount(t.Context(), c.ID)
		require.NoError(t, err)
		require.True(t, line.OK)
		at, raw := onlyRecord(t, e, "s/")
		require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
			damage(w, at, raw)
			return nil
		}))
		line, err = s.Recount(t.Context(), c.ID)
		require.NoError(t, err)
		require.False(t, line.OK, name)
	}
}
