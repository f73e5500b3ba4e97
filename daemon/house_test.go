// Package daemon_test holds what is true of the house as a whole: which rooms there are, who may import whom, and the
// habits that a compiler does not know.
package daemon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root         = ".." // the module, seen from this test
	maxFileLines = 450
	maxMethods   = 5
)

// topLevel is closed: what is new belongs into one of these.
var topLevel = []string{
	"daemon", "adapters", "plugin-sdk", "config", "scripts",
	"go.mod", "go.sum", "atssync.toml.example", "README.md", "CHANGELOG.md", "LICENSE",
	"bin", "dist", // built, ignored by git
}

// source is one Go file that people write and read.
type source struct {
	path   string // relative to the module
	test   bool
	lines  int
	tree   *ast.File
	tokens *token.FileSet
}

func (s source) line(p token.Pos) int { return s.tokens.Position(p).Line }

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".pb.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		tokens := token.NewFileSet()
		tree, err := parser.ParseFile(tokens, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		path, err = filepath.Rel(root, path)
		all = append(all, source{
			path: path, test: strings.HasSuffix(name, "_test.go"), lines: strings.Count(string(text), "\n"), tree: tree, tokens: tokens,
		})
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(all), 20)
	return all
}

func TestHouse_TopLevelIsClosed(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(topLevel, e.Name()) {
			t.Errorf("%s does not belong to the top level", e.Name())
		}
	}
}

func TestHouse_FilesStayShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines and may have %d: give a part of it a file of its own", s.path, s.lines, maxFileLines)
		}
	}
}

func TestHouse_InterfacesAreRoles(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			role, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			methods := 0
			for _, m := range role.Methods.List {
				methods += len(m.Names) // embedded roles have no name here
			}
			if methods > maxMethods {
				t.Errorf("%s:%d: the interface %s has %d methods and may have %d: it is more than one role", s.path, s.line(spec.Pos()), spec.Name.Name, methods, maxMethods)
			}
			return true
		})
	}
}

func TestHouse_NothingRunsByItself(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s:%d: an init function; call it where it can be found", s.path, s.line(f.Pos()))
			}
		}
	}
}

func TestHouse_TestsNeitherSleepNorSkip(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, line := range sleeps(s) {
			t.Errorf("%s:%d: time.Sleep outside a synctest bubble; wait for what happens", s.path, line)
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name := selector(call.Fun); strings.HasSuffix(name, ".Skip") || strings.HasSuffix(name, ".Skipf") || strings.HasSuffix(name, ".SkipNow") {
				t.Errorf("%s:%d: a test that can be skipped proves nothing", s.path, s.line(call.Pos()))
			}
			return true
		})
	}
}

// sleeps returns the lines of the calls of time.Sleep that are outside of a bubble: neither inside a call of
// synctest.Test, nor in a helper whose comment says that it is called in a bubble.
func sleeps(s source) (lines []int) {
	for _, d := range s.tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Doc != nil && strings.Contains(f.Doc.Text(), "bubble") {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch selector(call.Fun) {
			case "synctest.Test":
				return false
			case "time.Sleep":
				lines = append(lines, s.line(call.Pos()))
			}
			return true
		})
	}
	return lines
}

// selector returns a.b for the expression a.b, and "" for any other.
func selector(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return x.Name + "." + sel.Sel.Name
}

func TestHouse_SleepsAreTold(t *testing.T) {
	t.Parallel()
	const text = `package p
func TestA() { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }
func TestB() { time.Sleep(1) }
// slow is called in a bubble.
func slow() { time.Sleep(1) }
var f = func() { time.Sleep(1) }
`
	tokens := token.NewFileSet()
	tree, err := parser.ParseFile(tokens, "p_test.go", text, parser.ParseComments)
	require.NoError(t, err)
	require.Equal(t, []int{3, 6}, sleeps(source{tree: tree, tokens: tokens}))
}
