package rest

import (
	"bytes"
	"encoding/json"
	"errors"
)

// errEmpty says that an answer that should hold JSON holds nothing.
var errEmpty = errors.New("empty body")

// Decode reads one JSON value into v. An empty body is an error, as is anything after the value.
func Decode(body []byte, v any) error {
	body = bytes.TrimSpace(trimBOM(body))
	if len(body) == 0 {
		return errEmpty
	}
	return json.Unmarshal(body, v)
}

// ID is an id as an ATS writes it, kept as text: a whole number of any size, or a string. Null and an absent
// member are "".
type ID string

// UnmarshalJSON takes a whole number, a string or null.
func (id *ID) UnmarshalJSON(b []byte) error {
	switch {
	case bytes.Equal(b, []byte("null")):
		*id = ""
		return nil
	case len(b) > 0 && b[0] == '"':
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*id = ID(text)
		return nil
	case whole(b):
		*id = ID(b)
		return nil
	default:
		return misformed(b, "")
	}
}

// MarshalJSON writes digits as a number, which is what an ATS with numeric ids expects, and anything else as
// a string.
func (id ID) MarshalJSON() ([]byte, error) {
	if id.Numeric() {
		return []byte(id), nil
	}
	return json.Marshal(string(id))
}

// Numeric reports whether the id is a positive whole number in its plain form.
func (id ID) Numeric() bool {
	return whole([]byte(id)) && id[0] != '-' && id[0] != '0' && len(id) <= 19
}

// whole reports whether b is an optional sign and digits.
func whole(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// Text is a text that an ATS may leave null or write as a number or a truth value.
type Text string

// UnmarshalJSON takes a string, a number, true, false or null.
func (t *Text) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) == 0 || b[0] == '{' || b[0] == '[':
		return misformed(b, "")
	case bytes.Equal(b, []byte("null")):
		*t = ""
		return nil
	case b[0] == '"':
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*t = Text(text)
		return nil
	default:
		*t = Text(b)
		return nil
	}
}
