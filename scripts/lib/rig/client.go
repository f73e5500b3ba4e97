package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Client asks a JSON API: the daemon's on its socket, or the simulator's control API.
type Client struct {
	HTTP *http.Client
	Base string
}

// NewClient returns a client of the daemon on that socket.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16}}, "http://atssync"}
}

// Refusal is an answer other than a success.
type Refusal struct {
	What   string // method and path
	Status int
	Body   []byte
}

// Error shows the answer.
func (r *Refusal) Error() string { return fmt.Sprintf("%s: %d: %s", r.What, r.Status, r.Body) }

// Call makes one call; body and into may be nil. An answer other than a success is a *Refusal.
func (c *Client) Call(ctx context.Context, method, path string, body, into any) error {
	var sent io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return &Refusal{method + " " + path, res.StatusCode, answer}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
