package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"
)

// readyTimeout is how long the checks of one /readyz may take together.
const readyTimeout = 5 * time.Second

// Check is one thing that must be so before the daemon counts as ready. Ready returns why it is not, as a sentence without
// secrets.
type Check struct {
	Name  string
	Ready func(ctx context.Context) error
}

// Ops says what the ops endpoints show.
type Ops struct {
	Metrics http.Handler // at /metrics; nil: none
	// Live are the checks of /livez, Ready those of /readyz. A service manager restarts what does not live, and a load
	// balancer passes over what is not ready: an ATS that is down is neither.
	Live, Ready []Check
	Pprof       bool // profiles under /debug/pprof/
}

// NewOps returns the handler of the ops listener.
func NewOps(o Ops) http.Handler {
	m := NewMux()
	m.Handle("GET /livez", checks(o.Live))
	m.Handle("GET /readyz", checks(o.Ready))
	if o.Metrics != nil {
		m.Handle("GET /metrics", o.Metrics)
	}
	if o.Pprof {
		m.HandleFunc("GET /debug/pprof/", pprof.Index)
		m.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return m
}

// checks answers 200 when all of list hold and 503 otherwise, in plain text; ?verbose shows each.
func checks(list []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		failures := make([]error, len(list))
		var wg sync.WaitGroup
		for i, c := range list {
			wg.Go(func() { failures[i] = c.Ready(ctx) })
		}
		wg.Wait()
		var all, failed strings.Builder
		for i, c := range list {
			if failures[i] == nil {
				fmt.Fprintf(&all, "[+] %s ok\n", c.Name)
				continue
			}
			fmt.Fprintf(&all, "[-] %s: %s\n", c.Name, oneLine(failures[i].Error()))
			fmt.Fprintf(&failed, "%s: %s\n", c.Name, oneLine(failures[i].Error()))
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		text, status := "ok\n", http.StatusOK
		if failed.Len() > 0 {
			text, status = failed.String(), http.StatusServiceUnavailable
		}
		if r.URL.Query().Has("verbose") {
			text = all.String() + map[bool]string{true: "ok\n", false: "not ok\n"}[status == http.StatusOK]
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	})
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
