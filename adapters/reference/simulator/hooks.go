package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// hookRetry is how soon a hook is sent again that was not taken. A real ATS is slower.
	hookRetry   = 250 * time.Millisecond
	hookTimeout = 15 * time.Second
	hooksKept   = 10_000
)

// Hook is a call to the other side: what it says, and how it was taken.
type Hook struct {
	Event     string `json:"event"`
	Body      string `json:"body"`
	Signature string `json:"signature"`
	// Tries counts the times it was sent, Status is the last answer, 0 for none.
	Tries  int  `json:"tries"`
	Status int  `json:"status"`
	Taken  bool `json:"taken"`
}

// hooks are an employer's calls, in order. The account's lock guards them.
type hooks struct {
	url  string
	sent int // of calls, those that were taken
	list []*Hook
	kick chan struct{}
}

// changed notes that an application is not what it was. The caller holds the lock.
func (a *account) changed(app *Application) {
	a.log = append(a.log, app)
	if a.hooks.url == "" {
		return
	}
	event := fmt.Sprintf("evt-%s-%d", a.ID, len(a.log))
	body, err := json.Marshal(map[string]any{"event": event, "application": *app})
	if err != nil {
		return // an application is always JSON
	}
	a.hooks.list = append(a.hooks.list, &Hook{Event: event, Body: string(body), Signature: Sign(a.Secret, body)})
	if n := len(a.hooks.list) - hooksKept; n > 0 && a.hooks.sent >= n {
		a.hooks.list, a.hooks.sent = a.hooks.list[n:], a.hooks.sent-n
	}
	select {
	case a.hooks.kick <- struct{}{}:
	default:
	}
}

// setHooks says where an employer's changes are told: {"key", "url"}. Without a key it is the first employer; an
// empty URL tells nobody, and forgets what was not taken.
func (s *Simulator) setHooks(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Key string `json:"key"`
		URL string `json:"url"`
	}
	if err := decode(r, &in); err != nil {
		answer(w, http.StatusBadRequest, problem("bad_request", "", err.Error()))
		return
	}
	if in.Key == "" {
		in.Key = Key(1)
	}
	a := s.byKey[in.Key]
	if a == nil {
		answer(w, http.StatusNotFound, problem("no_key", "key", "there is no such key"))
		return
	}
	s.tellChanges(a, in.URL)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) tellChanges(a *account, url string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hooks.url = url
	if url == "" {
		a.hooks.sent = len(a.hooks.list)
	}
	if a.hooks.kick == nil {
		a.hooks.kick = make(chan struct{}, 1)
		s.wg.Go(func() { s.send(a) })
	}
	select {
	case a.hooks.kick <- struct{}{}:
	default:
	}
}

// listHooks answers every employer's calls.
func (s *Simulator) listHooks(w http.ResponseWriter, _ *http.Request) {
	out := []Hook{}
	for _, a := range s.accounts {
		a.mu.Lock()
		for _, h := range a.hooks.list {
			out = append(out, *h)
		}
		a.mu.Unlock()
	}
	answer(w, http.StatusOK, map[string]any{"hooks": out})
}

// send makes an employer's calls, one after the other, each until it is taken or the address is gone.
func (s *Simulator) send(a *account) {
	client := &http.Client{Timeout: hookTimeout}
	defer client.CloseIdleConnections()
	for {
		a.mu.Lock()
		url := a.hooks.url
		var next *Hook
		if url != "" && a.hooks.sent < len(a.hooks.list) {
			next = a.hooks.list[a.hooks.sent]
		}
		a.mu.Unlock()
		var again <-chan time.Time
		if next != nil {
			status := post(s.ctx, client, url, next)
			if a.took(next, status) {
				continue
			}
			again = time.After(hookRetry)
		}
		select {
		case <-s.ctx.Done():
			return
		case <-a.hooks.kick:
		case <-again:
		}
	}
}

// took notes an answer and reports whether the call is over.
func (a *account) took(h *Hook, status int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	h.Tries, h.Status = h.Tries+1, status
	if h.Taken = status >= 200 && status < 300; h.Taken {
		a.hooks.sent++
	}
	return h.Taken
}

// post makes one call and returns the status of its answer, 0 when there was none.
func post(ctx context.Context, client *http.Client, url string, h *Hook) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(h.Body)))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Reference-Signature", h.Signature)
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// background is what runs beside the requests.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Close ends the calls to the other side. The simulator answers requests as before.
func (s *Simulator) Close() {
	s.cancel()
	s.wg.Wait()
}
