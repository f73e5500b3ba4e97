package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	dialTimeout = 5 * time.Second
	maxAnswer   = 64 << 20
)

// ErrUnreachable says that no daemon answered, as opposed to one that refused.
var ErrUnreachable = errors.New("the daemon is not reachable")

// unreachable is a refusal in the API's form that is ErrUnreachable too.
type unreachable struct {
	refusal *atssync.Error
	cause   error
}

func (u *unreachable) Error() string   { return u.refusal.Error() }
func (u *unreachable) Unwrap() []error { return []error{u.refusal, ErrUnreachable, u.cause} }

// Client speaks to a daemon. What the daemon refuses comes back as the *Error that it was there; where no daemon answers,
// the error is ErrUnreachable as well.
type Client struct {
	socket string
	http   *http.Client
}

// Dial returns a client for the daemon behind a unix socket. It connects with the first call.
func Dial(socket string) *Client {
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", socket)
		},
		MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Version returns the version of the daemon.
func (c *Client) Version(ctx context.Context) (string, error) {
	v, err := call[VersionView](ctx, c, request{path: "/v1/version"})
	return v.Version, err
}

// request is one call of the API.
type request struct {
	method  string // "" is GET
	path    string
	query   url.Values
	ifMatch int64
	json    any // the body, unless raw is set
	raw     io.Reader
	media   string // of raw
}

// segment escapes one segment of a path.
func segment(s string) string { return url.PathEscape(s) }

// call makes a request and decodes its answer.
func call[T any](ctx context.Context, c *Client, q request) (T, error) {
	var out T
	res, err := c.do(ctx, q)
	if err != nil {
		return out, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&out); err != nil {
		return out, c.lost(fmt.Errorf("read the answer to %s %s: %w", res.Request.Method, q.path, err))
	}
	return out, nil
}

// run makes a request whose answer has no body.
func (c *Client) run(ctx context.Context, q request) error {
	_, err := call[struct{}](ctx, c, q)
	return err
}

// do returns a good answer, its body unread.
func (c *Client) do(ctx context.Context, q request) (*http.Response, error) {
	body, media := q.raw, q.media
	if body == nil && q.json != nil {
		b, err := json.Marshal(q.json)
		if err != nil {
			return nil, fmt.Errorf("encode the request to %s: %w", q.path, err)
		}
		body, media = bytes.NewReader(b), "application/json"
	}
	if q.method == "" {
		q.method = http.MethodGet
	}
	at := "http://daemon" + q.path
	if len(q.query) > 0 {
		at += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, at, body)
	if err != nil {
		return nil, fmt.Errorf("make the request to %s: %w", q.path, err)
	}
	req.GetBody = nil // a write is sent once
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if q.ifMatch > 0 {
		req.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(q.ifMatch, 10)))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		defer func() { _ = res.Body.Close() }()
		return nil, refusal(res)
	}
	return res, nil
}

// refusal rebuilds the error that an answer tells of.
func refusal(res *http.Response) error {
	var p Problem
	err := json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(&p)
	if err != nil || p.Code == "" {
		return atssync.Errorf(codeOf(res.StatusCode), "the daemon answered %s", res.Status)
	}
	return p.err()
}

// lost tells what a broken exchange means for a person.
func (c *Client) lost(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := atssync.Errorf(atssync.CodeUnavailable, "the daemon did not answer on %s: %s", c.socket, root(err))
	e.Remedy = "see what it says: journalctl -u atssync"
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		e.Message = "no daemon answers on " + c.socket
		e.Remedy = "start it (systemctl start atssync), or name its socket with --socket"
	case errors.Is(err, os.ErrPermission):
		e.Message = "this user may not speak to the daemon on " + c.socket
		e.Remedy = "use a user of the socket's group, or root"
	}
	return &unreachable{e, err}
}

// root is the innermost reason, without the URL and addresses around it.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// All walks the pages of a list, beginning after a cursor.
func All[T any](after string, page func(after string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			p, err := page(after)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			after = p.Next
		}
	}
}

// query collects the parameters of a list; what is empty is left out.
type query url.Values

func (q query) set(name, value string) query {
	if value != "" {
		url.Values(q).Set(name, value)
	}
	return q
}

func (q query) time(name string, t time.Time) query {
	if t.IsZero() {
		return q
	}
	return q.set(name, t.UTC().Format(time.RFC3339Nano))
}

func (q query) flag(name string, on bool) query {
	if !on {
		return q
	}
	return q.set(name, "true")
}

func (q query) page(p atssync.Paging) url.Values {
	q.set("after", p.After)
	if p.Limit > 0 {
		q.set("limit", strconv.Itoa(p.Limit))
	}
	return url.Values(q)
}

func (q query) all() url.Values { return url.Values(q) }

func jsonTo(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
