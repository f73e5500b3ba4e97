package kv

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Format is the version of keys and values that this code writes.
func Format() int { return format }

// Renumber returns what a pair of a backup becomes on its way into a restored store: the revisions of an application go on
// in the next stride, since the platform keeps the newest and may have been told later ones.
func Renumber(k, value []byte) ([]byte, error) {
	if KindOf(k) != tabApplication {
		return value, nil
	}
	a, err := decode[atssync.Application](k, value)
	if err != nil {
		return nil, err
	}
	a.Revision = int(atssync.NextStride(int64(a.Revision), atssync.RevisionStride))
	return encode(k, a)
}

// Verified is what a whole key space was found to hold.
type Verified struct {
	Format       int    `json:"format"`
	Key          string `json:"key"` // fingerprint of the key that sealed it
	Records      int64  `json:"records"`
	Connections  int64  `json:"connections"`
	Submissions  int64  `json:"submissions"`
	Applications int64  `json:"applications"`
	Events       int64  `json:"events"`
	// Ledger is the sum of all connections, recounted.
	Ledger atssync.LedgerLine `json:"ledger"`
}

// Verifier looks at every pair of a key space, in whatever order, and recounts the ledger. It writes nothing.
type Verifier struct {
	out     Verified
	ledgers map[string]atssync.Ledger
	records map[string]map[atssync.State]int64 // by connection
	index   map[string]map[atssync.State]int64
}

// NewVerifier returns a Verifier that has seen nothing.
func NewVerifier() *Verifier {
	return &Verifier{
		ledgers: make(map[string]atssync.Ledger), records: make(map[string]map[atssync.State]int64),
		index: make(map[string]map[atssync.State]int64),
	}
}

func countIn(m map[string]map[atssync.State]int64, connection string, s atssync.State) {
	if m[connection] == nil {
		m[connection] = make(map[atssync.State]int64, 4)
	}
	m[connection][s]++
}

// Add looks at one pair; an error says that it cannot be what was written.
func (v *Verifier) Add(k, value []byte) error {
	v.out.Records++
	if len(value) > 0 && (value[0] == '{' || value[0] == '[') && jsonTable(KindOf(k)) && !json.Valid(value) {
		return fmt.Errorf("%w: a record of table %q cannot be read", ErrCorrupt, KindOf(k))
	}
	switch KindOf(k) {
	case tabFormat:
		switch string(k) {
		case string(keyFormat()):
			v.out.Format = int(number(value))
		case string(keyBinding()):
			v.out.Key = string(value)
		}
	case tabConnection:
		v.out.Connections++
	case tabApplication:
		v.out.Applications++
		return readable[atssync.Application](k, value)
	case tabEvent:
		v.out.Events++
		return readable[eventRecord](k, value)
	case tabAttempt:
		return readable[atssync.Attempt](k, value)
	case tabSubmission:
		v.out.Submissions++
		s, err := decode[atssync.Submission](k, value)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		countIn(v.records, s.Connection, s.State)
	case tabSubByState:
		f := fieldsOf(k, 2)
		countIn(v.index, f.text(), atssync.State(f.text()))
	case tabLedger:
		l, err := decode[atssync.Ledger](k, value)
		if err != nil {
			return err
		}
		v.ledgers[l.Connection] = *l
	}
	return nil
}

// readable says why a record cannot be read.
func readable[T any](k, value []byte) error {
	if _, err := decode[T](k, value); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// jsonTable reports whether the values of a table are JSON whenever they look like it; the others are bytes.
func jsonTable(t string) bool {
	return t != tabPayload && t != tabNote && t != tabEvidenceOf && t != tabExternal
}

// Result returns what was found once every pair was added. The error says what does not fit together.
func (v *Verifier) Result() (Verified, error) {
	out := v.out
	switch {
	case out.Format == 0:
		return out, fmt.Errorf("%w: it names no format", ErrCorrupt)
	case out.Format > format:
		return out, atssync.Errorf(atssync.CodeConflict, "it was written by a newer atssync (format %d, this one reads up to %d)", out.Format, format).
			WithRemedy("use the newer program")
	}
	out.Ledger = atssync.LedgerLine{OK: true, Counted: make(map[atssync.State]int64)}
	all := maps.Clone(v.ledgers)
	for connection := range v.records {
		if _, ok := all[connection]; !ok {
			all[connection] = atssync.Ledger{Connection: connection}
		}
	}
	for _, connection := range slices.Sorted(maps.Keys(all)) {
		line := atssync.LedgerLine{Ledger: all[connection], Counted: v.records[connection]}
		if !adds(line) {
			return out, fmt.Errorf("%w: the ledger of connection %s says %v and its records are %v", ErrCorrupt, connection, line.States, line.Counted)
		}
		if !maps.Equal(v.records[connection], v.index[connection]) {
			return out, fmt.Errorf("%w: the records of connection %s are %v and the index by state lists %v", ErrCorrupt, connection, line.Counted, v.index[connection])
		}
		out.Ledger.Add(line.Ledger)
		for s, n := range line.Counted {
			out.Ledger.Counted[s] += n
		}
	}
	return out, nil
}
