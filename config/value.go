package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// key is one key of a table: its name, one line about it, and the value it is bound to. The schema is a function
// from a config to its keys, so that name, meaning, type and default of a key stand in one place each, and reading
// a file and writing the example go through the same list.
type key struct {
	name   string
	doc    string
	sample string // TOML shown in the example instead of the present value
	value
}

// value binds a key to a field: read sets it from a decoded tree or reports why not, show writes it as TOML.
type value interface {
	read(r *reader, at string, v any)
	show() string
}

// text is a string, as free as its check lets it be.
type text struct {
	to    *string
	check func(string) error // nil accepts all
}

func (t text) read(r *reader, at string, v any) {
	s, ok := v.(string)
	if !ok {
		r.wrongType(at, "a string in quotes", v)
		return
	}
	if t.check != nil {
		if err := t.check(s); err != nil {
			r.problem(at, err.Error())
			return
		}
	}
	*t.to = s
}

func (t text) show() string { return strconv.Quote(*t.to) }

// path is a string that names a file or folder, made absolute against the config file's folder.
type path struct{ to *string }

func (p path) read(r *reader, at string, v any) {
	if s, ok := v.(string); ok {
		*p.to = r.path(s)
		return
	}
	r.wrongType(at, "a path in quotes", v)
}

func (p path) show() string { return strconv.Quote(*p.to) }

// choice is a string out of a closed set.
func choice(to *string, of ...string) text {
	return text{to, func(s string) error {
		if slices.Contains(of, s) {
			return nil
		}
		return fmt.Errorf("must be one of %s", strings.Join(of, ", "))
	}}
}

// toggle is true or false.
type toggle struct{ to *bool }

func (f toggle) read(r *reader, at string, v any) {
	if b, ok := v.(bool); ok {
		*f.to = b
		return
	}
	r.wrongType(at, "true or false", v)
}

func (f toggle) show() string { return strconv.FormatBool(*f.to) }

// count is a whole number within bounds.
type count struct {
	to       *int
	min, max int64
}

func (c count) read(r *reader, at string, v any) {
	n, ok := v.(int64)
	switch {
	case !ok:
		r.wrongType(at, "a whole number", v)
	case n < c.min || n > c.max:
		r.problem(at, fmt.Sprintf("must be from %d to %d", c.min, c.max))
	default:
		*c.to = int(n)
	}
}

func (c count) show() string { return strconv.Itoa(*c.to) }

// rate is a number that may have a fraction.
type rate struct{ to *float64 }

func (f rate) read(r *reader, at string, v any) {
	n, ok := v.(float64)
	if i, whole := v.(int64); whole {
		n, ok = float64(i), true
	}
	switch {
	case !ok:
		r.wrongType(at, "a number", v)
	case math.IsNaN(n) || n < 0 || n > 10_000:
		r.problem(at, "must be from 0 to 10000")
	default:
		*f.to = n
	}
}

func (f rate) show() string { return strconv.FormatFloat(*f.to, 'f', -1, 64) }

// span is a duration, a string only: a bare number would leave its unit to guessing.
type span struct {
	to       *time.Duration
	min, max time.Duration
}

const durationForm = `a duration in quotes with its unit, such as "30s", "15m", "72h" or "60d"`

func (s span) read(r *reader, at string, v any) {
	written, ok := v.(string)
	if !ok {
		r.wrongType(at, durationForm, v)
		return
	}
	d, err := parseDuration(written)
	switch {
	case err != nil:
		r.problem(at, fmt.Sprintf("expected %s: %s", durationForm, err))
	case d < s.min || d > s.max:
		r.problem(at, fmt.Sprintf("must be from %s to %s", showDuration(s.min), showDuration(s.max)))
	default:
		*s.to = d
	}
}

func (s span) show() string { return strconv.Quote(showDuration(*s.to)) }

// ladder is a list of durations, each longer than the one before.
type ladder struct {
	to       *[]time.Duration
	min, max time.Duration
}

func (l ladder) read(r *reader, at string, v any) {
	list, ok := v.([]any)
	if !ok {
		r.wrongType(at, "a list of durations", v)
		return
	}
	steps := make([]time.Duration, len(list))
	for i := range list {
		span{&steps[i], l.min, l.max}.read(r, index(at, i), list[i])
		if i > 0 && steps[i] != 0 && steps[i] <= steps[i-1] {
			r.problem(index(at, i), "must be longer than the one before it")
		}
	}
	if len(steps) == 0 {
		r.problem(at, "must hold at least one duration")
	}
	*l.to = steps
}

func (l ladder) show() string {
	steps := make([]string, len(*l.to))
	for i, d := range *l.to {
		steps[i] = strconv.Quote(showDuration(d))
	}
	return "[" + strings.Join(steps, ", ") + "]"
}

// size is a number of bytes, a string with its unit for the same reason as a span.
type size struct {
	to       *int64
	min, max int64
}

const sizeForm = `a size in quotes with its unit, such as "256KiB" or "64MiB"`

func (s size) read(r *reader, at string, v any) {
	written, ok := v.(string)
	if !ok {
		r.wrongType(at, sizeForm, v)
		return
	}
	n, err := parseSize(written)
	switch {
	case err != nil:
		r.problem(at, fmt.Sprintf("expected %s: %s", sizeForm, err))
	case n < s.min || n > s.max:
		r.problem(at, fmt.Sprintf("must be from %s to %s", showSize(s.min), showSize(s.max)))
	default:
		*s.to = n
	}
}

func (s size) show() string { return strconv.Quote(showSize(*s.to)) }

// cron is a schedule: a cron line, or a table with a cron line and its zone.
type cron struct{ to *Schedule }

func (c cron) read(r *reader, at string, v any) {
	before := len(r.problems)
	switch v := v.(type) {
	case string:
		c.to.Spec = v
	case map[string]any:
		r.table(at, c.keys(), v)
	default:
		r.wrongType(at, `a cron line in quotes, or { spec = "...", zone = "..." }`, v)
	}
	if r.checks.Cron != nil && len(r.problems) == before {
		r.err(at, r.checks.Cron(c.to.Spec, c.to.Zone))
	}
	if len(r.problems) == before {
		r.err(at, steps(c.to.Spec))
	}
}

func (c cron) keys() []key {
	return []key{
		{name: "spec", value: text{to: &c.to.Spec}},
		{name: "zone", value: text{to: &c.to.Zone}},
	}
}

func (c cron) show() string {
	if c.to.Zone == utc {
		return strconv.Quote(c.to.Spec)
	}
	return fmt.Sprintf("{ spec = %q, zone = %q }", c.to.Spec, c.to.Zone)
}

// opaque is a table that belongs to an adapter.
type opaque struct{ to *map[string]any }

func (o opaque) read(r *reader, at string, v any) {
	if t, ok := v.(map[string]any); ok {
		*o.to = t
		return
	}
	r.wrongType(at, "a table", v)
}

func (o opaque) show() string { return "{}" }

// credentials is a table of values, each a reference to where a secret is kept, or a plain string for what is not
// secret.
type credentials struct{ to *map[string]Secret }

func (c credentials) read(r *reader, at string, v any) {
	t, ok := v.(map[string]any)
	if !ok {
		r.wrongType(at, "a table", v)
		return
	}
	*c.to = make(map[string]Secret, len(t))
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if s, ok := r.credential(join(at, name), name, t[name]); ok {
			(*c.to)[name] = s
		}
	}
}

func (c credentials) show() string { return "{}" }

func (r *reader) credential(at, name string, v any) (Secret, bool) {
	switch v := v.(type) {
	case string:
		if namesSecret(name) {
			r.problem(at, "a secret must not stand in the file; "+howToRefer)
			return Secret{}, false
		}
		return Secret{value: v}, true
	case map[string]any:
		var file, env, credential string
		before := len(r.problems)
		r.table(at, []key{
			{name: "file", value: text{to: &file}},
			{name: "env", value: text{to: &env}},
			{name: "credential", value: text{to: &credential}},
		}, v)
		if len(r.problems) > before {
			return Secret{}, false
		}
		if len(v) != 1 {
			r.problem(at, "a secret comes from one place; "+howToRefer)
			return Secret{}, false
		}
		for kind := range v {
			s, err := r.resolve(kind, file+env+credential)
			r.err(at, err)
			return s, err == nil
		}
	}
	r.wrongType(at, "a reference to a secret, or a string", v)
	return Secret{}, false
}

// wrongType reports that v is not what was wanted, naming its type and never its content.
func (r *reader) wrongType(at, want string, v any) {
	r.problem(at, fmt.Sprintf("expected %s, not %s", want, typeName(v)))
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case bool:
		return "true or false"
	case time.Time:
		return "a date or time"
	case []any, []map[string]any:
		return "a list"
	default:
		return "a table"
	}
}
