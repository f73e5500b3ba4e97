package kv

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// format is the version of keys and values that this code writes. It grows when a reader of the old ones
// could not make sense of the new ones; a new field of a record is no such change, since a decoder passes
// over what it does not know and leaves zero what is not there.
const format = 1

// leaseRecord is who works a connection. Owner is "" once it was given back; the epoch stays and only grows.
type leaseRecord struct {
	Owner string `json:"owner"`
	Epoch int64  `json:"epoch"`
}

// ownerRecord says until when an owner lives, in microseconds since 1970.
type ownerRecord struct {
	Until int64 `json:"until"`
}

// eventRecord is an Event with what its JSON form for the platform leaves out.
type eventRecord struct {
	atssync.Event
	Position int64  `json:"position"`
	Subject  string `json:"subject,omitempty"`
	Erased   bool   `json:"erased,omitempty"`
}

func (r eventRecord) event() atssync.Event {
	e := r.Event
	e.Position, e.Subject = r.Position, r.Subject
	return e
}

// hookState is what is counted of a connection's hooks.
type hookState struct {
	Waiting   int64 `json:"waiting"`    // hints
	Number    int64 `json:"number"`     // of the last hint
	SeenFirst int64 `json:"seen_first"` // the number of the oldest event that is remembered
	SeenLast  int64 `json:"seen_last"`
}

// runPlace is where a run's record lies, so that a second write of it finds the first.
type runPlace struct {
	Pass    string `json:"pass"`
	Started int64  `json:"started"` // microseconds since 1970
}

// decode reads one record. An unknown field is passed over; a value that cannot be read names its key's table.
func decode[T any](k, value []byte) (*T, error) {
	out := new(T)
	var err error
	if v := reflect.ValueOf(out).Elem(); packed[v.Type()] {
		err = unpack(value, v)
	} else {
		err = json.Unmarshal(value, out)
	}
	if err != nil {
		return nil, fmt.Errorf("read record of table %q: %w", KindOf(k), err)
	}
	return out, nil
}

// encode returns the bytes of a record, which is a struct or a pointer to one.
func encode(k []byte, record any) ([]byte, error) {
	if v := reflect.Indirect(reflect.ValueOf(record)); packed[v.Type()] {
		return pack(v), nil
	}
	b, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("write record of table %q: %w", KindOf(k), err)
	}
	return b, nil
}

// pointer is the value of the event indexes: it leads to the record and tells enough to filter by.
func pointer(e *eventRecord) []byte {
	k := make(key, 0, 80).text(e.Connection).text(string(e.Type)).text(e.Subject)
	return k.num(e.Sequence)
}

// pointerOf reads a pointer.
func pointerOf(value []byte) (connection string, t atssync.EventType, subject string, sequence int64) {
	f := fields{rest: value}
	connection, t, subject = f.text(), atssync.EventType(f.text()), f.text()
	return connection, t, subject, f.num()
}

// idValue is the value of an index that leads to one id.
func idValue(id string) []byte { return make(key, 0, idShort+1).text(id) }

// idAt reads the id that an index leads to, "" when it leads nowhere.
func (r reader) idAt(k key) (string, error) {
	v, err := r.r.Value(k)
	if err != nil || v == nil {
		return "", err
	}
	f := fields{rest: v}
	id := f.text()
	if f.bad {
		return "", fmt.Errorf("read record of table %q: %w", KindOf(k), ErrCorrupt)
	}
	return id, nil
}

// number reads a counter; no bytes are 0.
func number(value []byte) int64 {
	if len(value) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(value)) //nolint:gosec // it was written from an int64.
}

// why is the value of the index by state: what a list filters by without reading the record.
func why(s *atssync.Submission) []byte {
	return make(key, 0, 64).text(string(s.HeldReason)).text(s.PlatformJob)
}

// whyOf reads why.
func whyOf(value []byte) (atssync.HeldReason, string) {
	f := fields{rest: value}
	return atssync.HeldReason(f.text()), f.text()
}
