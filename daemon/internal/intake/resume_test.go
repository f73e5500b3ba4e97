package intake

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
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
		passing   bool
		turn      sdk.Turn
	}{
		"no such host":        {fetch: broken(errors.New("no such host")), unreached: "files.example.com", passing: true, turn: sdk.TurnPlatform},
		"the guard's no":      {fetch: broken(fmt.Errorf("dial: %w", blocked{})), unreached: "files.example.com", turn: sdk.TurnOperator},
		"a server in trouble": {fetch: file(503, ""), passing: true, turn: sdk.TurnPlatform},
		"too many requests":   {fetch: file(429, ""), passing: true, turn: sdk.TurnPlatform},
		"not there":           {fetch: file(404, ""), turn: sdk.TurnPlatform},
		"led to a host that is down": {fetch: func(r *http.Request) (*http.Response, error) {
			if r.URL.Hostname() == "cdn.example.com" {
				return nil, errors.New("connection refused")
			}
			return file(302, "", "Location", "https://cdn.example.com/a")(r)
		}, unreached: "cdn.example.com", passing: true, turn: sdk.TurnPlatform},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := LookAtResume(t.Context(), tt.fetch, atssync.Resume{URL: "https://files.example.com/a.pdf"}, sdk.ResumeRule{}, time.Now())
			require.Equal(t, tt.unreached, got.Unreached)
			require.Equal(t, tt.passing, got.Passing)
			require.Equal(t, tt.turn, got.WhoseTurn)
			require.NotNil(t, got.Trouble(atssync.ResumeCheckStrict))
			require.Equal(t, tt.unreached != "", got.Trouble(atssync.ResumeCheckAnswered) == nil)
			require.Equal(t, tt.unreached != "", got.Warned(atssync.ResumeCheckAnswered) != "")
			require.Empty(t, got.Warned(atssync.ResumeCheckStrict))
		})
	}
}

type blocked struct{}

func (blocked) Error() string  { return "the address 10.0.0.5 is a private address" }
func (blocked) Remedy() string { return "list its network" }

func TestSignedUntil_ReadsWhatAddressesAreSignedFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for url, want := range map[string]time.Time{
		"https://b.example.com/a.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260301T110000Z&X-Amz-Expires=3600&X-Amz-Signature=1": at,
		"https://b.example.com/a.pdf?x-amz-date=20260301T110000Z&x-amz-expires=3600":                                                    at,
		"https://b.example.com/a.pdf?X-Goog-Date=20260301T110000Z&X-Goog-Expires=3600&X-Goog-Signature=1":                               at,
		"https://b.example.com/a.pdf?AWSAccessKeyId=k&Expires=1772366400&Signature=s":                                                   at,
		"https://b.example.com/a.pdf?sv=2024-01-01&se=2026-03-01T12%3A00%3A00Z&sig=s":                                                   at,
		"https://b.example.com/a.pdf?se=2026-03-01T12:00Z&sig=s":                                                                        at,
		"https://b.example.com/a.pdf?se=2026-03-01&sig=s":                                                                               time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"https://b.example.com/a.pdf?Expires=1772366400":                                                                                {}, // not signed: whatever it means
		"https://b.example.com/a.pdf?Expires=soon&Signature=s":                                                                          {},
		"https://b.example.com/a.pdf?X-Amz-Date=yesterday&X-Amz-Expires=3600":                                                           {},
		"https://b.example.com/a.pdf?X-Amz-Date=20260301T110000Z&X-Amz-Expires=99999999999999":                                          {},
		"https://b.example.com/a.pdf?Expires=99999999999999999&Signature=s":                                                             {},
		"https://b.example.com/a.pdf":                                                                                                   {},
		"https://b.example.com/%zz":                                                                                                     {},
	} {
		require.True(t, want.Equal(signedUntil(url)), "%s: %s", url, signedUntil(url))
	}
}

func FuzzSignedUntil(f *testing.F) {
	f.Add("https://b.example.com/a.pdf?X-Amz-Date=20260301T110000Z&X-Amz-Expires=3600")
	f.Add("https://b.example.com/a.pdf?Expires=1772366400&Signature=s")
	f.Add("https://b.example.com/a.pdf?se=2026-03-01T12:00Z&sig=s")
	f.Fuzz(func(t *testing.T, url string) {
		if at := signedUntil(url); !at.IsZero() {
			require.Contains(t, url, "?", "an end was read from an address without a query")
		}
	})
}

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
