package main

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strconv"
)

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
	return s.do("POST", path, header, body)
}

// do is post with any method.
func (s *sender) do(method, path, header string, body []byte) (int, []byte, error) {
	s.out = append(s.out[:0], method+" "+path+" HTTP/1.1\r\nHost: atssync\r\n"+header+"Content-Length: "...)
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
