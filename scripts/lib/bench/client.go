package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// client asks a JSON API: the daemon's on its socket, or the simulator's control API.
type client struct {
	http *http.Client
	base string
}

func newClient(socket string) *client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &client{&http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16}}, "http://atssync"}
}

// call makes one call; body and into may be nil.
func (c *client) call(ctx context.Context, method, path string, body, into any) error {
	var sent io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// sender is one caller with one connection that it keeps. It costs far less than net/http's client, because what the
// load generator takes is missing in what is measured.
type sender struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	body bytes.Buffer
}

func dial(network, address string) (*sender, error) {
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &sender{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (s *sender) close() { _ = s.conn.Close() }

// post sends a body with the header lines and returns status and body of the answer, which is valid until the next.
func (s *sender) post(path, header string, body []byte) (int, []byte, error) {
	s.out = append(s.out[:0], "POST "+path+" HTTP/1.1\r\nHost: atssync\r\n"+header+"Content-Length: "...)
	s.out = strconv.AppendInt(s.out, int64(len(body)), 10)
	s.out = append(append(s.out, "\r\n\r\n"...), body...)
	if _, err := s.conn.Write(s.out); err != nil {
		return 0, nil, err
	}
	res, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return 0, nil, err
	}
	s.body.Reset()
	_, err = s.body.ReadFrom(res.Body)
	_ = res.Body.Close()
	return res.StatusCode, s.body.Bytes(), err
}
