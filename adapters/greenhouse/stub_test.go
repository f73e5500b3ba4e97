package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

const (
	stubKey   = "5f0c-key-of-nobody"
	stubActor = "ats-sync@employer.example.com"
)

// answer is one scripted reply of a stub.
type answer struct {
	status int
	body   string
	header map[string]string
	// handle, when set, answers by itself.
	handle http.HandlerFunc
}

// received is one request as the stub saw it.
type received struct {
	method, path, query, key, actor, contentType string
	body                                         []byte
}

// stub is an ATS that answers each path with a scripted reply and keeps what it was sent.
type stub struct {
	adapter *adapter
	conn    sdk.Connection

	mu   sync.Mutex
	got  []received
	says map[string]answer
}

// newStub answers "METHOD path" keys as scripted, and everything else with 404.
func newStub(t *testing.T, says map[string]answer) *stub {
	t.Helper()
	s := &stub{says: says}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	s.adapter = &adapter{client: rest.New(rest.Options{Name: "Greenhouse"})}
	t.Cleanup(s.adapter.client.Close)
	s.conn = sdk.Connection{
		ID:          "con_1",
		Settings:    map[string]string{fieldBaseURL: srv.URL, fieldActor: stubActor},
		Credentials: map[string]sdk.Secret{fieldKey: stubKey},
	}
	return s
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key, _, _ := r.BasicAuth()
	s.mu.Lock()
	s.got = append(s.got, received{
		r.Method, r.URL.Path, r.URL.RawQuery, key, r.Header.Get("On-Behalf-Of"), r.Header.Get("Content-Type"), body,
	})
	a, ok := s.says[r.Method+" "+r.URL.Path]
	s.mu.Unlock()
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		return
	case a.handle != nil:
		a.handle(w, r)
		return
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// requests returns what arrived so far.
func (s *stub) requests() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}

// submit sends one item.
func (s *stub) submit(t *testing.T, item sdk.SubmitItem) (sdk.SubmitReply, error) {
	t.Helper()
	return s.adapter.Submit(t.Context(), sdk.SubmitRequest{Connection: s.conn, Items: []sdk.SubmitItem{item}})
}

func (s *stub) read(t *testing.T, refs ...sdk.ApplicationRef) (sdk.ReadStatusesReply, error) {
	t.Helper()
	return s.adapter.ReadStatuses(t.Context(), sdk.ReadStatusesRequest{Connection: s.conn, Applications: refs})
}

// sample reads a payload of Greenhouse's documentation.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "partner", name+".json"))
	require.NoError(t, err)
	return string(b)
}

// members decodes a JSON object.
func decoded(t testing.TB, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

// fullItem is a submission with everything in it that the contract knows.
func fullItem() sdk.SubmitItem {
	return sdk.SubmitItem{
		SubmissionID: "sub_1", ExternalID: "pl-24680", JobID: "6409000001", As: sdk.AsCandidate,
		PoolID: "5112000001", PoolStageID: "5957000002", OwnerEmail: "owner@employer.example.com",
		Person: sdk.Person{
			ID: "p-1", FirstName: "Zoë", LastName: "Quillfeather", Company: "Glass & Co", Title: "Harmonicist",
			Emails: []sdk.Email{
				{Address: "zoe@example.com", Type: "personal"},
				{Address: "zoe.work@example.com", Type: "WORK"},
				{Address: "zoe.old@example.com", Type: "school"},
				{Address: "zoe.new@example.com"},
			},
			Phones: []sdk.Phone{
				{Number: "+1 555 010 0100", Type: "mobile"},
				{Number: "+1 555 010 0101", Type: "home"},
				{Number: " "},
				{Number: "+1 555 010 0102", Type: "fax"},
				{Number: "+1 555 010 0103"},
			},
			Addresses: []sdk.Address{{Text: "1 Quay St\nPort Lark", Type: "work"}, {Text: "2 Quay St"}, {Text: "3 Quay St", Type: "summer"}},
			Links: []sdk.TypedLink{
				{URL: "https://zoe.example.com", Type: "personal"},
				{URL: "https://social.example.com/zoe", Type: "social"},
				{URL: "https://www.linkedin.com/in/zoe-example"},
				{URL: "https://glass.example.com", Type: "company"},
				{URL: "https://blog.example.com", Type: "blog"},
				{URL: "https://art.example.com", Type: "portfolio"},
				{URL: "https://misc.example.com", Type: "forum"},
				{URL: "https://plain.example.com"},
			},
		},
		Resume:         &sdk.Resume{URL: "https://files.example.com/r/9f?sig=abc", FileName: "zoe.pdf"},
		Note:           "Why us? Because.\nhttps://platform.example.com/a/1",
		ApplicationURL: "https://platform.example.com/a/1",
		Answers:        []sdk.Answer{{Question: "Why us?", Answer: "Because."}, {Question: "Pay?", Answer: "private-canary", Private: true}},
		Media:          []sdk.Link{{Title: "Sound bite", URL: "https://platform.example.com/s/1"}},
		Referrer:       &sdk.Referrer{FirstName: "Ref", LastName: "Eree", Email: "ref@example.com"},
	}
}
