package intake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	// maxShare bounds the documents of one commit; it is the store's bound.
	maxShare = 500
	// maxShareBytes bounds the text of one share, and with it the memory of a batch.
	maxShareBytes = 4 << 20
)

// pause is how long a batch may stop before what came of it is accepted.
const pause = 20 * time.Millisecond

// SubmitBatch accepts an NDJSON stream. each gets one result a line, in order (empty lines are skipped): a
// line that is refused leaves the others. Lines are committed in shares of at most 500, so memory does not grow
// with the body, and what was reported is durable. Where r has a method Soon(time.Duration) bool, which tells whether there
// is something to read within that time, what came is not kept waiting for more. It ends with the reader's error, with each's, or when the
// store accepts nothing any more; what was reported before stays accepted.
func (s *Service) SubmitBatch(ctx context.Context, r io.Reader, each func(Result) error) error {
	lines := newLines(r, s.o.MaxDocument)
	for more := true; more; {
		b := share{s: s, at: s.places(), now: time.Now().UTC()}
		var err error
		for more && len(b.results) < maxShare && b.bytes < maxShareBytes {
			if len(b.results) > 0 && !lines.soon(pause) {
				break
			}
			more, err = lines.next()
			if err != nil {
				break
			}
			if more {
				if err = b.add(ctx, lines); err != nil {
					break
				}
			}
		}
		// What was read before the trouble is accepted and told: its sender cannot know how far it was read.
		if flushErr := b.flush(ctx, each); flushErr != nil {
			return flushErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// share is the lines of one commit.
type share struct {
	s       *Service
	at      *places
	now     time.Time
	bytes   int
	results []Result
	in      []atssync.NewSubmission
	of      []int // in[i] belongs to results[of[i]]
}

// add judges the line that lines stands on. An error is not about the line: nothing can be accepted now.
func (b *share) add(ctx context.Context, l *lines) error {
	res := Result{Line: l.number, Result: atssync.AcceptRefused}
	b.bytes += len(l.text)
	if l.long {
		res.Err = invalid([]atssync.FieldError{{Message: fmt.Sprintf("the line is longer than a document may be, %d bytes", b.s.o.MaxDocument)}})
		b.results = append(b.results, res)
		return nil
	}
	doc, problems, followed := decode(l.text, b.s.o.MaxDocument)
	res.Connection, res.ExternalID, res.Job = doc.Connection, doc.ExternalID, doc.Job
	if !followed {
		res.Err = invalid(problems)
		b.results = append(b.results, res)
		return nil
	}
	in, again, err := b.s.prepare(ctx, b.at, doc, problems, b.now)
	var refused *atssync.Error
	switch {
	case again != nil:
		res.take(*again)
	case err == nil:
		b.of = append(b.of, len(b.results))
		b.in = append(b.in, in)
	case errors.As(err, &refused) && aboutInput(refused.Code):
		res.Err = refused
	default:
		return fmt.Errorf("judge line %d: %w", l.number, err)
	}
	b.results = append(b.results, res)
	return nil
}

// aboutInput reports whether a refusal is the document's fault, so that the next line may fare better.
func aboutInput(c atssync.Code) bool {
	switch c {
	case atssync.CodeInvalid, atssync.CodeNotFound, atssync.CodeExists, atssync.CodeConflict, atssync.CodeChanged, atssync.CodeGone,
		atssync.CodeAccountMismatch, atssync.CodeForbidden:
		return true
	}
	return false
}

// flush commits the share and tells its results in order.
func (b *share) flush(ctx context.Context, each func(Result) error) error {
	began := time.Now()
	err := b.accept(ctx)
	b.s.o.Metrics.share(began, b.results, err)
	if err != nil {
		return err
	}
	for i := range b.results {
		if err := each(b.results[i]); err != nil {
			return err
		}
	}
	return nil
}

// accept has the store judge what may be accepted, in one commit.
func (b *share) accept(ctx context.Context) error {
	if len(b.in) == 0 {
		return nil
	}
	accepted, err := b.s.o.Store.Accept(ctx, b.in, b.now)
	if err != nil {
		return err
	}
	if len(accepted) != len(b.in) {
		return errors.New("the store answered for another number of submissions than it was given")
	}
	for i, a := range accepted {
		b.results[b.of[i]].take(a)
	}
	b.s.wake(accepted)
	return nil
}

// ResultOf turns the answer for one document into a Result without a line.
func ResultOf(a atssync.Accepted) Result {
	var r Result
	r.take(a)
	return r
}

func (r *Result) take(a atssync.Accepted) {
	r.Result = a.Result
	if sub := a.Submission; sub.ID != "" {
		r.ID, r.Connection, r.ExternalID, r.Job = sub.ID, sub.Connection, sub.ExternalID, sub.PlatformJob
		r.State, r.HeldReason, r.Revision = sub.State, sub.HeldReason, sub.Revision
	}
	if a.Err == nil {
		return
	}
	r.Result = atssync.AcceptRefused
	if !errors.As(a.Err, &r.Err) {
		r.Err = atssync.Errorf(atssync.CodeInternal, "%s", a.Err)
	}
}

// lines reads a stream line by line, each at most limit bytes; what is longer is skipped to its end.
type lines struct {
	r      *bufio.Reader
	source interface {
		Soon(within time.Duration) bool
	} // nil: nobody knows
	limit  int
	number int
	text   []byte // valid until next
	long   bool
	buf    []byte
}

func newLines(r io.Reader, limit int) *lines {
	l := &lines{r: bufio.NewReaderSize(r, 64<<10), limit: limit}
	l.source, _ = r.(interface {
		Soon(within time.Duration) bool
	})
	return l
}

// soon reports whether the next line is here, or something more within a while.
func (l *lines) soon(within time.Duration) bool {
	here, _ := l.r.Peek(l.r.Buffered())
	return l.source == nil || bytes.IndexByte(here, '\n') >= 0 || l.source.Soon(within)
}

var byteOrderMark = []byte("\uFEFF")

// next goes to the next line that is not empty; false is the end of the stream.
func (l *lines) next() (bool, error) {
	for {
		more, err := l.read()
		if err != nil || !more {
			return false, err
		}
		l.number++
		if l.number == 1 {
			l.text = bytes.TrimPrefix(l.text, byteOrderMark)
		}
		if l.text = bytes.TrimSpace(l.text); l.long || len(l.text) > 0 {
			return true, nil
		}
	}
}

func (l *lines) read() (bool, error) {
	l.long, l.buf = false, l.buf[:0]
	for begun := false; ; begun = true {
		part, err := l.r.ReadSlice('\n')
		if !begun && err == nil {
			l.text = part
			l.long = len(part) > l.limit+2
			return true, nil
		}
		if !l.long {
			l.buf = append(l.buf, part...)
			l.long = len(l.buf) > l.limit+2 // a line end may be two bytes
		}
		l.text = l.buf
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, io.EOF):
			return begun || len(part) > 0, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return false, err
		}
	}
}
