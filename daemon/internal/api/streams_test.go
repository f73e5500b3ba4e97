package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

// served is the scoped daemon behind a listener of its own, so that requests live as long as their connections do.
func (w *scoped) listen() (*web.Server, string) {
	w.t.Helper()
	s, err := web.New(web.Options{Name: "test", Listen: "127.0.0.1:0", Handler: w.handler, Logger: w.served.Logger})
	require.NoError(w.t, err)
	s.Start()
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	return s, "http://" + s.Addr().String()
}

// batch is a batch whose lines are sent one by one.
type batch struct {
	t     *testing.T
	in    *io.PipeWriter
	lines *bufio.Scanner
}

func (w *scoped) batch(t *testing.T, at, token string) *batch {
	t.Helper()
	body, in := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/v1/submissions:batch", body)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", ndjson)
	b := &batch{t: t, in: in}
	first := make(chan error, 1)
	go func() { // the answer begins with the first result
		_, err := in.Write(append(document(w.own.connection, "streamed-0", w.own.job), '\n'))
		first <- err
	}()
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = in.Close(); _ = res.Body.Close() })
	require.NoError(t, <-first)
	require.Equal(t, http.StatusOK, res.StatusCode)
	b.lines = bufio.NewScanner(res.Body)
	require.Equal(t, atssync.AcceptedNew, b.next().Result)
	return b
}

func (b *batch) next() SubmitResult {
	b.t.Helper()
	require.True(b.t, b.lines.Scan(), "the answer ends: %v", b.lines.Err())
	return decodeJSON[SubmitResult](b.t, b.lines.Bytes())
}

func TestStreams_ARevokedTokenEndsWhatItBegan(t *testing.T) {
	t.Parallel()
	w, ctx := scopedSetup(t), t.Context()
	_, at := w.listen()
	tok, err := w.CreateToken(ctx, TokenRequest{Name: "short-lived", Scopes: []string{"admin"}})
	require.NoError(t, err)
	b := w.batch(t, at, tok.Secret)

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/v1/events?after=last&wait=50", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+tok.Secret)
	type answered struct {
		res  *http.Response
		body []byte
		err  error
	}
	poll := make(chan answered, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			poll <- answered{err: err}
			return
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		poll <- answered{res, body, err}
	}()
	_, err = w.RevokeToken(ctx, tok.ID)
	require.NoError(t, err)

	last := b.next()
	require.Equal(t, resultStopped, last.Result)
	require.Equal(t, atssync.CodeUnauthenticated, last.Error.Code)
	require.Contains(t, last.Error.Message, "revoked")
	require.False(t, b.lines.Scan(), "something was told after the end")
	page, err := w.Submissions(ctx, SubmissionQuery{Connection: w.own.connection, ExternalID: "streamed-0"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "what was told is true")

	p := <-poll
	require.NoError(t, p.err)
	require.Equal(t, http.StatusUnauthorized, p.res.StatusCode, "%s", p.body)
	require.Contains(t, p.res.Header.Get("WWW-Authenticate"), "Bearer")
	require.Contains(t, string(p.body), "revoked")
}

func TestStreams_StoppingEndsThemAndWhatWasToldIsTrue(t *testing.T) {
	t.Parallel()
	w, ctx := scopedSetup(t), t.Context()
	s, at := w.listen()
	b := w.batch(t, at, w.whole[atssync.TokenAdmin])
	_, err := b.in.Write(document(w.own.connection, "half-a-line", w.own.job)[:100])
	require.NoError(t, err)
	stop, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	require.NoError(t, s.Stop(stop))
	last := b.next()
	require.Equal(t, resultStopped, last.Result)
	require.Equal(t, atssync.CodeUnavailable, last.Error.Code)
	for id, n := range map[string]int{"streamed-0": 1, "half-a-line": 0} {
		page, err := w.Submissions(ctx, SubmissionQuery{Connection: w.own.connection, ExternalID: id})
		require.NoError(t, err)
		require.Len(t, page.Items, n, id)
	}
}

// Each kind of line that a batch may hold is answered in its place, and the ones after it are read.
func TestStreams_EveryBadLineIsAnsweredInItsPlace(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	var in bytes.Buffer
	var want []string
	n := 0
	for name, body := range hostile() {
		body = string(bytes.ReplaceAll([]byte(body), []byte("\n"), []byte(" ")))
		in.WriteString(body + "\n")
		want = append(want, "refused: "+name)
		fmt.Fprintf(&in, "%s\n", document(w.own.connection, fmt.Sprintf("good-%d", n), w.own.job))
		want = append(want, "accepted")
		n++
	}
	rec := w.ask(w.whole[atssync.TokenSubmit], http.MethodPost, "/v1/submissions:batch", in.String())
	require.Equal(t, http.StatusOK, rec.Code)
	require.NotContains(t, rec.Body.String(), goodKey)
	lines := bytes.Split(bytes.TrimSpace(rec.Body.Bytes()), []byte("\n"))
	require.Len(t, lines, len(want))
	for i, line := range lines {
		require.Less(t, len(line), 64<<10)
		r := decodeJSON[SubmitResult](t, line)
		require.Equal(t, i+1, r.Line)
		if want[i] == "accepted" {
			require.Equal(t, atssync.AcceptedNew, r.Result)
			continue
		}
		require.Equal(t, atssync.AcceptRefused, r.Result, want[i])
		require.Equal(t, atssync.CodeInvalid, r.Error.Code, want[i])
	}
	l, err := w.Ledger(t.Context(), w.own.connection, true, "", 0)
	require.NoError(t, err)
	require.True(t, l.Total.OK)
	require.EqualValues(t, 2+n, l.Total.Accepted, "only the good ones are stored")
}

// flood is a batch that is made as it is read. It notes how large the heap was while it was.
type flood struct {
	line, long []byte
	left       int // lines
	rest       []byte
	peak       uint64
}

func (f *flood) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.left == 0 {
			return 0, io.EOF
		}
		f.left--
		f.rest = f.line
		if f.left%100 == 0 {
			f.rest = f.long
		}
		if f.left%5000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			f.peak = max(f.peak, m.HeapAlloc)
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// It is not run beside others: it measures what the process holds.
func TestStreams_MemoryDoesNotGrowWithTheBody(t *testing.T) { //nolint:paralleltest // See above.
	w := scopedSetup(t)
	_, at := w.listen()
	line := append(document(w.own.connection, "the-same", w.own.job), '\n') // accepted once, and then the same again
	f := &flood{line: line, long: append(bytes.Repeat([]byte("a"), 1<<20), '\n'), left: (96 << 20) / (len(line) + 1<<20/100)}
	total := f.left
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/v1/submissions:batch", f)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.whole[atssync.TokenSubmit])
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	count := map[atssync.AcceptResult]int{}
	n := 0
	for d := json.NewDecoder(res.Body); ; n++ {
		var r SubmitResult
		if err := d.Decode(&r); err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		require.Equal(t, n+1, r.Line)
		count[r.Result]++
	}
	require.Equal(t, total, n)
	require.Equal(t, 1, count[atssync.AcceptedNew])
	require.Equal(t, total-1, count[atssync.AcceptedReplay]+count[atssync.AcceptRefused])
	require.Less(t, f.peak, before.HeapAlloc+48<<20, "the heap grew with the body")
}
