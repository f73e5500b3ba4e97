// Command receiver-go takes events from atssync in: an example to copy into a platform. It verifies the signature with the
// official library of Standard Webhooks, takes each event once, and prints what it took, a JSON line each.
//
//	WEBHOOK_SECRET=whsec_… LISTEN=127.0.0.1:8090 go run ./scripts/examples/receiver-go
//
// A receiver keeps three rules. It verifies before it believes anything. It answers 2xx only when the event is safe on its
// own disk, since what was answered is not sent again. And it knows events by their webhook-id: the same one may come
// more than once, after a lost answer or a replay, always with the same content. Within one application events come in
// order of endpoint_sequence; after a replay an older one may follow a newer one, so the highest data.revision wins.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const maxBody = 1 << 20

// event is what every event has; data depends on its type.
type event struct {
	ID               string          `json:"id"`
	Type             string          `json:"type"`
	Connection       string          `json:"connection"`
	Account          string          `json:"account"`
	Sequence         int64           `json:"sequence"`
	EndpointSequence int64           `json:"endpoint_sequence"`
	At               time.Time       `json:"at"`
	Data             json.RawMessage `json:"data"`
}

// receiver takes events in.
type receiver struct {
	verify *standardwebhooks.Webhook
	refuse string // an external id whose events are not taken, to try out what happens then

	mu   sync.Mutex
	seen map[string]bool // by webhook-id; a platform keeps them with its data
	out  io.Writer
}

// ServeHTTP answers one request of atssync.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if err := r.verify.Verify(body, req.Header); err != nil { // the bytes as they came, before anything decodes them
		http.Error(w, "the signature is not right", http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "this is no event", http.StatusBadRequest)
		return
	}
	if err := r.take(e, body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError) // it will be sent again
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// take does with an event what the platform does with it.
func (r *receiver) take(e event, body []byte) error {
	var about struct {
		ExternalID string `json:"external_id"`
	}
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return fmt.Errorf("read the data: %w", err)
	}
	if r.refuse != "" && about.ExternalID == r.refuse {
		return fmt.Errorf("events of %s are not taken here", r.refuse)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[e.ID] {
		return nil // taken before: it is ours, and that is the answer
	}
	if _, err := fmt.Fprintf(r.out, "%s\n", body); err != nil {
		return fmt.Errorf("keep the event: %w", err)
	}
	r.seen[e.ID] = true
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	verify, err := standardwebhooks.NewWebhook(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		return fmt.Errorf("WEBHOOK_SECRET is not what atssync showed: %w", err)
	}
	at := os.Getenv("LISTEN")
	if at == "" {
		at = "127.0.0.1:8090"
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", l.Addr())
	r := &receiver{verify: verify, refuse: os.Getenv("REFUSE"), seen: make(map[string]bool), out: os.Stdout}
	srv := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	return srv.Serve(l)
}
