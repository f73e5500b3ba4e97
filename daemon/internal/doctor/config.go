package doctor

import (
	"context"
	"fmt"

	"github.com/atssync/atssync/config"
)

func checkConfig(_ context.Context, p *patient) []Finding {
	var out []Finding
	for _, x := range p.problems {
		at, text := placed(x)
		switch {
		case x.Elsewhere && p.config == nil:
			out = append(out, notRun(at, text, asRoot))
		case x.Elsewhere:
			out = append(out, notRun(at, text+", for this command", "the daemon may have it: run atssync config check with the daemon's user and environment"))
		default:
			out = append(out, trouble(at, text, "mend the file; atssync config check reads it again"))
		}
	}
	if p.config == nil {
		return out
	}
	for _, x := range p.config.Warnings {
		at, text := placed(x)
		out = append(out, warning(at, text, "mend the file, or make what it names"))
	}
	if len(out) == 0 {
		out = append(out, well(p.o.ConfigPath, "it is good"))
	}
	return out
}

// placed takes a problem apart into file and line, and what is wrong.
func placed(x config.Problem) (at, text string) {
	at = x.File
	if x.Line > 0 {
		at += fmt.Sprintf(":%d", x.Line)
	}
	text = x.Message
	if x.Key != "" {
		text = x.Key + ": " + text
	}
	if x.Nearest != "" {
		text += fmt.Sprintf("; did you mean %q?", x.Nearest)
	}
	return at, text
}
