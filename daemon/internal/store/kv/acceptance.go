package kv

import (
	"bytes"
	"slices"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	// fewEntries are read at once and put in order in memory; a connection with more is read state by state.
	fewEntries = 256
	// runEntries is how many entries of one state are read ahead.
	runEntries = 128
)

// byAcceptance reads the submissions of a connection in the order in which they were accepted, as if there were an index
// of its own for it: the pairs of tabSubByConn, which are those of the index by state, merged. Every other table is read
// as it is.
type byAcceptance struct{ Reader }

// Scan implements Reader.
func (r byAcceptance) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	if KindOf(prefix) != tabSubByConn {
		return r.Reader.Scan(prefix, from, fn)
	}
	f := fieldsOf(prefix, 2)
	states := table(tabSubByState).text(f.text())
	after := from
	if bytes.HasPrefix(from, prefix) {
		after = from[len(prefix):]
	} else if bytes.Compare(from, prefix) < 0 {
		after = nil
	}
	m := merge{r: r.Reader, prefix: prefix, fn: fn}
	few, err := m.few(states, after)
	if err != nil || few {
		return err
	}
	for _, s := range atssync.States() {
		m.runs = append(m.runs, &run{prefix: states.clone().text(string(s)), next: after})
	}
	return m.all()
}

// accepted is an entry of the index by state without its connection and state: when it was accepted, and the id.
type accepted struct {
	rest key
	job  string
}

// run is the entries of one state.
type run struct {
	prefix key
	read   []accepted // and not yet handed on
	next   []byte     // where the rest begins, without the prefix
	over   bool
}

// merge hands entries on in the order of their acceptance.
type merge struct {
	r      Reader
	prefix key
	runs   []*run
	fn     func(key, value []byte) bool
}

func (m *merge) emit(a accepted) bool {
	return m.fn(append(m.prefix.clone(), a.rest...), []byte(a.job))
}

// few does it at once for a connection with few entries, and reports whether it is one.
func (m *merge) few(states key, after []byte) (bool, error) {
	var list []accepted
	n := 0
	err := m.r.Scan(states, nil, func(k, v []byte) bool {
		f := fieldsOf(k, len(states))
		_ = f.text()
		if bytes.Compare(f.rest, after) >= 0 {
			_, job := whyOf(v)
			list = append(list, accepted{bytes.Clone(f.rest), job})
		}
		n++
		return n <= fewEntries
	})
	if err != nil || n > fewEntries {
		return false, err
	}
	slices.SortFunc(list, func(a, b accepted) int { return bytes.Compare(a.rest, b.rest) })
	for _, a := range list {
		if !m.emit(a) {
			break
		}
	}
	return true, nil
}

// all reads each state a piece at a time.
func (m *merge) all() error {
	for {
		var first *run
		for _, r := range m.runs {
			if err := m.fill(r); err != nil {
				return err
			}
			if len(r.read) > 0 && (first == nil || bytes.Compare(r.read[0].rest, first.read[0].rest) < 0) {
				first = r
			}
		}
		if first == nil || !m.emit(first.read[0]) {
			return nil
		}
		first.read = first.read[1:]
	}
}

// fill reads the next piece of a state once what was read is handed on.
func (m *merge) fill(r *run) error {
	if len(r.read) > 0 || r.over {
		return nil
	}
	r.over = true // unless the piece is full
	return m.r.Scan(r.prefix, append(r.prefix.clone(), r.next...), func(k, v []byte) bool {
		rest := bytes.Clone(k[len(r.prefix):])
		if len(r.read) == runEntries {
			r.next, r.over = rest, false
			return false
		}
		_, job := whyOf(v)
		r.read = append(r.read, accepted{rest, job})
		return true
	})
}
