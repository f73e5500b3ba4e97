package config

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Checks are the judgements that belong to others. A nil one is not made. The texts they return are shown to the
// operator beside file, line and key, and must hold no secret.
type Checks struct {
	Cron       func(spec, zone string) error
	Note       func(template string) error
	Status     func(status, phase string) error // either may be empty
	EventType  func(name string) error
	Adapter    func(name string, adapter Adapter) []Finding // the operator's settings, against the manifest
	Connection func(connection Connection) []Finding        // credentials and settings, against the manifest
}

// Finding is what a check has against one key of the thing that it looked at.
type Finding struct {
	Key     string // relative to the thing, such as credentials.api_key; empty for the thing as a whole
	Message string
}

// Load reads, checks and completes the file at path, of at most 1 MiB. The error is Problems: all of them at once.
func Load(path string, checks Checks) (*Config, error) {
	text, err := readSmall(path, maxFile)
	if err != nil {
		return nil, Problems{{File: path, Message: err.Error()}}
	}
	return Parse(path, []byte(text), checks)
}

// Parse is Load for a text that was already read. Relative paths in it are taken against the folder of name, and the
// secrets that it refers to are read. The error is Problems.
func Parse(name string, src []byte, checks Checks) (*Config, error) {
	return parse(name, src, checks, os.LookupEnv)
}

// Read is Load for those who look at a file that may be wrong: beside the problems it returns what can be had of the file,
// with the defaults in place of what is wrong; nil where nothing can be read.
func Read(path string, checks Checks) (*Config, Problems) {
	text, err := readSmall(path, maxFile)
	if err != nil {
		return nil, Problems{{File: path, Message: err.Error(), Elsewhere: errors.Is(err, fs.ErrPermission)}}
	}
	return read(path, []byte(text), checks, os.LookupEnv)
}

func parse(name string, src []byte, checks Checks, getenv func(string) (string, bool)) (*Config, error) {
	config, problems := read(name, src, checks, getenv)
	if len(problems) > 0 {
		return nil, problems
	}
	return config, nil
}

func read(name string, src []byte, checks Checks, getenv func(string) (string, bool)) (*Config, Problems) {
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, Problems{{File: name, Message: "the folder of the file is not known: " + err.Error()}}
	}
	if len(src) > maxFile {
		return nil, Problems{{File: name, Message: "the file is larger than " + showSize(maxFile)}}
	}
	lines, bound := scan(src)
	if bound != nil {
		bound.File = name
		return nil, Problems{*bound}
	}
	tree, err := decode(src)
	if err != nil {
		return nil, Problems{syntaxProblem(name, src, err)}
	}
	r := &reader{file: name, source: source{dir: dir, getenv: getenv}, lines: lines, checks: checks}
	config := Defaults()
	r.table("", config.keys(), tree)
	config.complete(r.source)
	config.check(r)
	config.Warnings = r.warnings.sorted()
	return &config, r.problems.sorted()
}

// decode makes a tree of the text. The library panics on what its authors held to be impossible; a reload must not
// take the daemon down with it.
func decode(src []byte) (tree map[string]any, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the TOML library gave up")
		}
	}()
	_, err = toml.Decode(string(src), &tree)
	return tree, err
}

// syntaxProblem tells where the text stops being TOML. The library quotes the source in its messages, which may be
// a secret with a forgotten quote, so that only what comes before a quotation is kept.
func syntaxProblem(file string, src []byte, err error) Problem {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return Problem{File: file, Message: "this is not TOML"}
	}
	// The library's own line is that after the line end that surprised it, for some errors; its offset is right for all.
	p := Problem{File: file, Line: 1 + bytes.Count(src[:min(max(pe.Position.Start, 0), len(src))], []byte("\n"))}
	what := strings.ToLower(pe.Message)
	switch {
	case strings.HasPrefix(what, "key ") || strings.Contains(what, "already") || strings.Contains(what, "is not a table"):
		what = keyNamed(pe.LastKey) + " stands twice, or as two kinds of thing"
	case strings.Contains(what, "out of range"):
		what = "a number is too large"
	case strings.Contains(what, "escape"):
		what = `an escape in a string is not one of TOML's; write \\ for a backslash`
	default:
		for _, quotation := range []string{", but ", " but ", ": '", ` "`, `: "`} {
			what, _, _ = strings.Cut(what, quotation)
		}
	}
	p.Message = "this is not TOML: " + what
	return p
}

// keyNamed names a key in a sentence; the library does not always know which one it was.
func keyNamed(key string) string {
	if key == "" {
		return "a key"
	}
	return "the key " + key
}

// reader walks a decoded tree against the schema and collects what is wrong.
type reader struct {
	source
	file     string
	lines    layout
	checks   Checks
	problems Problems
	warnings Problems
}

func (r *reader) problem(key, message string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: r.lines.line(key), Key: key, Message: message})
}

// findings reports what a check has against the thing at key.
func (r *reader) findings(key string, found []Finding) {
	for _, f := range found {
		at := key
		for part := range strings.SplitSeq(f.Key, ".") {
			if part != "" {
				at = join(at, part)
			}
		}
		// What was wrong with the value itself is said already; that it is therefore missing is no news.
		known := func(p Problem) bool { return p.Key == at || strings.HasPrefix(p.Key, at+".") }
		if at == key || !slices.ContainsFunc(r.problems, known) {
			r.problem(at, f.Message)
		}
	}
}

// err reports the error of a check on the value at key, if there is one.
func (r *reader) err(key string, err error) {
	if err != nil {
		r.problem(key, err.Error())
		_, elsewhere := errors.AsType[*elsewhereError](err)
		r.problems[len(r.problems)-1].Elsewhere = elsewhere || errors.Is(err, fs.ErrPermission)
	}
}

// table reads the keys of one table; nothing else may stand in it.
func (r *reader) table(at string, keys []key, tree map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		if i >= 0 {
			keys[i].read(r, join(at, name), tree[name])
			continue
		}
		r.unknown(at, name, keys)
	}
}

func (r *reader) unknown(at, name string, keys []key) {
	path := join(at, name)
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	r.problems = append(r.problems, Problem{
		File: r.file, Line: r.lines.line(path), Key: path, Message: "unknown key", Nearest: nearest(name, names),
	})
}
