package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// column is one column of a table.
type column[T any] struct {
	title string
	value func(T) string
}

// table writes items as aligned columns. Without items it writes nothing.
func table[T any](w io.Writer, columns []column[T], items []T, header bool) error {
	if len(items) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := make([]string, len(columns))
	if header {
		for i, c := range columns {
			row[i] = c.title
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	for _, item := range items {
		for i, c := range columns {
			row[i] = clean(c.value(item), false)
			if row[i] == "" {
				row[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// sheet shows one thing as lines of name and value; what is empty is left out.
type sheet struct{ rows [][2]string }

func (s *sheet) add(name, value string) {
	if value != "" {
		s.rows = append(s.rows, [2]string{name, value})
	}
}

func (s *sheet) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range s.rows {
		for i, line := range strings.Split(r[1], "\n") {
			name := r[0]
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(t, "%s\t%s\n", name, clean(line, false))
		}
	}
	return t.Flush()
}

// clean makes a text from elsewhere safe for a terminal: no control characters, no direction overrides, one line unless
// lines are wanted.
func clean(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// printJSON writes one value for programs.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// jsonFlag adds --json to a command and returns where its value will be.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print what the API answers, for programs")
}

// at shows an instant, "" for none.
func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func count(n int) string { return strconv.Itoa(n) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// some returns the number with the noun in the right form: 1 job, 2 jobs.
func some(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// shorten cuts a text for a column.
func shorten(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:limit-1]) + "…"
}
