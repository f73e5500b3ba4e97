package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Themes and widths in which every page is looked at.
var (
	themes = []string{"light", "dark"}
	widths = []int64{375, 1440}
)

// finding is a rule of axe that a page breaks.
type finding struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// judge has axe read the page. It loads nothing, so that the page's policy is kept.
const judge = `axe.run(document, {preload: false, resultTypes: ["violations"]}).then(r => JSON.stringify(
	r.violations.map(({id, impact, help, nodes}) => ({id, impact, help, nodes: nodes.slice(0, 5).map(({html, failureSummary}) => ({html, failureSummary}))}))))`

// Look has the page judged and keeps pictures of it, in both themes, on a phone and on a desk. It fails the test on serious and
// critical findings, and when the page has to be moved sideways.
func (b *Tab) Look(name string) {
	b.t.Helper()
	dir := os.Getenv(Pictures)
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	require.NoError(b.t, os.MkdirAll(dir, 0o755))
	script, err := axe()
	require.NoError(b.t, err)
	if b.scriptless { // the page's own have had their time; the judge is one
		b.run(scripts(true))
		defer func() { b.run(scripts(false)) }()
	}
	Evaluate[chromedp.Void](b, script+";({})")
	for _, width := range widths {
		for _, theme := range themes {
			b.run(chromedp.EmulateViewport(width, 900), media(
				&emulation.MediaFeature{Name: "prefers-color-scheme", Value: theme}, &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"},
			))
			wide := Evaluate[bool](b, `document.documentElement.scrollWidth > document.documentElement.clientWidth`)
			found := Evaluate[string](b, judge)
			picture := ask(b, chromedp.FullScreenshot(100))
			at := fmt.Sprintf("%s at %d px, %s", name, width, theme)
			require.False(b.t, wide, "%s: it has to be moved sideways, for\n%s", at, wider(b, wide))
			require.NoError(b.t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, theme)), picture, 0o644))
			var all []finding
			require.NoError(b.t, json.Unmarshal([]byte(found), &all))
			for _, f := range all {
				if f.Impact == "serious" || f.Impact == "critical" {
					b.t.Errorf("%s: %s", at, f)
				}
			}
		}
	}
	b.run(media(), chromedp.EmulateViewport(1440, 900))
}

// wider lists what sticks out of the page, when anything does.
func wider(b *Tab, wide bool) string {
	b.t.Helper()
	if !wide {
		return ""
	}
	return Evaluate[string](b, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
		.slice(-5).map(e => e.outerHTML.slice(0, 200)).join("\n")`)
}

func media(features ...*emulation.MediaFeature) step {
	return call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

func (f finding) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s, %s: %s", f.Impact, f.ID, f.Help)
	for _, n := range f.Nodes {
		fmt.Fprintf(&s, "\n  %s\n  %s", n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n  "))
	}
	return s.String()
}

// javascript is a text as a script writes it.
func javascript(s string) string {
	b, _ := json.Marshal(s) // a string always can
	return string(b)
}
