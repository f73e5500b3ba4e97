package kv

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func (r reader) endpoint(id string) (*atssync.Endpoint, error) {
	return record[atssync.Endpoint](r.r, keyEndpoint(id))
}

// needEndpoint returns an endpoint that was not removed.
func (r reader) needEndpoint(id string) (*atssync.Endpoint, error) {
	e, err := r.endpoint(id)
	if err == nil && (e == nil || e.State == atssync.EndpointRemoved) {
		err = missing("webhook", id)
	}
	return e, err
}

func (r reader) endpointWork(id string) (*atssync.EndpointWork, error) {
	w, err := record[atssync.EndpointWork](r.r, keyEndpointWork(id))
	if err == nil && w == nil {
		w = &atssync.EndpointWork{Endpoint: id}
	}
	return w, err
}

func (st *step) saveEndpoint(e *atssync.Endpoint)     { st.put(keyEndpoint(e.ID), e) }
func (st *step) saveWork(w *atssync.EndpointWork)     { st.put(keyEndpointWork(w.Endpoint), w) }
func (st *step) noteEndpoint(action, id, what string) { st.note("webhook."+action, id, what) }

// CreateEndpoint stores a new endpoint, or takes over the id of a removed one.
func (s *Store) CreateEndpoint(ctx context.Context, in atssync.Endpoint, after int64, now time.Time) (atssync.Endpoint, error) {
	if err := usableID("id", in.ID); err != nil {
		return atssync.Endpoint{}, err
	}
	if in.ID != "" {
		if err := s.forgetRemoved(ctx, in.ID, now); err != nil {
			return atssync.Endpoint{}, err
		}
	}
	var out atssync.Endpoint
	err := s.update(ctx, now, func(st *step) error {
		next := in.Clone()
		if next.ID == "" {
			next.ID = atssync.NewID(atssync.PrefixWebhook, now)
		}
		was, err := st.endpoint(next.ID)
		if err != nil {
			return err
		}
		if was != nil && was.State != atssync.EndpointRemoved {
			return atssync.Errorf(atssync.CodeExists, "there is a webhook %s already", next.ID).
				WithRemedy("change that one, or choose another id")
		}
		work, err := st.endpointWork(next.ID)
		if err != nil {
			return err
		}
		next.Version, next.CreatedAt, next.UpdatedAt, next.RemovedAt = 1, st.now, st.now, time.Time{}
		if was != nil {
			next.Version = was.Version + 1
		}
		if next.State == "" || next.State == atssync.EndpointRemoved {
			next.State = atssync.EndpointActive
		}
		*work = atssync.EndpointWork{Endpoint: next.ID, Cursor: max(after, 0), Sequence: work.Sequence, Pruned: work.Sequence}
		st.saveEndpoint(&next)
		st.saveWork(work)
		st.noteEndpoint("create", next.ID, next.URL)
		out = next.Clone()
		return nil
	})
	return out, err
}

// UpdateEndpoint changes an endpoint.
func (s *Store) UpdateEndpoint(
	ctx context.Context, id string, version int64, change func(*atssync.Endpoint) error, now time.Time,
) (atssync.Endpoint, error) {
	var out atssync.Endpoint
	err := s.update(ctx, now, func(st *step) error {
		was, err := st.needEndpoint(id)
		if err != nil {
			return err
		}
		if version != 0 && version != was.Version {
			return changed("webhook", id, was.Version)
		}
		next := was.Clone()
		if err := change(&next); err != nil {
			return err
		}
		if next.ID != was.ID || !slices.Contains(atssync.EndpointStates(), next.State) {
			return atssync.Errorf(atssync.CodeInvalid, "webhook %s cannot be made %s %q by a change", was.ID, next.ID, next.State)
		}
		next.CreatedAt, next.Version, next.UpdatedAt, next.RemovedAt = was.CreatedAt, was.Version, was.UpdatedAt, was.RemovedAt
		if sameJSON(was, &next) {
			out = next
			return nil
		}
		next.Version, next.UpdatedAt = was.Version+1, st.now
		if was.State != next.State && next.State == atssync.EndpointActive {
			if err := st.closeBreaker(id); err != nil {
				return err
			}
		}
		st.saveEndpoint(&next)
		action, detail := endpointAction(was, &next)
		st.noteEndpoint(action, id, detail)
		out = next.Clone()
		return nil
	})
	return out, err
}

// closeBreaker has a resumed endpoint tried at once.
func (st *step) closeBreaker(id string) error {
	work, err := st.endpointWork(id)
	if err != nil {
		return err
	}
	work.Breaker = atssync.Breaker{}
	st.saveWork(work)
	return nil
}

// endpointAction names a change for the audit record; a value of a secret is never in it.
func endpointAction(was, next *atssync.Endpoint) (action, detail string) {
	if was.State != next.State {
		switch next.State {
		case atssync.EndpointActive:
			return "resume", ""
		case atssync.EndpointPaused:
			return "pause", next.Reason
		}
	}
	var fields []string
	add := func(name string, same bool) {
		if !same {
			fields = append(fields, name)
		}
	}
	add("url", was.URL == next.URL)
	add("types", slices.Equal(was.Types, next.Types))
	add("accounts", slices.Equal(was.Accounts, next.Accounts))
	add("connections", slices.Equal(was.Connections, next.Connections))
	add("managed_by", was.ManagedBy == next.ManagedBy)
	add("secrets", sameJSON(was.Secrets, next.Secrets))
	if slices.Equal(fields, []string{"secrets"}) {
		return "rotate", ""
	}
	return "update", strings.Join(fields, ", ")
}

// RemoveEndpoint marks an endpoint as removed and forgets its deliveries.
func (s *Store) RemoveEndpoint(ctx context.Context, id string, now time.Time) error {
	err := s.update(ctx, now, func(st *step) error {
		e, err := st.endpoint(id)
		if err != nil {
			return err
		}
		if e == nil {
			return missing("webhook", id)
		}
		if e.State == atssync.EndpointRemoved {
			return nil
		}
		e.State, e.Reason, e.Secrets = atssync.EndpointRemoved, "", nil
		e.Version, e.UpdatedAt, e.RemovedAt = e.Version+1, st.now, st.now
		st.saveEndpoint(e)
		st.noteEndpoint("remove", id, e.URL)
		return nil
	})
	if err != nil {
		return err
	}
	return s.forgetRemoved(ctx, id, now)
}

// forgetRemoved forgets all deliveries of a removed endpoint, in shares.
func (s *Store) forgetRemoved(ctx context.Context, id string, now time.Time) error {
	for {
		n, err := s.forgetShare(ctx, id, partItems, now)
		if err != nil || n == 0 {
			return err
		}
	}
}

// forgetShare forgets some of the deliveries of a removed endpoint, and returns how many.
func (s *Store) forgetShare(ctx context.Context, id string, limit int, now time.Time) (int, error) {
	n := 0
	err := s.update(ctx, now, func(st *step) error {
		n = 0
		e, err := st.endpoint(id)
		if err != nil || e == nil || e.State != atssync.EndpointRemoved {
			return err
		}
		var gone []*atssync.Delivery
		var failed error
		if err := st.w.Scan(table(tabDelivery).text(id), nil, func(k, v []byte) bool {
			d, err := decode[atssync.Delivery](k, v)
			if err != nil {
				failed = err
				return false
			}
			gone = append(gone, d)
			return len(gone) < limit
		}); err != nil || failed != nil {
			return errors.Join(err, failed)
		}
		for _, d := range gone {
			st.forgetDelivery(d)
		}
		if len(gone) > 0 {
			work, err := st.endpointWork(id)
			if err != nil {
				return err
			}
			work.Pending, work.Dead = 0, 0
			st.saveWork(work)
		}
		n = len(gone)
		return nil
	})
	return n, err
}

// forgetDelivery deletes a delivery's record and everything that leads to it.
func (st *step) forgetDelivery(d *atssync.Delivery) {
	st.w.Delete(keyDelivery(d.Endpoint, d.Sequence))
	st.w.Delete(keyDeliveryOf(d.Event, d.Endpoint))
	if d.State == atssync.DeliveryDelivered {
		return
	}
	st.w.Delete(keyDeliveryState(d))
	if d.State == atssync.DeliveryPending {
		st.w.Delete(keyDeliveryHead(d.Endpoint, d.Key))
		st.w.Delete(keyDeliveryBehind(d.Endpoint, d.Key, d.Sequence))
		st.w.Delete(keyDeliveryDue(d))
	}
}

// Endpoint returns one endpoint that was not removed.
func (s *Store) Endpoint(ctx context.Context, id string) (atssync.Endpoint, error) {
	var out atssync.Endpoint
	err := s.view(ctx, func(r reader) error {
		e, err := r.needEndpoint(id)
		if err == nil {
			out = *e
		}
		return err
	})
	return out, err
}

// Endpoints lists endpoints in the order of their ids.
func (s *Store) Endpoints(ctx context.Context, q atssync.EndpointQuery) (atssync.Page[atssync.Endpoint], error) {
	var out atssync.Page[atssync.Endpoint]
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = page(ctx, r.r, q.Paging, listing[atssync.Endpoint]{
			spans: []span{{prefix: table(tabEndpoint)}},
			load: func(k, v []byte) (*atssync.Endpoint, error) {
				e, err := decode[atssync.Endpoint](k, v)
				if err != nil || q.State == "" && e.State == atssync.EndpointRemoved || q.State != "" && q.State != e.State {
					return nil, err
				}
				return e, nil
			},
		})
		return err
	})
	return out, err
}

// EndpointWork returns an endpoint with its work.
func (s *Store) EndpointWork(ctx context.Context, id string) (atssync.Endpoint, atssync.EndpointWork, error) {
	var e atssync.Endpoint
	var w atssync.EndpointWork
	err := s.view(ctx, func(r reader) error {
		found, err := r.endpoint(id)
		if err == nil && found == nil {
			err = missing("webhook", id)
		}
		if err != nil {
			return err
		}
		work, err := r.endpointWork(id)
		if err == nil {
			e, w = *found, *work
		}
		return err
	})
	return e, w, err
}
