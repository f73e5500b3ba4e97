package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	resumeHead    = 1024             // bytes that are looked at
	resumeTimeout = 10 * time.Second // for all redirects together
	resumeMoves   = 5                // redirects that are followed
)

// Fetcher makes a request and follows no redirect. It is the guard's: addresses that are not public are refused.
type Fetcher interface {
	Do(r *http.Request) (*http.Response, error)
}

// LookAtResume looks at a resume as an ATS would that fetches it: the first bytes, without a login. What it finds is OK, a
// warning, or says why the ATS could not take it.
func LookAtResume(ctx context.Context, fetch Fetcher, r atssync.Resume, rule sdk.ResumeRule, now time.Time) atssync.ResumeLook {
	if ended, ok := r.LookAtEnd(now); ok {
		return ended
	}
	out := atssync.NewResumeLook()
	fail := func(cause, remedy string) atssync.ResumeLook {
		out.OK, out.Cause, out.WhoseTurn, out.Remedy = false, cause, sdk.TurnPlatform, remedy
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	f := fetchHead(ctx, fetch, r.URL)
	if f.cause != "" {
		out.Unreached, out.HostDown, out.Passing = f.unreached, f.hostDown, f.passing
		fail(f.cause, "make the address fetchable without a login, by https, from the public Internet, or send the application again with another one")
		if f.remedy != "" {
			out.WhoseTurn, out.Remedy = sdk.TurnOperator, f.remedy
		}
		return out
	}
	kind := sniffed(f.head)
	if kind == "" {
		kind = extension(r)
	}
	switch {
	case kind == "html":
		return fail("there is a web page at its address and no file", "give the address of the file itself, without a login page before it")
	case kind != "" && len(rule.Types) > 0 && !slices.Contains(rule.Types, kind) && (kind != "jpg" || !slices.Contains(rule.Types, "jpeg")):
		return fail(fmt.Sprintf("it is of the type %s, and the ATS takes %s", kind, strings.Join(rule.Types, ", ")), "give it in one of these types")
	case f.size == 0:
		return fail("the file is empty", "give the address of the file")
	case rule.MaxBytes > 0 && f.size > rule.MaxBytes:
		return fail(fmt.Sprintf("it has %d bytes, and the ATS takes %d", f.size, rule.MaxBytes), "give a smaller file")
	case rule.ParsedBytes > 0 && f.size > rule.ParsedBytes:
		out.Warning = true
		out.Cause = fmt.Sprintf("it has %d bytes; above %d the ATS attaches it and does not parse it", f.size, rule.ParsedBytes)
	}
	return out
}

// fetched is the beginning of a file and its size, -1 when the server does not say. cause is why there is none.
type fetched struct {
	head []byte
	size int64

	cause, remedy string // remedy is the operator's, "" when it is the platform's turn
	unreached     string // the host that did not answer
	hostDown      string // why no connection to it can be made, "" when one was made
	passing       bool   // the same request may well be answered soon
}

// fetchHead reads the beginning of a file, wherever its address leads.
func fetchHead(ctx context.Context, fetch Fetcher, address string) fetched {
	for range resumeMoves {
		if bad := notHTTPS(address); bad != "" {
			return fetched{cause: "its address leads to one that " + strings.TrimPrefix(bad, "must be ")}
		}
		var connected atomic.Bool
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, connecting(&connected)), http.MethodGet, address, nil)
		if err != nil {
			return fetched{cause: "its address cannot be asked"}
		}
		req.Header.Set("Range", "bytes=0-"+strconv.Itoa(resumeHead-1))
		req.Header.Set("User-Agent", "atssync (resume check)")
		res, err := fetch.Do(req)
		if err != nil {
			return unreached(address, err, connected.Load(), ctx.Err() != nil)
		}
		head, err := io.ReadAll(io.LimitReader(res.Body, resumeHead))
		_ = res.Body.Close()
		switch {
		case res.StatusCode >= 300 && res.StatusCode < 400:
			to, err := res.Location()
			if err != nil {
				return fetched{cause: "its address leads nowhere"}
			}
			address = to.String()
			continue
		case res.StatusCode < 200 || res.StatusCode > 299:
			return fetched{cause: fmt.Sprintf("its address answers %d (%s)", res.StatusCode, http.StatusText(res.StatusCode)), passing: passing(res.StatusCode)}
		case err != nil:
			return brokenOff(address, len(head), err)
		}
		if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == "text/html" {
			head = []byte("<html")
		}
		return fetched{head: head, size: sizeOf(res, len(head))}
	}
	return fetched{cause: fmt.Sprintf("its address leads on more than %d times", resumeMoves)}
}

// connecting notes whether a request got as far as a connection, TLS and all. One that is made again on another
// connection begins anew.
func connecting(connected *atomic.Bool) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { connected.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}
}

// unreached is an address that did not answer. It is the whole host's fault only when no connection to it could be made: one
// that takes connections and does not answer for a file may well answer for the next. The guard's refusals say what the
// operator can do; they do not go away, and cost nothing that would be worth sparing.
func unreached(address string, err error, connected, over bool) fetched {
	f := fetched{cause: "its address could not be reached: " + innermost(err), unreached: atssync.HostOf(address), passing: true}
	r, refused := errors.AsType[interface {
		error
		Remedy() string
	}](err)
	switch {
	case refused:
		f.cause, f.remedy, f.passing = "its address may not be reached from here: "+r.Error(), r.Remedy(), false
	case over: // the time of all redirects together; that of a connection is a shorter one
		f.cause = "its address gave no answer within " + resumeTimeout.String()
	case !connected:
		f.hostDown = innermost(err)
	}
	return f
}

// brokenOff is a file of which the host sent only a part. That is an answer, and a bad one, like that of a server in
// trouble; only when the time was over nobody knows whether the rest would have come.
func brokenOff(address string, read int, err error) fetched {
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		return fetched{cause: "the file did not come within " + resumeTimeout.String(), unreached: atssync.HostOf(address), passing: true}
	}
	return fetched{cause: fmt.Sprintf("the file broke off after %d bytes: %s", read, innermost(err)), passing: true}
}

// passing reports whether a status speaks of the server's state of now and not of the file.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status != http.StatusNotImplemented
}

// sizeOf reads the size of the whole file from the answer to a part of it.
func sizeOf(res *http.Response, read int) int64 {
	if _, whole, ok := strings.Cut(res.Header.Get("Content-Range"), "/"); ok && res.StatusCode == http.StatusPartialContent {
		if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
			return n
		}
		return -1
	}
	if res.StatusCode != http.StatusPartialContent && res.ContentLength >= 0 {
		return res.ContentLength
	}
	if read < resumeHead {
		return int64(read)
	}
	return -1
}

// innermost is the reason of a failure without the address, which may be signed.
func innermost(err error) string {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok || u.Unwrap() == nil {
			return err.Error()
		}
		err = u.Unwrap()
	}
}

// magic are the beginnings of the files that resumes come in. A docx is a zip, and so is an odt: their names tell.
var magic = []struct{ begin, kind string }{
	{"%PDF-", "pdf"},
	{"{\\rtf", "rtf"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "doc"},
	{"\x89PNG", "png"},
	{"\xff\xd8\xff", "jpg"},
}

// sniffed tells a file's type by its first bytes, "" when they do not tell.
func sniffed(head []byte) string {
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.begin)) {
			return m.kind
		}
	}
	text := strings.ToLower(string(bytes.TrimSpace(head[:min(len(head), 256)])))
	if strings.HasPrefix(text, "<!doctype html") || strings.HasPrefix(text, "<html") {
		return "html"
	}
	return ""
}
