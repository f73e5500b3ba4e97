package deliver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/egress"
)

// class is the closed set of how a request ends.
type class string

const (
	classDelivered class = "delivered"
	classRedirect  class = "redirect"
	classRefused   class = "refused" // 4xx
	classThrottled class = "throttled"
	classServer    class = "server_error"
	classGone      class = "gone"
	classTimeout   class = "timeout"
	classNetwork   class = "network"
	classBlocked   class = "blocked"
	classLost      class = "lost" // there was nothing left to send
)

func classes() []class {
	return []class{
		classDelivered, classRedirect, classRefused, classThrottled, classServer, classGone, classTimeout, classNetwork,
		classBlocked, classLost,
	}
}

// result is the end of one request.
type result struct {
	due        atssync.DueDelivery
	attempt    atssync.DeliveryAttempt
	class      class
	retryAfter time.Duration
	endedAt    time.Time
	cut        bool // the worker ended and cut it: nothing is known
}

// discardMost is how much of an answer is read so that its connection can be used again.
const discardMost = 64 << 10

// send makes one request for a delivery.
func (w *Worker) send(ctx context.Context, d atssync.DueDelivery, to string, keys []signer) result {
	r := result{due: d}
	if d.Event.ID == "" {
		r.class, r.endedAt = classLost, time.Now().UTC()
		r.attempt = atssync.DeliveryAttempt{At: r.endedAt, Error: "the event is no longer kept"}
		return r
	}
	body, err := d.Event.Body(d.Delivery.Sequence)
	if err != nil {
		r.class, r.endedAt = classLost, time.Now().UTC()
		r.attempt = atssync.DeliveryAttempt{At: r.endedAt, Error: err.Error()}
		return r
	}
	r.attempt, r.class, r.retryAfter = w.post(ctx, message{to: to, id: d.Event.ID, body: body, keys: keys})
	r.endedAt = time.Now().UTC()
	r.cut = r.class != classDelivered && ctx.Err() != nil
	return r
}

// message is one signed request.
type message struct {
	to, id string
	body   []byte
	keys   []signer
}

// post sends a message and tells how it ended.
func (w *Worker) post(ctx context.Context, m message) (a atssync.DeliveryAttempt, c class, retryAfter time.Duration) {
	began := time.Now()
	a.At = began.UTC()
	ctx, cancel := context.WithTimeout(ctx, w.policy.Load().Timeout)
	defer cancel()
	answer, err := w.request(ctx, m, a.At)
	if err == nil {
		defer answer.Body.Close()
		a.Status = answer.StatusCode
		a.Answer = excerpt(answer.Body)
		c = classOf(a.Status)
		a.Error = explain(a.Status)
		retryAfter = parseRetryAfter(answer.Header.Get("Retry-After"), a.At)
	} else {
		c, a.Error = w.fault(err)
	}
	a.DurationMS = time.Since(began).Milliseconds()
	return a, c, retryAfter
}

func (w *Worker) request(ctx context.Context, m message, at time.Time) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.to, bytes.NewReader(m.body))
	if err != nil {
		return nil, err
	}
	signatures := make([]string, len(m.keys))
	for i, k := range m.keys {
		if signatures[i], err = k.hook.Sign(m.id, at, m.body); err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", w.o.UserAgent)
	h.Set(standardwebhooks.HeaderWebhookID, m.id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return w.policy.Load().Door.Do(req)
}

// excerpt reads the first bytes of an answer as text, and enough of the rest for the connection to be used again.
func excerpt(body io.Reader) string {
	head, err := io.ReadAll(io.LimitReader(body, atssync.MaxDeliveryAnswer))
	if err == nil {
		_, _ = io.CopyN(io.Discard, body, discardMost)
	}
	return text(string(head))
}

// text makes valid text of bytes from elsewhere, and no more of it than is kept.
func text(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	for len(s) > atssync.MaxDeliveryAnswer {
		s = strings.ToValidUTF8(s[:atssync.MaxDeliveryAnswer], "")
	}
	return s
}

func classOf(status int) class {
	switch {
	case status >= 200 && status < 300:
		return classDelivered
	case status == http.StatusGone:
		return classGone
	case status == http.StatusTooManyRequests:
		return classThrottled
	case status >= 300 && status < 400:
		return classRedirect
	case status >= 400 && status < 500:
		return classRefused
	}
	return classServer
}

// explain says why a status is a failure, "" for one that is none.
func explain(status int) string {
	text := fmt.Sprintf("the answer was %d %s", status, http.StatusText(status))
	switch classOf(status) {
	case classDelivered:
		return ""
	case classRedirect:
		text += ": redirects are not followed, give the address that it leads to"
	case classGone:
		text += ": the endpoint wants no more events"
	}
	return text
}

// fault names what kept a request from being answered. The URL is left out of it.
func (w *Worker) fault(err error) (class, string) {
	var timeout interface{ Timeout() bool }
	late := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case errors.Is(err, egress.ErrBlocked):
		return classBlocked, text(err.Error())
	case late:
		return classTimeout, fmt.Sprintf("there was no answer within %s", w.policy.Load().Timeout)
	}
	return classNetwork, text(err.Error())
}

// parseRetryAfter reads seconds or a date; what is neither, or past, is 0.
func parseRetryAfter(header string, now time.Time) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(most/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

// Test sends an endpoint an event of type webhook.test, which has no number, and tells how it ended. Nothing is stored.
func (w *Worker) Test(ctx context.Context, endpoint string) (atssync.DeliveryAttempt, error) {
	e, _, err := w.o.Store.EndpointWork(ctx, endpoint)
	if err != nil {
		return atssync.DeliveryAttempt{}, err
	}
	now := time.Now().UTC()
	var s signers
	if err := s.load(e, w.o.Secrets, now); err != nil {
		return atssync.DeliveryAttempt{}, err
	}
	event := atssync.Event{ID: atssync.NewID(atssync.PrefixEvent, now), Type: atssync.EventTest, At: now}
	if event.Data, err = json.Marshal(map[string]string{"webhook": e.ID}); err != nil {
		return atssync.DeliveryAttempt{}, fmt.Errorf("encode the test event: %w", err)
	}
	body, err := event.Body(0)
	if err != nil {
		return atssync.DeliveryAttempt{}, err
	}
	a, _, _ := w.post(ctx, message{to: e.URL, id: event.ID, body: body, keys: s.valid(now)})
	return a, nil
}
