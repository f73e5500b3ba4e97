package cli

import (
	"fmt"
	"io"
	"time"
)

// progress shows how far a long piece of work came, on a terminal only.
type progress struct {
	w     io.Writer // nil: nobody looks
	last  time.Time
	width int
}

func (c *command) progress() *progress {
	if !terminal(c.Err) {
		return &progress{}
	}
	return &progress{w: c.Err}
}

// show replaces the line, a few times a second at most.
func (p *progress) show(format string, args ...any) {
	if p.w == nil || time.Since(p.last) < 100*time.Millisecond {
		return
	}
	p.last = time.Now()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(p.w, "\r%-*s", p.width, text)
	p.width = len(text)
}

// done clears the line.
func (p *progress) done() {
	if p.w != nil && p.width > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.width, "")
	}
}
