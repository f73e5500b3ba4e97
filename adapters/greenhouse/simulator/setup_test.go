package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a fresh simulator behind a real listener, with one organisation that most tests look at.
type world struct {
	t    *testing.T
	s    *Server
	e    *Employer
	base string
}

// answer is what a client got.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// setup starts a simulator without read lag and without resume fetches; patches and options change that.
func setup(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	o := Options{RandSeed: 7, Switches: SwitchPatch{"read_lag": json.RawMessage(`"0s"`), "resume_fetch": json.RawMessage(`"never"`)}}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		web.Close()
	})
	return &world{t: t, s: s, e: s.Employers()[0], base: web.URL}
}

// with sets switches given as name, value pairs.
func with(pairs ...any) func(*Options) {
	return func(o *Options) {
		for i := 0; i+1 < len(pairs); i += 2 {
			name, ok := pairs[i].(string)
			if !ok {
				panic("a switch name is a text")
			}
			o.Switches[name] = mustJSON(pairs[i+1])
		}
	}
}

func (w *world) set(pairs ...any) {
	w.t.Helper()
	o := Options{Switches: make(SwitchPatch)}
	with(pairs...)(&o)
	require.NoError(w.t, w.s.SetSwitches("", o.Switches))
}

func (w *world) email(level Level) string {
	w.t.Helper()
	u, ok := w.e.User(level)
	require.True(w.t, ok)
	return u.Email
}

// try makes one call and returns the transport's error too.
func (w *world) try(method, path, email, body string) (answer, error) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+partnerPath+path, bytes.NewReader([]byte(body)))
	require.NoError(w.t, err)
	req.SetBasicAuth(w.e.Key(), "")
	if email != "" {
		req.Header.Set("On-Behalf-Of", email)
	}
	return w.send(req)
}

func (w *world) send(req *http.Request) (answer, error) {
	w.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{t: w.t, status: res.StatusCode, header: res.Header, body: data}, err
}

func (w *world) get(path string) answer {
	w.t.Helper()
	return w.getAs(SiteAdmin, path)
}

func (w *world) getAs(level Level, path string) answer {
	w.t.Helper()
	a, err := w.try(http.MethodGet, path, w.email(level), "")
	require.NoError(w.t, err)
	return a
}

func (w *world) post(body string) answer {
	w.t.Helper()
	return w.postAs(SiteAdmin, "candidates", body)
}

func (w *world) postAs(level Level, path, body string) answer {
	w.t.Helper()
	a, err := w.try(http.MethodPost, path, w.email(level), body)
	require.NoError(w.t, err)
	return a
}

// receipt expects success.
func (a answer) receipt() receipt {
	a.t.Helper()
	require.Equal(a.t, http.StatusOK, a.status, string(a.body))
	var r receipt
	require.NoError(a.t, json.Unmarshal(a.body, &r))
	return r
}

// list expects a GET candidates reply.
func (a answer) list() []listedCandidate {
	a.t.Helper()
	require.Equal(a.t, http.StatusOK, a.status, string(a.body))
	var list []listedCandidate
	require.NoError(a.t, json.Unmarshal(a.body, &list))
	return list
}

func (a answer) errors() []FieldError {
	a.t.Helper()
	var body errorBody
	require.NoError(a.t, json.Unmarshal(a.body, &body), string(a.body))
	return body.Errors
}

func (w *world) read(r receipt) []listedCandidate {
	w.t.Helper()
	return w.get("candidates?candidate_ids=" + strconv.FormatInt(r.ID, 10)).list()
}

// person is a document of an invented candidate on the organisation's first job, with changes.
func (w *world) person(externalID string, change ...func(map[string]any)) string {
	w.t.Helper()
	d := map[string]any{
		"prospect": false, "job_id": w.e.Jobs()[0].ID, "first_name": "Åsa", "last_name": "Núñez", "external_id": externalID,
		"emails": []map[string]string{{"email": "asa.nunez@example.com", "type": "personal"}},
	}
	for _, c := range change {
		c(d)
	}
	raw, err := json.Marshal(d)
	require.NoError(w.t, err)
	return string(raw)
}

func field(name string, value any) func(map[string]any) {
	return func(d map[string]any) { d[name] = value }
}

func without(name string) func(map[string]any) {
	return func(d map[string]any) { delete(d, name) }
}

// jobless makes the document a prospect on no job.
func jobless(d map[string]any) {
	d["prospect"] = true
	delete(d, "job_id")
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "partner", name))
	require.NoError(t, err)
	return data
}

// How long a test waits for what happens beside it, and how often it looks.
const (
	waitFor = 20 * time.Second
	tick    = time.Millisecond
)
