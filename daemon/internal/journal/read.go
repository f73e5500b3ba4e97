package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Contents is what a journal was found to hold.
type Contents struct {
	ID string
	// First and Last number the lines that are there without a gap up to the end.
	First, Last uint64
	// Damage says what is not as it was written, "" for nothing: lines after it may be missing.
	Damage string
}

// Covers is nil when the journal is known to hold every attempt that was begun after a backup.
func (c Contents) Covers(journal string, at uint64) error {
	switch {
	case journal == "":
		return errors.New("the backup was made without a journal of attempts")
	case c.ID == "":
		return errors.New("there is no journal of attempts")
	case c.Damage != "":
		return fmt.Errorf("the journal of attempts is damaged: %s", c.Damage)
	case c.ID != journal:
		return errors.New("the journal of attempts is not the one that was written when the backup was made")
	case c.Last < at:
		return errors.New("the journal of attempts ends before the backup was made: it is an old copy")
	case c.First > at+1:
		return errors.New("the journal of attempts does not reach back to the backup; keep more of it with journal_size in [store]")
	}
	return nil
}

// Read reads a journal with what was rotated away of it and calls fn with each line that is as it was written. A last
// line that was not written to its end is passed over: what it would say had not begun. The error is of reading, not of
// what was read.
func Read(path string, fn func(Line) error) (Contents, error) {
	files, err := segments(path)
	if err != nil {
		return Contents{}, err
	}
	r := reader{fn: fn}
	for i, file := range files {
		if err := r.file(file, i == len(files)-1); err != nil {
			return r.c, err
		}
	}
	return r.c, nil
}

// segments lists the files of a journal, the oldest first.
func segments(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for the journal of attempts: %w", err)
	}
	var out []string
	current := false
	for _, e := range entries {
		switch name := e.Name(); {
		case name == filepath.Base(path):
			current = true
		case isSegment(name, filepath.Base(path)):
			out = append(out, filepath.Join(filepath.Dir(path), name))
		}
	}
	slices.Sort(out)
	if current {
		out = append(out, path)
	}
	return out, nil
}

const segmentDigits = 20

func segmentName(path string, first uint64) string {
	return fmt.Sprintf("%s.%0*d", path, segmentDigits, first)
}

func isSegment(name, base string) bool {
	digits, ok := strings.CutPrefix(name, base+".")
	return ok && len(digits) == segmentDigits && strings.Trim(digits, "0123456789") == ""
}

// reader is a journal as far as it was read.
type reader struct {
	c     Contents
	chain uint32
	good  int64 // bytes of the last file up to which every line is as it was written
	fn    func(Line) error
}

func (r *reader) file(path string, last bool) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the journal of attempts: %w", err)
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReaderSize(f, maxLine)
	r.good = 0
	for first := true; ; first = false {
		text, err := in.ReadSlice('\n')
		whole := err == nil
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("read the journal of attempts %s: %w", path, err)
		}
		if errors.Is(err, io.EOF) && len(text) == 0 {
			if first {
				r.damage(path, "it is empty")
			}
			return nil
		}
		text = bytes.Clone(text) // Peek may move what it lies in.
		l, bad := r.line(bytes.TrimSuffix(text, []byte{'\n'}), first)
		if whole && bad == nil {
			r.good += int64(len(text))
			if err := r.fn(l); err != nil {
				return err
			}
			continue
		}
		if bad == nil {
			bad = errors.New("it has no end")
		}
		torn := errors.Is(err, io.EOF) || bytes.IndexByte(text, 0) >= 0
		if _, after := in.Peek(1); last && !first && torn && errors.Is(after, io.EOF) {
			return nil // nothing lies behind it, and it is not whole: nobody was told that it is written
		}
		r.damage(path, fmt.Sprintf("the line at byte %d: %v", r.good, bad))
		return nil
	}
}

func (r *reader) damage(path, what string) {
	r.c.Damage = fmt.Sprintf("%s: %s", path, what)
}

// line judges the next line of a file.
func (r *reader) line(text []byte, first bool) (Line, error) {
	l, body, sum, err := parseLine(text)
	if err != nil {
		return l, err
	}
	if first {
		return l, r.open(l, body, sum)
	}
	switch {
	case sum != sumOf(r.chain, body):
		return l, errors.New("the checksum does not match")
	case l.N != r.c.Last+1:
		return l, fmt.Errorf("it is number %d, and the one before it is %d", l.N, r.c.Last)
	case l.Op == opOpen:
		return l, errors.New("it can only be the first of a file")
	}
	r.chain, r.c.Last = sum, l.N
	return l, nil
}

// open judges the first line of a file: it goes on from the one before it, or says that it does not.
func (r *reader) open(l Line, body []byte, sum uint32) error {
	if l.Op != opOpen || l.Journal == "" || sum != sumOf(l.Chain, body) {
		return errors.New("the file does not begin as a journal does")
	}
	goesOn := r.c.ID == l.Journal && !l.Broken && r.c.Damage == "" && l.N == r.c.Last+1 && l.Chain == r.chain
	switch {
	case goesOn:
	case r.c.ID == "" || l.Broken || r.c.ID != l.Journal:
		r.c = Contents{ID: l.Journal, First: l.N} // what lies before is no part of it, or was cut off for good
	default:
		r.c.First = l.N
		if r.c.Damage == "" {
			r.c.Damage = fmt.Sprintf("lines are missing before number %d", l.N)
		}
	}
	r.chain, r.c.Last = sum, l.N
	return nil
}
