package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// FormError says where an answer is not in the documented form. Path is made of the names that the adapter asks
// for and of indices ("applications[0].stage"), Found is a fixed word: it quotes nothing of the answer.
type FormError struct{ Path, Found string }

// Error says it in words.
func (e *FormError) Error() string {
	if e.Path == "" {
		return "it is " + e.Found
	}
	return e.Path + " is " + e.Found
}

// Form returns what err says about the form of an answer; nil when it says nothing of the kind.
func Form(err error) *FormError {
	if f, ok := errors.AsType[*FormError](err); ok {
		return f
	}
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return nil
	}
	found, _, _ := strings.Cut(wrong.Value, " ") // what follows is the answer's own
	switch found {
	case "object":
		found = "an object"
	case "array":
		found = "a list"
	case "string":
		found = "a text"
	case "number":
		found = "a number"
	case "bool":
		found = "a truth value"
	case "missing":
	default:
		found = "of another type"
	}
	return &FormError{Path: strings.ReplaceAll(wrong.Field, ".[", "["), Found: found}
}

// misformed is the error about a value of the wrong type. It has the type that package json completes with the names
// of the members around it.
func misformed(b []byte, path string) error {
	kind := "number"
	switch {
	case len(b) == 0:
		kind = "missing"
	case b[0] == '{':
		kind = "object"
	case b[0] == '[':
		kind = "array"
	case b[0] == '"':
		kind = "string"
	case b[0] == 't', b[0] == 'f':
		kind = "bool"
	case b[0] == 'n':
		kind = "null"
	}
	return &json.UnmarshalTypeError{Value: kind, Field: path}
}

// at puts an index in front of where a misformed value stands.
func at(i int, err error) error {
	f := Form(err)
	if f == nil {
		return err
	}
	path := "[" + strconv.Itoa(i) + "]"
	if f.Path != "" && f.Path[0] != '[' {
		path += "."
	}
	return &json.UnmarshalTypeError{Value: kindOf(err), Field: path + f.Path}
}

func kindOf(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrong.Value
	}
	return ""
}

// List is a list that an ATS may write as its only element, or as null where it is a member of something else. For a
// list that is the whole answer see DecodeList.
type List[T any] []T

// UnmarshalJSON takes an array, one element without its array, or null.
func (l *List[T]) UnmarshalJSON(b []byte) error {
	raw, err := split(b)
	if err != nil {
		return err
	}
	if raw == nil {
		*l = nil
		return nil
	}
	all := make(List[T], len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i], &all[i]); err != nil {
			return at(i, err)
		}
	}
	*l = all
	return nil
}

// Element is one element of a list whose elements are read each by itself. Err says what of it is not in the
// documented form: then ID is all that is known of it, and that may be empty too.
type Element[T any] struct {
	ID    ID // the member id
	Value T
	Err   *FormError
}

// Elements is List for elements of which one that cannot be read spoils none of the others.
type Elements[T any] []Element[T]

// UnmarshalJSON takes what List takes. It fails only where there is no list.
func (l *Elements[T]) UnmarshalJSON(b []byte) error {
	raw, err := split(b)
	if err != nil {
		return err
	}
	if raw == nil {
		*l = nil
		return nil
	}
	all := make(Elements[T], len(raw))
	for i := range raw {
		all[i] = element[T](raw[i])
	}
	*l = all
	return nil
}

// Record is an element that tells its own member id, which saves reading it twice.
type Record interface{ RecordID() ID }

func element[T any](raw json.RawMessage) (e Element[T]) {
	err := json.Unmarshal(raw, &e.Value)
	if r, ok := any(e.Value).(Record); ok && err == nil {
		e.ID = r.RecordID()
	} else if e.ID, ok = idOf(raw, &e); !ok {
		return e
	}
	switch {
	case err != nil:
		var none T
		e.Value, e.Err = none, formOf(err)
	case e.ID == "":
		e.Err = &FormError{Path: "id", Found: "missing"}
	}
	return e
}

// idOf reads the member id of an element; where that is misformed, nothing is known of it.
func idOf[T any](raw json.RawMessage, e *Element[T]) (id ID, ok bool) {
	var in struct {
		ID ID `json:"id"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		*e = Element[T]{Err: formOf(err)}
		return "", false
	}
	return in.ID, true
}

func formOf(err error) *FormError {
	if f := Form(err); f != nil {
		return f
	}
	return &FormError{Found: "of another form"}
}

// split returns the elements of a list as they stand, nil for null.
func split(b []byte) ([]json.RawMessage, error) {
	b = bytes.TrimSpace(b)
	switch {
	case bytes.Equal(b, []byte("null")):
		return nil, nil
	case len(b) > 0 && b[0] == '[':
		raw := []json.RawMessage{}
		return raw, json.Unmarshal(b, &raw)
	default:
		return []json.RawMessage{b}, nil
	}
}

// DecodeList reads an answer that is a list as a whole into l, a *List or an *Elements: an array, or the only record without its array,
// which it is when it has an id. Null and any other object are an error. {} or {"message": …} taken for an empty list would have everything
// that the ATS does not name taken for gone.
func DecodeList(body []byte, l any) error {
	body = bytes.TrimSpace(trimBOM(body))
	if len(body) == 0 {
		return errEmpty
	}
	if body[0] != '[' {
		var only any
		if err := json.Unmarshal(body, &only); err != nil {
			return err
		}
		record, ok := only.(map[string]any)
		switch {
		case only == nil:
			return &FormError{Found: "null and no list"}
		case ok && (record["id"] == nil || record["id"] == ""):
			return &FormError{Found: "an object without an id and no list"}
		case !ok:
			return &FormError{Found: "no list"}
		}
	}
	return json.Unmarshal(body, l)
}

// HasList reports an error unless the answer is an object with that member, and the member is a list. It is for ATSes that wrap
// their lists: a member that is not there decodes into an empty list otherwise.
func HasList(body []byte, member string) error {
	var in map[string]json.RawMessage
	if err := Decode(body, &in); err != nil {
		return err
	}
	raw := bytes.TrimSpace(in[member])
	if len(raw) > 0 && raw[0] == '[' {
		return nil
	}
	return &FormError{Path: member, Found: formOf(misformed(raw, "")).Found}
}
