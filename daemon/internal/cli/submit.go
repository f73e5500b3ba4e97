package cli

import (
	"bufio"
	"bytes"
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
  generate-applications | atssync submit -`,
	}
	example := cmd.Flags().Bool("example", false, "print a full document and send nothing")
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
	s := &submitted{c: c, asJSON: asJSON, progress: c.progress(), states: map[string]int{}}
	err = c.daemon().SubmitBatch(ctx, documents, s.one)
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
}

func (s *submitted) one(r api.SubmitResult) error {
	s.all++
	err := r.Error.Err()
	if err != nil {
		s.refused++
	} else {
		s.states[string(r.State)]++
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
	for _, f := range e.Fields {
		if f.Path == "" {
			fmt.Fprintf(w, "  %s\n", clean(f.Message, false))
			continue
		}
		fmt.Fprintf(w, "  %s: %s\n", clean(f.Path, false), clean(f.Message, false))
	}
	if e.Remedy != "" {
		fmt.Fprintf(w, "  what to do: %s\n", clean(e.Remedy, false))
	}
}

func (s *submitted) sum() {
	parts := []string{fmt.Sprintf("%d handed over", s.all-s.refused)}
	for _, state := range api.States() {
		if n := s.states[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	fmt.Fprintf(s.c.Out, "%s; %d refused\n", strings.Join(parts, ", "), s.refused)
}

// documents returns the documents of a file one a line. A file that begins with { and has one document on several lines, and an
// array, are brought into that form; NDJSON passes as it is, so that the numbers of its lines stay true.
func documents(in *bufio.Reader) (io.Reader, error) {
	first, err := firstByte(in)
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(nil), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the documents: %w", err)
	}
	if first == '[' {
		return arrayLines(in), nil
	}
	// One document over several lines does not end on its first line.
	line, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("read the documents: %w", err)
	}
	head := bytes.Clone(line)
	whole := io.MultiReader(bytes.NewReader(head), in)
	if err != nil || json.Valid(bytes.TrimSpace(head)) || !open(head) {
		return whole, nil
	}
	return oneDocument(whole)
}

// open reports whether a line looks like the beginning of a document that goes on in the next line, rather than like a broken line of
// NDJSON: an object that just begins.
func open(line []byte) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

const maxDocument = 4 << 20

func oneDocument(in io.Reader) (io.Reader, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if len(text) > maxDocument {
		return nil, errors.New("the file is neither one document nor one document a line")
	}
	return jsonLines(json.NewDecoder(bytes.NewReader(text)), false), nil
}

func arrayLines(in io.Reader) io.Reader { return jsonLines(json.NewDecoder(in), true) }

// jsonLines writes each value of a stream, or of an array, on a line of its own.
func jsonLines(d *json.Decoder, array bool) io.Reader {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(copyLines(w, d, array))
	}()
	return r
}

func copyLines(w io.Writer, d *json.Decoder, array bool) error {
	if array {
		if _, err := d.Token(); err != nil {
			return fmt.Errorf("the file is not JSON: %w", err)
		}
	}
	for n := 1; d.More(); n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("the file is not JSON from document %d on: %w", n, err)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
		line.WriteByte('\n')
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// firstByte looks at the first byte that is no white space, without taking it.
func firstByte(in *bufio.Reader) (byte, error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, in.UnreadByte()
		}
	}
}
