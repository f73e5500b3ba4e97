package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

const post = "POST /v1/partner/candidates"

func TestSubmit_ReadsTheReceiptInEveryShape(t *testing.T) {
	t.Parallel()
	const url = "https://app.example.com/people/1?application_id=2"
	cases := []struct {
		name, body string
		status     int
		want       sdk.SubmitOutcome
	}{
		{"object", `{"id":1,"application_id":2,"external_id":"pl-24680","profile_url":"` + url + `"}`, 200, sdk.SubmitOutcome{
			Kind: sdk.OutcomeCreated, Receipt: sdk.Receipt{CandidateID: "1", ApplicationID: "2", ProfileURL: url},
		}},
		{"list of one", `[{"id":1,"application_id":2}]`, 201, sdk.SubmitOutcome{
			Kind: sdk.OutcomeCreated, Receipt: sdk.Receipt{CandidateID: "1", ApplicationID: "2"},
		}},
		{"ids beyond 2^32", `{"id":6409476002,"application_id":9223372036854775807}`, 202, sdk.SubmitOutcome{
			Kind: sdk.OutcomeCreated, Receipt: sdk.Receipt{CandidateID: "6409476002", ApplicationID: "9223372036854775807"},
		}},
		{"ids as texts", `{"id":"1","application_id":"2","external_id":null,"profile_url":null}`, 200, sdk.SubmitOutcome{
			Kind: sdk.OutcomeCreated, Receipt: sdk.Receipt{CandidateID: "1", ApplicationID: "2"},
		}},
		{"no application yet", `{"id":1,"application_id":null}`, 200, sdk.SubmitOutcome{
			Kind: sdk.OutcomePending, Receipt: sdk.Receipt{CandidateID: "1", Pending: "1"},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, map[string]answer{post: {status: c.status, body: c.body}})
			reply, err := s.submit(t, fullItem())
			require.NoError(t, err)
			require.Equal(t, []sdk.SubmitOutcome{c.want}, reply.Outcomes)
			require.Len(t, reply.Exchanges, 1)
			require.Equal(t, pathCandidates, reply.Exchanges[0].Endpoint)
		})
	}
}

func TestSubmit_DecodesTheDocumentedSample(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{post: {body: sample(t, "candidates-4")}})
	item := fullItem()
	item.ExternalID = "24680"
	reply, err := s.submit(t, item)
	require.NoError(t, err)
	require.Equal(t, sdk.Receipt{
		CandidateID: "12345", ApplicationID: "17681532", ProfileURL: "https://app.greenhouse.io/people/17681532?application_id=26234709",
	}, reply.Outcomes[0].Receipt)
}

func TestSubmit_SuccessWithoutAUsableReceiptIsAmbiguous(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `{}`, `[]`, `null`, `{"id":null}`, `{"id":"x","application_id":2}`, `{"id":1,"application_id":"x"}`, `[{"id":1},{"id":2}]`,
		`{"id":1,"application_id":2,"external_id":"another"}`, `{"errors":[{"message":"No"}]}`, `<html></html>`, `{"id":1`, `{"id":{}}`,
	} {
		s := newStub(t, map[string]answer{post: {status: 200, body: body}})
		reply, err := s.submit(t, fullItem())
		require.NoError(t, err, body)
		require.NotNil(t, reply.Outcomes[0].Err, body)
		require.Equal(t, sdk.KindAmbiguous, reply.Outcomes[0].Err.Kind, body)
		require.False(t, reply.Outcomes[0].Err.NotApplied, body)
	}
}

// refusalCase is one refusal of a POST with what it has to mean.
type refusalCase struct {
	name    string
	status  int
	body    string
	change  func(*sdk.SubmitItem)
	kind    sdk.Kind
	subject sdk.Subject
	turn    sdk.Turn
	paths   []string
	whole   bool // the error holds for the whole call
}

func refusalCases() []refusalCase {
	prospect := func(i *sdk.SubmitItem) { i.As = sdk.AsProspect }
	jobless := func(i *sdk.SubmitItem) { i.As, i.JobID = sdk.AsProspect, "" }
	field := func(f string) string { return fmt.Sprintf(`{"errors":[{"message":"No","field":%q}]}`, f) }
	return []refusalCase{
		{name: "401", status: 401, body: `{"message":"Invalid Basic Auth credentials"}`, kind: sdk.KindAuth, turn: sdk.TurnEmployer, whole: true},
		{name: "429", status: 429, body: `Retry later`, kind: sdk.KindRateLimited, turn: sdk.TurnATS, whole: true},
		{name: "403 on a job", status: 403, body: `{}`, kind: sdk.KindPermission, subject: sdk.SubjectJob, turn: sdk.TurnEmployer},
		{name: "403 prospect on a job", status: 403, change: prospect, kind: sdk.KindPermission, subject: sdk.SubjectJob, turn: sdk.TurnEmployer},
		{
			name: "403 prospect on a job, field named", status: 403, body: field("prospect"), change: prospect,
			kind: sdk.KindConfigRequired, subject: sdk.SubjectPool, turn: sdk.TurnEmployer,
		},
		{name: "403 prospect of no job", status: 403, change: jobless, kind: sdk.KindConfigRequired, subject: sdk.SubjectPool, turn: sdk.TurnEmployer},
		{name: "422 prospect", status: 422, body: field("prospect"), change: prospect, kind: sdk.KindConfigRequired, subject: sdk.SubjectPool, turn: sdk.TurnEmployer},
		{name: "404 job", status: 404, body: `{"message":"Resource not found"}`, kind: sdk.KindNotFound, subject: sdk.SubjectJob, turn: sdk.TurnEmployer},
		{name: "404 without job", status: 404, change: jobless, kind: sdk.KindNotFound, subject: sdk.SubjectEndpoint, turn: sdk.TurnOperator},
		{name: "422 job", status: 422, body: field("job_id"), kind: sdk.KindNotFound, subject: sdk.SubjectJob, turn: sdk.TurnEmployer},
		{name: "422 job in words only", status: 422, body: `{"message":"Invalid job_id"}`, kind: sdk.KindInvalid, turn: sdk.TurnPlatform},
		{name: "422 pool", status: 422, body: field("prospect_pool_id"), change: prospect, kind: sdk.KindNotFound, subject: sdk.SubjectPool, turn: sdk.TurnEmployer},
		{name: "422 pool stage", status: 422, body: field("prospect_pool_stage_id"), change: prospect, kind: sdk.KindNotFound, subject: sdk.SubjectPool, turn: sdk.TurnEmployer},
		{
			name: "422 owner", status: 422, body: field("prospect_owner_email"), change: prospect,
			kind: sdk.KindConfigRequired, subject: sdk.SubjectUser, turn: sdk.TurnEmployer,
		},
		{name: "422 resume", status: 422, body: field("resume"), kind: sdk.KindAttachment, turn: sdk.TurnPlatform, paths: []string{"resume.url"}},
		{name: "422 external id", status: 422, body: field("external_id"), kind: sdk.KindDuplicate, turn: sdk.TurnEmployer, paths: []string{"external_id"}},
		{name: "409", status: 409, body: `{"message":"exists"}`, kind: sdk.KindDuplicate, turn: sdk.TurnEmployer, paths: []string{"external_id"}},
		{name: "409 for somebody else", status: 409, body: `{"id":1,"application_id":2,"external_id":"other"}`, kind: sdk.KindDuplicate, turn: sdk.TurnEmployer, paths: []string{"external_id"}},
		{name: "400", status: 400, body: `{"errors":[{"message":"Your request included invalid JSON."}]}`, kind: sdk.KindInvalid, turn: sdk.TurnPlatform},
		{name: "400 HTML", status: 400, body: `<html></html>`, kind: sdk.KindInvalid, turn: sdk.TurnPlatform},
		{
			name: "422 fields", status: 422,
			body: `{"errors":[{"message":"bad","field":"emails[1].type"},{"message":"bad","field":"websites[1].url"},{"message":"bad","field":"phone_numbers.2.phone_number"},{"message":"long","field":"notes"},{"field":"first_name"},{"field":"[0].addresses[0].address"},{"field":"email"},{"field":"referrer.email"},{"field":"odd_one"}]}`,
			kind: sdk.KindInvalid, turn: sdk.TurnPlatform, paths: []string{
				"person.emails[1].type", "person.links[3].url", "person.phones[3].number", "notes", "person.first_name",
				"person.addresses[0].text", "person.emails", "referrer.email", "odd_one",
			},
		},
		{name: "405", status: 405, kind: sdk.KindUnsupported, turn: sdk.TurnAdapter},
		{name: "502 HTML", status: 502, body: `<html>502</html>`, kind: sdk.KindAmbiguous, turn: sdk.TurnATS},
		{name: "503", status: 503, kind: sdk.KindAmbiguous, turn: sdk.TurnATS},
		{name: "302", status: 302, kind: sdk.KindAmbiguous, turn: sdk.TurnATS},
	}
}

func TestSubmit_ClassifiesRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range refusalCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, map[string]answer{post: {status: c.status, body: c.body}})
			item := fullItem()
			if c.change != nil {
				c.change(&item)
			}
			reply, err := s.submit(t, item)
			var e *sdk.Error
			if c.whole {
				require.Error(t, err)
				e = sdk.AsError(err)
				require.Len(t, e.Exchanges, 1)
			} else {
				require.NoError(t, err)
				e = reply.Outcomes[0].Err
				require.Equal(t, sdk.OutcomeFailed, reply.Outcomes[0].Kind)
				require.Len(t, reply.Exchanges, 1)
			}
			require.Equal(t, c.kind, e.Kind, e.Message)
			require.Equal(t, c.subject, e.Subject)
			require.Equal(t, c.turn, e.Turn)
			require.Equal(t, c.status, e.Status)
			require.Equal(t, c.kind != sdk.KindAmbiguous, e.NotApplied)
			require.NotEmpty(t, e.Message)
			if c.kind != sdk.KindRateLimited && c.kind != sdk.KindUnsupported {
				require.NotEmpty(t, e.Remedy)
			}
			var paths []string
			for _, f := range e.Fields {
				paths = append(paths, f.Path)
			}
			require.Equal(t, c.paths, paths)
			require.Len(t, s.requests(), 1, "a refusal is never sent twice")
		})
	}
}

func TestSubmit_DecodesTheDocumentedError(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{post: {status: 400, body: sample(t, "errors-1")}})
	reply, err := s.submit(t, fullItem())
	require.NoError(t, err)
	require.Equal(t, []sdk.FieldError{{Path: "person.emails", Message: "Your request included invalid JSON."}}, reply.Outcomes[0].Err.Fields)
	require.Equal(t, "email: Your request included invalid JSON.", reply.Exchanges[0].Excerpt)
}

func TestSubmit_DuplicateThatShowsOurApplicationIsAReceipt(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{post: {status: 409, body: `{"id":1,"application_id":2,"external_id":"pl-24680"}`}})
	reply, err := s.submit(t, fullItem())
	require.NoError(t, err)
	require.Equal(t, sdk.SubmitOutcome{
		Kind: sdk.OutcomeAlreadyApplied, Receipt: sdk.Receipt{CandidateID: "1", ApplicationID: "2"},
	}, reply.Outcomes[0])
}

func TestSubmit_HonoursHowLongALimitLasts(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{post: {status: 429, header: map[string]string{"Retry-After": "17"}}})
	_, err := s.submit(t, fullItem())
	require.Equal(t, 17*time.Second, sdk.AsError(err).RetryAfter)
	require.True(t, sdk.AsError(err).NotApplied)
}

func TestSubmit_LostAnswerIsAmbiguousAndNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{post: {handle: func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}}})
	reply, err := s.submit(t, fullItem())
	require.NoError(t, err)
	require.Equal(t, sdk.KindAmbiguous, reply.Outcomes[0].Err.Kind)
	require.Len(t, s.requests(), 1)
}

func TestSubmit_DeadlineAfterTheRequestWasSentIsAmbiguous(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{post: {handle: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	reply, err := s.adapter.Submit(ctx, sdk.SubmitRequest{Connection: s.conn, Items: []sdk.SubmitItem{fullItem()}})
	require.NoError(t, err)
	require.Equal(t, sdk.KindAmbiguous, reply.Outcomes[0].Err.Kind)
}

func TestSubmit_UnreachableGreenhouseIsTransientAndNotApplied(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	s.conn.Settings[fieldBaseURL] = "http://127.0.0.1:1"
	_, err := s.submit(t, fullItem())
	require.Equal(t, sdk.KindTransient, sdk.KindOf(err))
	require.True(t, sdk.AsError(err).NotApplied)
}

func TestSubmit_TakesExactlyOneItem(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	for _, items := range [][]sdk.SubmitItem{nil, {fullItem(), fullItem()}} {
		_, err := s.adapter.Submit(t.Context(), sdk.SubmitRequest{Connection: s.conn, Items: items})
		require.Equal(t, sdk.KindUnsupported, sdk.KindOf(err))
		require.True(t, sdk.AsError(err).NotApplied)
	}
	require.Empty(t, s.requests())
}

func TestSubmit_IncompleteConnectionSendsNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*sdk.Connection){
		"no key":                 func(c *sdk.Connection) { c.Credentials[fieldKey] = " " },
		"key with a line":        func(c *sdk.Connection) { c.Credentials[fieldKey] = "a\r\nX-Evil: 1" },
		"no user":                func(c *sdk.Connection) { c.Settings[fieldActor] = "" },
		"user without at":        func(c *sdk.Connection) { c.Settings[fieldActor] = "robot" },
		"user with a line":       func(c *sdk.Connection) { c.Settings[fieldActor] = "a@example.com\r\nX-Evil: 1" },
		"address without scheme": func(c *sdk.Connection) { c.Settings[fieldBaseURL] = "api.example.com" },
		"address in the clear":   func(c *sdk.Connection) { c.Settings[fieldBaseURL] = "http://api.example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, nil)
			change(&s.conn)
			_, err := s.submit(t, fullItem())
			e := sdk.AsError(err)
			require.Equal(t, sdk.KindConfigRequired, e.Kind)
			require.True(t, e.NotApplied)
			require.NotEmpty(t, e.Remedy)
			require.Empty(t, s.requests())
		})
	}
}

func TestSubmit_NothingPersonalOrSecretInErrorsAndExchanges(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 401, 403, 404, 409, 422, 429, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newStub(t, map[string]answer{post: {handle: func(w http.ResponseWriter, r *http.Request) {
				// An ATS that repeats everything it was sent in its error, the credential too.
				auth := r.Header.Get("Authorization") + " " + r.Header.Get("On-Behalf-Of") + " " + stubKey
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"errors":[{"message":"%s Zoë QUILLFEATHER zoe@example.com +1 555 010 0100 1 Quay St Because.","field":"Quillfeather"}]}`, auth)
			}}})
			reply, err := s.submit(t, fullItem())
			e := sdk.AsError(err)
			if err == nil {
				e = reply.Outcomes[0].Err
			} else {
				reply.Meta = e.Meta
			}
			for i := range reply.Exchanges {
				reply.Exchanges[i].StartedAt, reply.Exchanges[i].Duration = time.Time{}, 0
			}
			seen := strings.ToLower(fmt.Sprintf("%+v %+v %+v", e.Error(), *e, reply.Exchanges))
			for _, canary := range []string{
				strings.ToLower(stubKey), stubActor, "zoë", "quillfeather", "zoe@", "555 010", "quay", "because", "ngyw", "owner@", "ref@", "sig=",
			} {
				require.NotContains(t, seen, canary)
			}
		})
	}
}

func FuzzReadReceipt(f *testing.F) {
	f.Add([]byte(receiptBody))
	f.Add([]byte(`[{"id":"1","application_id":null}]`))
	f.Add([]byte(sample(f, "candidates-4")))
	f.Add([]byte(sample(f, "errors-1")))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := readReceipt(body, "pl-24680")
		if err != nil {
			return
		}
		require.True(t, got.ID.Numeric())
		require.True(t, got.ApplicationID == "" || got.ApplicationID.Numeric())
		require.True(t, got.ExternalID == "" || got.ExternalID == "pl-24680")
	})
}

func FuzzRefusal(f *testing.F) {
	for _, c := range refusalCases() {
		f.Add(c.status, []byte(c.body))
	}
	client := rest.New(rest.Options{Name: "Greenhouse"})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		a := &adapter{client: client}
		base := serveOnce(t, status, body)
		reply, err := a.Submit(t.Context(), sdk.SubmitRequest{
			Connection: sdk.Connection{
				Settings:    map[string]string{fieldBaseURL: base, fieldActor: stubActor},
				Credentials: map[string]sdk.Secret{fieldKey: stubKey},
			}, Items: []sdk.SubmitItem{fullItem()},
		})
		if err != nil {
			require.Contains(t, sdk.Kinds(), sdk.KindOf(err))
			return
		}
		require.Len(t, reply.Outcomes, 1)
		if o := reply.Outcomes[0]; o.Kind == sdk.OutcomeFailed {
			require.Equal(t, o.Err.Kind != sdk.KindAmbiguous, o.Err.NotApplied)
		} else {
			require.NotEmpty(t, o.Receipt.CandidateID)
		}
	})
}

// serveOnce answers everything with one reply.
func serveOnce(t *testing.T, status int, body []byte) string {
	t.Helper()
	s := newStub(t, map[string]answer{post: {handle: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			_, _ = w.Write(body)
		}
	}}})
	return s.conn.Settings[fieldBaseURL]
}
