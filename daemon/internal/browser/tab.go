package browser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Tab is one tab with cookies of its own. Its methods fail the test when what they wait for does not come.
type Tab struct {
	t   *testing.T
	ctx context.Context // chromedp knows a tab by nothing else

	mu         sync.Mutex
	complaints []string
	pages      map[string]bool // addresses of documents: that one answers with a refusal is no complaint
	status     int64           // of the last document
	scriptless bool
	cancel     context.CancelFunc
	closed     bool
}

// Open opens a tab. At the test's end it is closed, and what its pages complained of fails the test.
func Open(t *testing.T) *Tab {
	t.Helper()
	parent, err := open()
	require.NoError(t, err)
	b := &Tab{t: t, pages: make(map[string]bool)}
	b.ctx, b.cancel = chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.heard))
	t.Cleanup(func() {
		b.Close()
		for _, c := range b.Complaints() {
			t.Errorf("a page complained: %s", c)
		}
	})
	require.NoError(t, chromedp.Do(b.ctx, call(log.Enable, cdp.Empty{}), call(audits.Enable, cdp.Empty{})), "open a tab")
	return b
}

// Close closes the tab: before the end of what it shows, so that it does not complain of that. The test's end does so too.
func (b *Tab) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
}

// OpenWithoutScripts opens a tab whose pages can run no script.
func OpenWithoutScripts(t *testing.T) *Tab {
	t.Helper()
	b := Open(t)
	b.scriptless = true
	b.run(scripts(false))
	return b
}

// scripts lets pages run scripts, or none.
func scripts(on bool) step {
	return call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// heard keeps what a page complains of.
func (b *Tab) heard(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	complain := func(format string, args ...any) { b.complaints = append(b.complaints, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument {
			b.pages[e.Request.URL] = true
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			b.status = e.Response.Status
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && (e.Entry.Source != log.EntrySourceNetwork || !b.pages[e.Entry.URL]) {
			complain("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details; d != nil && d.ContentSecurityPolicyIssueDetails != nil {
			complain("its policy forbids %s by %s", d.ContentSecurityPolicyIssueDetails.BlockedURL, d.ContentSecurityPolicyIssueDetails.ViolatedDirective)
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text = x.Description
		}
		complain("it threw: %s", text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			complain("it wrote an error into its console")
		}
	}
}

// Complaints returns what pages complained of so far.
func (b *Tab) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

// Forgive returns the complaints and forgets them, for pages that are broken on purpose.
func (b *Tab) Forgive() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.complaints
	b.complaints = nil
	return all
}

// step is an action without an answer.
type step = chromedp.Action[chromedp.Void]

// call is a command of the browser's protocol as a step.
func call[P, R any](c cdp.Command[P, R], params P) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (b *Tab) run(steps ...step) {
	b.t.Helper()
	ask(b, chromedp.Steps(steps...))
}

// ask makes one action and returns its answer.
func ask[T any](b *Tab, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.give(err)
	}
	return v
}

// load runs steps that lead to another page, and waits for it.
func (b *Tab) load(steps ...step) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, steps...); err != nil {
		b.give(err)
	}
}

// give ends the test, with what the page shows.
func (b *Tab) give(err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location()) // more would be good to know, and is not the failure
	shown, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	require.NoError(b.t, err, "at %s, which shows:\n%s", at, shown)
}

// Go opens an address and returns the status that it was answered with.
func (b *Tab) Go(address string) int {
	b.t.Helper()
	b.load(chromedp.Navigate(address))
	return b.Status()
}

// Status is what the page was answered with.
func (b *Tab) Status() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int(b.status)
}

// Reload opens the page again.
func (b *Tab) Reload() { b.t.Helper(); b.load(chromedp.Reload()) }

// Follow clicks the link or button with these words, and waits for the page that it leads to.
func (b *Tab) Follow(words string) {
	b.t.Helper()
	b.load(chromedp.Click(chromedp.Search(named(words))))
}

// Press clicks the link or button with these words, where no other page follows.
func (b *Tab) Press(words string) { b.t.Helper(); b.run(chromedp.Click(chromedp.Search(named(words)))) }

// named finds a link, a button or a summary by its words.
func named(words string) string {
	w := quoted(words)
	return `(//main|//header|//footer|//body)//*[self::a or self::button or self::summary][normalize-space(.)=` + w + ` or @aria-label=` + w + `]`
}

// quoted is a text in XPath, which knows no escapes.
func quoted(s string) string {
	if !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	return `concat("` + strings.ReplaceAll(s, `"`, `", '"', "`) + `")`
}

// Click clicks what a CSS selector finds.
func (b *Tab) Click(selector string) { b.t.Helper(); b.run(chromedp.Click(chromedp.CSS(selector))) }

// ClickAway clicks what a CSS selector finds, and waits for the page that it leads to.
func (b *Tab) ClickAway(selector string) {
	b.t.Helper()
	b.load(chromedp.Click(chromedp.CSS(selector)))
}

// Fill types a value into the input that a CSS selector finds, in place of what was in it.
func (b *Tab) Fill(selector, value string) {
	b.t.Helper()
	b.run(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), value))
}

// Choose sets a select that a CSS selector finds to a value.
func (b *Tab) Choose(selector, value string) {
	b.t.Helper()
	b.run(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.SetValue(chromedp.CSS(selector), value))
}

// Text returns what the page shows.
func (b *Tab) Text() string { b.t.Helper(); return ask(b, chromedp.Text(chromedp.CSS("body"))) }

// glance is how often a tab looks whether something is there.
const glance = 50 * time.Millisecond

// Sees waits until the page shows a text, whichever page it is by then: one that is being left cannot be asked.
func (b *Tab) Sees(text string) {
	b.t.Helper()
	script := `document.body ? document.body.innerText.replace(/\s+/g, " ") : ""`
	over := time.NewTimer(patience)
	defer over.Stop()
	look := time.NewTicker(glance)
	defer look.Stop()
	for {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		cancel()
		if err == nil && strings.Contains(shown, text) {
			return
		}
		select {
		case <-look.C:
		case <-over.C:
			b.give(fmt.Errorf("%q is not shown (%w)", text, errors.Join(err, context.DeadlineExceeded)))
		}
	}
}

// Has reports how many elements a CSS selector finds.
func (b *Tab) Has(selector string) int {
	b.t.Helper()
	return Evaluate[int](b, `document.querySelectorAll(`+javascript(selector)+`).length`)
}

// Address is where the tab is.
func (b *Tab) Address() string { b.t.Helper(); return ask(b, chromedp.Location()) }

// Evaluate runs a script in the page of a tab and returns its value.
func Evaluate[T any](b *Tab, script string) T {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}
