package kv

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// span is a run of keys: those with the prefix, from from (included) to to (not included); nil is no bound.
type span struct{ prefix, from, to key }

// between bounds a span over keys whose next field after the prefix is an instant.
func between(prefix key, since, until time.Time) span {
	s := span{prefix: prefix}
	if !since.IsZero() {
		s.from = prefix.clone().at(since)
	}
	if !until.IsZero() {
		s.to = prefix.clone().at(until)
	}
	return s
}

func (k key) clone() key { return append(make(key, 0, len(k)+64), k...) }

func limitOf(p atssync.Paging) int {
	if p.Limit <= 0 {
		return 100
	}
	return min(p.Limit, MaxItems)
}

// A cursor is the last key of a part without its table: it stays good whatever is written meanwhile.
func cursorOf(k []byte) string { return base64.RawURLEncoding.EncodeToString(k[2:]) }

func afterCursor(t key, cursor string) (key, error) {
	if cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, atssync.Errorf(atssync.CodeInvalid, "the page marker is none that this list gave").
			WithRemedy("begin with the first page")
	}
	return append(t[:2:2].clone(), b...), nil
}

// A page marker is a cursor with a check over its table and itself, so that what a list did not give is refused
// and not read as some place in it.
func markerOf(k []byte) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(bytes.Clone(k[2:]), crc32.ChecksumIEEE(k)))
}

func afterMarker(marker string, spans ...span) (key, error) {
	if marker == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(marker)
	if n := len(b) - 4; err == nil && n >= 0 {
		after := append(spans[0].prefix[:2:2].clone(), b[:n]...)
		of := func(s span) bool { return bytes.HasPrefix(after, s.prefix) }
		if crc32.ChecksumIEEE(after) == binary.BigEndian.Uint32(b[n:]) && slices.ContainsFunc(spans, of) {
			return after, nil
		}
	}
	const message = "the page marker is none that this list gave"
	e := atssync.Errorf(atssync.CodeInvalid, message).WithRemedy("begin with the first page")
	e.Fields = []atssync.FieldError{{Path: "query.after", Message: message}}
	return nil, e
}

// listing is one page to read: spans of one table, and what makes an item of a key. An
// item that a filter leaves out is nil.
type listing[T any] struct {
	spans []span
	load  func(k, v []byte) (*T, error)
	// has, when set, tells from a counter whether a span can hold anything, which is quicker than to look.
	has func(i int) (bool, error)
	// look bounds the entries that are looked at; 0 is no bound.
	look int
}

// empty reports whether the counter of a span says that there is nothing in it.
func (l listing[T]) empty(i int) (bool, error) {
	if l.has == nil || len(l.spans) < 2 {
		return false, nil
	}
	ok, err := l.has(i)
	return !ok, err
}

// page reads one page. One item more than wanted is looked for, so that Next is only set when there is one.
func page[T any](ctx context.Context, r Reader, p atssync.Paging, l listing[T]) (atssync.Page[T], error) {
	out := atssync.Page[T]{Items: []T{}}
	if len(l.spans) == 0 {
		return out, nil
	}
	after, err := afterMarker(p.After, l.spans...)
	if err != nil {
		return out, err
	}
	// Ids were put in order as texts, and short forms may stand in another one.
	slices.SortStableFunc(l.spans, func(a, b span) int { return bytes.Compare(a.prefix, b.prefix) })
	limit, looked := limitOf(p), 0
	var last string
	var failed error
	visit := func(to key) func(k, v []byte) bool {
		return func(k, v []byte) bool {
			if to != nil && bytes.Compare(k, to) >= 0 {
				return false
			}
			if looked++; looked%1024 == 0 {
				if failed = ctx.Err(); failed != nil {
					return false
				}
			}
			item, err := l.load(k, v)
			if err != nil {
				failed = err
				return false
			}
			if item != nil {
				if len(out.Items) == limit {
					out.Next = last
					return false
				}
				out.Items = append(out.Items, *item)
				if len(out.Items) == limit {
					last = markerOf(k)
				}
			}
			if l.look > 0 && looked >= l.look && last == "" {
				out.Next = markerOf(k)
				return false
			}
			return true
		}
	}
	for i, s := range l.spans {
		from := s.from
		if after != nil {
			if bytes.HasPrefix(after, s.prefix) {
				if next := append(after.clone(), 0); bytes.Compare(next, from) > 0 {
					from = next
				}
			} else if bytes.Compare(after, s.prefix) > 0 {
				continue
			}
		}
		if none, err := l.empty(i); err != nil || none {
			if err != nil {
				return out, err
			}
			continue
		}
		if err := r.Scan(s.prefix, from, visit(s.to)); err != nil {
			return out, err
		}
		if failed != nil || out.Next != "" {
			break
		}
	}
	if failed != nil {
		return atssync.Page[T]{}, failed
	}
	return out, nil
}

// pageBack reads one page in descending order, of one span without bounds.
func pageBack[T any](r Reader, p atssync.Paging, prefix key, load func(k, v []byte) (*T, error)) (atssync.Page[T], error) {
	out := atssync.Page[T]{Items: []T{}}
	after, err := afterMarker(p.After, span{prefix: prefix})
	if err != nil {
		return out, err
	}
	limit := limitOf(p)
	var last string
	var failed error
	err = r.ScanBack(prefix, after, func(k, v []byte) bool {
		if after != nil && bytes.Equal(k, after) {
			return true
		}
		if len(out.Items) == limit {
			out.Next = last
			return false
		}
		item, err := load(k, v)
		if err != nil {
			failed = err
			return false
		}
		if item == nil {
			return true
		}
		out.Items = append(out.Items, *item)
		last = markerOf(k)
		return true
	})
	if err == nil {
		err = failed
	}
	return out, err
}

// connectionIDs lists the ids of an account's connections, or of all with "", in order, removed ones too.
func (r reader) connectionIDs(account string) ([]string, error) {
	prefix := table(tabConnection)
	if account != "" {
		prefix = table(tabAccountConn).text(account)
	}
	var out []string
	err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
		f := fieldsOf(k, len(prefix))
		out = append(out, f.text())
		return true
	})
	return out, err
}

// perConnection returns a span for each connection that a query concerns, in order. one builds it.
func (r reader) perConnection(connection, account string, within atssync.Scope, one func(id string) span) ([]span, error) {
	ids, err := r.connectionsIn(connection, account, within)
	if err != nil {
		return nil, err
	}
	out := make([]span, len(ids))
	for i, id := range ids {
		out[i] = one(id)
	}
	return out, nil
}

// connectionsIn lists the ids of the connections within a scope, in order, removed ones too: of one, of an account's or
// of all. account is only looked at when no connection is named.
func (r reader) connectionsIn(connection, account string, within atssync.Scope) ([]string, error) {
	var ids []string
	var err error
	switch {
	case connection != "":
		ids, account = []string{connection}, ""
	case len(within.Connections) > 0:
		ids = slices.Sorted(slices.Values(within.Connections))
	case account == "" && len(within.Accounts) > 0:
		for _, a := range within.Accounts {
			of, err := r.connectionIDs(a)
			if err != nil {
				return nil, err
			}
			ids = append(ids, of...)
		}
		slices.Sort(ids)
	default:
		ids, err = r.connectionIDs(account)
	}
	if err != nil || within.Whole() {
		return ids, err
	}
	out := make([]string, 0, len(ids))
	for _, id := range slices.Compact(ids) {
		c, err := r.connection(id)
		if err != nil {
			return nil, err
		}
		if c != nil && within.Covers(c.Account, c.ID) && (account == "" || c.Account == account) {
			out = append(out, id)
		}
	}
	return out, nil
}
