package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Call is one exchange to make.
type Call struct {
	Method string
	Base   *url.URL // from ParseBase
	Path   string   // begins with a slash, comes after the path of Base
	Query  string   // encoded, without the question mark
	// Endpoint is the path as a template, for messages and traces; Path when empty. An adapter whose paths
	// hold ids sets it.
	Endpoint string
	Auth     Auth
	// Header holds further headers. An Idempotency-Key is refused: net/http takes it as leave to repeat a
	// request whose connection died.
	Header map[string]string
	// Body is sent as JSON; nil sends none.
	Body any
	// Write says that the call changes something in the ATS, so that a lost answer is ambiguous. A POST that
	// may be repeated at will is not a write.
	Write bool
	// RefusedBeforeProcessing lists statuses that, to a write, prove that nothing was applied.
	RefusedBeforeProcessing []int
	// Decode reads the body of a 2xx answer. Its error makes a write ambiguous, a read transient when the
	// body is no JSON at all, and otherwise KindRemoteChanged, with the place that a
	// FormError names. Nil takes any body.
	Decode func(body []byte) error
}

func (c Call) endpoint() string {
	if c.Endpoint != "" {
		return c.Endpoint
	}
	return c.Path
}

// Reply is what the ATS answered. It is filled for refusals too, beside the error, so that an adapter can look
// closer; Body may hold personal data and goes into no text.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Problems are the messages of a refusal, redacted.
	Problems []Problem
}

// Do makes one exchange, appends it to meta and sets meta's budget when the answer has limit headers. Its
// error is a *sdk.Error that carries meta as it then stands. An answer other than 2xx is an error.
func (c *Client) Do(ctx context.Context, call Call, meta *sdk.Meta) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	var w wire
	req, sent, fault := c.request(httptrace.WithClientTrace(ctx, w.trace()), call)
	if fault != nil {
		return Reply{}, withMeta(fault, meta)
	}
	x := sdk.Exchange{Method: call.Method, Endpoint: call.endpoint(), StartedAt: time.Now().UTC()}
	scrub := newScrubber(call.Auth, sent)
	resp, err := c.http.Do(req) //nolint:bodyclose // readBody closes it.
	if err != nil {
		x.Duration = time.Since(x.StartedAt)
		meta.Exchanges = append(meta.Exchanges, x)
		return Reply{}, withMeta(c.lost(call, err, w.wrote()), meta)
	}
	body, readErr := readBody(resp.Body, c.opt.MaxResponse)
	reply := Reply{Status: resp.StatusCode, Header: resp.Header, Body: body}
	x.Status, x.Duration = resp.StatusCode, time.Since(x.StartedAt)
	x.RequestID = scrub.secretsOut(requestID(resp.Header))
	if budget := budget(resp.Header, time.Now()); budget != nil {
		meta.Budget = budget
	}
	fault = c.judge(call, &reply, readErr, scrub)
	if fault != nil {
		x.Excerpt = scrub.excerpt(resp.Header.Get("Content-Type"), body, reply.Problems)
	}
	meta.Exchanges = append(meta.Exchanges, x)
	if fault != nil {
		return reply, withMeta(fault, meta)
	}
	return reply, nil
}

// judge turns an answer into an error, or nil.
func (c *Client) judge(call Call, reply *Reply, readErr error, scrub *scrubber) *sdk.Error {
	if reply.Status < 200 || reply.Status > 299 {
		reply.Problems = scrub.problems(reply.Body)
		return c.refused(call, *reply)
	}
	if readErr != nil {
		return c.cutShort(call, reply.Status, readErr)
	}
	if call.Decode == nil {
		return nil
	}
	if err := call.Decode(reply.Body); err != nil {
		return c.unreadable(call, reply.Status, err)
	}
	return nil
}

// request builds the request and returns the encoded body beside it.
func (c *Client) request(ctx context.Context, call Call) (*http.Request, []byte, *sdk.Error) {
	if c.broken != nil {
		return nil, nil, &sdk.Error{
			Kind: sdk.KindConfigRequired, Message: c.broken.Error(), Turn: sdk.TurnOperator, NotApplied: true,
			Remedy: "Correct proxy and ca_file in the section [adapters] of the configuration.",
		}
	}
	if call.Base == nil {
		return nil, nil, internal("the adapter made a call without an address")
	}
	var sent []byte
	var body io.Reader = http.NoBody
	if call.Body != nil {
		encoded, err := encode(call.Body)
		if err != nil {
			return nil, nil, internal("the adapter could not encode its request")
		}
		if int64(len(encoded)) > c.opt.MaxRequest {
			return nil, nil, &sdk.Error{
				Kind: sdk.KindInvalid, Turn: sdk.TurnPlatform, NotApplied: true,
				Message: "the request to " + c.opt.Name + " would be larger than the adapter sends",
				Remedy:  "Shorten the notes and answers of this submission.",
			}
		}
		sent, body = encoded, bytes.NewReader(encoded)
	}
	u := *call.Base
	u = *u.JoinPath(call.Path)
	u.RawQuery = call.Query
	req, err := http.NewRequestWithContext(ctx, call.Method, u.String(), body)
	if err != nil {
		return nil, nil, internal("the adapter built a request that HTTP does not allow")
	}
	if sendsOnce {
		req.GetBody = nil
	} else {
		req.Header.Set("Idempotency-Key", "any") // net/http takes it as leave to repeat
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.opt.UserAgent)
	if sent != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range call.Header {
		if repeats(name) {
			return nil, nil, internal("the adapter set the header " + name + ", which lets net/http repeat a write")
		}
		req.Header.Set(name, value)
	}
	call.Auth.apply(req.Header)
	return req, sent, nil
}

// repeats reports whether net/http repeats a request because of this header.
func repeats(name string) bool {
	return strings.EqualFold(name, "Idempotency-Key") || strings.EqualFold(name, "X-Idempotency-Key")
}

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// errTooLarge says that an answer is larger than its bound.
var errTooLarge = errors.New("the answer is too large")

// readBody reads and closes a body, which net/http has decompressed already.
func readBody(r io.ReadCloser, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	// A body that was read has told all it can; closing it only gives the connection back.
	_ = r.Close()
	if err != nil {
		return body, err
	}
	if int64(len(body)) > limit {
		return body[:limit], errTooLarge
	}
	return body, nil
}

func withMeta(e *sdk.Error, meta *sdk.Meta) *sdk.Error {
	e.Meta = sdk.Meta{Exchanges: append([]sdk.Exchange(nil), meta.Exchanges...), Budget: meta.Budget}
	return e
}

func internal(message string) *sdk.Error {
	return &sdk.Error{Kind: sdk.KindInternal, Message: message, Turn: sdk.TurnAdapter, NotApplied: true}
}
