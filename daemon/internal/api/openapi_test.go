package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// described is the description as a reader gets it.
var described = sync.OnceValues(func() (node, error) {
	b, err := Description("1.2.3")
	var doc node
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	return doc, err
})

func description(t testing.TB) node {
	t.Helper()
	doc, err := described()
	require.NoError(t, err)
	return doc
}

func operations(doc node) map[string]node {
	out := make(map[string]node)
	for _, item := range doc["paths"].(node) {
		for _, op := range item.(node) {
			out[op.(node)["operationId"].(string)] = op.(node)
		}
	}
	return out
}

func TestDescription_IsTheSameBytesEachTime(t *testing.T) {
	t.Parallel()
	first, err := Description("1.2.3")
	require.NoError(t, err)
	for range 3 {
		again, err := Description("1.2.3")
		require.NoError(t, err)
		require.True(t, bytes.Equal(first, again))
	}
	require.NotContains(t, string(first), "/root")
}

func TestDescription_HasWordsForEverythingAndNoneLeftOver(t *testing.T) {
	t.Parallel()
	doc := description(t)
	used := map[string]bool{}
	ops := operations(doc)
	for id, op := range ops {
		require.NotEmpty(t, operationWords[id], "words/operations.md says nothing of %s", id)
		for _, p := range items(op["parameters"]) {
			p := p.(node)
			name, in := p["name"].(string), p["in"].(string)
			require.NotEmpty(t, p["description"], "%s: words/fields.md says nothing of the parameter %s", id, name)
			used[map[string]string{"query": "?" + name, "path": "{" + name + "}"}[in]] = true
		}
	}
	for id := range operationWords {
		require.NotNil(t, ops[id], "words/operations.md tells of %s, which there is not", id)
	}
	for _, tag := range doc["tags"].([]any) {
		require.NotEmpty(t, tag.(node)["description"], "words/tags.md says nothing of %v", tag)
	}
	tags := map[string]bool{}
	for _, tag := range doc["tags"].([]any) {
		tags[tag.(node)["name"].(string)] = true
	}
	for id, op := range ops {
		require.Contains(t, tags, items(op["tags"])[0], "words/tags.md says nothing of the tag of %s", id)
	}
	require.Len(t, tagWords, len(tags), "words/tags.md tells of tags that there are not")
	for name, schema := range doc["components"].(node)["schemas"].(node) {
		properties, _ := schema.(node)["properties"].(node)
		for property, p := range properties {
			p := p.(node)
			used[name+"."+property], used[property] = true, true
			require.NotEmpty(t, p["description"], "%s.%s: words/fields.md says nothing of it", name, property)
		}
	}
	for key := range fieldWords {
		require.True(t, used[key], "words/fields.md tells of %s, which there is not", key)
	}
	require.Len(t, eventWords, len(atssync.EventTypes())+1)
	for _, e := range append(atssync.EventTypes(), atssync.EventTest) {
		require.NotEmpty(t, eventWords[string(e)], "words/events.md says nothing of %s", e)
		require.Equal(t, e != atssync.EventTest, carries(e).schema != "", "%s has no schema of its data", e)
		require.Contains(t, doc["webhooks"], string(e))
	}
}

func items(v any) []any {
	out, _ := v.([]any)
	return out
}

// constants reads the values of a type's constants from the source of its package.
func constants(t *testing.T, of reflect.Type) []string {
	t.Helper()
	dir := map[string]string{
		"github.com/atssync/atssync/daemon/internal/atssync": "../atssync", "github.com/atssync/atssync/daemon/internal/manage": "../manage",
		"github.com/atssync/atssync/plugin-sdk": "../../../plugin-sdk",
	}[of.PkgPath()]
	require.NotEmpty(t, dir, of)
	files, err := filepath.Glob(dir + "/*.go")
	require.NoError(t, err)
	var out []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			named, ok := spec.Type.(*ast.Ident)
			value, literal := spec.Values[0].(*ast.BasicLit)
			if ok && literal && named.Name == of.Name() && value.Kind == token.STRING {
				text, err := strconv.Unquote(value.Value)
				require.NoError(t, err)
				out = append(out, text)
			}
			return true
		})
	}
	return out
}

func TestClosed_SetsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	for of, values := range closed {
		want := constants(t, of)
		switch of {
		case reflect.TypeFor[atssync.AcceptResult]():
			want = append(want, string(resultStopped))
		case reflect.TypeFor[atssync.EventType]():
			want = slices.DeleteFunc(want, func(s string) bool { return s == string(atssync.EventTest) })
		}
		require.ElementsMatch(t, want, values, "%s", of)
	}
}

// Every string type of the code that an answer can hold has its closed set.
func TestClosed_EverySetIsTold(t *testing.T) {
	t.Parallel()
	s, err := unserved("1.2.3")
	require.NoError(t, err)
	walked := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(of.Elem())
		case reflect.Map:
			walk(of.Key())
			walk(of.Elem())
		case reflect.String:
			if of.PkgPath() != "" {
				require.NotNil(t, closed[of], "closed.go does not list the values of %s", of)
			}
		case reflect.Struct:
			if walked[of] || of.PkgPath() == "time" {
				return
			}
			walked[of] = true
			for f := range of.Fields() {
				if name := f.Tag.Get("json"); name != "-" && (name != "" || f.Anonymous) {
					walk(f.Type)
				}
			}
		}
	}
	for name := range s.api.OpenAPI().Components.Schemas.Map() {
		if of := s.api.OpenAPI().Components.Schemas.TypeFromRef(schemasAt + name); of != nil {
			walk(of)
		}
	}
	require.Greater(t, len(walked), 80)
}

var webCodes = regexp.MustCompile(`Code: "([a-z_]+)"`)

func TestProblems_TableHoldsEveryCodeOfTheCode(t *testing.T) {
	t.Parallel()
	codes := constants(t, reflect.TypeFor[atssync.Code]())
	require.ElementsMatch(t, codes, problemCodes())
	require.Len(t, meanings, len(codes))
	for _, row := range Problems() {
		require.NotEmpty(t, row.Meaning, row.Code)
		require.NotEmpty(t, row.ToDo, row.Code)
		require.NotEmpty(t, row.Statuses, row.Code)
	}
	// The listeners refuse by themselves too.
	files, err := filepath.Glob("../web/*.go")
	require.NoError(t, err)
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, code := range webCodes.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, codes, code[1], name)
			found++
		}
	}
	require.GreaterOrEqual(t, found, 5)
}

// schemas compiles parts of the description, with every object closed: what the description does not tell may not be there.
type schemas struct {
	t        testing.TB
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

const descriptionURL = "https://daemon.example.com/openapi.json"

func newSchemas(t testing.TB) *schemas {
	t.Helper()
	b, err := json.Marshal(description(t))
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	require.NoError(t, err)
	delivered := map[string]bool{"Delivered": true}
	for name := range doc.(node)["components"].(node)["schemas"].(node) {
		if strings.HasSuffix(name, "Event") {
			delivered[name] = true // these are put together from parts
		}
	}
	for name, schema := range doc.(node)["components"].(node)["schemas"].(node) {
		if schema := schema.(node); !delivered[name] && schema["properties"] != nil && schema["additionalProperties"] == nil {
			schema["additionalProperties"] = false
		}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	require.NoError(t, c.AddResource(descriptionURL, doc))
	return &schemas{t: t, compiler: c, compiled: map[string]*jsonschema.Schema{}}
}

// check holds a JSON text to the schema at a pointer into the description.
func (s *schemas) check(pointer string, text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	schema := s.compiled[pointer]
	if schema == nil {
		var err error
		if schema, err = s.compiler.Compile(descriptionURL + "#" + pointer); err != nil {
			return fmt.Errorf("compile %s: %w", pointer, err)
		}
		s.compiled[pointer] = schema
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("read %.200s: %w", text, err)
	}
	return schema.Validate(v)
}

// pointer escapes the parts of a JSON pointer.
func pointer(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D").Replace(p))
	}
	return b.String()
}

func TestEvents_ExamplesAreWhatTheirSchemasSay(t *testing.T) {
	t.Parallel()
	s := newSchemas(t)
	for _, e := range append(atssync.EventTypes(), atssync.EventTest) {
		b, err := json.Marshal(Delivered(e))
		require.NoError(t, err)
		require.NoError(t, s.check(pointer("webhooks", string(e), "post", "requestBody", "content", "application/json", "schema"), b))
	}
	b, err := json.Marshal(EventExample(atssync.EventHeld))
	require.NoError(t, err)
	require.Error(t, s.check(pointer("components", "schemas", "SubmissionRefusedEvent"), b), "another type is refused")
	b = bytes.Replace(b, []byte(`"held_reason":"job_not_linked",`), nil, 1)
	require.Error(t, s.check(pointer("components", "schemas", "Event"), b), "what is always there cannot be left out")
	require.NotEmpty(t, slices.Collect(maps.Keys(s.compiled)))
}
