package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const hookSecret = "whsec_dG9ydHVyZS1yZWNlaXZlci1zZWNyZXQtMzItYnl0ZQ=="

// event is what every event has.
type event struct {
	ID               string          `json:"id"`
	Type             string          `json:"type"`
	Connection       string          `json:"connection"`
	Sequence         int64           `json:"sequence"`
	EndpointSequence int64           `json:"endpoint_sequence"`
	At               string          `json:"at"`
	Data             json.RawMessage `json:"data"`
}

// erased reports whether nothing is left of an event but that it was.
func (e *event) erased() bool {
	var data struct{ Erased bool }
	return json.Unmarshal(e.Data, &data) == nil && data.Erased
}

// receiver is the platform's end of webhooks: it keeps every event and says what was wrong.
type receiver struct {
	url    string
	close  func()
	verify *standardwebhooks.Webhook

	mu       sync.Mutex
	bodies   map[string][]byte // by event id
	numbers  map[int64]string  // endpoint sequence → event id
	requests int
	wrong    []string
}

func newReceiver() (*receiver, error) {
	verify, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		return nil, err
	}
	r := &receiver{verify: verify, bodies: make(map[string][]byte), numbers: make(map[int64]string)}
	r.url, r.close, err = serve(r)
	return r, err
}

// ServeHTTP takes one event in.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, "cut", http.StatusBadRequest)
		return
	}
	var e event
	err = r.verify.Verify(body, req.Header)
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if err != nil {
		r.complain("a request that is no signed event: %v", err)
		http.Error(w, "no event", http.StatusBadRequest)
		return
	}
	if was, again := r.bodies[e.ID]; again && !bytes.Equal(was, body) && !renumbered(was, e) && !e.erased() {
		r.complain("event %s came with another content", e.ID)
	}
	if was, again := r.numbers[e.EndpointSequence]; again && was != e.ID {
		r.complain("number %d is of event %s and of %s", e.EndpointSequence, was, e.ID)
	}
	r.bodies[e.ID], r.numbers[e.EndpointSequence] = body, e.ID
	w.WriteHeader(http.StatusNoContent)
}

// renumbered reports whether an event came once more after a restore that knew the event and not the number that it was
// sent with: it has one of a higher stride now, and nothing else is another.
func renumbered(body []byte, e event) bool {
	var was event
	err := json.Unmarshal(body, &was)
	return err == nil && same(was, e) && e.EndpointSequence/restoreStride > was.EndpointSequence/restoreStride
}

// complain is called with the lock held.
func (r *receiver) complain(format string, args ...any) {
	if len(r.wrong) < mostFailures {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

// took is how many different events came.
func (r *receiver) took() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.bodies)
}

// compare says what of the feed never came or came otherwise, and where the numbers have a gap.
func (r *receiver) compare(feed map[string]event) (problems []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	problems = append(problems, r.wrong...)
	for id, e := range feed {
		var got event
		body, ok := r.bodies[id]
		if !ok {
			problems = append(problems, "event "+id+" ("+e.Type+") never came")
			continue
		}
		if err := json.Unmarshal(body, &got); err != nil || !same(got, e) {
			problems = append(problems, "event "+id+" is another one in the feed")
		}
	}
	for n := int64(1); n <= int64(len(r.numbers)); n++ {
		if _, ok := r.numbers[n]; !ok {
			problems = append(problems, fmt.Sprintf("number %d of %d is missing", n, len(r.numbers)))
		}
	}
	if len(r.bodies) != len(feed) {
		problems = append(problems, fmt.Sprintf("%d events came and the feed has %d", len(r.bodies), len(feed)))
	}
	return problems
}

// missing says what of the feed never came or came otherwise, where the platform also knows what a restored daemon does not.
func (r *receiver) missing(feed map[string]event) (problems []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	problems = append(problems, r.wrong...)
	for id, e := range feed {
		var got event
		if err := json.Unmarshal(r.bodies[id], &got); err != nil || !same(got, e) && !e.erased() {
			problems = append(problems, "event "+id+" ("+e.Type+") never came, or is another one in the feed")
		}
	}
	return problems
}

// all is every event that came, one a line.
func (r *receiver) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out strings.Builder
	for _, body := range r.bodies {
		out.Write(body)
		out.WriteByte('\n')
	}
	return out.String()
}

// same compares what is the event's own.
func same(a, b event) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Connection == b.Connection && a.Sequence == b.Sequence && a.At == b.At && bytes.Equal(compact(a.Data), compact(b.Data))
}

func compact(in []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, in) != nil {
		return in
	}
	return out.Bytes()
}
