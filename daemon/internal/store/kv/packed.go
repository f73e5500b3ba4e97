package kv

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// The records that an application's way writes, and writes again at each step of it, are packed: a packed record takes
// half the bytes of JSON and a fraction of its time, and the bytes are what a commit costs. Every other record is JSON.
//
// A packed record is the byte packedVersion and then its fields that are not zero, each with a tag: the field's number
// and its form. A field keeps its number for ever, so that a reader passes over a number that it does not know and
// leaves zero what is not there, as with JSON.
const packedVersion = 0x02

// The forms of a field.
const (
	formNumber = iota // a varint
	formBytes         // a length and that many bytes
	formShort         // the same, of a text in its short form (see short)
	forms
)

// numbers are the fields of the types that packed records are made of, by the names that their tags give them: a field's
// number is its place. Names are only ever added, at the end; the name of a field that is gone stays.
var numbers = map[reflect.Type][]string{
	reflect.TypeFor[atssync.Submission](): {
		"id", "connection", "account", "external_id", "external_key", "account_key", "fingerprint", "resume_key", "person_keys",
		"job", "state", "held_reason", "held_before", "revision", "attempt", "failures", "next_at", "continuation", "ats_job", "as",
		"receipt", "trouble", "warning", "possible_duplicate", "orphaned", "accepted_at", "updated_at", "expires_at", "proposal",
		"payload_gone_at", "erasure", "erased_at",
	},
	reflect.TypeFor[atssync.Receipt]():    {"candidate_id", "application_id", "profile_url", "pending"},
	reflect.TypeFor[atssync.Trouble]():    {"kind", "message", "whose_turn", "remedy", "fields", "http_status"},
	reflect.TypeFor[atssync.FieldError](): {"path", "message"},
	reflect.TypeFor[atssync.Attempt](): {
		"submission", "number", "epoch", "started_at", "ended_at", "outcome", "kind", "ats_job", "as", "note", "exchanges", "trouble",
	},
	reflect.TypeFor[sdk.Exchange](): {"method", "endpoint", "status", "started_at", "duration_ns", "request_id", "excerpt"},
	reflect.TypeFor[atssync.Application](): {
		"id", "connection", "account", "external_id", "job", "ats_job", "ats_job_name", "as", "candidate_id", "application_id",
		"profile_url", "pending", "imported", "status", "phase", "mapping", "raw", "changed_at", "not_before", "visibility", "missing",
		"question", "settling", "settling_since", "revision", "created_at", "observed_at", "seen_at", "version",
		"question_asked_at", "question_settled_at",
	},
	reflect.TypeFor[atssync.Standing](): {"status", "phase", "mapping", "raw", "changed_at", "not_before"},
	reflect.TypeFor[atssync.RawWords](): {"status", "stage_id", "stage_name", "reason", "reason_id"},
	reflect.TypeFor[eventRecord](): {
		"id", "type", "connection", "account", "sequence", "at", "data", "position", "subject", "erased",
	},
}

// packed are the types that are records.
var packed = map[reflect.Type]bool{
	reflect.TypeFor[atssync.Submission]():  true,
	reflect.TypeFor[atssync.Attempt]():     true,
	reflect.TypeFor[atssync.Application](): true,
	reflect.TypeFor[eventRecord]():         true,
}

// packedField is a field of a struct, at its place in packedOf.
type packedField struct {
	index []int
	known bool
	t     reflect.Type
}

var packedTypes sync.Map // reflect.Type → []packedField

var timeType = reflect.TypeFor[time.Time]()

// packedOf returns the fields of a struct by their numbers.
func packedOf(t reflect.Type) []packedField {
	if f, ok := packedTypes.Load(t); ok {
		return f.([]packedField) //nolint:forcetypeassert // nothing else is stored.
	}
	named := make(map[string]reflect.StructField)
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			named[name] = f
		}
	}
	names := numbers[t]
	out := make([]packedField, len(names))
	for i, name := range names {
		if f, ok := named[name]; ok {
			out[i] = packedField{index: f.Index, known: true, t: f.Type}
		}
	}
	packedTypes.Store(t, out)
	return out
}

// pack returns the packed form of a record, which is a struct or a pointer to one.
func pack(v reflect.Value) []byte {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return packStruct(append(make([]byte, 0, 512), packedVersion), v)
}

func packStruct(b []byte, v reflect.Value) []byte {
	fields := packedOf(v.Type())
	for i := range fields {
		f := &fields[i]
		if !f.known {
			continue
		}
		var fv reflect.Value
		if len(f.index) == 1 {
			fv = v.Field(f.index[0])
		} else {
			fv = v.FieldByIndex(f.index)
		}
		if !fv.IsZero() {
			b = packField(b, uint64(i), fv)
		}
	}
	return b
}

// packField appends a field that is not zero.
func packField(b []byte, number uint64, v reflect.Value) []byte {
	tag := func(form uint64) []byte { return binary.AppendUvarint(b, number*forms+form) }
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		begun := append(tag(formShort), 0)
		if out := appendShort(begun, s); len(out) > len(begun) {
			out[len(begun)-1] = byte(len(out) - len(begun))
			return out
		}
		return append(binary.AppendUvarint(tag(formBytes), uint64(len(s))), s...)
	case reflect.Bool:
		return append(tag(formNumber), 2)
	case reflect.Int, reflect.Int64:
		return binary.AppendVarint(tag(formNumber), v.Int())
	case reflect.Pointer:
		return packNested(tag(formBytes), v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(binary.AppendUvarint(tag(formBytes), uint64(v.Len())), v.Bytes()...)
		}
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.String {
				b = packField(b, number, e)
			} else {
				b = packNested(tag(formBytes), e)
			}
		}
		return b
	}
	if v.Type() == timeType {
		t, _ := reflect.TypeAssert[time.Time](v)
		return packTime(tag(formBytes), t)
	}
	return packNested(tag(formBytes), v)
}

// packNested appends a struct with its length before it.
func packNested(b []byte, v reflect.Value) []byte {
	from := len(b)
	b = packStruct(b, v)
	n := len(b) - from
	var head [binary.MaxVarintLen64]byte
	h := binary.PutUvarint(head[:], uint64(n))
	b = append(b, head[:h]...)
	copy(b[from+h:], b[from:from+n])
	copy(b[from:], head[:h])
	return b
}

func packTime(b []byte, t time.Time) []byte {
	from := len(b)
	b = binary.AppendVarint(append(b, 0), t.Unix())
	b = binary.AppendUvarint(b, uint64(t.Nanosecond())) //nolint:gosec // below a billion.
	b[from] = byte(len(b) - from - 1)
	return b
}

var errPacked = errors.New("the packed record is cut short or none")

// unpack reads a packed record into a struct.
func unpack(b []byte, v reflect.Value) error {
	if len(b) == 0 || b[0] != packedVersion {
		return errPacked
	}
	return unpackStruct(b[1:], v)
}

func unpackStruct(b []byte, v reflect.Value) error {
	fields := packedOf(v.Type())
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errPacked
		}
		b = b[n:]
		number, form := tag/forms, tag%forms
		var x int64
		var raw []byte
		if form == formNumber {
			if x, n = binary.Varint(b); n <= 0 {
				return errPacked
			}
			b = b[n:]
		} else {
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return errPacked
			}
			raw, b = b[n:n+int(size)], b[n+int(size):] //nolint:gosec // at most len(b).
		}
		if number >= uint64(len(fields)) || !fields[number].known {
			continue
		}
		if err := unpackField(v.FieldByIndex(fields[number].index), form, x, raw); err != nil {
			return err
		}
	}
	return nil
}

// unpackField sets a field to the number x or to what raw is, by its form.
func unpackField(v reflect.Value, form uint64, x int64, raw []byte) error {
	kind := v.Kind()
	if isNumber := kind == reflect.Bool || kind == reflect.Int || kind == reflect.Int64; isNumber != (form == formNumber) {
		return errPacked
	}
	switch kind {
	case reflect.String:
		if form == formBytes {
			v.SetString(string(raw))
			return nil
		}
		s, ok := long(raw)
		if !ok {
			return errPacked
		}
		v.SetString(s)
		return nil
	case reflect.Bool:
		v.SetBool(x != 0)
		return nil
	case reflect.Int, reflect.Int64:
		v.SetInt(x)
		return nil
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		v.Set(p)
		return unpackStruct(raw, p.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(append(make([]byte, 0, len(raw)), raw...))
			return nil
		}
		n := v.Len()
		v.Grow(1)
		v.SetLen(n + 1)
		return unpackField(v.Index(n), form, 0, raw)
	}
	if v.Type() == timeType {
		return unpackTime(raw, v)
	}
	return unpackStruct(raw, v)
}

func unpackTime(b []byte, v reflect.Value) error {
	sec, n := binary.Varint(b)
	if n <= 0 {
		return errPacked
	}
	nsec, m := binary.Uvarint(b[n:])
	if m <= 0 || nsec >= 1e9 || n+m != len(b) {
		return errPacked
	}
	if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
		*at = time.Unix(sec, int64(nsec)).UTC() //nolint:gosec // below a billion.
	}
	return nil
}

// The short form of a text is that of an id of ours, its prefix of three letters with the underscore and the 16 bytes
// that its 26 characters stand for, or that of a HMAC, the 32 bytes that its 43 characters stand for.
const (
	idText, idShort     = 4 + 26, 4 + 16
	hmacText, hmacShort = 43, 32
)

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

var crockfordValues = func() (out [256]byte) {
	for i := range out {
		out[i] = 0xff
	}
	for i, c := range []byte(crockford) {
		out[c] = byte(i) //nolint:gosec // below 32.
	}
	return out
}()

var hmacs = base64.RawURLEncoding.Strict()

// appendShort appends the short form of a text, nothing if it has none.
func appendShort(b []byte, s string) []byte {
	switch len(s) {
	case idText:
		return appendID(b, s)
	case hmacText:
		from := len(b)
		if out, err := hmacs.AppendDecode(b, []byte(s)); err == nil && len(out) == from+hmacShort {
			return out
		}
	}
	return b
}

// appendID appends the short form of an id of ours, nothing if it is none.
func appendID(b []byte, s string) []byte {
	if len(s) != idText || s[3] != '_' {
		return b
	}
	for i := range 3 {
		if s[i] < 'a' || s[i] > 'z' {
			return b
		}
	}
	out := append(b, s[:4]...)
	var bits, have uint32
	for i := 4; i < idText; i++ {
		c := uint32(crockfordValues[s[i]])
		if c == 0xff {
			return b
		}
		bits, have = bits<<5|c, have+5
		if have >= 8 {
			have -= 8
			out = append(out, byte(bits>>have)) //nolint:gosec // the upper bits were written before.
		}
	}
	if bits&(1<<have-1) != 0 {
		return b // the last character says more than the bytes hold
	}
	return out
}

// long returns the text of a short form.
func long(short []byte) (string, bool) {
	switch len(short) {
	case idShort:
		return longID(short), true
	case hmacShort:
		return hmacs.EncodeToString(short), true
	}
	return "", false
}

func longID(short []byte) string {
	var out [idText]byte
	copy(out[:], short[:4])
	var bits, have uint32
	next := 4
	for _, c := range short[4:idShort] {
		bits, have = bits<<8|uint32(c), have+8
		for have >= 5 {
			have -= 5
			out[next] = crockford[bits>>have&31]
			next++
		}
	}
	out[next] = crockford[bits<<(5-have)&31]
	return string(out[:])
}
