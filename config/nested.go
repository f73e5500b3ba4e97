package config

import (
	"maps"
	"slices"
)

// section is a table with a closed set of keys.
type section struct{ keys []key }

func (s section) read(r *reader, at string, v any) {
	if t, ok := v.(map[string]any); ok {
		r.table(at, s.keys, t)
		return
	}
	r.wrongType(at, "a table", v)
}

func (s section) show() string { return "{}" }

// family is a table with a closed set of keys and, beside them, one table for each name that the operator chooses.
type family struct {
	section
	member func(name string) (keys []key, keep func())
	doc    string
}

func (f family) read(r *reader, at string, v any) {
	t, ok := v.(map[string]any)
	if !ok {
		r.wrongType(at, "a table", v)
		return
	}
	fixed := make(map[string]any, len(t))
	for _, name := range slices.Sorted(maps.Keys(t)) {
		known := slices.ContainsFunc(f.keys, func(k key) bool { return k.name == name })
		inner, isTable := t[name].(map[string]any)
		if known || !isTable {
			fixed[name] = t[name]
			continue
		}
		keys, keep := f.member(name)
		r.table(join(at, name), keys, inner)
		keep()
	}
	r.table(at, f.keys, fixed)
}

// list is an array of tables. Its header is what stands between [[ and ]]; add appends an element and returns the
// keys that fill it.
type list struct {
	header string
	add    func() []key
}

func (l list) read(r *reader, at string, v any) {
	tables, ok := v.([]map[string]any)
	if !ok {
		inline, isList := v.([]any)
		for i := range inline {
			t, isTable := inline[i].(map[string]any)
			isList = isList && isTable
			tables = append(tables, t)
		}
		if !isList {
			r.wrongType(at, "a list of tables, each under its own [["+l.header+"]]", v)
			return
		}
	}
	for i := range tables {
		r.table(index(at, i), l.add(), tables[i])
	}
}

func (l list) show() string { return "[]" }
