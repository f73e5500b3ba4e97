// Package browser lets tests use pages as people do: in a real Chromium without a window. One browser serves all tests of a
// process, each in a tab with cookies of its own. Whatever a page complains of in its console, refuses by its policy or throws
// fails the test, and Look has axe judge whether everybody can use the page, and keeps pictures of it. No program has this
// package; it is for tests alone.
package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/chromedp"
)

// Pictures names the folder in the environment that pictures of pages are kept in; without it they are the test's artifacts.
const Pictures = "ATSSYNC_PICTURES"

// patience bounds every single wait. Nobody waits that has got what it waits for, and busy machines are slow.
const patience = 90 * time.Second

// shared is the one browser of the process.
var shared struct {
	mu   sync.Mutex
	ctx  context.Context
	end  func()
	err  error
	dir  string
	done bool
}

// open starts the browser for the first tab.
func open() (context.Context, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.ctx == nil && shared.err == nil && !shared.done {
		shared.ctx, shared.end, shared.err = start()
	}
	if shared.done {
		return nil, errors.New("the browser was closed before a test asked for it")
	}
	return shared.ctx, shared.err
}

// Close ends the browser of the process, if there is one. TestMain of every package with browser tests calls it.
func Close() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.done = true
	if shared.end != nil {
		shared.end()
		shared.end = nil
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
}

func start() (context.Context, func(), error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, errors.New("tests of pages need Debian's package chromium: scripts/test installs it")
	}
	if shared.dir, err = os.MkdirTemp("", "atssync-browser"); err != nil {
		return nil, nil, err
	}
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(shared.dir),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("headless", "new"), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("font-render-hinting", "none"),
	}, flags("disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-extensions",
		"disable-default-apps", "disable-dev-shm-usage", "metrics-recording-only", "mute-audio")...)
	allocated, release := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		release()
		return nil, nil, fmt.Errorf("start Chromium: %w", err)
	}
	return ctx, func() { cancel(); release() }, nil
}

func flags(names ...string) []chromedp.ExecAllocatorOption {
	out := make([]chromedp.ExecAllocatorOption, len(names))
	for i, n := range names {
		out[i] = chromedp.Flag(n, true)
	}
	return out
}

// axe is the judge's script. The scripts of the repository install it where it is missing.
var axe = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command("bash", "-c", ". scripts/lib/tools.sh && have_node && npm_tool axe")
	cmd.Dir = filepath.Join(filepath.Dir(here), "..", "..", "..")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("install axe: %w: %s", err, &stderr)
	}
	script, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "node_modules", "axe-core", "axe.min.js"))
	return string(script), err
})
