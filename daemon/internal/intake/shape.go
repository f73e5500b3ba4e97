package intake

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// kind is what a shape's JSON text must be.
type kind uint8

const (
	kindString kind = iota
	kindBool
	kindTime
	kindObject
	kindList
)

// shape is a Go type as the decoder and the validator walk it: the document's types, json and constraint tags
// are the only place where a field is described.
type shape struct {
	kind    kind
	pointer bool // the Go value is a pointer to it
	elem    *shape
	fields  []field
	byName  map[string]int
	sorted  []int // indexes of fields by name
}

// field is one key of an object.
type field struct {
	name     string
	index    int
	shape    *shape
	required bool
	maxLen   int // code points; 0 is unbounded
	maxItems int
	enum     []string
	check    func(string) string // what is wrong with a string that is not empty, or ""
	// signed says that the address's query string is a signature that changes without the content.
	signed bool
	// expiry says that the instant is about the document's use and not part of its content.
	expiry bool
}

// documentShape is compiled once: it depends on nothing but the type.
var documentShape = sync.OnceValue(func() *shape { return shapeOf(reflect.TypeFor[atssync.Document]()) })

// shapeOf compiles a type. It panics on a type that documents do not have; a test walks the whole document.
func shapeOf(t reflect.Type) *shape {
	if t.Kind() == reflect.Pointer {
		s := *shapeOf(t.Elem())
		s.pointer = true
		return &s
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &shape{kind: kindTime}
	case t.Kind() == reflect.String:
		return &shape{kind: kindString}
	case t.Kind() == reflect.Bool:
		return &shape{kind: kindBool}
	case t.Kind() == reflect.Slice:
		return &shape{kind: kindList, elem: shapeOf(t.Elem())}
	case t.Kind() == reflect.Struct:
		return objectShape(t)
	}
	panic("intake: a document cannot hold a " + t.String())
}

func objectShape(t reflect.Type) *shape {
	s := &shape{kind: kindObject, byName: make(map[string]int, t.NumField())}
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		f := field{
			name: name, index: i, shape: shapeOf(sf.Type), required: !strings.Contains(options, "omit"),
			maxLen: number(sf.Tag, "maxLength"), maxItems: number(sf.Tag, "maxItems"),
			expiry: name == "expires_at",
		}
		switch {
		case name == "url" || strings.HasSuffix(name, "_url"):
			f.check, f.signed = notHTTPS, t != reflect.TypeFor[atssync.WebLink]()
		case t == reflect.TypeFor[atssync.Email]() && name == "address", t == reflect.TypeFor[atssync.Referrer]() && name == "email":
			f.check = notEmail
		case name == "external_id":
			f.check = notExternalID
		case name == "connection" || name == "job" || name == "id":
			f.check = notPrintable
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		s.byName[name] = len(s.fields)
		s.fields = append(s.fields, f)
	}
	for i := range s.fields {
		s.sorted = append(s.sorted, i)
	}
	slices.SortFunc(s.sorted, func(a, b int) int { return strings.Compare(s.fields[a].name, s.fields[b].name) })
	return s
}

func number(tag reflect.StructTag, key string) int {
	n, _ := strconv.Atoi(tag.Get(key))
	return n
}

// describe names what a shape's JSON text must be, for a person.
func (s *shape) describe() string {
	switch s.kind {
	case kindBool:
		return "true or false"
	case kindTime:
		return "a string with an RFC 3339 date and time"
	case kindObject:
		return "an object"
	case kindList:
		return "a list"
	}
	return "a string"
}

// path is where a walk stands in the document; it becomes text only when there is a problem to tell.
type path []step

// step is a key of an object or an index of a list.
type step struct {
	key   string
	index int
	list  bool
}

func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.list:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i == 0:
			b.WriteString(atssync.Brief(s.key))
		default:
			b.WriteString("." + atssync.Brief(s.key))
		}
	}
	return b.String()
}
