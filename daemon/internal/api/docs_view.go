package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// groupView is the operations of one tag.
type groupView struct {
	Tag, Text  string
	Operations []operationView
}

// operationView is one operation.
type operationView struct {
	ID, Method, Path, Summary, Text string
	Parameters                      []fieldView
	Takes                           []bodyView
	Answers                         []bodyView
	Refuses                         []refusalView
}

// refusalView is a status that is refused with, and the codes that it can mean.
type refusalView struct {
	Status string
	Codes  []atssync.Code
}

// bodyView is what goes one way.
type bodyView struct {
	Status, Media, Text string
	Type                typeView
}

// fieldView is one property or parameter.
type fieldView struct {
	Name, In, Text string
	Type           typeView
	Required       bool
	Values         []string
	Bounds         string
}

// typeView is a type in words, with the schema that it leads to.
type typeView struct{ Before, Schema, After string }

// schemaView is one schema.
type schemaView struct {
	Name, Text string
	Fields     []fieldView
	OneOf      []string
}

// methods stand in the order in which somebody meets them.
var methods = []string{"get", "post", "put", "patch", "delete"}

func groups(doc node) []groupView {
	byTag := map[string][]operationView{}
	for _, path := range sortedKeys(at(doc, "paths")) {
		item := at(doc, "paths", path)
		for _, method := range methods {
			if op, ok := item[method].(node); ok {
				tag := op["tags"].([]any)[0].(string)
				byTag[tag] = append(byTag[tag], operation(method, path, op))
			}
		}
	}
	var out []groupView
	for _, t := range doc["tags"].([]any) {
		name := t.(node)["name"].(string)
		out = append(out, groupView{Tag: name, Text: tagWords[name], Operations: byTag[name]})
	}
	return out
}

func sortedKeys(n node) []string {
	keys := make([]string, 0, len(n))
	for k := range n {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func text(n node, key string) string {
	s, _ := n[key].(string)
	return s
}

func operation(method, path string, op node) operationView {
	v := operationView{
		ID: text(op, "operationId"), Method: strings.ToUpper(method), Path: path, Summary: text(op, "summary"), Text: text(op, "description"),
	}
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		p := p.(node)
		f := field(text(p, "name"), at(p, "schema"))
		f.In, f.Text, f.Required = text(p, "in"), text(p, "description"), p["required"] == true
		v.Parameters = append(v.Parameters, f)
	}
	if body, ok := op["requestBody"].(node); ok {
		v.Takes = bodies("", "", at(body, "content"))
	}
	responses := at(op, "responses")
	for _, status := range sortedKeys(responses) {
		r := responses[status].(node)
		switch {
		case r["$ref"] == nil && len(at(r, "content")) == 0:
			v.Answers = append(v.Answers, bodyView{Status: status, Text: text(r, "description")})
		case r["$ref"] == nil:
			v.Answers = append(v.Answers, bodies(status, text(r, "description"), at(r, "content"))...)
		case status != "default":
			n, _ := strconv.Atoi(status) // it is one
			v.Refuses = append(v.Refuses, refusalView{status, codesAt(n)})
		}
	}
	return v
}

func bodies(status, words string, content node) []bodyView {
	var out []bodyView
	for _, m := range sortedKeys(content) {
		out = append(out, bodyView{Status: status, Media: m, Text: words, Type: typed(at(content, m, "schema"))})
	}
	return out
}

// typed tells a schema in words.
func typed(schema node) typeView {
	if to := text(schema, "$ref"); to != "" {
		return typeView{Schema: strings.TrimPrefix(to, schemasAt)}
	}
	if parts, ok := schema["allOf"].([]any); ok {
		return typed(parts[0].(node))
	}
	if c, ok := schema["const"]; ok {
		return typeView{Before: fmt.Sprint(c)}
	}
	switch kind := text(schema, "type"); kind {
	case "array":
		v := typed(at(schema, "items"))
		v.Before = "list of " + v.Before
		return v
	case "object":
		if values, ok := schema["additionalProperties"].(node); ok {
			v := typed(values)
			v.Before = "map to " + v.Before
			return v
		}
		return typeView{Before: kind}
	default:
		switch format := text(schema, "format"); format {
		case "", "int64", "double":
		default:
			kind = strings.ReplaceAll(format, "date-time", "time")
		}
		return typeView{Before: kind}
	}
}

func field(name string, schema node) fieldView {
	f := fieldView{Name: name, Type: typed(schema), Text: text(schema, "description")}
	values, _ := schema["enum"].([]any)
	if items, ok := schema["items"].(node); ok && values == nil {
		values, _ = items["enum"].([]any)
	}
	for _, v := range values {
		f.Values = append(f.Values, fmt.Sprint(v))
	}
	var bounds []string
	for _, b := range []struct{ key, words string }{
		{"minimum", "at least %v"},
		{"maximum", "at most %v"},
		{"minItems", "at least %v items"},
		{"maxItems", "at most %v items"},
		{"maxLength", "at most %v characters"},
		{"default", "%v when left out"},
	} {
		if v, ok := schema[b.key]; ok {
			bounds = append(bounds, fmt.Sprintf(b.words, v))
		}
	}
	f.Bounds = strings.Join(bounds, ", ")
	return f
}

// schemaViews lists the schemas, their fields in the order of the code.
func (s *server) schemaViews(doc node) []schemaView {
	var out []schemaView
	all := at(doc, "components", "schemas")
	for _, name := range sortedKeys(all) {
		schema := all[name].(node)
		v := schemaView{Name: name, Text: text(schema, "description")}
		properties := at(schema, "properties")
		names := inOrder(s.api.OpenAPI().Components.Schemas.TypeFromRef(schemasAt+name), properties)
		required, _ := schema["required"].([]any)
		for _, p := range names {
			f := field(p, at(properties, p))
			f.Required = slices.Contains(required, any(p))
			v.Fields = append(v.Fields, f)
		}
		kinds, _ := schema["oneOf"].([]any)
		for _, k := range kinds {
			v.OneOf = append(v.OneOf, strings.TrimPrefix(text(k.(node), "$ref"), schemasAt))
		}
		out = append(out, v)
	}
	return out
}

// inOrder lists properties as the struct has them, and then the others.
func inOrder(t reflect.Type, properties node) []string {
	var out []string
	for _, name := range fieldNames(t) {
		if _, ok := properties[name]; ok {
			out = append(out, name)
		}
	}
	for _, name := range sortedKeys(properties) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func fieldNames(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			out = append(out, fieldNames(f.Type)...)
			continue
		}
		out = append(out, name)
	}
	return out
}

// inline marks what stands between back-quotes as code.
func inline(s string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
			continue
		}
		b.WriteString(template.HTMLEscapeString(part))
	}
	return template.HTML(b.String()) //nolint:gosec // Everything in it was escaped.
}

// prose writes paragraphs.
func prose(s string) template.HTML {
	var b strings.Builder
	for part := range strings.SplitSeq(s, "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			b.WriteString("<p>" + string(inline(part)) + "</p>\n")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // As above.
}

// anchor makes a name that an address can end with.
func anchor(s string) string {
	return strings.NewReplacer("/", "-", "{", "", "}", "", ":", "-").Replace(s)
}

// indented writes JSON for people.
func indented(b json.RawMessage) (string, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return "", fmt.Errorf("indent an example: %w", err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(out.String()), nil
}
