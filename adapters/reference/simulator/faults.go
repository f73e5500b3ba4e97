package simulator

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// Fault breaks requests to the ATS.
//
// Kind: fail_before and fail_after answer 503 before and after a write is applied; cut_before and cut_after
// end the connection without an answer; rate answers 429 with Retry-After; html answers 200 with a page that
// is no JSON, after the write; delay only delays.
type Fault struct {
	Kind string `json:"kind"`
	// On says which requests: read, write, or all when empty.
	On string `json:"on"`
	// Match breaks only requests whose path and query hold this text.
	Match string `json:"match"`
	// Count is how many requests it breaks; 0 is one, -1 is all.
	Count int `json:"count"`
	// Every breaks only each nth request that it could break.
	Every int `json:"every"`
	// DelayMS delays the requests that it breaks.
	DelayMS int `json:"delay_ms"`

	seen int
}

type faults struct {
	mu   sync.Mutex
	list []*Fault
}

func (f *faults) add(one Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one.Count == 0 {
		one.Count = 1
	}
	f.list = append(f.list, &one)
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// take returns the fault of a request, nil when it has none.
func (f *faults) take(r *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	on := "read"
	if r.Method != http.MethodGet {
		on = "write"
	}
	for i, one := range f.list {
		if one.On != "" && one.On != on || !strings.Contains(r.URL.RequestURI(), one.Match) {
			continue
		}
		one.seen++
		if one.Every > 1 && one.seen%one.Every != 0 {
			continue
		}
		if one.Count > 0 {
			if one.Count--; one.Count == 0 {
				f.list = append(f.list[:i:i], f.list[i+1:]...)
			}
		}
		return one
	}
	return nil
}

func (f *Fault) delay() time.Duration {
	if f == nil {
		return 0
	}
	return time.Duration(f.DelayMS) * time.Millisecond
}

// before breaks a request that was not processed and reports whether it did.
func (f *Fault) before(w http.ResponseWriter) bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case "fail_before":
		answer(w, http.StatusServiceUnavailable, problem("down", "", "the service is not available"))
	case "cut_before":
		cut(w)
	case "rate":
		w.Header().Set("Retry-After", "2")
		answer(w, http.StatusTooManyRequests, problem("rate", "", "too many requests"))
	default:
		return false
	}
	return true
}

// after breaks the answer of a request that was processed and reports whether it did.
func (f *Fault) after(w http.ResponseWriter) bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case "fail_after":
		answer(w, http.StatusServiceUnavailable, problem("down", "", "the service is not available"))
	case "cut_after":
		cut(w)
	case "no_list":
		answer(w, http.StatusOK, map[string]any{})
	case "html":
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>Please stand by.</body></html>"))
	default:
		return false
	}
	return true
}

// cut ends the connection.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the server ends the connection then
	}
	_ = conn.Close()
}
