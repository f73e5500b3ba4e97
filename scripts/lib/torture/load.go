package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
)

// sent is what the platform sent, and what of it was acknowledged.
type sent struct {
	next atomic.Uint64

	mu    sync.Mutex
	begun map[string]int    // external id → index of the target
	acked map[string]string // external id → submission id
}

func newSent() *sent { return &sent{begun: make(map[string]int), acked: make(map[string]string)} }

func (s *sent) counts() (begun, acked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.begun), len(s.acked)
}

// acknowledged is a copy of what was acknowledged.
func (s *sent) acknowledged() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.acked)
}

// document makes the n-th document of this world; the same n makes the same one.
func (w *world) document(n uint64) (people.Document, int) {
	i := int(n % uint64(len(w.targets)))
	t := w.targets[i]
	return people.Invent(w.t.seed, n, t.connection, t.job, time.Unix(1_790_000_000, 0)), i
}

// submit sends one document until it is acknowledged or ctx ends, as a platform does that got no answer.
func (w *world) submit(ctx context.Context, n uint64) error {
	d, i := w.document(n)
	return w.deliver(ctx, d, i)
}

func (w *world) deliver(ctx context.Context, d people.Document, i int) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	w.sent.mu.Lock()
	w.sent.begun[d.ExternalID] = i
	w.sent.mu.Unlock()
	for {
		status, id, err := w.post(ctx, body)
		if err == nil && status < 300 {
			w.sent.mu.Lock()
			w.sent.acked[d.ExternalID] = id
			w.sent.mu.Unlock()
			return nil
		}
		if err == nil && status < 500 && status != http.StatusTooManyRequests {
			return fmt.Errorf("a document was refused with %d", status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// post sends one document once.
func (w *world) post(ctx context.Context, body []byte) (status int, id string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://atssync/v1/submissions", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := w.api.HTTP.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, "", err // cut in the middle: it was not acknowledged
	}
	var got struct {
		ID string `json:"id"`
	}
	if res.StatusCode < 300 {
		err = json.Unmarshal(answer, &got)
	}
	return res.StatusCode, got.ID, err
}

// stream sends documents without an end, one after the other in each of several places with a pause between them, until
// the function that it returns is called; that waits until everything begun is acknowledged.
func (w *world) stream(ctx context.Context, places int, pause time.Duration) (stop func() error) {
	over := make(chan struct{})
	failed := make(chan error, places)
	var group sync.WaitGroup
	for range places {
		group.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-ctx.Done():
					return
				case <-time.After(pause):
				}
				if err := w.submit(ctx, w.sent.next.Add(1)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	return func() error {
		close(over)
		group.Wait()
		select {
		case err := <-failed:
			return err
		default:
			return ctx.Err()
		}
	}
}

// fill sends n documents over several places and waits until they are acknowledged.
func (w *world) fill(ctx context.Context, n int) error {
	var group sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	failed := make(chan error, 8)
	for range 8 {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := w.submit(ctx, w.sent.next.Add(1)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
