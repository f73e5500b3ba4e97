package manage

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Format is how a file is written.
type Format string

// Formats. FormatAuto looks at the first character: [ is a JSON array, { is NDJSON, anything else is CSV.
const (
	FormatAuto   Format = ""
	FormatJSON   Format = "json"
	FormatNDJSON Format = "ndjson"
	FormatCSV    Format = "csv"
)

// LineError is what is wrong with one record of a file.
type LineError struct {
	Line    int    `json:"line"` // where the record begins; 1 is the first line of the file
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// ImportReport counts what became of the records of a file.
type ImportReport struct {
	Read    int         `json:"read"`
	Stored  int         `json:"stored"`
	Same    int         `json:"unchanged,omitempty"`
	Refused int         `json:"refused"`
	Errors  []LineError `json:"errors,omitempty"` // the first 1,000
}

const (
	maxRecord    = 64 << 10 // bytes of one record
	fileBuffer   = 64 << 10 // bytes that are read ahead
	maxArray     = 64 << 20 // bytes of a JSON array, which is read as a whole
	maxRecordErr = 1000
	maxProblems  = 50 // of one record
)

// refuse counts a record as refused and keeps why.
func (r *ImportReport) refuse(line int, err error) {
	r.Refused++
	if len(r.Errors) >= maxRecordErr {
		return
	}
	var e *atssync.Error
	if errors.As(err, &e) && e.Code == atssync.CodeInvalid && len(e.Fields) > 0 {
		for _, f := range e.Fields[:min(len(e.Fields), maxRecordErr-len(r.Errors))] {
			r.Errors = append(r.Errors, LineError{Line: line, Path: f.Path, Message: f.Message})
		}
		return
	}
	r.Errors = append(r.Errors, LineError{Line: line, Message: err.Error()})
}

// sort puts what was found out of order back into the order of the file.
func (r *ImportReport) sort() {
	slices.SortStableFunc(r.Errors, func(a, b LineError) int { return a.Line - b.Line })
}

// record is one record of a file: texts by key. Numbers and true or false are kept as they were written.
type record struct {
	line   int
	values map[string]string
	err    error // why it could not be read
}

// bool returns a yes or no, and what it is when the key is absent.
func (r record) bool(key string, absent bool) (bool, *atssync.FieldError) {
	v := r.values[key]
	switch strings.ToLower(v) {
	case "":
		return absent, nil
	case "true", "yes", "1", "open":
		return true, nil
	case "false", "no", "0", "closed":
		return false, nil
	}
	return false, &atssync.FieldError{Path: key, Message: "must be true or false"}
}

// readRecords calls fn for every record of a file that has keys of the given list only. A record that cannot be
// read comes with its error and does not end the file. It ends with fn's error or the reader's.
func readRecords(in io.Reader, f Format, keys []string, fn func(record) error) error {
	bound := &recordBound{in: in, left: maxRecord + fileBuffer}
	r := bufio.NewReaderSize(bound, fileBuffer)
	if mark, err := r.Peek(3); err == nil && string(mark) == "\uFEFF" {
		_, _ = r.Discard(3)
	}
	if f == FormatAuto {
		f = formatOf(r)
	}
	switch f {
	case FormatJSON:
		bound.left = maxArray + fileBuffer
		return readArray(r, keys, fn)
	case FormatNDJSON:
		bound.left = math.MaxInt // it bounds its lines itself
		return readNDJSON(r, keys, fn)
	case FormatCSV:
		return readCSV(r, bound, keys, fn)
	}
	return atssync.Errorf(atssync.CodeInvalid, "there is no file format %q", f).WithRemedy("say json, ndjson or csv")
}

// errRecordTooLong is what a recordBound ends with.
var errRecordTooLong = errors.New("the record is too long")

// recordBound ends a file in which one record has no end: a quote that is never closed has the CSV library keep all that
// follows. Whoever reads records gives it room anew before each; left counts what is read ahead too.
type recordBound struct {
	in   io.Reader
	left int
}

func (b *recordBound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRecordTooLong
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func formatOf(r *bufio.Reader) Format {
	for n := 1; n <= r.Size(); n++ {
		b, err := r.Peek(n)
		if err != nil {
			break
		}
		switch b[n-1] {
		case ' ', '\t', '\r', '\n':
			continue
		case '[':
			return FormatJSON
		case '{':
			return FormatNDJSON
		}
		break
	}
	return FormatCSV
}

func readNDJSON(r *bufio.Reader, keys []string, fn func(record) error) error {
	var long []byte
	for line := 1; ; line++ {
		text, err := r.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) <= maxRecord {
				long = append(long, text...)
			}
			text, err = r.ReadSlice('\n')
		}
		if long != nil {
			text = append(long, text...)
			long = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read line %d: %w", line, err)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			rec := record{line: line}
			if len(text) > maxRecord {
				rec.err = fmt.Errorf("the record is longer than %d bytes", maxRecord)
			} else {
				rec.values, rec.err = flat(text, keys)
			}
			if err := fn(rec); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

func readArray(r io.Reader, keys []string, fn func(record) error) error {
	data, err := io.ReadAll(io.LimitReader(r, maxArray+1))
	if err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	if len(data) > maxArray {
		return atssync.Errorf(atssync.CodeInvalid, "a JSON array may have %d MiB", maxArray>>20).WithRemedy("write one object a line (NDJSON) for more")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return atssync.Errorf(atssync.CodeInvalid, "the file is not a JSON array of records")
	}
	line, counted := 1, 0
	for dec.More() {
		// The offset is behind the element before; the next one begins behind a comma and space.
		start := int(dec.InputOffset())
		start += len(data[start:]) - len(bytes.TrimLeft(data[start:], ", \t\r\n"))
		line += bytes.Count(data[counted:start], []byte{'\n'})
		counted = start
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fn(record{line: line, err: fmt.Errorf("not JSON from here on: %w", err)})
		}
		rec := record{line: line}
		rec.values, rec.err = flat(raw, keys)
		if err := fn(rec); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fn(record{line: line, err: errors.New("the array has no end")})
	}
	return nil
}

// keyOpen is the one key whose value is a yes or no.
const keyOpen = "open"

// flat reads an object with known keys: texts, which may be written as numbers, and true or false where a yes or no
// is meant.
func flat(data []byte, keys []string) (map[string]string, error) {
	if len(data) > maxRecord {
		return nil, fmt.Errorf("the record is longer than %d bytes", maxRecord)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("a record is a JSON object")
	}
	out := make(map[string]string, len(keys))
	var problems []atssync.FieldError
	refuse := func(key, message string) {
		if len(problems) < maxProblems {
			problems = append(problems, atssync.FieldError{Path: atssync.Brief(key), Message: message})
		}
	}
	for dec.More() {
		k, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		key, _ := k.(string)
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		if _, twice := out[key]; twice {
			refuse(key, "is given twice")
		}
		switch v := value.(type) {
		case nil:
			out[key] = ""
		case bool:
			if out[key] = strconv.FormatBool(v); key != keyOpen {
				refuse(key, "must be a text")
			}
		case string:
			if out[key] = strings.TrimSpace(v); key == keyOpen {
				refuse(key, "must be true or false, without quotes")
			}
		case json.Number:
			if out[key] = v.String(); key == keyOpen {
				refuse(key, "must be true or false")
			}
		default:
			refuse(key, "must be a text")
		}
		if !slices.Contains(keys, key) {
			refuse(key, "there is no such key; there are "+strings.Join(keys, ", "))
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the end of the record")
	}
	if len(problems) > 0 {
		return nil, invalid("the record", problems)
	}
	return out, nil
}

func readCSV(r *bufio.Reader, bound *recordBound, keys []string, fn func(record) error) error {
	c := csv.NewReader(r) // it reads from r itself, whose buffer is larger than its own
	c.FieldsPerRecord, c.TrimLeadingSpace, c.ReuseRecord = -1, true, true
	if head, _ := r.Peek(min(r.Size(), 4096)); true {
		first, _, _ := bytes.Cut(head, []byte{'\n'})
		if bytes.IndexByte(first, ',') < 0 && bytes.IndexByte(first, ';') >= 0 {
			c.Comma = ';' // as spreadsheets write it where the comma is in numbers
		}
	}
	row, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if errors.Is(err, errRecordTooLong) {
		return tooLong(1)
	}
	if err != nil {
		return atssync.Errorf(atssync.CodeInvalid, "the first line cannot be read as CSV: %v", err)
	}
	header := make([]string, len(row))
	for i, name := range row {
		header[i] = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(keys, header[i]) {
			return atssync.Errorf(atssync.CodeInvalid, "line 1: there is no column %q", atssync.Brief(name)).
				WithRemedy("the first line names the columns: %s", strings.Join(keys, ","))
		}
		if slices.Contains(header[:i], header[i]) {
			return atssync.Errorf(atssync.CodeInvalid, "line 1: the column %q is there twice", atssync.Brief(name))
		}
	}
	for last := 1; ; {
		bound.left = maxRecord + fileBuffer
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errRecordTooLong) {
			return tooLong(last + 1)
		}
		rec := record{}
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad):
			rec.line, rec.err = bad.StartLine, fmt.Errorf("not CSV: %w", bad.Err)
		case err != nil:
			return fmt.Errorf("read the file: %w", err)
		case len(row) != len(header):
			rec.line, _ = c.FieldPos(0)
			rec.err = fmt.Errorf("has %d columns; the first line names %d", len(row), len(header))
		default:
			rec.line, _ = c.FieldPos(0)
			rec.values = make(map[string]string, len(header))
			for i, v := range row {
				rec.values[header[i]] = strings.TrimSpace(v)
			}
		}
		last = rec.line
		if err := fn(rec); err != nil {
			return err
		}
	}
}

func tooLong(line int) error {
	return atssync.Errorf(atssync.CodeInvalid, "the record after line %d is longer than %d bytes", line-1, maxRecord).
		WithRemedy("see whether a quote is missing there; what stands before it was taken")
}
