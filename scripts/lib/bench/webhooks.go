package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// hookCallers is how many requests an endpoint gets at a time unless the config says otherwise.
const hookCallers = 50

// receiver is a platform's end of webhooks in the bench's own process: it verifies each event before it answers.
type receiver struct {
	ready  chan struct{} // closed once verify is known
	verify *standardwebhooks.Webhook

	mu       sync.Mutex
	seen     map[string]bool // ids of events
	again    int             // requests for an event that came before
	refused  int
	body     []byte // of the last event, with its header
	header   http.Header
	straight bool // what comes is the floor's
}

func newReceiver() *receiver {
	return &receiver{ready: make(chan struct{}), seen: make(map[string]bool)}
}

// ServeHTTP takes one event in.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	<-r.ready
	body, err := io.ReadAll(req.Body)
	if err == nil {
		err = r.verify.Verify(body, req.Header)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.refused++
		http.Error(w, "no event", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	if r.straight {
		return
	}
	id := req.Header.Get(standardwebhooks.HeaderWebhookID)
	if r.seen[id] {
		r.again++
	}
	r.seen[id], r.body, r.header = true, body, req.Header
}

// got is how many different events came, and what was wrong with others.
func (r *receiver) got() (n int64, again, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.seen)), r.again, r.refused
}

// deliverAll measures events from the store to a receiver on this machine: an endpoint is made that wants everything that
// was ever submitted, and judged by what came: all of it, verified, nothing twice.
func deliverAll(ctx context.Context, b *bench) (result, error) {
	w, err := b.sending(ctx)
	if err != nil {
		return result{}, err
	}
	if err := w.filled(ctx, b.submissions); err != nil {
		return result{}, err
	}
	in := newReceiver()
	srv := httptest.NewServer(in)
	defer srv.Close()
	before, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	profiled := b.profile(ctx, w, "webhooks", b.seconds)
	began := time.Now()
	id, err := w.subscribe(ctx, in, srv.URL)
	if err != nil {
		return result{}, err
	}
	if err := w.delivered(ctx, in); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	after, err := w.usage(ctx)
	if err == nil {
		err = w.api.Call(ctx, http.MethodDelete, "/v1/webhooks/"+id, nil, nil)
	}
	if err := errors.Join(err, profiled()); err != nil {
		return result{}, err
	}
	floor, err := in.floor(ctx, b, srv.Listener.Addr().String())
	if err != nil {
		return result{}, fmt.Errorf("straight into the receiver: %w", err)
	}
	ceiling, err := commits(ctx, filepath.Join(b.root, "ceiling"), b.seconds/2, hookCallers, func() [][]byte { return [][]byte{in.body} })
	if err != nil {
		return result{}, fmt.Errorf("bare Badger: %w", err)
	}
	n := float64(w.written)
	each := after.minus(before).by(n)
	return result{
		Target: "≥ 3,000/s", Measured: fmt.Sprintf("%s, 0 missing, 0 twice", rate(n/took.Seconds())),
		Met: n/took.Seconds() >= 3000, Floor: rate(floor.rate()), Ceiling: rate(ceiling.rate()),
		How: fmt.Sprintf("%s events to a receiver that verifies each, %d requests at a time; the daemon took %d µs of processor time an event; %s; "+
			"floor: the same requests straight into the receiver; ceiling: a commit an event",
			thousands(w.written), hookCallers, each.daemon.Microseconds(), after.since(before.commitCount)),
		Numbers: map[string]float64{
			"rate": n / took.Seconds(), "floor_rate": floor.rate(), "ceiling_rate": ceiling.rate(), "daemon_cpu": each.daemon.Seconds(),
		},
	}, nil
}

// subscribe makes the endpoint and lets the receiver verify what comes.
func (w *world) subscribe(ctx context.Context, in *receiver, url string) (id string, err error) {
	var made struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	want := map[string]any{"url": url, "types": []string{"submission.submitted"}, "from_beginning": true}
	if err := w.api.Call(ctx, http.MethodPost, "/v1/webhooks", want, &made); err != nil {
		return "", err
	}
	in.verify, err = standardwebhooks.NewWebhook(made.Secret)
	close(in.ready)
	return made.ID, err
}

// delivered waits until everything that was submitted was told.
func (w *world) delivered(ctx context.Context, in *receiver) error {
	last, since := int64(-1), time.Now()
	for {
		n, again, refused := in.got()
		if n > last {
			last, since = n, time.Now()
		}
		switch {
		case n == w.written && again == 0 && refused == 0:
			return nil
		case n >= w.written:
			return fmt.Errorf("of %d events %d came, %d came twice and %d could not be verified", w.written, n, again, refused)
		case time.Since(since) > 30*time.Second:
			return fmt.Errorf("nothing came for 30 seconds: %d of %d events", n, w.written)
		}
		wait(ctx, 10*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// floor posts the last event again and again, without a daemon between.
func (r *receiver) floor(ctx context.Context, b *bench, address string) (got load, err error) {
	r.mu.Lock()
	r.straight = true
	r.mu.Unlock()
	var header strings.Builder
	for _, name := range []string{"Content-Type", standardwebhooks.HeaderWebhookID, standardwebhooks.HeaderWebhookTimestamp, standardwebhooks.HeaderWebhookSignature} {
		fmt.Fprintf(&header, "%s: %s\r\n", name, r.header.Get(name))
	}
	list := make([]caller, hookCallers)
	for i := range list {
		s, err := dial("tcp", address)
		if err != nil {
			return got, err
		}
		defer s.close()
		list[i] = func(context.Context) (int, error) {
			status, answer, err := s.post("/", header.String(), r.body)
			if err == nil && status != http.StatusNoContent {
				err = fmt.Errorf("status %d: %s", status, answer)
			}
			return 1, err
		}
	}
	return drive(ctx, b.seconds/2, list)
}
