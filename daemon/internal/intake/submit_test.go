package intake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// testKeys keys with a real HMAC under a fixed key.
type testKeys struct{}

func (testKeys) Index(kind, value string) string {
	m := hmac.New(sha256.New, []byte("test key"))
	fmt.Fprintf(m, "%d:%s", len(kind), kind)
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil))
}

// testSealer binds to the associated data in clear, so that a test sees what stands where.
type testSealer struct{}

func (testSealer) Seal(plain []byte, connection, record, field string) ([]byte, error) {
	return append([]byte(connection+"|"+record+"|"+field+"|"), plain...), nil
}

func (testSealer) Open(sealed []byte, connection, record, field string) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, []byte(connection+"|"+record+"|"+field+"|"))
	if !ok {
		return nil, errors.New("sealed for another place")
	}
	return plain, nil
}

// testStore accepts into a map by external key, as the store's contract says.
type testStore struct {
	mu     sync.Mutex
	known  map[string]atssync.Submission
	shares []int
	sealed map[string]atssync.Payload
	fail   func(share int) error
}

func (s *testStore) Accept(_ context.Context, in []atssync.NewSubmission, _ time.Time) ([]atssync.Accepted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(len(s.shares)); err != nil {
			return nil, err
		}
	}
	s.shares = append(s.shares, len(in))
	out := make([]atssync.Accepted, len(in))
	for i, n := range in {
		first, ok := s.known[n.Submission.ExternalKey]
		switch {
		case n.Submission.PlatformJob == "others":
			out[i] = atssync.Accepted{Result: atssync.AcceptRefused, Err: atssync.Errorf(atssync.CodeAccountMismatch, "platform job others belongs to another account")}
			continue
		case !ok:
			first = n.Submission
			if first.PlatformJob == "unlinked" {
				first.State, first.HeldReason = atssync.StateHeld, atssync.HeldJobNotLinked
			}
			out[i].Result = atssync.AcceptedNew
		case first.Fingerprint == n.Submission.Fingerprint:
			out[i].Result = atssync.AcceptedReplay
		default:
			first.Revision, first.Fingerprint = first.Revision+1, n.Submission.Fingerprint
			out[i].Result = atssync.AcceptedRevision
		}
		s.known[first.ExternalKey], s.sealed[first.ID] = first, n.Payload
		out[i].Submission = first
	}
	return out, nil
}

func (s *testStore) Preview(_ context.Context, in []atssync.NewSubmission, _ time.Time) ([]atssync.Accepted, error) {
	out := make([]atssync.Accepted, len(in))
	for i := range in {
		out[i] = atssync.Accepted{Result: atssync.AcceptedNew, Submission: in[i].Submission}
	}
	return out, nil
}

func (s *testStore) Submissions(_ context.Context, q atssync.SubmissionQuery) (atssync.Page[atssync.Submission], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p atssync.Page[atssync.Submission]
	if sub, ok := s.known[q.ExternalKey]; ok {
		p.Items = append(p.Items, sub)
	}
	return p, nil
}

type testConnections []atssync.Connection

func (cs testConnections) Connection(_ context.Context, id string) (atssync.Connection, error) {
	for _, c := range cs {
		if c.ID == id {
			return c, nil
		}
	}
	return atssync.Connection{}, atssync.Errorf(atssync.CodeNotFound, "there is no connection %s", id)
}

func (cs testConnections) Connections(_ context.Context, q atssync.ConnectionQuery) (atssync.Page[atssync.Connection], error) {
	var p atssync.Page[atssync.Connection]
	for _, c := range cs {
		if c.Name == q.Name {
			p.Items = append(p.Items, c)
		}
	}
	return p, nil
}

type bundle struct {
	*Service
	store *testStore
	woken []string
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{store: &testStore{known: map[string]atssync.Submission{}, sealed: map[string]atssync.Payload{}}}
	b.Service = New(Options{
		Store: b.store, Keys: testKeys{}, Sealer: testSealer{},
		Connections: testConnections{
			{ID: "con_a", Name: "Acme", Account: "acme", State: atssync.ConnectionActive},
			{ID: "con_b", Name: "Globex", Account: "globex", State: atssync.ConnectionPaused, LastNameFallback: "-"},
			{ID: "con_c", Name: "Twice", Account: "acme", State: atssync.ConnectionActive},
			{ID: "con_d", Name: "Twice", Account: "globex", State: atssync.ConnectionActive},
			{ID: "con_e", Name: "Gone", Account: "acme", State: atssync.ConnectionRemoved},
		},
		Wake: func(c string) { b.woken = append(b.woken, c) },
	})
	return b
}

func document(id string) atssync.Document {
	doc := Example(time.Now())
	doc.Connection, doc.ExternalID = "con_a", id
	return doc
}

func TestSubmit_SealsKeysAndWakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc := document("1")
	a, err := b.Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedNew, a.Result)
	require.Equal(t, []string{"con_a"}, b.woken)
	s := a.Submission
	require.True(t, atssync.ValidID(atssync.PrefixSubmission, s.ID))
	require.Equal(t, "acme", s.Account)
	require.True(t, s.ExpiresAt.Equal(*doc.ExpiresAt))
	require.Len(t, s.PersonKeys, 2)
	for _, k := range append(s.PersonKeys, s.ExternalKey, s.Fingerprint) {
		require.NotContains(t, k, "example")
	}
	opened, err := b.vault.OpenDocument(s, b.store.sealed[s.ID])
	require.NoError(t, err)
	require.Equal(t, doc.Person, opened.Person)
}

func TestSubmit_ARevisionOpensUnderTheFirstSubmissionsID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, err := b.Submit(t.Context(), document("1"))
	require.NoError(t, err)
	doc := document("1")
	doc.Person.Title = "Countess"
	second, err := b.Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedRevision, second.Result)
	require.Equal(t, first.Submission.ID, second.Submission.ID)
	opened, err := b.vault.OpenDocument(second.Submission, b.store.sealed[first.Submission.ID])
	require.NoError(t, err)
	require.Equal(t, "Countess", opened.Person.Title)

	other := second.Submission
	other.Connection = "con_b"
	_, err = b.vault.OpenDocument(other, b.store.sealed[first.Submission.ID])
	require.ErrorContains(t, err, "another place")
	_, err = b.vault.OpenDocument(second.Submission, nil)
	require.Equal(t, atssync.CodeNotFound, atssync.CodeOf(err))
}

func TestSubmit_TheSameContentInAnotherFormIsAReplay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, err := b.Submit(t.Context(), document("1"))
	require.NoError(t, err)
	doc := document("1")
	doc.Connection = "Acme" // by name: the same connection
	doc.Resume.URL = "https://files.example.com/resumes/24680.pdf?signature=new"
	doc.Consent.At = Example(time.Now()).Consent.At
	doc.ExpiresAt = nil
	opened, err := b.vault.OpenDocument(first.Submission, b.store.sealed[first.Submission.ID])
	require.NoError(t, err)
	doc.Consent.At = opened.Consent.At
	a, err := b.Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedReplay, a.Result)
}

func TestSubmit_RefusesWithTheRightCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		change  func(d *atssync.Document)
		scope   Scope
		code    atssync.Code
		message string
	}{
		"no such connection":       {func(d *atssync.Document) { d.Connection = "con_x" }, Scope{}, atssync.CodeNotFound, `no connection "con_x"`},
		"removed connection":       {func(d *atssync.Document) { d.Connection = "con_e" }, Scope{}, atssync.CodeNotFound, "was removed"},
		"removed, by name":         {func(d *atssync.Document) { d.Connection = "Gone" }, Scope{}, atssync.CodeNotFound, "no connection"},
		"ambiguous name":           {func(d *atssync.Document) { d.Connection = "Twice" }, Scope{}, atssync.CodeConflict, "more than one"},
		"outside the accounts":     {func(*atssync.Document) {}, Scope{Accounts: []string{"globex"}}, atssync.CodeNotFound, "no connection"},
		"outside the connections":  {func(*atssync.Document) {}, Scope{Connections: []string{"con_b"}}, atssync.CodeNotFound, "no connection"},
		"another account's job":    {func(d *atssync.Document) { d.Job = "others" }, Scope{}, atssync.CodeAccountMismatch, "another account"},
		"an invalid document":      {func(d *atssync.Document) { d.Person.FirstName = "" }, Scope{}, atssync.CodeInvalid, "person.first_name"},
		"invalid and no conn.":     {func(d *atssync.Document) { d.Connection, d.Job = "con_x", "" }, Scope{}, atssync.CodeInvalid, "job: is required"},
		"one name, no fallback":    {func(d *atssync.Document) { d.Person.LastName = "" }, Scope{}, atssync.CodeInvalid, "person.last_name"},
		"nothing but an empty one": {func(d *atssync.Document) { *d = atssync.Document{} }, Scope{}, atssync.CodeInvalid, "connection: is required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := document("refused")
			c.change(&doc)
			_, err := b.Within(c.scope).Submit(t.Context(), doc)
			require.Equal(t, c.code, atssync.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.message)
		})
	}
}

func TestSubmit_AScopeMakesANameUnique(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc := document("1")
	doc.Connection = "Twice"
	a, err := b.Within(Scope{Accounts: []string{"globex"}}).Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, "con_d", a.Submission.Connection)
}

func TestSubmit_FallbackOfTheConnectionAllowsOneNameAndIsLeftToTheSender(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc := document("1")
	doc.Connection, doc.Person.LastName = "con_b", ""
	a, err := b.Submit(t.Context(), doc)
	require.NoError(t, err)
	opened, err := b.vault.OpenDocument(a.Submission, b.store.sealed[a.Submission.ID])
	require.NoError(t, err)
	require.Empty(t, opened.Person.LastName)

	b.Reconfigure(Policy{LastNameFallback: "(none)"})
	doc.Connection, doc.Person.LastName = "con_a", " \u200b"
	a, err = b.Submit(t.Context(), doc)
	require.NoError(t, err)
	opened, err = b.vault.OpenDocument(a.Submission, b.store.sealed[a.Submission.ID])
	require.NoError(t, err)
	require.Equal(t, "(none)", opened.Person.LastName)
}

func TestSubmitJSON_TellsDecodersAndValidatorsProblemsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.SubmitJSON(t.Context(), []byte(`{"connection":"con_a","job":7,"external_id":"1","person":{"last_name":"B","emails":"x"},"resume":{"data":"JVBERi0="}}`))
	var e *atssync.Error
	require.ErrorAs(t, err, &e)
	var paths []string
	for _, f := range e.Fields {
		paths = append(paths, f.Path)
	}
	require.Equal(t, []string{"job", "person.emails", "resume.data", "person.first_name", "resume.url"}, paths)

	body, err := json.Marshal(document("2"))
	require.NoError(t, err)
	a, err := b.SubmitJSON(t.Context(), body)
	require.NoError(t, err)
	require.Equal(t, ResultOf(a).ID, a.Submission.ID)
}

func TestPersonKeys_AreScopedByAccountAndBlindToCase(t *testing.T) {
	t.Parallel()
	v := Vault{Keys: testKeys{}}
	a := v.PersonKeys("acme", atssync.Person{ID: "7", Emails: []atssync.Email{{Address: "Ada@Example.com"}, {Address: "ada@example.com"}}})
	require.Len(t, a, 2)
	require.Equal(t, a[1:], v.PersonKeys("acme", atssync.Person{Emails: []atssync.Email{{Address: "ADA@example.com"}}}))
	require.NotEqual(t, a, v.PersonKeys("globex", atssync.Person{ID: "7", Emails: []atssync.Email{{Address: "ada@example.com"}}}))
}

func TestVault_NotesAndContinuationsOpenForTheirSubmissionOnly(t *testing.T) {
	t.Parallel()
	v := Vault{Keys: testKeys{}, Sealer: testSealer{}}
	s := atssync.Submission{ID: "sub_1", Connection: "con_a"}
	note, err := v.SealNote(s, "hello")
	require.NoError(t, err)
	text, err := v.OpenNote(s, note)
	require.NoError(t, err)
	require.Equal(t, "hello", text)
	s.Continuation, err = v.SealContinuation(s, []byte("step 2"))
	require.NoError(t, err)
	b, err := v.OpenContinuation(s)
	require.NoError(t, err)
	require.Equal(t, "step 2", string(b))
	s.ID = "sub_2"
	_, err = v.OpenContinuation(s)
	require.Error(t, err)
	_, err = v.OpenNote(s, note)
	require.Error(t, err)
	none, err := v.OpenContinuation(atssync.Submission{})
	require.NoError(t, err)
	require.Nil(t, none)
	text, err = v.OpenNote(s, nil)
	require.NoError(t, err)
	require.Empty(t, text)
	none, err = v.SealContinuation(s, nil)
	require.NoError(t, err)
	require.Nil(t, none)
}
