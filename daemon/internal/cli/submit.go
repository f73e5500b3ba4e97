package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const submitLong = `Hand applications over. FILE holds one document as JSON, a JSON array of them, or one document a line (NDJSON); - is stdin. The daemon has each
accepted one on disk before it says so, and puts it into the ATS as soon as it can: atssync submissions tells what became of it.

A document that is refused is told with its line and every wrong field, and leaves the others; the exit code is 3 then. Sending the same document
again is harmless: it stays the one submission that it was.`

func (c *command) submit() *cobra.Command {
	cmd := &cobra.Command{
		Use: "submit FILE", Short: "Hand applications over", Long: submitLong, Args: cobra.MaximumNArgs(1),
		Example: `  atssync submit application.json
  atssync submit applications.ndjson --json
  atssync submit --example > application.json
  atssync submit --dry-run application.json
  generate-applications | atssync submit -`,
	}
	example := cmd.Flags().Bool("example", false, "print a full document and send nothing")
	dry := cmd.Flags().Bool("dry-run", false, "say of each document whether it would go through now, and hand nothing over")
	asJSON := cmd.Flags().Bool("json", false, "print what became of each document, one JSON object a line")
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if *example {
			return printJSON(c.Out, api.Example(now()))
		}
		if len(args) == 0 {
			return usagef("say which file, or - for stdin")
		}
		in, err := c.open(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		if *dry {
			return c.preflightAll(cmd.Context(), in, *asJSON)
		}
		return c.submitAll(cmd.Context(), in, *asJSON)
	})
	return cmd
}

// submitAll sends what a file holds, whichever of the three forms it has.
func (c *command) submitAll(ctx context.Context, in io.Reader, asJSON bool) error {
	documents, err := documents(bufio.NewReaderSize(in, 64<<10))
	if err != nil {
		return err
	}
	s := &submitted{c: c, asJSON: asJSON, progress: c.progress(), states: map[string]int{}, results: map[string]int{}}
	whole := &untilBroken{Reader: documents}
	err = c.daemon().SubmitBatch(ctx, whole, s.one)
	if broken := whole.broken(); err == nil && broken != nil {
		err = s.broken(broken)
	}
	s.progress.done()
	if !asJSON {
		s.sum()
	}
	switch {
	case err != nil && s.all > 0:
		return fmt.Errorf("after %s: %w", some(s.all, "document"), err)
	case err != nil:
		return err
	case s.refused > 0:
		return &someRefused{s.refused, s.all}
	case s.all == 0:
		return errors.New("there is no document in it")
	}
	return nil
}

// submitted counts and shows what becomes of each document.
type submitted struct {
	c            *command
	asJSON       bool
	progress     *progress
	all, refused int
	states       map[string]int
	results      map[string]int
}

// broken tells that the rest of the file is no document. What was read before was handed over.
func (s *submitted) broken(err error) error {
	b, ok := errors.AsType[*brokenInput](err)
	if !ok {
		return fmt.Errorf("read the documents: %w", err)
	}
	return s.one(api.SubmitResult{Line: b.line, Result: "refused", Error: &api.ErrorBody{Code: "invalid", Message: b.text}})
}

func (s *submitted) one(r api.SubmitResult) error {
	s.all++
	err := r.Error.Err()
	if err != nil {
		s.refused++
	} else {
		s.states[string(r.State)]++
		s.results[string(r.Result)]++
	}
	if s.asJSON {
		return json.NewEncoder(s.c.Out).Encode(r)
	}
	if err != nil {
		s.progress.done()
		fmt.Fprintf(s.c.Err, "line %d%s: ", r.Line, label(r.ExternalID))
		tellItem(s.c.Err, err)
	}
	s.progress.show("%d handed over, %d refused", s.all-s.refused, s.refused)
	return nil
}

func label(externalID string) string {
	if externalID == "" {
		return ""
	}
	return " (" + clean(externalID, false) + ")"
}

// tellItem tells why one of several items was refused, on the line that was begun.
func tellItem(w io.Writer, e *api.Error) {
	fmt.Fprintln(w, clean(e.Message, false))
	tellFields(w, e.Fields)
	if e.Remedy != "" {
		fmt.Fprintf(w, "  what to do: %s\n", clean(e.Remedy, false))
	}
}

// tellFields tells what is wrong with which field; what is wrong with the whole names none.
func tellFields(w io.Writer, fields []api.FieldError) {
	for _, f := range fields {
		if f.Path == "" {
			fmt.Fprintf(w, "  %s\n", clean(f.Message, false))
			continue
		}
		fmt.Fprintf(w, "  %s: %s\n", clean(f.Path, false), clean(f.Message, false))
	}
}

func (s *submitted) sum() {
	text := fmt.Sprintf("%d handed over", s.all-s.refused)
	if s.all > s.refused {
		text += fmt.Sprintf(": %s (%s)", counted(s.results, []string{"accepted", "revised", "unchanged"}), counted(s.states, api.States()))
	}
	fmt.Fprintf(s.c.Out, "%s; %d refused\n", text, s.refused)
}

// counted tells how many there are of each word, in the order of the words.
func counted(n map[string]int, words []string) string {
	var parts []string
	for _, w := range words {
		if n[w] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[w], w))
		}
	}
	return strings.Join(parts, ", ")
}
