package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// documents returns the documents of a file one a line. A file that begins with { and has one document on several lines, and an
// array, are brought into that form; NDJSON passes as it is, so that the numbers of its lines stay true.
func documents(in *bufio.Reader) (io.Reader, error) {
	first, skipped, err := firstByte(in)
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(nil), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the documents: %w", err)
	}
	if first == '[' {
		return jsonLines(in, skipped, true), nil
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
	return oneDocument(whole, skipped)
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

func oneDocument(in io.Reader, skipped int) (io.Reader, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if len(text) > maxDocument {
		return nil, errors.New("the file is neither one document nor one document a line")
	}
	return jsonLines(bytes.NewReader(text), skipped, false), nil
}

// jsonLines writes each value of a stream, or of an array, on a line of its own. The lines of the input are counted from skipped on.
func jsonLines(in io.Reader, skipped int, array bool) io.Reader {
	r, w := io.Pipe()
	go func() {
		ends := &lineEnds{in: in, line: skipped + 1}
		w.CloseWithError(copyLines(w, json.NewDecoder(ends), ends, array))
	}()
	return r
}

func copyLines(w io.Writer, d *json.Decoder, ends *lineEnds, array bool) error {
	if array {
		if _, err := d.Token(); err != nil {
			return ends.broken(d, err)
		}
	}
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return ends.broken(d, err)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return ends.broken(d, err)
		}
		line.WriteByte('\n')
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
		ends.at(d.InputOffset())
	}
	if !array {
		return nil
	}
	if _, err := d.Token(); err != nil {
		return ends.broken(d, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &brokenInput{ends.at(d.InputOffset()), "something stands after the end of the array"}
	}
	return nil
}

// brokenInput says where a file stops being documents.
type brokenInput struct {
	line int
	text string
}

func (b *brokenInput) Error() string { return fmt.Sprintf("line %d: %s", b.line, b.text) }

// lineEnds tells on which line a place of a stream is.
type lineEnds struct {
	in   io.Reader
	read int64   // bytes so far
	ends []int64 // of the lines that were read and not yet passed
	line int     // of the place that was asked for last
}

func (l *lineEnds) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// at returns the line of an offset; offsets only grow.
func (l *lineEnds) at(offset int64) int {
	for len(l.ends) > 0 && l.ends[0] < offset {
		l.ends = l.ends[1:]
		l.line++
	}
	return l.line
}

// broken tells why a document cannot be read. The library's own words are kept: they quote a single character at most.
func (l *lineEnds) broken(d *json.Decoder, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &brokenInput{l.at(max(d.InputOffset(), syntax.Offset)), "this is not JSON: " + syntax.Error()}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &brokenInput{l.at(max(d.InputOffset(), l.read)), "the file ends too early: a document, or the array around them, is not closed"}
	}
	return err
}

// untilBroken ends quietly where its reader fails, so that what was read before is still taken, and keeps why.
type untilBroken struct {
	io.Reader
	mu  sync.Mutex
	err error
}

func (u *untilBroken) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.mu.Lock()
		u.err = err
		u.mu.Unlock()
		err = io.EOF
	}
	return n, err
}

func (u *untilBroken) broken() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// firstByte looks at the first byte that is no white space, without taking it, and tells how many lines stand before it.
func firstByte(in *bufio.Reader) (first byte, lines int, err error) {
	for {
		b, err := in.ReadByte()
		switch {
		case err != nil:
			return 0, lines, err
		case b == '\n':
			lines++
		case b != ' ' && b != '\t' && b != '\r':
			return b, lines, in.UnreadByte()
		}
	}
}
