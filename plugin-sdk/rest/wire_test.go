package rest_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// brokenServer misbehaves in every way a connection can: it closes before reading, after reading, in the middle
// of its answer, after a good answer, or not at all. It counts which requests it has read whole.
type brokenServer struct {
	mu   sync.Mutex
	rand *rand.Rand
	read map[string]int
}

func (s *brokenServer) throw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.IntN(n)
}

func (s *brokenServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	br := bufio.NewReader(conn)
	for {
		if s.throw(8) == 0 {
			return // closes a fresh or an idle connection
		}
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		s.mu.Lock()
		s.read[r.URL.Path]++
		s.mu.Unlock()
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
		switch s.throw(6) {
		case 0:
			return
		case 1:
			_, _ = io.WriteString(conn, answer[:s.throw(len(answer))])
			return
		case 2:
			_, _ = io.WriteString(conn, answer)
			return
		default:
			_, _ = io.WriteString(conn, answer)
		}
	}
}

func TestDo_WhatIsCalledNotAppliedNeverArrivedAndNothingArrivesTwice(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &brokenServer{rand: rand.New(rand.NewPCG(1, 2)), read: map[string]int{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	b := at(t, "http://"+l.Addr().String(), rest.Options{Name: "Acme ATS", Timeout: 5 * time.Second})

	const lanes, calls = 8, 150
	errs := make([]map[string]error, lanes)
	var wg sync.WaitGroup
	for lane := range lanes {
		errs[lane] = map[string]error{}
		wg.Go(func() {
			for i := range calls {
				path := fmt.Sprintf("/p/%d/%d", lane, i)
				var meta sdk.Meta
				_, err := b.client.Do(t.Context(), rest.Call{
					Method: http.MethodPost, Base: b.base, Path: path, Write: true, Body: strings.Repeat("x", 1+i*100),
				}, &meta)
				errs[lane][path] = err
			}
		})
	}
	wg.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[sdk.Kind]int{}
	for _, lane := range errs {
		for path, err := range lane {
			require.LessOrEqual(t, s.read[path], 1, "%s was put on the wire twice", path)
			seen[sdk.KindOf(err)]++
			switch {
			case err == nil:
				require.Equal(t, 1, s.read[path])
			case sdk.AsError(err).NotApplied:
				require.Zero(t, s.read[path], "%s arrived: %v", path, err)
				require.Equal(t, sdk.KindTransient, sdk.KindOf(err))
			default:
				require.Equal(t, sdk.KindAmbiguous, sdk.KindOf(err))
			}
		}
	}
	require.Positive(t, seen[""], "some have to succeed")
	require.Positive(t, seen[sdk.KindAmbiguous], "some have to be lost")
}
