package kv

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// acquireAtOnce is how many connections are acquired in one commit: each may bring a few submissions that were
// being sent.
const acquireAtOnce = 50

// Heartbeat says that owner lives until then.
func (s *Store) Heartbeat(ctx context.Context, owner string, until, now time.Time) error {
	if owner == "" {
		return atssync.Errorf(atssync.CodeInvalid, "an owner needs a name")
	}
	err := s.update(ctx, now, func(st *step) error {
		st.put(keyOwner(owner), ownerRecord{Until: until.UnixMicro()})
		return nil
	})
	if err == nil {
		s.mu.Lock()
		s.owners[owner] = true
		s.mu.Unlock()
	}
	return err
}

// lives reports whether an owner is to be left alone.
func (s *Store) lives(st *step, owner string) (bool, error) {
	rec, err := record[ownerRecord](st.w, keyOwner(owner))
	if err != nil || rec == nil || rec.Until <= st.now.UnixMicro() {
		return false, err
	}
	if !s.o.SoleOwner {
		return true, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owners[owner], nil
}

// Acquire takes leases at a new epoch.
func (s *Store) Acquire(ctx context.Context, owner string, connections []string, now time.Time) ([]atssync.Lease, error) {
	if err := tooMany(len(connections)); err != nil {
		return nil, err
	}
	var out []atssync.Lease
	err := inParts(len(connections), acquireAtOnce, func(from, to int) error {
		var got []atssync.Lease
		err := s.update(ctx, now, func(st *step) error {
			got = nil
			alive, err := s.lives(st, owner)
			if err != nil {
				return err
			}
			if !alive {
				return atssync.ErrFenced // its heartbeat ran out: others may be at work
			}
			for _, id := range connections[from:to] {
				l, ok, err := s.acquire(st, owner, id)
				if err != nil {
					return err
				}
				if ok {
					got = append(got, l)
				}
			}
			return nil
		})
		if err == nil {
			out = append(out, got...)
		}
		return err
	})
	return out, err
}

func (s *Store) acquire(st *step, owner, connection string) (atssync.Lease, bool, error) {
	l := atssync.Lease{Connection: connection, Owner: owner}
	if there, err := st.leasable(connection); err != nil || !there {
		return l, false, err
	}
	rec, err := record[leaseRecord](st.w, keyLease(connection))
	if err != nil {
		return l, false, err
	}
	if rec == nil {
		rec = &leaseRecord{}
	}
	switch rec.Owner {
	case owner:
		l.Epoch = rec.Epoch
		return l, true, nil
	case "":
	default:
		alive, err := s.lives(st, rec.Owner)
		if err != nil || alive {
			return l, false, err
		}
		st.w.Delete(keyLeaseByOwner(rec.Owner, connection))
	}
	l.Epoch = rec.Epoch + 1
	if err := st.lost(connection); err != nil {
		return l, false, err
	}
	st.put(keyLease(connection), leaseRecord{Owner: owner, Epoch: l.Epoch})
	st.w.Set(keyLeaseByOwner(owner, connection), []byte{})
	return l, true, nil
}

// leasable reports whether there is such a connection, or the webhook endpoint of such a lease.
func (st *step) leasable(id string) (bool, error) {
	if endpoint, ok := atssync.EndpointOf(id); ok {
		e, err := st.endpoint(endpoint)
		return e != nil, err
	}
	c, err := st.conn(id)
	return c != nil, err
}

func (r reader) sending(connection string) ([]string, error) {
	var ids []string
	err := r.r.Scan(table(tabSubByState).text(connection).text(string(atssync.StateSending)), nil, func(k, _ []byte) bool {
		ids = append(ids, submissionOf(k))
		return true
	})
	return ids, err
}

// lost makes uncertain what was being sent when the lease's last holder ended, and stops the lane's writes
// until a read succeeds.
func (st *step) lost(connection string) error {
	ids, err := st.sending(connection)
	if err != nil || len(ids) == 0 {
		return err
	}
	c, err := st.needConn(connection)
	if err != nil {
		return err
	}
	t := &atssync.Trouble{
		Kind: sdk.KindAmbiguous, Turn: sdk.TurnOperator,
		Message: "the daemon stopped while the submission was being sent: whether the ATS has it is not known",
		Remedy:  "look into the ATS and settle it; see: atssync resolve --help",
	}
	for _, id := range ids {
		s, err := st.needSubmission(id)
		if err != nil {
			return err
		}
		was := *s
		if !asksAfterCrash {
			if err := errors.Join(s.Move(atssync.StateQueued, "", st.now), st.save(&was, s)); err != nil {
				return err
			}
			continue
		}
		if err := s.Move(atssync.StateUncertain, "", st.now); err != nil {
			return err
		}
		t = s.Uncertain(s.Attempt, t)
		s.Trouble = t
		if err := st.save(&was, s); err != nil {
			return err
		}
		if err := st.endAttempt(id, s.Attempt, func(a *atssync.Attempt) {
			a.Outcome, a.Kind, a.Trouble = atssync.StateUncertain, t.Kind, t
		}); err != nil {
			return err
		}
		st.emit(c, s.StateEvent(st.now))
	}
	return st.changeLane(c, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Fail(atssync.OpSubmit, atssync.CauseUncertain, t, st.now)
	})
}

// Release gives every lease of the owner back and forgets it. A release that was cut short goes on when it
// is called again.
func (s *Store) Release(ctx context.Context, owner string, now time.Time) error {
	for {
		var ids []string
		prefix := table(tabLeaseByOwner).text(owner)
		if err := s.view(ctx, func(r reader) error {
			return r.r.Scan(prefix, nil, func(k, _ []byte) bool {
				f := fieldsOf(k, len(prefix))
				ids = append(ids, f.text())
				return len(ids) < MaxItems
			})
		}); err != nil {
			return err
		}
		err := s.update(ctx, now, func(st *step) error {
			for _, id := range ids {
				if err := st.release(owner, id); err != nil {
					return err
				}
			}
			if len(ids) < MaxItems {
				st.w.Delete(keyOwner(owner))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(ids) < MaxItems {
			s.mu.Lock()
			delete(s.owners, owner)
			s.mu.Unlock()
			return nil
		}
	}
}

func (st *step) release(owner, connection string) error {
	st.w.Delete(keyLeaseByOwner(owner, connection))
	rec, err := record[leaseRecord](st.w, keyLease(connection))
	if err != nil || rec == nil || rec.Owner != owner {
		return err
	}
	st.put(keyLease(connection), leaseRecord{Epoch: rec.Epoch})
	return nil
}
