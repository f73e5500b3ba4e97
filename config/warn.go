package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// runTimeID is the form of the ids that connections made at run time have.
var runTimeID = regexp.MustCompile(`^con_[0-9a-hjkmnp-tv-z]{26}$`)

func (r *reader) warn(key, message string) {
	r.warnings = append(r.warnings, Problem{File: r.file, Line: r.lines.line(key), Key: key, Message: message})
}

// doubt tells what a good file says and this machine does not bear out: it may be so only later, or elsewhere.
func (c *Config) doubt(r *reader) {
	_, written := r.lines["adapters.dir"]
	if info, err := os.Stat(c.Adapters.Dir); (written || len(c.Adapters.Named) == 0) && (err != nil || !info.IsDir()) {
		r.warn("adapters.dir", fmt.Sprintf("there is no folder %s, so that no adapter is found there", c.Adapters.Dir))
	}
	if info, err := os.Stat(c.Backup.Dir); c.Backup.Dir != "" && (err != nil || !info.IsDir()) {
		r.warn("backup.dir", fmt.Sprintf("there is no folder %s, so that no backup can be made there", c.Backup.Dir))
	}
	for i, con := range c.Connections {
		if con.Adapter == "" {
			continue
		}
		at := join(index("connections", i), "adapter")
		path := filepath.Join(c.Adapters.Dir, con.Adapter)
		named, ok := c.Adapters.Named[con.Adapter]
		if ok {
			path = named.Path
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			r.warn(at, fmt.Sprintf("there is no adapter %s: no file %s", con.Adapter, path))
		}
	}
}

// linked judges the connection that a job link names.
func (c *Config) linked(r *reader, at, connection string) {
	for _, con := range c.Connections {
		if con.ID == connection {
			return
		}
	}
	at = join(at, "connection")
	switch {
	case connection == "":
	case runTimeID.MatchString(connection):
		r.warn(at, "no [[connections]] has this id; it has to be that of a connection that was made at run time")
	default:
		ids := make([]string, len(c.Connections))
		for i, con := range c.Connections {
			ids[i] = con.ID
		}
		r.problems = append(r.problems, Problem{
			File: r.file, Line: r.lines.line(at), Key: at, Nearest: nearest(connection, ids),
			Message: "no [[connections]] has this id, and it is none of a connection made at run time (con_...)",
		})
	}
}

// cronFields are the fields of a cron line with their greatest steps.
var cronFields = [...]struct {
	name string
	max  int
}{{"minute", 59}, {"hour", 23}, {"day of the month", 31}, {"month", 12}, {"day of the week", 7}}

// steps refuses a step that is wider than its field: such a line runs once a round, which is not what it seems to say.
func steps(spec string) error {
	fields := strings.Fields(spec)
	if len(fields) != len(cronFields) {
		return nil
	}
	for i, field := range fields {
		for part := range strings.SplitSeq(field, ",") {
			_, step, ok := strings.Cut(part, "/")
			if n, err := strconv.Atoi(step); ok && err == nil && n > cronFields[i].max {
				return fmt.Errorf("%s: the step of the %s is larger than %d, so that it would never come", field, cronFields[i].name, cronFields[i].max)
			}
		}
	}
	return nil
}
