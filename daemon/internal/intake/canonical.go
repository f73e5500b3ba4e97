package intake

import (
	"encoding/binary"
	"reflect"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// defaultTypes are what an address without a type counts as when two documents are compared.
var defaultTypes = map[reflect.Type]string{
	reflect.TypeFor[atssync.Email]():   "personal",
	reflect.TypeFor[atssync.Phone]():   "mobile",
	reflect.TypeFor[atssync.Address](): "home",
	reflect.TypeFor[atssync.WebLink](): "personal",
}

// canonical appends the content of a document to b in a form that is the same for the same content: fields by
// name, nothing for what is empty, instants in UTC, default types filled in, no expiries, and no query string on
// the platform's own addresses, because those are signatures that change with every export. Links of the person
// keep theirs: there it names the page.
func canonical(b []byte, doc atssync.Document) []byte {
	b = append(b, "document/1"...)
	return appendObject(b, documentShape(), reflect.ValueOf(&doc).Elem())
}

func appendObject(b []byte, s *shape, v reflect.Value) []byte {
	b = append(b, '{')
	for _, i := range s.sorted {
		f := &s.fields[i]
		if f.expiry {
			continue
		}
		fv := v.Field(f.index)
		text, typed := "", false
		if f.name == "type" && fv.String() == "" {
			text, typed = defaultTypes[v.Type()]
		}
		if fv.IsZero() && !typed || f.shape.kind == kindList && fv.Len() == 0 {
			continue
		}
		start := len(b)
		b = appendText(b, f.name)
		if typed {
			b = appendText(b, text)
			continue
		}
		value := len(b)
		if b = appendField(b, f, fv); string(b[value:]) == "{}" {
			b = b[:start] // an object without content is no content
		}
	}
	return append(b, '}')
}

func appendField(b []byte, f *field, v reflect.Value) []byte {
	if f.shape.pointer {
		v = v.Elem()
	}
	switch f.shape.kind {
	case kindBool:
		return append(b, 't') // false is empty
	case kindTime:
		t, _ := reflect.TypeAssert[time.Time](v)
		return appendText(b, t.UTC().Format(time.RFC3339Nano))
	case kindObject:
		return appendObject(b, f.shape, v)
	case kindList:
		b = binary.AppendUvarint(append(b, '['), uint64(v.Len()))
		for i := range v.Len() {
			if f.shape.elem.kind == kindObject {
				b = appendObject(b, f.shape.elem, v.Index(i))
			} else {
				b = appendText(b, v.Index(i).String())
			}
		}
		return b
	}
	text := v.String()
	if f.signed {
		if i := strings.IndexAny(text, "?#"); i >= 0 {
			text = text[:i]
		}
	}
	return appendText(b, text)
}

// appendText appends a string with its length before it, so that no two contents have one form.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
