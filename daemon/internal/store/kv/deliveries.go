package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// leasedEndpoint returns the endpoint of a lease, unless the lease is stale.
func (r reader) leasedEndpoint(l atssync.Lease) (*atssync.Endpoint, error) {
	id, ok := atssync.EndpointOf(l.Connection)
	if !ok {
		return nil, atssync.ErrFenced
	}
	if err := r.fenced(l); err != nil {
		return nil, err
	}
	return r.needEndpoint(id)
}

// deliveryHead is where the pending deliveries of one ordering key begin, and how many there are. Only the first one has an
// entry in the queue of those that are due.
type deliveryHead struct{ sequence, pending int64 }

func (r reader) deliveryHead(d *atssync.Delivery) (deliveryHead, error) {
	v, err := r.r.Value(keyDeliveryHead(d.Endpoint, d.Key))
	if err != nil || v == nil {
		return deliveryHead{}, err
	}
	f := fields{rest: v}
	return deliveryHead{f.num(), f.num()}, nil
}

func (st *step) saveHead(d *atssync.Delivery, h deliveryHead) {
	k := keyDeliveryHead(d.Endpoint, d.Key)
	if h.pending <= 0 {
		st.w.Delete(k)
		return
	}
	st.w.Set(k, key{}.num(h.sequence).num(h.pending))
}

func (r reader) delivery(endpoint string, sequence int64) (*atssync.Delivery, error) {
	return record[atssync.Delivery](r.r, keyDelivery(endpoint, sequence))
}

func (r reader) needDelivery(endpoint string, sequence int64) (*atssync.Delivery, error) {
	d, err := r.delivery(endpoint, sequence)
	if err == nil && d == nil {
		err = missing("delivery", fmt.Sprintf("%d of webhook %s", sequence, endpoint))
	}
	return d, err
}

// enqueue stores a delivery that became pending, in its place among those of its key.
func (st *step) enqueue(d *atssync.Delivery) error {
	h, err := st.deliveryHead(d)
	if err != nil {
		return err
	}
	switch {
	case h.pending == 0:
		h.sequence = d.Sequence
		st.w.Set(keyDeliveryDue(d), []byte{})
	case d.Sequence < h.sequence: // a replayed one goes first
		old, err := st.needDelivery(d.Endpoint, h.sequence)
		if err != nil {
			return err
		}
		st.w.Delete(keyDeliveryDue(old))
		st.w.Set(keyDeliveryBehind(old.Endpoint, old.Key, old.Sequence), []byte{})
		h.sequence = d.Sequence
		st.w.Set(keyDeliveryDue(d), []byte{})
	default:
		st.w.Set(keyDeliveryBehind(d.Endpoint, d.Key, d.Sequence), []byte{})
	}
	h.pending++
	st.saveHead(d, h)
	st.w.Set(keyDeliveryState(d), []byte{})
	st.put(keyDelivery(d.Endpoint, d.Sequence), d)
	return nil
}

// dequeue takes a delivery out of the pending ones, and lets the next of its key go. A step does it once for a key: it
// does not see what it changed behind the head itself.
func (st *step) dequeue(d *atssync.Delivery) error {
	h, err := st.deliveryHead(d)
	if err != nil {
		return err
	}
	st.w.Delete(keyDeliveryState(d))
	h.pending--
	switch {
	case d.Sequence != h.sequence:
		st.w.Delete(keyDeliveryBehind(d.Endpoint, d.Key, d.Sequence))
	case h.pending > 0:
		st.w.Delete(keyDeliveryDue(d))
		next, err := st.firstBehind(d)
		if err != nil {
			return err
		}
		st.w.Delete(keyDeliveryBehind(next.Endpoint, next.Key, next.Sequence))
		st.w.Set(keyDeliveryDue(next), []byte{})
		h.sequence = next.Sequence
	default:
		st.w.Delete(keyDeliveryDue(d))
	}
	st.saveHead(d, h)
	return nil
}

func (r reader) firstBehind(d *atssync.Delivery) (*atssync.Delivery, error) {
	prefix := table(tabDeliveryBehind).text(d.Endpoint).text(d.Key)
	var sequence int64
	if err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
		f := fieldsOf(k, len(prefix))
		sequence = f.num()
		return false
	}); err != nil {
		return nil, err
	}
	return r.needDelivery(d.Endpoint, sequence)
}

// reschedule stores a pending delivery that is due at another time.
func (st *step) reschedule(was, d *atssync.Delivery) error {
	h, err := st.deliveryHead(d)
	if err != nil {
		return err
	}
	if h.sequence == d.Sequence {
		st.w.Delete(keyDeliveryDue(was))
		st.w.Set(keyDeliveryDue(d), []byte{})
	}
	st.put(keyDelivery(d.Endpoint, d.Sequence), d)
	return nil
}

// DueDeliveries reads what is due.
func (s *Store) DueDeliveries(ctx context.Context, l atssync.Lease, q atssync.DueQuery) ([]atssync.DueDelivery, time.Time, error) {
	var out []atssync.DueDelivery
	var next time.Time
	q.Limit = min(max(q.Limit, 1), MaxItems)
	err := s.view(ctx, func(r reader) error {
		e, err := r.leasedEndpoint(l)
		if err != nil {
			return err
		}
		var due []int64
		prefix := table(tabDeliveryDue).text(e.ID)
		if err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
			f := fieldsOf(k, len(prefix))
			at, sequence := f.at(), f.num()
			if q.Skip[sequence] {
				return true
			}
			if at.After(q.Until) || len(due) == q.Limit {
				next = at
				return false
			}
			due = append(due, sequence)
			return true
		}); err != nil {
			return err
		}
		for _, sequence := range due {
			d, err := r.needDelivery(e.ID, sequence)
			if err != nil {
				return err
			}
			rec, err := record[eventRecord](r.r, keyEvent(d.Connection, d.EventSequence))
			if err != nil {
				return err
			}
			one := atssync.DueDelivery{Delivery: *d}
			if rec != nil && rec.ID == d.Event {
				one.Event = rec.event()
			}
			out = append(out, one)
		}
		return nil
	})
	return out, next, err
}

// FinishDeliveries ends attempts.
func (s *Store) FinishDeliveries(
	ctx context.Context, l atssync.Lease, in []atssync.DeliveryFinish, change atssync.EndpointChange, now time.Time,
) error {
	if err := tooMany(len(in)); err != nil {
		return err
	}
	for first := true; first || len(in) > 0; first = false {
		part := 0
		err := s.update(ctx, now, func(st *step) error {
			var err error
			part, err = st.finishDeliveries(l, in, first, change)
			return err
		})
		if err != nil {
			return err
		}
		in = in[part:]
	}
	return nil
}

// finishDeliveries ends as many of the attempts as one step may: of each ordering key one.
func (st *step) finishDeliveries(l atssync.Lease, in []atssync.DeliveryFinish, first bool, change atssync.EndpointChange) (int, error) {
	e, err := st.leasedEndpoint(l)
	if err != nil {
		return 0, err
	}
	work, err := st.endpointWork(e.ID)
	if err != nil {
		return 0, err
	}
	keys := make(map[string]bool, len(in))
	done := 0
	for ; done < min(len(in), partItems); done++ {
		d, err := st.delivery(e.ID, in[done].Sequence)
		if err != nil {
			return 0, err
		}
		if d == nil || d.State != atssync.DeliveryPending {
			continue
		}
		if keys[d.Key] {
			break
		}
		keys[d.Key] = true
		if err := st.finishDelivery(work, d, in[done]); err != nil {
			return 0, err
		}
	}
	if first && change != nil {
		was := e.Clone()
		change(e, work)
		if !sameJSON(&was, e) {
			e.Version, e.UpdatedAt = was.Version+1, st.now
			st.saveEndpoint(e)
		}
	}
	st.saveWork(work)
	return done, nil
}

func (st *step) finishDelivery(work *atssync.EndpointWork, d *atssync.Delivery, f atssync.DeliveryFinish) error {
	was := *d
	if f.Attempt.Answer != "" || f.Attempt.Error != "" { // an answer may repeat what it was sent, and that may be erased by now
		e, err := record[eventRecord](st.w, keyEvent(d.Connection, d.EventSequence))
		if err != nil {
			return err
		}
		if e == nil || e.Erased {
			f.Attempt.Answer, f.Attempt.Error = "", ""
		}
	}
	d.Apply(f, st.now)
	if d.State == atssync.DeliveryPending {
		return st.reschedule(&was, d)
	}
	work.Pending--
	if err := st.dequeue(&was); err != nil {
		return err
	}
	if d.State == atssync.DeliveryDead {
		work.Dead++
		st.w.Set(keyDeliveryState(d), []byte{})
	}
	st.put(keyDelivery(d.Endpoint, d.Sequence), d)
	return nil
}

// EndpointBacklog tells what an endpoint has not got yet.
func (s *Store) EndpointBacklog(ctx context.Context, id string) (atssync.EndpointBacklog, error) {
	var out atssync.EndpointBacklog
	err := s.view(ctx, func(r reader) error {
		e, err := r.needEndpoint(id)
		if err != nil {
			return err
		}
		work, err := r.endpointWork(id)
		if err != nil {
			return err
		}
		last, err := r.r.Value(keyPosition())
		if err != nil {
			return err
		}
		gap, err := r.neverGiven(work.Cursor, number(last))
		if err != nil {
			return err
		}
		out = atssync.EndpointBacklog{Work: *work, Behind: max(number(last)-work.Cursor-gap, 0)}
		var oldest int64
		prefix := table(tabDeliveryState).text(id).text(string(atssync.DeliveryPending))
		err = r.r.Scan(prefix, nil, func(k, _ []byte) bool {
			f := fieldsOf(k, len(prefix))
			oldest = f.num()
			return false
		})
		if err != nil {
			return err
		}
		if oldest > 0 {
			d, err := r.needDelivery(id, oldest)
			if err == nil {
				out.OldestAt = d.EventAt
			}
			return err
		}
		if out.Behind == 0 {
			return nil
		}
		events, _, _, err := r.wanted(e, work.Cursor, 1)
		if len(events) > 0 {
			out.OldestAt = events[0].At
		}
		return errors.Join(err)
	})
	return out, err
}
