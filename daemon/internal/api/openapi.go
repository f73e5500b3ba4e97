package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
)

const (
	schemasAt    = "#/components/schemas/"
	problemMedia = "application/problem+json"
)

// node is an object of the description. Encoded, its keys stand in order, so that the same code always gives the same bytes.
type node = map[string]any

// Description returns the description of the API without a daemon: OpenAPI 3.1, as JSON.
func Description(version string) ([]byte, error) {
	s, err := unserved(version)
	if err != nil {
		return nil, err
	}
	return s.bytes()
}

// unserved is an API that only tells of itself.
func unserved(version string) (*server, error) {
	s, _, err := build(Options{
		Manage: manage.New(manage.Options{}), Intake: intake.New(intake.Options{}), Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(*http.Request) (Caller, error) { return Caller{}, nil }, Version: version,
	})
	return s, err
}

// tell completes what the HTTP library knows of the routes: words, closed sets, refusals, events and webhooks. It works on a
// copy, since the library judges requests by its own.
func (s *server) tell() (node, error) {
	b, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("encode the description: %w", err)
	}
	var doc node
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	schemas := at(doc, "components", "schemas")
	delete(schemas, "ErrorModel") // the library's own; problems are ours
	delete(schemas, "ErrorDetail")
	for name, schema := range schemas {
		s.tellSchema(name, schema.(node))
	}
	s.tellProblem(schemas)
	s.tellEvents(doc)
	responses := node{}
	for path, item := range at(doc, "paths") {
		for method, op := range item.(node) {
			s.tellOperation(s.routes[strings.ToUpper(method)+" "+path], op.(node), responses)
		}
	}
	tellTags(doc)
	at(doc, "components")["responses"] = responses
	loosen(doc)
	return doc, nil
}

// at walks down objects of the description, making what is not there.
func at(n node, path ...string) node {
	for _, name := range path {
		next, ok := n[name].(node)
		if !ok {
			next = node{}
			n[name] = next
		}
		n = next
	}
	return n
}

func ref(name string) node { return node{"$ref": schemasAt + name} }

// refused describes a refusal.
func refused(text string) node {
	return node{"description": text, "content": node{problemMedia: node{"schema": ref("Problem")}}}
}

// tellSchema gives the properties of a schema their words, their closed sets, and lists that are never null.
func (s *server) tellSchema(name string, schema node) {
	fields := fieldsOf(s.api.OpenAPI().Components.Schemas.TypeFromRef(schemasAt + name))
	for property, p := range at(schema, "properties") {
		p := p.(node)
		notNull(p)
		if _, told := p["description"]; !told {
			if text, ok := firstOf(fieldWords, name+"."+property, property); ok {
				p["description"] = text
			}
		}
		if t, ok := fields[property]; ok {
			enumerate(p, t)
		}
	}
}

func firstOf(from map[string]string, keys ...string) (string, bool) {
	for _, k := range keys {
		if text, ok := from[k]; ok {
			return text, true
		}
	}
	return "", false
}

// notNull has a list or map be one: none is told by leaving it out or by an empty one.
func notNull(p node) {
	if types, ok := p["type"].([]any); ok && len(types) == 2 && slices.Contains(types, any("null")) {
		p["type"] = types[0]
	}
}

// fieldsOf lists the types of a struct's fields by their JSON names, those of embedded structs too.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	if t == nil || t.Kind() != reflect.Struct {
		return out
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			maps.Copy(out, fieldsOf(f.Type))
		case name != "" && name != "-":
			out[name] = f.Type
		}
	}
	return out
}

// enumerate lists the values of a closed set, however deep in lists and maps the type stands.
func enumerate(p node, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if values, ok := closed[t]; ok && p["enum"] == nil {
		p["enum"] = values
		return
	}
	switch t.Kind() {
	case reflect.Slice:
		if items, ok := p["items"].(node); ok {
			enumerate(items, t.Elem())
		}
	case reflect.Map:
		if values, ok := closed[t.Key()]; ok {
			p["propertyNames"] = node{"enum": values}
		}
		if values, ok := p["additionalProperties"].(node); ok {
			enumerate(values, t.Elem())
		}
	}
}

// tellProblem names the codes in the schema of problems.
func (s *server) tellProblem(schemas node) {
	p := at(schemas, "Problem")
	p["description"] = problemWords
	at(p, "properties", "code")["enum"] = problemCodes()
}

// tellOperation gives an operation its words and what it refuses with.
func (s *server) tellOperation(r route, op, responses node) {
	op["description"] = strings.TrimSpace(operationWords[r.id] + "\n\n" + r.access.sentence())
	query := false
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		p := p.(node)
		name, in := p["name"].(string), p["in"].(string)
		query = query || in == "query"
		key := map[string]string{"query": "?" + name, "path": "{" + name + "}"}[in]
		if _, told := p["description"]; !told {
			if text, ok := fieldWords[key]; ok {
				p["description"] = text
			}
		}
		if schema, ok := p["schema"].(node); ok {
			notNull(schema)
			delete(schema, "description") // it stands beside the parameter
			if name == "types" {
				at(schema, "items")["enum"] = EventTypes()
			}
			if name == "held_reason" {
				schema["enum"] = HeldReasons()
			}
		}
	}
	_, body := op["requestBody"]
	own := at(op, "responses")
	if r.other != 0 {
		other := clone(at(own, strconv.Itoa(r.status)))
		other["description"] = http.StatusText(r.other)
		own[strconv.Itoa(r.other)] = other
	}
	for _, status := range r.refusals(body, query) {
		responses[responseName(status)] = refused(problemText(status))
		own[strconv.Itoa(status)] = node{"$ref": "#/components/responses/" + responseName(status)}
	}
	responses["Problem"] = refused("A problem. Switch on its code.")
	own["default"] = node{"$ref": "#/components/responses/Problem"}
}

// tellTags describes the tags that are used, in the order in which somebody meets them.
func tellTags(doc node) {
	used := map[string]bool{}
	for _, item := range at(doc, "paths") {
		for _, op := range item.(node) {
			for _, tag := range op.(node)["tags"].([]any) {
				used[tag.(string)] = true
			}
		}
	}
	var tags []any
	for part := range strings.SplitSeq("\n"+wordFile("words/tags.md"), "\n# ") {
		name, _, _ := strings.Cut(part, "\n")
		if used[name] {
			tags = append(tags, node{"name": name, "description": tagWords[name]})
		}
	}
	doc["tags"] = tags
}

// loosen lets answers and events grow: only what is sent to the daemon is closed, where an unknown field is refused.
func loosen(doc node) {
	schemas := at(doc, "components", "schemas")
	sent := map[string]bool{}
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				visit(x)
			}
		case node:
			if to, ok := v["$ref"].(string); ok {
				if name, ok := strings.CutPrefix(to, schemasAt); ok && !sent[name] {
					sent[name] = true
					visit(schemas[name])
				}
			}
			for _, x := range v {
				visit(x)
			}
		}
	}
	for _, item := range at(doc, "paths") {
		for _, op := range item.(node) {
			visit(op.(node)["requestBody"])
		}
	}
	for name, schema := range schemas {
		if schema := schema.(node); !sent[name] && schema["additionalProperties"] == false {
			delete(schema, "additionalProperties")
		}
	}
}

// eventTypeNamed makes a name of a schema of the type of an event: ApplicationStatusChanged.
func eventTypeNamed(t atssync.EventType) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(string(t), func(r rune) bool { return r == '.' || r == '_' }) {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}
