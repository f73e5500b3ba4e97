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
