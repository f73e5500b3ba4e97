package manual

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// page is a man page in the making.
type page struct{ strings.Builder }

// heading begins a page. The date is that of the commit, so that the same source makes the same page.
func (p *page) heading(title string, section int, o Options) {
	fmt.Fprintf(p, ".TH \"%s\" %d \"%s\" \"atssync %s\" \"atssync\"\n.nh\n.ad l\n", escape(strings.ToUpper(title)), section, o.Date.UTC().Format("2006-01-02"), escape(o.Version))
}

func (p *page) section(title string) { fmt.Fprintf(p, ".SH %s\n", escape(title)) }

func (p *page) subsection(title string) { fmt.Fprintf(p, ".SS %s\n", escape(title)) }

// tagged writes a term and what it means.
func (p *page) tagged(term, text string) {
	fmt.Fprintf(p, ".TP\n\\fB%s\\fR\n%s\n", escape(term), line(text))
}

// prose writes text as the help shows it: paragraphs are filled anew, and lines that are indented stay as they are.
func (p *page) prose(text string) {
	asIs := false
	keep := func(on bool) {
		if on != asIs {
			asIs = on
			p.WriteString(map[bool]string{true: ".PP\n.nf\n", false: ".fi\n"}[on])
		}
	}
	empty := true // a paragraph begins
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.TrimSpace(l) == "":
			if asIs {
				p.WriteString("\n")
			}
			empty = true
			continue
		case strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t"):
			keep(true)
		default:
			keep(false)
			if empty {
				p.WriteString(".PP\n")
			}
		}
		empty = false
		p.WriteString(line(l) + "\n")
	}
	keep(false)
}

// line is text that is no request, whatever it begins with.
func line(s string) string {
	s = escape(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

var typed = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

// escape keeps what troff would take for its own: a backslash, the dashes and quotes of what is typed, and letters beyond ASCII.
func escape(s string) string {
	var b strings.Builder
	for _, r := range typed.Replace(s) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\[u%04X]`, r)
	}
	return b.String()
}
