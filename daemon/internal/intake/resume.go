package intake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	resumeHead    = 1024            // bytes that are looked at
	resumeTimeout = 8 * time.Second // for all redirects together
	resumeMoves   = 5               // redirects that are followed
	resumeSoon    = 72 * time.Hour  // an ATS may fetch it that late
)

// Fetcher makes a request and follows no redirect. It is the guard's: addresses that are not public are refused.
type Fetcher interface {
	Do(r *http.Request) (*http.Response, error)
}

// LookAtResume looks at a resume as an ATS would that fetches it: the first bytes, without a login. What it finds is OK, a
// warning, or says why the ATS could not take it.
func LookAtResume(ctx context.Context, fetch Fetcher, r atssync.Resume, rule sdk.ResumeRule, now time.Time) atssync.CheckResult {
	out := atssync.CheckResult{ID: checkResume, Label: "The resume can be fetched", OK: true}
	fail := func(cause, remedy string) atssync.CheckResult {
		out.OK, out.Cause, out.WhoseTurn, out.Remedy = false, cause, sdk.TurnPlatform, remedy
		return out
	}
	if r.ExpiresAt != nil && r.ExpiresAt.Before(now.Add(resumeSoon)) {
		return fail("its address stops to work within 72 hours, and an ATS may fetch it later than that", "give an address that works for a week")
	}
	ctx, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	head, size, cause := fetchHead(ctx, fetch, r.URL)
	if cause != "" {
		return fail(cause, "make the address fetchable without a login, by https, from the public Internet")
	}
	kind := sniffed(head)
	if kind == "" {
		kind = extension(r)
	}
	switch {
	case kind == "html":
		return fail("there is a web page at its address and no file", "give the address of the file itself, without a login page before it")
	case kind != "" && len(rule.Types) > 0 && !slices.Contains(rule.Types, kind) && (kind != "jpg" || !slices.Contains(rule.Types, "jpeg")):
		return fail(fmt.Sprintf("it is of the type %s, and the ATS takes %s", kind, strings.Join(rule.Types, ", ")), "give it in one of these types")
	case size == 0:
		return fail("the file is empty", "give the address of the file")
	case rule.MaxBytes > 0 && size > rule.MaxBytes:
		return fail(fmt.Sprintf("it has %d bytes, and the ATS takes %d", size, rule.MaxBytes), "give a smaller file")
	case rule.ParsedBytes > 0 && size > rule.ParsedBytes:
		out.Warning = true
		out.Cause = fmt.Sprintf("it has %d bytes; above %d the ATS attaches it and does not parse it", size, rule.ParsedBytes)
	}
	return out
}

// fetchHead returns the first bytes of a file and its size, -1 when the server does not say. cause is why there is none.
func fetchHead(ctx context.Context, fetch Fetcher, address string) (head []byte, size int64, cause string) {
	for range resumeMoves {
		if bad := notHTTPS(address); bad != "" {
			return nil, 0, "its address leads to one that " + strings.TrimPrefix(bad, "must be ")
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, 0, "its address cannot be asked"
		}
		req.Header.Set("Range", "bytes=0-"+strconv.Itoa(resumeHead-1))
		req.Header.Set("User-Agent", "atssync (resume check)")
		res, err := fetch.Do(req)
		if err != nil {
			return nil, 0, "its address could not be reached: " + innermost(err)
		}
		head, err = io.ReadAll(io.LimitReader(res.Body, resumeHead))
		_ = res.Body.Close()
		switch {
		case res.StatusCode >= 300 && res.StatusCode < 400:
			to, err := res.Location()
			if err != nil {
				return nil, 0, "its address leads nowhere"
			}
			address = to.String()
			continue
		case res.StatusCode < 200 || res.StatusCode > 299:
			return nil, 0, fmt.Sprintf("its address answers %d (%s)", res.StatusCode, http.StatusText(res.StatusCode))
		case err != nil:
			return nil, 0, "the file broke off: " + innermost(err)
		}
		if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == "text/html" {
			head = []byte("<html")
		}
		return head, sizeOf(res, len(head)), ""
	}
	return nil, 0, fmt.Sprintf("its address leads on more than %d times", resumeMoves)
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
