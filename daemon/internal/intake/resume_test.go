package intake

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

type fetcher func(r *http.Request) (*http.Response, error)

func (f fetcher) Do(r *http.Request) (*http.Response, error) { return f(r) }

func file(status int, body string, header ...string) fetcher {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
}

func TestLookAtResume_SeesWhatAnATSWouldMeet(t *testing.T) {
	t.Parallel()
	rule := sdk.ResumeRule{Types: []string{"pdf", "docx", "jpeg"}, MaxBytes: 5 << 20, ParsedBytes: 2 << 20}
	pdf := "%PDF-1.7 …"
	part := func(size int) fetcher {
		return file(206, pdf, "Content-Range", fmt.Sprintf("bytes 0-1023/%d", size))
	}
	for name, tt := range map[string]struct {
		fetch       fetcher
		change      func(*atssync.Resume)
		ok, warning bool
		says        string
	}{
		"a file":               {fetch: part(1 << 20), ok: true},
		"one without ranges":   {fetch: file(200, pdf), ok: true},
		"one of any type":      {fetch: file(200, "PK\x03\x04"), ok: true, change: func(r *atssync.Resume) { r.FileName = "ada.docx" }},
		"a photo":              {fetch: file(200, "\xff\xd8\xff"), ok: true},
		"too large to parse":   {fetch: part(3 << 20), ok: true, warning: true, says: "does not parse it"},
		"too large":            {fetch: part(6 << 20), says: "the ATS takes 5242880"},
		"empty":                {fetch: file(200, ""), says: "empty"},
		"a login page":         {fetch: file(200, "  <!DOCTYPE html><p>"), says: "web page"},
		"HTML by its header":   {fetch: file(200, "x", "Content-Type", "text/html; charset=utf-8"), says: "web page"},
		"another type":         {fetch: file(200, "{\\rtf1"), says: "of the type rtf"},
		"another type by name": {fetch: file(200, "plain"), change: func(r *atssync.Resume) { r.FileName, r.URL = "", "https://files.example.com/a.odt?x=1" }, says: "of the type odt"},
		"not there":            {fetch: file(404, "no"), says: "answers 404"},
		"behind a login":       {fetch: file(403, "no"), says: "answers 403"},
		"not reachable": {fetch: func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("Get \"https://files.example.com/?signature=secret\": %w", errors.New("no such host"))
		}, says: "could not be reached: no such host"},
		"soon over": {fetch: part(1), says: "within 72 hours", change: func(r *atssync.Resume) {
			soon := time.Now().Add(71 * time.Hour)
			r.ExpiresAt = &soon
		}},
		"led away to plain text": {fetch: file(302, "", "Location", "http://files.example.com/a.pdf"), says: "https address"},
		"led in a circle":        {fetch: file(302, "", "Location", "/a.pdf"), says: "more than 5 times"},
		"led nowhere":            {fetch: file(302, ""), says: "leads nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := atssync.Resume{URL: "https://files.example.com/a.pdf?signature=secret", FileName: "Ada.pdf"}
			if tt.change != nil {
				tt.change(&r)
			}
			got := LookAtResume(t.Context(), tt.fetch, r, rule, time.Now())
			require.Equal(t, tt.ok, got.OK, "%+v", got)
			require.Equal(t, tt.warning, got.Warning)
			require.Contains(t, got.Cause, tt.says)
			require.NotContains(t, fmt.Sprintf("%+v", got), "secret", "a signed address is shown")
			require.Equal(t, tt.ok, got.WhoseTurn == "")
		})
	}
}

func TestLookAtResume_AsksForTheHeadAndFollowsToTheFile(t *testing.T) {
	t.Parallel()
	var asked []string
	got := LookAtResume(t.Context(), fetcher(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String()+" "+r.Header.Get("Range"))
		if len(asked) == 1 {
			return file(307, "", "Location", "https://cdn.example.com/b")(r)
		}
		return file(200, "%PDF-1.4")(r)
	}), atssync.Resume{URL: "https://files.example.com/a"}, sdk.ResumeRule{Types: []string{"pdf"}}, time.Now())
	require.True(t, got.OK, "%+v", got)
	require.Equal(t, []string{"https://files.example.com/a bytes=0-1023", "https://cdn.example.com/b bytes=0-1023"}, asked)
}

func TestLookAtResume_TellsAnAnswerFromNone(t *testing.T) {
	t.Parallel()
	broken := func(err error) fetcher { return func(*http.Request) (*http.Response, error) { return nil, err } }
	for name, tt := range map[string]struct {
		fetch     fetcher
		unreached string
		down      string
		passing   bool
		turn      sdk.Turn
	}{
		"no such host":        {fetch: broken(errors.New("no such host")), unreached: "files.example.com", down: "no such host", passing: true, turn: sdk.TurnPlatform},
		"a connect timeout":   {fetch: broken(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), unreached: "files.example.com", down: "i/o timeout", passing: true, turn: sdk.TurnPlatform},
		"the guard's no":      {fetch: broken(fmt.Errorf("dial: %w", blocked{})), unreached: "files.example.com", turn: sdk.TurnOperator},
		"a server in trouble": {fetch: file(503, ""), passing: true, turn: sdk.TurnPlatform},
		"too many requests":   {fetch: file(429, ""), passing: true, turn: sdk.TurnPlatform},
		"not there":           {fetch: file(404, ""), turn: sdk.TurnPlatform},
		"led to a host that is down": {fetch: func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "cdn.example.com:8443" {
				return nil, errors.New("connection refused")
			}
			return file(302, "", "Location", "https://cdn.example.com:8443/a")(r)
		}, unreached: "cdn.example.com:8443", down: "connection refused", passing: true, turn: sdk.TurnPlatform},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := LookAtResume(t.Context(), tt.fetch, atssync.Resume{URL: "https://files.example.com/a.pdf"}, sdk.ResumeRule{}, time.Now())
			require.Equal(t, tt.unreached, got.Unreached)
			require.Equal(t, tt.down, got.HostDown)
			require.Equal(t, tt.passing, got.Passing)
			require.Equal(t, tt.turn, got.WhoseTurn)
			require.NotNil(t, got.Trouble(atssync.ResumeCheckStrict))
			require.Equal(t, tt.unreached != "", got.Trouble(atssync.ResumeCheckAnswered) == nil)
			require.Equal(t, tt.unreached != "", got.Warned(atssync.ResumeCheckAnswered) != "")
			require.Empty(t, got.Warned(atssync.ResumeCheckStrict))
		})
	}
}

// fileServer is a host that people's files lie on, as it is met over the network.
func fileServer(t *testing.T, serve http.HandlerFunc) *httptest.Server {
	t.Helper()
	h := httptest.NewUnstartedServer(serve)
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

// A file that broke off was answered, badly; that is not its host's being out of reach.
func TestLookAtResume_AFileThatBreaksOffIsABadAnswer(t *testing.T) {
	t.Parallel()
	h := fileServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken.pdf" {
			w.Header().Set("Content-Length", strconv.Itoa(200<<20))
			_, _ = w.Write([]byte("%PDF-1.4"))
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	})
	look := func(path string) atssync.ResumeLook {
		return LookAtResume(t.Context(), h.Client(), atssync.Resume{URL: h.URL + path}, sdk.ResumeRule{}, time.Now())
	}
	got := look("/broken.pdf")
	require.Equal(t, "the file broke off after 8 bytes: unexpected EOF", got.Cause)
	require.Empty(t, got.Unreached)
	require.Empty(t, got.HostDown, "one file's fault was taken for its host's")
	require.True(t, got.Passing, "it may well come whole soon")
	require.NotNil(t, got.Trouble(atssync.ResumeCheckAnswered), "the ATS would get a part of it")

	got = look("/no-answer.pdf")
	require.Equal(t, atssync.HostOf(h.URL), got.Unreached)
	require.Empty(t, got.HostDown)
	require.Nil(t, got.Trouble(atssync.ResumeCheckAnswered))
}

func TestLookAtResume_NoConnectionIsTheHosts(t *testing.T) {
	t.Parallel()
	h := fileServer(t, func(http.ResponseWriter, *http.Request) {})
	look := func(with Fetcher) atssync.ResumeLook {
		return LookAtResume(t.Context(), with, atssync.Resume{URL: h.URL + "/a.pdf"}, sdk.ResumeRule{}, time.Now())
	}
	got := look(&http.Client{Transport: &http.Transport{}})
	require.Contains(t, got.HostDown, "certificate")
	require.Equal(t, atssync.HostOf(h.URL), got.Unreached)
	require.Empty(t, look(h.Client()).HostDown)
	h.Close()
	got = look(h.Client())
	require.Equal(t, "connection refused", got.HostDown)
	require.Equal(t, "its address could not be reached: connection refused", got.Cause)
}

// A file that takes too long says nothing of its host, before its first byte and after it.
func TestLookAtResume_ASlowFileIsNobodyElsesFault(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fetch fetcher
		cause string
	}{
		"no answer": {func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, "its address gave no answer within 10s"},
		"no body": {func(r *http.Request) (*http.Response, error) {
			res, err := file(200, "")(r)
			res.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			}))
			return res, err
		}, "the file did not come within 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got := LookAtResume(t.Context(), tt.fetch, atssync.Resume{URL: "https://files.example.com/a.pdf"}, sdk.ResumeRule{}, time.Now())
				require.Equal(t, tt.cause, got.Cause)
				require.Equal(t, "files.example.com", got.Unreached)
				require.Empty(t, got.HostDown)
				require.Equal(t, "the resume was not looked at before it was sent: "+tt.cause, got.Warned(atssync.ResumeCheckAnswered))
			})
		})
	}
}

type blocked struct{}

func (blocked) Error() string  { return "the address 10.0.0.5 is a private address" }
func (blocked) Remedy() string { return "list its network" }

func TestLookAtResume_ASignatureThatEndsSoonIsNotFollowed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	asked := fetcher(func(r *http.Request) (*http.Response, error) { return file(200, "%PDF-1.4")(r) })
	look := func(signed, end string) atssync.ResumeLook {
		r := atssync.Resume{URL: "https://b.example.com/a.pdf?X-Amz-Date=20260228T000000Z&X-Amz-Expires=" + signed}
		if end != "" {
			at, err := time.Parse(time.RFC3339, end)
			require.NoError(t, err)
			r.ExpiresAt = &at
		}
		return LookAtResume(t.Context(), asked, r, sdk.ResumeRule{}, now)
	}
	require.True(t, look("604800", "").OK)
	require.Contains(t, look("300000", "").Cause, "within 72 hours")
	require.Contains(t, look("3600", "").Cause, "stopped to work at 2026-02-28T01:00:00Z")
	require.Contains(t, look("604800", "2026-03-02T00:00:00Z").Cause, "within 72 hours", "the earlier of both counts")
	require.Contains(t, look("3600", "2026-12-31T00:00:00Z").Cause, "stopped to work")
}
