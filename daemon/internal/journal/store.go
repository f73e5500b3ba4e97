package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Store is a store whose attempts are in the journal, too: an attempt is there before BeginAttempts returns, and so before
// anything of it is sent. That costs one sync, which runs beside the store's own and is shared by all who begin at the
// same time. How an attempt ended is written, too, and not waited for: what is lost of that in a power
// cut counts as begun, with nobody knowing how it ended.
type Store struct {
	atssync.Store
	j     *Journal
	noted sync.Map // ids of erasures that are in the journal
}

// NewStore puts the journal around a store.
func NewStore(s atssync.Store, j *Journal) *Store { return &Store{Store: s, j: j} }

// BeginAttempts is the store's. When the journal cannot be written, what was begun is taken back.
func (s *Store) BeginAttempts(ctx context.Context, l atssync.Lease, in []atssync.BeginAttempt, now time.Time) ([]atssync.Attempt, error) {
	lines := make([]Line, len(in))
	for i := range in {
		lines[i] = beginLine(l, &in[i], in[i].Number, now)
	}
	defer s.j.enter()()
	written := s.j.add(true, lines...)
	begun, err := s.Store.BeginAttempts(ctx, l, in, now)
	failed := written.wait()
	if failed == nil {
		failed = s.correct(l, in, begun, now)
	}
	if failed == nil {
		return begun, err
	}
	return nil, errors.Join(failed, s.takeBack(context.WithoutCancel(ctx), l, begun, now))
}

func beginLine(l atssync.Lease, b *atssync.BeginAttempt, number int, now time.Time) Line {
	return Line{
		Op: OpBegin, At: now, Connection: l.Connection, Submission: b.Submission, ExternalKey: b.ExternalKey,
		AccountKey: b.AccountKey, Attempt: number, ATSJob: b.ATSJob, As: b.As,
	}
}

// correct says which of the attempts were not begun after all, and waits for the lines of those that have another number.
func (s *Store) correct(l atssync.Lease, in []atssync.BeginAttempt, begun []atssync.Attempt, now time.Time) error {
	numbers := make(map[string]int, len(begun))
	for _, a := range begun {
		numbers[a.Submission] = a.Number
	}
	var voids, others []Line
	for i := range in {
		number, ok := numbers[in[i].Submission]
		if !ok || number != in[i].Number {
			voids = append(voids, Line{Op: OpVoid, At: now, Submission: in[i].Submission, Attempt: in[i].Number})
		}
		if ok && number != in[i].Number {
			others = append(others, beginLine(l, &in[i], number, now))
		}
	}
	if len(voids) == 0 {
		return nil
	}
	b := s.j.add(len(others) > 0, append(voids, others...)...)
	if len(others) == 0 {
		return nil
	}
	return b.wait()
}

// takeBack ends attempts of which nothing was sent.
func (s *Store) takeBack(ctx context.Context, l atssync.Lease, begun []atssync.Attempt, now time.Time) error {
	var finishes []atssync.Finish
	for _, a := range begun {
		sub, err := s.Submission(ctx, a.Submission)
		if err != nil {
			return fmt.Errorf("take back an attempt that is not in the journal: %w", err)
		}
		finishes = append(finishes, atssync.Finish{
			Submission: a.Submission, Attempt: a.Number, To: atssync.StateQueued, NextAt: sub.NextAt,
			Continuation: sub.Continuation, Trouble: sub.Trouble,
		})
	}
	if len(finishes) == 0 {
		return nil
	}
	return s.Store.FinishAttempts(ctx, l, finishes, nil, now)
}

// FinishAttempts is the store's. What the ATS answered is so whether the store takes it or not, and it is written at once: the
// next attempt may be beginning already.
func (s *Store) FinishAttempts(ctx context.Context, l atssync.Lease, in []atssync.Finish, change atssync.LaneChange, now time.Time) error {
	defer s.j.enter()()
	lines := make([]Line, 0, len(in))
	for i := range in {
		f := &in[i]
		lines = append(lines, Line{
			Op: OpEnd, At: now, Connection: l.Connection, Submission: f.Submission, Attempt: f.Attempt,
			State: f.To, HeldReason: f.HeldReason, Receipt: f.Receipt,
		})
	}
	if len(lines) > 0 {
		s.j.add(false, lines...)
	}
	return s.Store.FinishAttempts(ctx, l, in, change, now)
}

// Resolve is the store's.
func (s *Store) Resolve(ctx context.Context, id string, how atssync.SettleUncertain, now time.Time) (atssync.Submission, error) {
	sub, err := s.Store.Resolve(ctx, id, how, now)
	if err == nil {
		s.j.add(false, Line{
			Op: OpEnd, At: now, Connection: sub.Connection, Submission: sub.ID, Attempt: sub.Attempt, State: sub.State,
			HeldReason: sub.HeldReason, Receipt: sub.Receipt,
		})
	}
	return sub, err
}

// Act is the store's.
func (s *Store) Act(ctx context.Context, id string, kind atssync.ActKind, now time.Time) (atssync.Submission, error) {
	sub, err := s.Store.Act(ctx, id, kind, now)
	if err == nil {
		s.j.add(false, Line{
			Op: OpDecide, At: now, Connection: sub.Connection, Submission: sub.ID, ExternalKey: sub.ExternalKey, AccountKey: sub.AccountKey,
			Attempt: sub.Attempt, State: sub.State, HeldReason: sub.HeldReason,
		})
	}
	return sub, err
}

// Import is the store's.
func (s *Store) Import(ctx context.Context, in atssync.NewSubmission, app atssync.Application, now time.Time) (atssync.Accepted, error) {
	a, err := s.Store.Import(ctx, in, app, now)
	if err == nil && a.Err == nil && a.Result == atssync.AcceptedNew {
		sub := a.Submission
		s.j.add(false, Line{
			Op: OpImport, At: now, Connection: sub.Connection, Submission: sub.ID, ExternalKey: sub.ExternalKey, AccountKey: sub.AccountKey,
			State: sub.State, Receipt: sub.Receipt, ATSJob: sub.ATSJob, As: sub.As,
		})
	}
	return a, err
}

// Learn is the store's.
func (s *Store) Learn(ctx context.Context, in []atssync.Evidence, now time.Time) ([]atssync.Learned, error) {
	out, err := s.Store.Learn(ctx, in, now)
	for i, l := range out {
		if e := in[i]; err == nil && l != atssync.LearnedKnown && e.Source != Source {
			s.j.add(false, Line{
				Op: OpLearn, At: now, Connection: e.Connection, Submission: e.Submission, ExternalKey: e.ExternalKey, AccountKey: e.AccountKey,
				Attempt: e.Attempt, State: e.State, HeldReason: e.HeldReason, Receipt: e.Receipt, ATSJob: e.ATSJob, As: e.As,
			})
		}
	}
	return out, err
}

// WorkErasure is the store's. What is erased is in the journal before anything of it is, once for each life of the daemon:
// a backup of before it brings it back, and then nothing else tells that it was erased.
func (s *Store) WorkErasure(ctx context.Context, id string, now time.Time) (bool, error) {
	defer s.j.enter()()
	if err := s.noteErasure(ctx, id); err != nil {
		return false, err
	}
	return s.Store.WorkErasure(ctx, id, now)
}

func (s *Store) noteErasure(ctx context.Context, id string) error {
	if _, done := s.noted.Load(id); done {
		return nil
	}
	e, err := s.Erasure(ctx, id)
	if err != nil || len(e.Waiting) == 0 {
		return err
	}
	lines := make([]Line, 0, len(e.Waiting))
	for _, t := range e.Waiting {
		sub, err := s.Submission(ctx, t.Submission)
		if err != nil {
			return fmt.Errorf("note an erasure in the journal of attempts: %w", err)
		}
		lines = append(lines, Line{
			Op: OpErase, At: e.CreatedAt, Connection: t.Connection, Submission: t.Submission, ExternalKey: sub.ExternalKey,
			AccountKey: sub.AccountKey, Erasure: e.ID, By: e.By,
		})
	}
	if err := s.j.add(true, lines...).wait(); err != nil {
		return err
	}
	s.noted.Store(id, true)
	return nil
}

// CreateConnection is the store's.
func (s *Store) CreateConnection(ctx context.Context, c atssync.Connection, now time.Time) (atssync.Connection, error) {
	return s.connection(now)(s.Store.CreateConnection(ctx, c, now))
}

// UpdateConnection is the store's.
func (s *Store) UpdateConnection(ctx context.Context, id string, version int64, change func(*atssync.Connection) error, now time.Time) (atssync.Connection, error) {
	return s.connection(now)(s.Store.UpdateConnection(ctx, id, version, change, now))
}

// RemoveConnection is the store's.
func (s *Store) RemoveConnection(ctx context.Context, id string, version int64, now time.Time) (atssync.Connection, error) {
	return s.connection(now)(s.Store.RemoveConnection(ctx, id, version, now))
}

func (s *Store) connection(now time.Time) func(atssync.Connection, error) (atssync.Connection, error) {
	return func(c atssync.Connection, err error) (atssync.Connection, error) {
		if err == nil {
			s.j.add(false, Line{Op: OpConnection, At: now, Connection: c.ID, Is: c.State})
		}
		return c, err
	}
}
