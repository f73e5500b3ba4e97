package app

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// fileHost serves resumes by HTTPS on this machine.
type fileHost struct {
	*httptest.Server

	mu   sync.Mutex
	gone map[string]bool
}

func newFileHost(t *testing.T) *fileHost {
	t.Helper()
	h := &fileHost{gone: map[string]bool{"/gone.pdf": true}}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		gone := h.gone[r.URL.Path]
		h.mu.Unlock()
		size := 10_000
		switch {
		case gone:
			http.NotFound(w, r)
			return
		case r.URL.Path == "/login.pdf":
			_, _ = w.Write([]byte("<!doctype html><title>Log in</title>"))
			return
		case strings.HasPrefix(r.URL.Path, "/broken"):
			w.Header().Set("Content-Length", strconv.Itoa(200<<20))
			_, _ = w.Write([]byte("%PDF-1.7"))
			return
		case r.URL.Path == "/large.pdf":
			size = 3_000_000
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append([]byte("%PDF-1.7\n"), make([]byte, size)...)))
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *fileHost) put(path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.gone, path)
}

// config is the part of the config file that lets the daemon reach the host.
func (h *fileHost) config(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600))
	return fmt.Sprintf("ca_file = %q", file)
}

func withResume(connection, externalID, address string) []byte {
	return fmt.Appendf(nil, `{"connection":%q,"external_id":%q,"job":"job-0","person":{"id":%[2]q,"first_name":"Ada","last_name":"Example",`+
		`"emails":[{"address":"%[2]s@example.com","type":"personal"}]},"resume":{"url":%[3]q,"file_name":"resume.pdf"},`+
		`"application_url":"https://platform.example.com/a/%[2]s"}`+"\n", connection, externalID, address)
}

func TestDaemon_LooksAtResumesBeforeItSends(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	w := newWorld(t, newATS(t), "[submissions]\nresume_networks = [\"127.0.0.1\"]\n")
	text, err := os.ReadFile(w.config)
	require.NoError(t, err)
	changed := strings.Replace(string(text), "[adapters]\n", "[adapters]\n"+h.config(t)+"\n", 1)
	require.NoError(t, os.WriteFile(w.config, []byte(changed), 0o600))
	w.start()
	c := w.connect(0, "")
	w.link(c, "job-0", w.ats.Employers[0].Jobs[0].ID)

	preflight := func(externalID, address string) api.CheckResult {
		p, err := w.client.Preflight(t.Context(), withResume(c.ID, externalID, address))
		require.NoError(t, err)
		for _, r := range p.Checks {
			if r.ID == "resume" {
				require.Equal(t, r.OK, p.OK, "%+v", p.Checks)
				return r
			}
		}
		require.Fail(t, "the resume was not looked at")
		return api.CheckResult{}
	}
	require.True(t, preflight("p-1", h.URL+"/fine.pdf").OK)
	require.Contains(t, preflight("p-1", h.URL+"/gone.pdf").Cause, "404")
	require.Contains(t, preflight("p-1", "https://10.0.0.5/a.pdf").Cause, "resume_networks of [submissions]")
	require.True(t, preflight("p-1", "https://10.0.0.5/a.pdf").Warning, "what cannot be reached from here keeps nobody waiting")

	// What breaks off is held for itself, and says nothing about the host's other files, which come after it.
	require.NoError(t, w.client.SubmitBatch(t.Context(), bytes.NewReader(withResume(c.ID, "broken", h.URL+"/broken.pdf")), func(r api.SubmitResult) error {
		require.Nil(t, r.Error)
		return nil
	}))
	w.settled(30 * time.Second)
	var body bytes.Buffer
	for name, address := range map[string]string{
		"fine": h.URL + "/fine.pdf", "large": h.URL + "/large.pdf", "gone": h.URL + "/gone.pdf", "login": h.URL + "/login.pdf",
		"private": "https://10.0.0.5/a.pdf", "over": h.URL + "/fine.pdf?X-Amz-Date=20200101T000000Z&X-Amz-Expires=600",
	} {
		body.Write(withResume(c.ID, name, address))
	}
	require.NoError(t, w.client.SubmitBatch(t.Context(), &body, func(r api.SubmitResult) error { require.Nil(t, r.Error); return nil }))
	total := w.settled(30 * time.Second)
	require.EqualValues(t, map[atssync.State]int64{atssync.StateSubmitted: 3, atssync.StateHeld: 4}, nonZero(total.States))

	got := func(externalID string) api.Submission {
		page, err := w.client.Submissions(t.Context(), api.SubmissionQuery{Connection: c.ID, ExternalID: externalID})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		return page.Items[0]
	}
	require.Contains(t, got("large").Warning, "does not parse it")
	require.Contains(t, got("private").Warning, "not looked at before it was sent")
	require.Empty(t, got("fine").Warning)
	for name, cause := range map[string]string{"broken": "broke off", "gone": "404", "login": "web page", "over": "stopped to work"} {
		s := got(name)
		require.Equal(t, atssync.HeldResumeUnavailable, s.HeldReason)
		require.Contains(t, s.Trouble.Message, cause)
		require.Equal(t, sdk.TurnPlatform, s.WhoseTurn)
		require.NotContains(t, s.Trouble.Message+s.Remedy, h.URL, "an address that may be signed is shown")
	}

	// A new address goes at once, even if only its signature is new; so does a file that is there by now.
	over := withResume(c.ID, "over", h.URL+"/fine.pdf?X-Amz-Date="+time.Now().UTC().Format("20060102T150405Z")+"&X-Amz-Expires=604800")
	require.NoError(t, w.client.SubmitBatch(t.Context(), bytes.NewReader(over), func(r api.SubmitResult) error {
		require.Equal(t, atssync.AcceptedRevision, r.Result)
		return nil
	}))
	h.put("/gone.pdf")
	w.stop()
	w.start() // looks at what is held at once
	w.eventually(20*time.Second, func() bool {
		return got("over").State == atssync.StateSubmitted && got("gone").State == atssync.StateSubmitted
	}, "what can be fetched by now was not sent")
	require.Equal(t, atssync.StateHeld, got("login").State)
	require.Equal(t, 5, w.ats.candidates())
	require.Empty(t, w.ats.doubled())
	require.NotContains(t, w.log.String(), h.URL[:len(h.URL)-6]+"/", "a resume's address is in the log")
	w.stop()
}

func nonZero(in map[atssync.State]int64) map[atssync.State]int64 {
	out := make(map[atssync.State]int64)
	for s, n := range in {
		if n != 0 {
			out[s] = n
		}
	}
	return out
}

// A preflight may look at everything and change nothing, on disk least of all.
func TestDaemon_APreflightLeavesNoTrace(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	w := newWorld(t, newATS(t), fmt.Sprintf("[http]\nlisten = %q\n[submissions]\nresume_check = \"off\"\n", address))
	w.start()
	c, other := w.connect(0, ""), w.connect(1, "")
	w.link(c, "job-0", w.ats.Employers[0].Jobs[0].ID)
	w.submit(c.ID, "job-0", 0, 1)
	w.settled(20 * time.Second)
	made, err := w.client.CreateToken(t.Context(), api.TokenRequest{Name: "acme", Scopes: []string{"submit"}, Accounts: []string{c.Account}})
	require.NoError(t, err)

	ask := func(doc []byte) (int, api.Preflight) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/v1/submissions:preflight", bytes.NewReader(doc))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+made.Secret)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		var p api.Preflight
		_ = json.NewDecoder(res.Body).Decode(&p)
		return res.StatusCode, p
	}
	ask(document(c.ID, "job-0", 1)) // the token's first use is noted
	before := w.trace(c, other)
	status, p := ask(document(c.ID, "job-0", 1))
	require.Equal(t, http.StatusOK, status)
	require.True(t, p.OK, "%+v", p)
	_, p = ask(document(c.ID, "job-0", 0))
	require.Equal(t, atssync.AcceptedReplay, p.Result)
	_, p = ask(document(c.ID, "job-9", 2))
	require.Equal(t, atssync.HeldJobNotLinked, p.HeldReason)
	_, p = ask(bytes.Replace(document(c.ID, "job-0", 3), []byte("ada.3@"), []byte("Ada.0@"), 1))
	require.True(t, p.OK)
	require.Contains(t, fmt.Sprint(p.Checks), "sent on this connection 1 times before")
	_, p = ask([]byte(`{"connection":`))
	require.False(t, p.OK)
	status, _ = ask(document(other.ID, "job-0", 1))
	require.Equal(t, http.StatusNotFound, status, "another account's connection is nobody's to know")
	require.Equal(t, before, w.trace(c, other), "a preflight left a trace")
	w.stop()
}

// trace is everything that a step would have written.
func (w *world) trace(connections ...api.Connection) string {
	w.t.Helper()
	out := fmt.Sprint(nonZero(w.ledger().States))
	for _, c := range connections {
		out += fmt.Sprintf(" %s: %d events;", c.ID, len(allEvents(w, c.ID)))
	}
	audit, err := w.client.Audit(w.t.Context(), "", "", 500)
	require.NoError(w.t, err)
	return fmt.Sprintf("%s %d audit records; %d people in the ATS", out, len(audit.Items), w.ats.candidates())
}
