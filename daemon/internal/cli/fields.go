package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

const maxFieldFile = 1 << 20

// readFields reads values for an adapter's fields from a file: a flat table in TOML when its name ends in .toml, else a JSON
// object. "-" is stdin, as JSON. The errors hold none of the file's text, which has secrets.
func (c *command) readFields(path string) (map[string]string, error) {
	text, err := c.readInput(path, maxFieldFile)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if strings.EqualFold(filepath.Ext(path), ".toml") {
		if err := toml.Unmarshal(text, &tree); err != nil {
			return nil, usagef("%s is not TOML of the form: name = \"value\"", path)
		}
	} else {
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		if err := d.Decode(&tree); err != nil {
			return nil, usagef("%s is not a JSON object of the form: {\"name\": \"value\"}", path)
		}
	}
	return flat(path, tree)
}

func flat(path string, tree map[string]any) (map[string]string, error) {
	out := make(map[string]string, len(tree))
	for k, v := range tree {
		switch v.(type) {
		case string, json.Number, int64, float64, bool:
			out[k] = fmt.Sprint(v)
		default:
			return nil, usagef("%s: %s is not a single value", path, clean(k, false))
		}
	}
	return out, nil
}

// setFields adds the values of --set name=value flags.
func setFields(into map[string]string, sets []string) error {
	for _, s := range sets {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return usagef("--set is written name=value")
		}
		into[name] = value
	}
	return nil
}

// readInput reads a whole file, or stdin for "-".
func (c *command) readInput(path string, limit int64) ([]byte, error) {
	in, err := c.open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, nil
}

// open opens a file, or stdin for "-".
func (c *command) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(c.In), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the input: %w", err)
	}
	return f, nil
}
