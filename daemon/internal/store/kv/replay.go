package kv

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Delivery returns one delivery.
func (s *Store) Delivery(ctx context.Context, endpoint string, sequence int64) (atssync.Delivery, error) {
	var out atssync.Delivery
	err := s.view(ctx, func(r reader) error {
		if _, err := r.needEndpoint(endpoint); err != nil {
			return err
		}
		d, err := r.needDelivery(endpoint, max(sequence, 0))
		if err == nil {
			out = *d
		}
		return err
	})
	return out, err
}

// Deliveries lists the deliveries of an endpoint, the newest first.
func (s *Store) Deliveries(ctx context.Context, q atssync.DeliveryQuery) (atssync.Page[atssync.Delivery], error) {
	var out atssync.Page[atssync.Delivery]
	err := s.view(ctx, func(r reader) error {
		if q.Event != "" {
			var err error
			out, err = r.deliveriesOf(q)
			return err
		}
		if _, err := r.needEndpoint(q.Endpoint); err != nil {
			return err
		}
		wanted := func(d *atssync.Delivery) (*atssync.Delivery, error) {
			if d == nil || q.State != "" && d.State != q.State || q.Type != "" && d.Type != q.Type || q.Key != "" && d.Key != q.Key {
				return nil, ctx.Err()
			}
			return d, nil
		}
		var err error
		if q.State == atssync.DeliveryPending || q.State == atssync.DeliveryDead {
			prefix := table(tabDeliveryState).text(q.Endpoint).text(string(q.State))
			out, err = pageBack(r.r, q.Paging, prefix, func(k, _ []byte) (*atssync.Delivery, error) {
				f := fieldsOf(k, len(prefix))
				d, err := r.delivery(q.Endpoint, f.num())
				if err != nil {
					return nil, err
				}
				return wanted(d)
			})
			return err
		}
		out, err = pageBack(r.r, q.Paging, table(tabDelivery).text(q.Endpoint), func(k, v []byte) (*atssync.Delivery, error) {
			d, err := decode[atssync.Delivery](k, v)
			if err != nil {
				return nil, err
			}
			return wanted(d)
		})
		return err
	})
	return out, err
}

// deliveriesOf lists the deliveries of one event, by endpoint.
func (r reader) deliveriesOf(q atssync.DeliveryQuery) (atssync.Page[atssync.Delivery], error) {
	out := atssync.Page[atssync.Delivery]{Items: []atssync.Delivery{}}
	prefix := table(tabDeliveryOf).text(q.Event)
	type at struct {
		endpoint string
		sequence int64
	}
	var found []at
	err := r.r.Scan(prefix, nil, func(k, v []byte) bool {
		f := fieldsOf(k, len(prefix))
		if endpoint := f.text(); q.Endpoint == "" || endpoint == q.Endpoint {
			found = append(found, at{endpoint, number(v)})
		}
		return true
	})
	if err != nil {
		return out, err
	}
	for _, p := range found {
		d, err := r.delivery(p.endpoint, p.sequence)
		if err != nil {
			return out, err
		}
		if d != nil && (q.State == "" || d.State == q.State) && (q.Key == "" || d.Key == q.Key) {
			out.Items = append(out.Items, *d)
		}
	}
	return out, nil
}

// Replay has deliveries sent again.
func (s *Store) Replay(ctx context.Context, q atssync.Replay, now time.Time) (replayed int, next int64, err error) {
	if len(q.States) == 0 {
		q.States = []atssync.DeliveryState{atssync.DeliveryDelivered, atssync.DeliveryDead}
	}
	err = s.update(ctx, now, func(st *step) error {
		e, err := st.needEndpoint(q.Endpoint)
		if err != nil {
			return err
		}
		var found []*atssync.Delivery
		if found, next, err = st.replayable(q); err != nil {
			return err
		}
		work, err := st.endpointWork(e.ID)
		if err != nil {
			return err
		}
		for _, d := range found {
			if err := st.replay(work, d); err != nil {
				return err
			}
		}
		if replayed = len(found); replayed > 0 {
			st.saveWork(work)
			st.noteEndpoint("replay", e.ID, fmt.Sprintf("%d deliveries from %d on", replayed, found[0].Sequence))
		}
		return nil
	})
	return replayed, next, err
}

// replayable finds the next share of what is to be replayed.
func (r reader) replayable(q atssync.Replay) (found []*atssync.Delivery, next int64, err error) {
	if q.Event != "" {
		v, err := r.r.Value(keyDeliveryOf(q.Event, q.Endpoint))
		if err != nil {
			return nil, 0, err
		}
		if v == nil {
			return nil, 0, atssync.Errorf(atssync.CodeNotFound, "webhook %s has no delivery of event %s", q.Endpoint, q.Event).
				WithRemedy("it was filtered out, or its record is no longer kept; read it from the feed of events")
		}
		d, err := r.needDelivery(q.Endpoint, number(v))
		if err != nil {
			return nil, 0, err
		}
		return []*atssync.Delivery{d}, 0, nil
	}
	prefix, looked := table(tabDelivery).text(q.Endpoint), 0
	var failed error
	err = r.r.Scan(prefix, prefix.clone().num(max(q.From, 0)), func(k, v []byte) bool {
		f := fieldsOf(k, len(prefix))
		sequence := f.num()
		if q.To > 0 && sequence > q.To {
			return false
		}
		if len(found) == partItems || looked == maxLooked {
			next = sequence
			return false
		}
		looked++
		d, err := decode[atssync.Delivery](k, v)
		if err != nil {
			failed = err
			return false
		}
		if slices.Contains(q.States, d.State) {
			found = append(found, d)
		}
		return true
	})
	if err == nil {
		err = failed
	}
	return found, next, err
}

func (st *step) replay(work *atssync.EndpointWork, d *atssync.Delivery) error {
	was := *d
	d.Again(st.now)
	switch was.State {
	case atssync.DeliveryPending:
		return st.reschedule(&was, d)
	case atssync.DeliveryDead:
		work.Dead--
		st.w.Delete(keyDeliveryState(&was))
	}
	work.Pending++
	work.Pruned = min(work.Pruned, d.Sequence-1)
	return st.enqueue(d)
}

// PruneDeliveries forgets what was delivered before an instant, and what is left of removed endpoints.
func (s *Store) PruneDeliveries(ctx context.Context, before time.Time, limit int, now time.Time) (int, error) {
	var endpoints []atssync.Endpoint
	err := s.view(ctx, func(r reader) error {
		var err error
		endpoints, err = all[atssync.Endpoint](r.r, table(tabEndpoint))
		return err
	})
	if err != nil {
		return 0, err
	}
	total := 0
	for _, e := range endpoints {
		if total >= limit {
			break
		}
		n, share := 0, min(limit-total, partItems)
		if e.State == atssync.EndpointRemoved {
			n, err = s.forgetShare(ctx, e.ID, share, now)
		} else {
			n, err = s.pruneShare(ctx, e.ID, before, share, now)
		}
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// pruneShare forgets some of an endpoint's delivered records. They are looked through in the order in which they were
// planned, from the first one on that may have to go later; a dead one is passed over, and looked at again when it is replayed.
func (s *Store) pruneShare(ctx context.Context, id string, before time.Time, limit int, now time.Time) (int, error) {
	n := 0
	err := s.update(ctx, now, func(st *step) error {
		n = 0
		work, err := st.endpointWork(id)
		if err != nil {
			return err
		}
		var gone []*atssync.Delivery
		var failed error
		kept, looked, upTo := false, 0, work.Pruned
		prefix := table(tabDelivery).text(id)
		err = st.w.Scan(prefix, prefix.clone().num(work.Pruned+1), func(k, v []byte) bool {
			d, err := decode[atssync.Delivery](k, v)
			if err != nil {
				failed = err
				return false
			}
			if looked++; looked > maxLooked || len(gone) == limit || !d.PlannedAt.Before(before) {
				return false
			}
			switch {
			case d.State == atssync.DeliveryDelivered && d.FinishedAt.Before(before):
				gone = append(gone, d)
			case d.State != atssync.DeliveryDead:
				kept = true
			}
			if !kept {
				upTo = d.Sequence
			}
			return true
		})
		if err == nil {
			err = failed
		}
		if err != nil || upTo == work.Pruned && len(gone) == 0 {
			return err
		}
		for _, d := range gone {
			st.forgetDelivery(d)
		}
		work.Pruned = upTo
		st.saveWork(work)
		n = len(gone)
		return nil
	})
	return n, err
}
