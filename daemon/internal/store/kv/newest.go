package kv

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// idLead is how much earlier the id of a submission may have been made than the submission was accepted.
const idLead = time.Minute

// newestSubmissions lists submissions from the newest one on. Without a connection and a state the ids themselves are in
// the order of acceptance, so that the newest of all connections are at hand without asking each of them.
func (r reader) newestSubmissions(ctx context.Context, q atssync.SubmissionQuery) (atssync.Page[atssync.Submission], error) {
	l := listing[atssync.Submission]{load: r.loadSubmission(q), look: q.Look}
	if q.Connection == "" && q.Account == "" && q.State == "" && q.HeldReason == "" && q.Within.Whole() {
		s := span{prefix: table(tabSubmission)}
		if !q.Since.IsZero() {
			s.from = keySubmission(atssync.FirstID(atssync.PrefixSubmission, q.Since.Add(-idLead)))
		}
		if !q.Until.IsZero() {
			s.to = keySubmission(atssync.FirstID(atssync.PrefixSubmission, q.Until))
		}
		l.spans = []span{s}
		l.load = func(k, v []byte) (*atssync.Submission, error) {
			sub, err := decode[atssync.Submission](k, v)
			if err != nil || !wanted(q, sub) {
				return nil, err
			}
			return sub, nil
		}
		return pageNewest(ctx, r.r, q.Paging, l)
	}
	ids, err := r.connectionsIn(q.Connection, q.Account, q.Within)
	if err != nil {
		return atssync.Page[atssync.Submission]{}, err
	}
	slices.Reverse(ids)
	state := q.State
	if q.HeldReason != "" {
		state = atssync.StateHeld
	}
	for _, id := range ids {
		prefix := table(tabSubByConn).text(id)
		if state != "" {
			prefix = table(tabSubByState).text(id).text(string(state))
		}
		l.spans = append(l.spans, between(prefix, q.Since, q.Until))
	}
	l.has = func(i int) (bool, error) { return r.counts(ids[i], state) }
	return pageNewest(ctx, r.r, q.Paging, l)
}

// counts reports whether the ledger of a connection counts any submission in a state, or any at all with "".
func (r reader) counts(connection string, state atssync.State) (bool, error) {
	l, err := r.ledger(connection)
	if atssync.CodeOf(err) == atssync.CodeNotFound {
		return false, nil
	}
	if state == "" {
		return l.Accepted > 0, err
	}
	return l.States[state] != 0, err
}

// pageNewest reads one page of spans in descending order, one span after the other.
func pageNewest[T any](ctx context.Context, r Reader, p atssync.Paging, l listing[T]) (atssync.Page[T], error) {
	out := atssync.Page[T]{Items: []T{}}
	if len(l.spans) == 0 {
		return out, nil
	}
	after, err := afterMarker(p.After, l.spans...)
	if err != nil {
		return out, err
	}
	b := &backward[T]{listing: l, ctx: ctx, limit: limitOf(p), page: &out}
	first := 0
	if after != nil {
		first = slices.IndexFunc(l.spans, func(s span) bool { return bytes.HasPrefix(after, s.prefix) })
	}
	for i := first; i < len(l.spans) && out.Next == ""; i++ {
		none, err := l.empty(i)
		if err != nil {
			return out, err
		}
		if none {
			continue
		}
		start := l.spans[i].to
		if i == first && after != nil {
			start = after
		}
		if err := r.ScanBack(l.spans[i].prefix, start, b.visit(l.spans[i].from, start)); err != nil {
			return out, err
		}
		if b.err != nil {
			return atssync.Page[T]{}, b.err
		}
	}
	return out, nil
}

// backward fills a page from spans that are read in descending order.
type backward[T any] struct {
	listing[T]
	ctx    context.Context //nolint:containedctx // it lives for one call.
	limit  int
	page   *atssync.Page[T]
	looked int
	last   string // the marker of the item that filled the page
	err    error
}

// visit takes entries that are not before from; the one at start itself was looked at already.
func (b *backward[T]) visit(from, start key) func(k, v []byte) bool {
	return func(k, v []byte) bool {
		if start != nil && bytes.Equal(k, start) {
			return true
		}
		if from != nil && bytes.Compare(k, from) < 0 {
			return false
		}
		if b.looked++; b.looked%1024 == 0 {
			if b.err = b.ctx.Err(); b.err != nil {
				return false
			}
		}
		item, err := b.load(k, v)
		if err != nil {
			b.err = err
			return false
		}
		if item != nil {
			if b.last != "" {
				b.page.Next = b.last
				return false
			}
			b.page.Items = append(b.page.Items, *item)
			if len(b.page.Items) == b.limit {
				b.last = markerOf(k)
			}
		}
		if b.look > 0 && b.looked >= b.look && b.last == "" {
			b.page.Next = markerOf(k)
			return false
		}
		return true
	}
}

// newestEvents reads events backwards: of one connection by sequence, or of all by position.
func (r reader) newestEvents(q atssync.EventQuery) ([]atssync.Event, int64, error) {
	inside, err := r.eventSources(q)
	if err != nil {
		return nil, 0, err
	}
	prefix, pointer := table(tabEventAt), true
	if q.Connection != "" {
		prefix, pointer = table(tabEvent).text(q.Connection), false
	}
	var start key
	if q.After > 0 {
		start = prefix.clone().num(q.After)
	}
	out := []atssync.Event{}
	var older int64
	var failed error
	looked := 0
	err = r.r.ScanBack(prefix, start, func(k, v []byte) bool {
		f := fieldsOf(k, len(prefix))
		n := f.num()
		if q.After > 0 && n >= q.After {
			return true
		}
		if len(out) == q.Limit || looked == maxEventsLooked {
			older = n + 1
			return false
		}
		looked++
		var e *atssync.Event
		if pointer {
			e, failed = r.pointedEvent(q, inside, v)
		} else {
			e, failed = ownEvent(k, v)
		}
		if e != nil && typed(q, e.Type) && (q.Account == "" || e.Account == q.Account) && q.Within.Covers(e.Account, e.Connection) && q.Wants(e) {
			out = append(out, *e)
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return out, older, err
}

func ownEvent(k, v []byte) (*atssync.Event, error) {
	rec, err := decode[eventRecord](k, v)
	if err != nil {
		return nil, err
	}
	e := rec.event()
	return &e, nil
}

// pointedEvent reads the event that an entry by position leads to, nil when it is not wanted or is there no more.
func (r reader) pointedEvent(q atssync.EventQuery, inside map[string]bool, pointer []byte) (*atssync.Event, error) {
	connection, t, _, sequence := pointerOf(pointer)
	if !typed(q, t) || inside != nil && !inside[connection] {
		return nil, nil
	}
	rec, err := record[eventRecord](r.r, keyEvent(connection, sequence))
	if err != nil || rec == nil {
		return nil, err
	}
	e := rec.event()
	return &e, nil
}
