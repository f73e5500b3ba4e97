package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Submission returns one submission.
func (s *Store) Submission(ctx context.Context, id string) (atssync.Submission, error) {
	var out atssync.Submission
	err := s.view(ctx, func(r reader) error {
		sub, err := r.needSubmission(id)
		if err != nil {
			return err
		}
		out = *sub
		return nil
	})
	return out, err
}

// Submissions lists submissions by connection and then in the order they were accepted; with HeldReason and
// a connection by platform job before that, and with a PersonKey by id.
func (s *Store) Submissions(ctx context.Context, q atssync.SubmissionQuery) (atssync.Page[atssync.Submission], error) {
	var out atssync.Page[atssync.Submission]
	err := s.view(ctx, func(r reader) error {
		var err error
		if q.ExternalKey != "" {
			q.ExternalKeys = []string{q.ExternalKey}
		}
		if q.ExternalKeys != nil {
			out, err = r.byExternal(q)
			return err
		}
		if q.Newest && q.PersonKey == "" {
			out, err = r.newestSubmissions(ctx, q)
			return err
		}
		spans, err := r.submissionSpans(q)
		if err != nil {
			return err
		}
		out, err = page(ctx, r.r, q.Paging, listing[atssync.Submission]{
			spans: spans, load: r.loadSubmission(q), look: q.Look, has: r.submissionCounts(q, spans),
		})
		return err
	})
	return out, err
}

func (r reader) submissionSpans(q atssync.SubmissionQuery) ([]span, error) {
	if q.PersonKey != "" {
		return []span{{prefix: table(tabPerson).hash(q.PersonKey)}}, nil
	}
	state := q.State
	if q.HeldReason != "" {
		if state != "" && state != atssync.StateHeld {
			return nil, nil
		}
		return r.perConnection(q.Connection, q.Account, q.Within, func(id string) span {
			k := table(tabHeld).text(id).text(string(q.HeldReason))
			if q.PlatformJob == "" {
				return span{prefix: k}
			}
			return between(k.text(q.PlatformJob), q.Since, q.Until)
		})
	}
	if state != "" {
		return r.perConnection(q.Connection, q.Account, q.Within, func(id string) span {
			return between(table(tabSubByState).text(id).text(string(state)), q.Since, q.Until)
		})
	}
	return r.perConnection(q.Connection, q.Account, q.Within, func(id string) span {
		return between(table(tabSubByConn).text(id), q.Since, q.Until)
	})
}

// submissionCounts tells of each span whether the ledger of its connection counts what the query asks for.
func (r reader) submissionCounts(q atssync.SubmissionQuery, spans []span) func(i int) (bool, error) {
	state := q.State
	if q.HeldReason != "" {
		state = atssync.StateHeld
	}
	if q.PersonKey != "" {
		return nil
	}
	return func(i int) (bool, error) {
		f := fieldsOf(spans[i].prefix, 2)
		return r.counts(f.text(), state)
	}
}

// loadSubmission reads the submission that an index entry leads to, unless a filter leaves it out; what the
// entry itself tells is looked at first.
func (r reader) loadSubmission(q atssync.SubmissionQuery) func(k, v []byte) (*atssync.Submission, error) {
	return func(k, v []byte) (*atssync.Submission, error) {
		if q.PlatformJob != "" {
			switch string(k[:2]) {
			case tabSubByConn:
				if string(v) != q.PlatformJob {
					return nil, nil
				}
			case tabSubByState:
				if _, job := whyOf(v); job != q.PlatformJob {
					return nil, nil
				}
			}
		}
		if q.HeldReason != "" && string(k[:2]) == tabSubByState {
			if reason, _ := whyOf(v); reason != q.HeldReason {
				return nil, nil
			}
		}
		s, err := r.submission(submissionOf(k))
		if err != nil || s == nil || !wanted(q, s) {
			return nil, err
		}
		return s, nil
	}
}

func wanted(q atssync.SubmissionQuery, s *atssync.Submission) bool {
	return (q.Connection == "" || s.Connection == q.Connection) &&
		(q.Account == "" || s.Account == q.Account) && q.Within.Covers(s.Account, s.Connection) &&
		(q.PlatformJob == "" || s.PlatformJob == q.PlatformJob) &&
		(q.State == "" || s.State == q.State) &&
		(q.HeldReason == "" || s.HeldReason == q.HeldReason) &&
		(q.Since.IsZero() || !s.AcceptedAt.Before(q.Since)) &&
		(q.Until.IsZero() || s.AcceptedAt.Before(q.Until))
}

func (r reader) byExternal(q atssync.SubmissionQuery) (atssync.Page[atssync.Submission], error) {
	out := atssync.Page[atssync.Submission]{Items: []atssync.Submission{}}
	if q.After != "" {
		return out, nil
	}
	for _, k := range q.ExternalKeys {
		id, err := r.idAt(keyExternal(k))
		if err != nil {
			return out, err
		}
		if id == "" {
			continue
		}
		s, err := r.submission(id)
		if err != nil {
			return out, err
		}
		if s != nil && wanted(q, s) {
			out.Items = append(out.Items, *s)
		}
	}
	return out, nil
}

// Payload returns the sealed document.
func (s *Store) Payload(ctx context.Context, id string) (atssync.Payload, error) {
	var out atssync.Payload
	err := s.view(ctx, func(r reader) error {
		v, err := r.r.Value(keyPayload(id))
		if err == nil && v == nil {
			err = missing("payload of submission", id)
		}
		out = slices.Clone(v)
		return err
	})
	return out, err
}

// Attempts lists a submission's attempts, the first one first.
func (s *Store) Attempts(ctx context.Context, id string) ([]atssync.Attempt, error) {
	var out []atssync.Attempt
	err := s.view(ctx, func(r reader) error {
		if _, err := r.needSubmission(id); err != nil {
			return err
		}
		var err error
		if out, err = all[atssync.Attempt](r.r, table(tabAttempt).text(id)); err != nil {
			return err
		}
		for i := range out {
			note, err := r.r.Value(keyNote(id, out[i].Number))
			if err != nil {
				return err
			}
			out[i].Note = slices.Clone(note)
		}
		return nil
	})
	return out, err
}

// all reads every record with a prefix; there are few.
func all[T any](r Reader, prefix key) ([]T, error) {
	out := []T{}
	var failed error
	err := r.Scan(prefix, nil, func(k, v []byte) bool {
		item, err := decode[T](k, v)
		if err != nil {
			failed = err
			return false
		}
		out = append(out, *item)
		return true
	})
	return out, errors.Join(err, failed)
}

// SubmissionsByReceipt finds submissions by the ATS's ids, of the candidate, the application or either.
func (s *Store) SubmissionsByReceipt(ctx context.Context, connection, candidate, application string) ([]atssync.Submission, error) {
	out := []atssync.Submission{}
	err := s.view(ctx, func(r reader) error {
		var ids []string
		for _, by := range [][2]string{{receiptApplication, application}, {receiptCandidate, candidate}} {
			if by[1] == "" {
				continue
			}
			found, err := r.byReceipt(connection, by[0], by[1])
			if err != nil {
				return err
			}
			ids = append(ids, found...)
		}
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			sub, err := r.needSubmission(id)
			if err != nil {
				return err
			}
			out = append(out, *sub)
		}
		return nil
	})
	return out, err
}

func (r reader) byReceipt(connection, kind, ats string) ([]string, error) {
	var out []string
	err := r.r.Scan(table(tabReceipt).text(connection).text(kind).text(ats), nil, func(k, _ []byte) bool {
		out = append(out, submissionOf(k))
		return true
	})
	return out, err
}

// firstAt returns the instant that follows the prefix in the first key that has it.
func (r reader) firstAt(prefix key) (at time.Time, ok bool, err error) {
	err = r.r.Scan(prefix, nil, func(k, _ []byte) bool {
		f := fieldsOf(k, len(prefix))
		at, ok = f.at(), true
		return false
	})
	return at, ok, err
}
