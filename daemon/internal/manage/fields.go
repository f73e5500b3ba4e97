package manage

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxValue bounds one value of a field, in bytes.
const maxValue = 8 << 10

// values are a connection's own values, apart: settings may be shown, credentials never.
type values struct {
	settings    map[string]string
	credentials map[string]sdk.Secret
}

func newValues() values {
	return values{settings: make(map[string]string), credentials: make(map[string]sdk.Secret)}
}

func (v values) clone() values {
	return values{settings: maps.Clone(v.settings), credentials: maps.Clone(v.credentials)}
}

func (v values) has(name string) bool {
	return v.settings[name] != "" || v.credentials[name] != ""
}

// set puts a value where the field belongs; an empty one goes back to the default.
func (v values) set(f sdk.Field, value string) {
	delete(v.settings, f.Name)
	delete(v.credentials, f.Name)
	switch {
	case value == "":
	case f.Secret:
		v.credentials[f.Name] = sdk.Secret(value)
	default:
		v.settings[f.Name] = value
	}
}

// change puts the given values into v and returns all that is wrong with them: fields that the adapter does not
// have, fields that are the operator's, and required ones that nobody gave.
func (s *Service) change(v values, m sdk.Manifest, given map[string]sdk.Secret, operator bool) []atssync.FieldError {
	var problems []atssync.FieldError
	refuse := func(name, message string) {
		problems = append(problems, atssync.FieldError{Path: "fields." + name, Message: message})
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := strings.TrimSpace(given[name].Reveal()) // pasted keys bring line ends along
		i := slices.IndexFunc(m.Fields, func(f sdk.Field) bool { return f.Name == name })
		switch {
		case i < 0:
			refuse(name, "adapter "+m.Name+" has no such field; it has "+fieldNames(m, operator))
		case m.Fields[i].Who == sdk.WhoOperator && !operator:
			refuse(name, "is the operator's to fill in, under [adapters."+m.Name+".settings] of the configuration file")
		case len(value) > maxValue:
			refuse(name, "is too long")
		case strings.ContainsFunc(value, unicode.IsControl):
			refuse(name, "must be one line of printable characters")
		default:
			v.set(m.Fields[i], value)
		}
	}
	for _, f := range m.Fields {
		refused := slices.ContainsFunc(problems, func(p atssync.FieldError) bool { return p.Path == "fields."+f.Name })
		if !f.Required || refused || v.has(f.Name) || f.Default != "" || s.policy.Load().Settings[m.Name][f.Name] != "" {
			continue
		}
		message := "is required: " + f.Label
		switch {
		case f.Who == sdk.WhoOperator:
			message += "; the operator fills it in, under [adapters." + m.Name + ".settings] of the configuration file"
		case f.Where != "":
			message += "; it is found here: " + f.Where
		}
		refuse(f.Name, message)
	}
	return problems
}

func fieldNames(m sdk.Manifest, operator bool) string {
	var names []string
	for _, f := range m.Fields {
		if operator || f.Who != sdk.WhoOperator {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

// merged returns a connection as a call carries it: the manifest's defaults, over them the operator's values for the
// adapter, over them the connection's own. What an employer gave never reaches a field of the operator: it is
// refused where it is given. Each field stands where the manifest says, settings or credentials, wherever it was kept.
func (s *Service) merged(id, adapter string, v values) sdk.Connection {
	out := sdk.Connection{ID: id, Settings: make(map[string]string), Credentials: make(map[string]sdk.Secret)}
	m, err := s.o.Adapters.Manifest(adapter)
	if err != nil {
		m = sdk.Manifest{} // it never ran: nobody can call it with this anyway
	}
	secret := make(map[string]bool, len(m.Fields))
	put := func(name, value string, kept bool) {
		is, known := secret[name]
		if !known {
			is = kept
		}
		delete(out.Settings, name)
		delete(out.Credentials, name)
		if is {
			out.Credentials[name] = sdk.Secret(value)
		} else {
			out.Settings[name] = value
		}
	}
	for _, f := range m.Fields {
		secret[f.Name] = f.Secret
		if f.Default != "" {
			put(f.Name, f.Default, f.Secret)
		}
	}
	for name, value := range s.policy.Load().Settings[adapter] {
		put(name, value, false)
	}
	for name, value := range v.settings {
		put(name, value, false)
	}
	for name, value := range v.credentials {
		put(name, value.Reveal(), true)
	}
	return out
}
