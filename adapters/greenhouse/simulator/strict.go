package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"sort"
	"strings"
)

// InputError tells what is wrong with a document a person wrote (seed file, control body, script line, switch) and where.
type InputError struct {
	// Path is a JSON path such as `$.employers[0].users[2].level`; `$` is the whole document.
	Path string
	// Message is one sentence without the path.
	Message string
}

// Error joins path and message.
func (e *InputError) Error() string { return e.Path + ": " + e.Message }

func inputErrorf(path, format string, args ...any) *InputError {
	return &InputError{Path: path, Message: fmt.Sprintf(format, args...)}
}

// under puts a path in front of an error's own path, so that a nested decoder's finding reads as one path.
func under(path string, err error) error {
	if in, ok := errors.AsType[*InputError](err); ok {
		return &InputError{Path: path + strings.TrimPrefix(in.Path, "$"), Message: in.Message}
	}
	return &InputError{Path: path, Message: err.Error()}
}

// decodeStrict decodes one JSON value into dst. Unknown keys, wrong types and trailing bytes are refused with the path of the
// offending value; encoding/json alone names neither the path of an unknown key nor the nearest known one.
func decodeStrict(data []byte, dst any) error {
	tree, err := decodeTree(data)
	if err != nil {
		return err
	}
	if err := checkShape(tree, reflect.TypeOf(dst).Elem(), "$"); err != nil {
		return err
	}
	if err := json.Unmarshal(data, dst); err != nil {
		return inputErrorf("$", "%v", err)
	}
	return nil
}

// decodeTree decodes one JSON value with numbers as they were written.
func decodeTree(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, inputErrorf("$", "the document is empty")
		}
		return nil, inputErrorf("$", "not valid JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, inputErrorf("$", "something follows the JSON value")
	}
	return tree, nil
}

// checkShape holds a decoded tree against the Go type it will be decoded into.
func checkShape(v any, t reflect.Type, path string) error {
	// As encoding/json has it, null leaves a value as it is.
	if v == nil {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		return checkShape(v, t.Elem(), path)
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return checkOwnDecoder(v, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return checkObject(v, t, path)
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return wrongType(path, "a list", v)
		}
		for i, item := range list {
			if err := checkShape(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		object, ok := v.(map[string]any)
		if !ok {
			return wrongType(path, "an object", v)
		}
		for _, key := range sortedKeys(object) {
			if err := checkShape(object[key], t.Elem(), path+"."+key); err != nil {
				return err
			}
		}
		return nil
	case reflect.Interface:
		return nil
	default:
		return checkScalar(v, t, path)
	}
}

func checkObject(v any, t reflect.Type, path string) error {
	object, ok := v.(map[string]any)
	if !ok {
		return wrongType(path, "an object", v)
	}
	fields := jsonFields(t)
	for _, key := range sortedKeys(object) {
		field, known := fields[key]
		if !known {
			return inputErrorf(path+"."+key, "unknown key%s", suggestion(key, sortedKeys(fields)))
		}
		if err := checkShape(object[key], field, path+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func checkOwnDecoder(v any, t reflect.Type, path string) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return under(path, err)
	}
	if err := json.Unmarshal(raw, reflect.New(t).Interface()); err != nil {
		return under(path, err)
	}
	return nil
}

func checkScalar(v any, t reflect.Type, path string) error {
	switch t.Kind() {
	case reflect.String:
		if _, ok := v.(string); !ok {
			return wrongType(path, "a text", v)
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			return wrongType(path, "true or false", v)
		}
	case reflect.Float64:
		n, ok := v.(json.Number)
		if !ok {
			return wrongType(path, "a number", v)
		}
		if _, err := n.Float64(); err != nil {
			return wrongType(path, "a number", v)
		}
	case reflect.Int, reflect.Int64:
		n, ok := v.(json.Number)
		if !ok {
			return wrongType(path, "a whole number", v)
		}
		if _, err := n.Int64(); err != nil {
			return wrongType(path, "a whole number", v)
		}
	case reflect.Uint64:
		n, ok := v.(json.Number)
		if !ok || strings.ContainsAny(n.String(), "-.eE") {
			return wrongType(path, "a whole number that is not negative", v)
		}
	default:
		return inputErrorf(path, "values of type %s cannot be given", t)
	}
	return nil
}

// jsonFields lists a struct's JSON keys with the type behind each; embedded structs are flattened as encoding/json does.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-" || !f.IsExported():
		case f.Anonymous && tag == "":
			maps.Copy(fields, jsonFields(f.Type))
		case tag == "":
			fields[f.Name] = f.Type
		default:
			fields[tag] = f.Type
		}
	}
	return fields
}

func wrongType(path, want string, v any) error {
	got := "null"
	switch x := v.(type) {
	case string:
		got = "the text " + clip(fmt.Sprintf("%q", x), 60)
	case bool:
		got = fmt.Sprintf("%t", x)
	case json.Number:
		got = "the number " + clip(x.String(), 60)
	case []any:
		got = "a list"
	case map[string]any:
		got = "an object"
	}
	return inputErrorf(path, "expected %s, got %s", want, got)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// suggestion names the nearest known word, or lists the known ones when none is near.
func suggestion(word string, known []string) string {
	best, bestAt := "", 4
	for _, k := range known {
		if d := editDistance(word, k); d < bestAt {
			best, bestAt = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(", did you mean %q?", best)
	case len(known) > 0:
		return ", known are " + strings.Join(known, ", ")
	default:
		return ", none is expected here"
	}
}

func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// clip cuts a text to at most n bytes at a rune, and marks the cut.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
