package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Example returns the file that says nothing: every key with its default and one line on what it means. Tables that
// have no default stand in it as comments with made-up values.
func Example() []byte {
	config := Defaults()
	w := &exampleWriter{}
	w.line("# Configuration of atssync. Every key is here with its default; what is left out has the same value.")
	w.line("# Durations and sizes are strings with a unit. An unknown key is an error. Check a file with: atssync config check FILE")
	for _, k := range config.keys() {
		w.line("")
		w.line("# " + k.doc)
		switch v := k.value.(type) {
		case section:
			w.line("[" + k.name + "]")
			w.keys(k.name, v.keys)
		case family:
			w.line("[" + k.name + "]")
			w.keys(k.name, v.keys)
			w.line("")
			w.line("# " + v.doc)
			keys, _ := v.member("greenhouse")
			w.commented("["+k.name+".greenhouse]", k.name+".greenhouse", keys)
		case list:
			w.commented("[["+v.header+"]]", v.header, v.add())
		}
	}
	return w.out.Bytes()
}

type exampleWriter struct {
	out    bytes.Buffer
	prefix string // before each line of TOML: "#" inside a table that is only shown
}

func (w *exampleWriter) line(s string) { fmt.Fprintln(&w.out, strings.TrimRight(s, " ")) }

func (w *exampleWriter) commented(header, path string, keys []key) {
	w.prefix = "#"
	w.line("#" + header)
	w.keys(path, keys)
	w.prefix = ""
}

// keys writes the plain keys of the table at path, then the tables inside it.
func (w *exampleWriter) keys(path string, keys []key) {
	nested := func(k key) bool {
		switch k.value.(type) {
		case section, list:
			return k.sample == ""
		}
		return false
	}
	for _, k := range keys {
		if nested(k) {
			continue
		}
		shown := k.sample
		if shown == "" {
			shown = k.show()
		}
		w.line("# " + k.doc)
		w.line(w.prefix + k.name + " = " + shown)
	}
	for _, k := range slices.DeleteFunc(slices.Clone(keys), func(k key) bool { return !nested(k) }) {
		w.line("")
		w.line("# " + k.doc)
		switch v := k.value.(type) {
		case section:
			w.line(w.prefix + "[" + path + "." + k.name + "]")
			w.keys(path+"."+k.name, v.keys)
		case list:
			w.line(w.prefix + "[[" + v.header + "]]")
			w.keys(v.header, v.add())
		}
	}
}
