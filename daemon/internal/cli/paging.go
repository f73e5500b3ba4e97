package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const (
	defaultLimit = 100
	maxPage      = 500 // what the API gives at once
)

// paging are the flags of every list.
type paging struct {
	after string
	limit int
	all   bool
	json  *bool
}

func pagingFlags(cmd *cobra.Command) *paging {
	p := &paging{json: jsonFlag(cmd)}
	f := cmd.Flags()
	f.StringVar(&p.after, "after", "", "go on after this `cursor`, as the list before told")
	f.IntVar(&p.limit, "limit", defaultLimit, "show at most this `number`")
	f.BoolVar(&p.all, "all", false, "show all of them")
	cmd.MarkFlagsMutuallyExclusive("limit", "all")
	return p
}

// list shows a list: page after page until there are as many as are wanted. With --json it is one object with items and next, as
// the API answers it.
func list[T any](c *command, p *paging, columns []column[T], page func(after string, limit int) (api.Page[T], error)) error {
	if p.limit < 1 {
		return usagef("--limit is at least 1")
	}
	after, left, shown := p.after, p.limit, 0
	out := listWriter[T]{w: c.Out, columns: columns, json: *p.json}
	for {
		size := maxPage
		if !p.all {
			size = min(left, maxPage)
		}
		got, err := page(after, size)
		if err != nil {
			return err
		}
		if err := out.write(got.Items); err != nil {
			return err
		}
		shown += len(got.Items)
		left -= len(got.Items)
		after = got.Next
		if after == "" || !p.all && left <= 0 {
			break
		}
	}
	if err := out.close(after); err != nil || *p.json {
		return err
	}
	switch {
	case after != "":
		fmt.Fprintf(c.Err, "There are more: --after %s goes on, --all shows all.\n", after)
	case shown == 0:
		fmt.Fprintln(c.Err, "There are none.")
	}
	return nil
}

// listWriter writes a list in parts, so that a long one is never held in memory.
type listWriter[T any] struct {
	w       io.Writer
	columns []column[T]
	json    bool
	written int
}

func (l *listWriter[T]) write(items []T) error {
	if !l.json {
		err := table(l.w, l.columns, items, l.written == 0)
		l.written += len(items)
		return err
	}
	for _, item := range items {
		lead := ",\n"
		if l.written == 0 {
			lead = "{\"items\": [\n"
		}
		b, err := json.Marshal(item)
		if err != nil {
			return fmt.Errorf("encode an item: %w", err)
		}
		if _, err := fmt.Fprintf(l.w, "%s%s", lead, b); err != nil {
			return err
		}
		l.written++
	}
	return nil
}

func (l *listWriter[T]) close(next string) error {
	if !l.json {
		return nil
	}
	lead := ""
	if l.written == 0 {
		lead = "{\"items\": ["
	}
	tail := ""
	if next != "" {
		b, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("encode the cursor: %w", err)
		}
		tail = ", \"next\": " + string(b)
	}
	_, err := fmt.Fprintf(l.w, "%s]%s}\n", lead, tail)
	return err
}

// listAll shows a list that has no pages.
func listAll[T any](c *command, asJSON bool, columns []column[T], items []T) error {
	if asJSON {
		if items == nil {
			items = []T{}
		}
		return printJSON(c.Out, map[string]any{"items": items})
	}
	if len(items) == 0 {
		fmt.Fprintln(c.Err, "There are none.")
	}
	return table(c.Out, columns, items, true)
}
