package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

const (
	getUser  = "GET /v1/partner/current_user"
	getJobs  = "GET /v1/partner/jobs"
	getPools = "GET /v1/partner/prospect_pools"
)

const me = `{"id":4417000001,"full_name":"Sync Robot","first_name":"Sync","last_name":"Robot","email":"ATS-sync@employer.example.com"}`

func check(t *testing.T, s *stub) (sdk.CheckReply, map[string]sdk.CheckItem) {
	t.Helper()
	reply, err := s.adapter.Check(t.Context(), sdk.CheckRequest{Connection: s.conn, PartnerName: "Talent Cove"})
	require.NoError(t, err)
	items := map[string]sdk.CheckItem{}
	for _, it := range reply.Items {
		require.NotEmpty(t, it.Label)
		if !it.OK {
			require.NotEmpty(t, it.Cause, it.ID)
			require.NotEmpty(t, it.Remedy, it.ID)
			require.NotEmpty(t, it.Turn, it.ID)
			require.NotEmpty(t, it.Kind, it.ID)
		}
		items[it.ID] = it
	}
	return reply, items
}

func TestCheck_HealthyConnectionTellsWhoItActsForAndWhatItSees(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{
		getUser: {body: me}, getJobs: {body: sample(t, "jobs-1")}, getPools: {body: sample(t, "prospect_pools-1")},
	})
	reply, items := check(t, s)
	require.True(t, reply.OK())
	require.Equal(t, strings.TrimPrefix(s.conn.Settings[fieldBaseURL], "http://"), reply.Host, "two of them on one machine are two")
	require.Equal(t, sdk.User{ID: "4417000001", Name: "Sync Robot", Email: "ATS-sync@employer.example.com"}, reply.ActingUser)
	require.Equal(t, 3, reply.JobsVisible)
	require.Len(t, reply.Exchanges, 3)
	for id, it := range items {
		require.True(t, it.OK, id)
	}
	for _, r := range s.requests() {
		require.Equal(t, []string{stubKey, stubActor}, []string{r.key, r.actor}, r.path)
	}
}

func TestCheck_DecodesTheDocumentedUser(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{getUser: {body: sample(t, "current_user-1")}, getJobs: {body: "[]"}, getPools: {body: "[]"}})
	reply, items := check(t, s)
	require.Equal(t, sdk.User{ID: "1234", Name: "Ron Weasley", Email: "rweasley@hogwarts.edu"}, reply.ActingUser)
	require.True(t, items["acting_user"].Warning, "the address differs from the one that was typed")
	require.True(t, items["jobs"].Warning, "no job is visible")
	require.Zero(t, reply.JobsVisible)
	require.True(t, reply.OK(), "warnings do not keep a connection from working")
}

func TestCheck_RefusedCredentialsNameEveryCauseAndTheRightKindOfKey(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		status int
		body   string
		kind   sdk.Kind
		says   []string
	}{
		{"401", 401, `{"errors":[{"message":"Unauthorized"}]}`, sdk.KindAuth, []string{"wrong", "revoked", "another kind", "e-mail", "Candidate Ingestion", "Harvest", "Talent Cove", "active", "newly made"}},
		{"401 with message", 401, `{"message":"Invalid Basic Auth credentials"}`, sdk.KindAuth, []string{"Candidate Ingestion", "user"}},
		{"401 empty", 401, ``, sdk.KindAuth, []string{"Candidate Ingestion"}},
		{"401 for a Harvest key", 401, `{"message":"This API Key does not have permission for this endpoint"}`, sdk.KindAuth, []string{"it is a Harvest key", "Candidate Ingestion"}},
		{"403", 403, `<html></html>`, sdk.KindPermission, []string{"Harvest", "disabled", "Candidate Ingestion", "Talent Cove"}},
		{"403 for a Harvest key", 403, `{"message":"Not a valid key for this Harvest endpoint"}`, sdk.KindPermission, []string{"it is a Harvest key"}},
		{"404", 404, ``, sdk.KindNotFound, []string{"base_url"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, map[string]answer{getUser: {status: c.status, body: c.body}})
			reply, items := check(t, s)
			require.False(t, reply.OK())
			require.Equal(t, -1, reply.JobsVisible)
			it := items["credentials"]
			require.Equal(t, c.kind, it.Kind)
			for _, word := range c.says {
				require.Contains(t, it.Cause+" "+it.Remedy, word)
			}
			require.NotContains(t, fmt.Sprintf("%+v", it), stubKey)
			require.NotContains(t, fmt.Sprintf("%+v", it), stubActor)
			require.Len(t, s.requests(), 1, "nothing more is asked with refused credentials")
		})
	}
}

func TestCheck_IncompleteConnectionIsAFindingNotAnError(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	s.conn.Credentials = nil
	reply, items := check(t, s)
	require.False(t, reply.OK())
	require.Equal(t, sdk.KindConfigRequired, items["settings"].Kind)
	require.Equal(t, sdk.TurnEmployer, items["settings"].Turn)
	s.conn.Settings[fieldBaseURL] = "http://api.example.com"
	_, items = check(t, s)
	require.Equal(t, sdk.TurnOperator, items["settings"].Turn)
}

func TestCheck_GreenhouseDownIsAnErrorNotAFinding(t *testing.T) {
	t.Parallel()
	for _, path := range []string{getUser, getJobs, getPools} {
		for _, c := range []struct {
			a    answer
			kind sdk.Kind
		}{
			{answer{status: 502, body: "<html></html>"}, sdk.KindTransient},
			{answer{status: 429, body: "Retry later"}, sdk.KindRateLimited},
			{answer{status: 200, body: "<html></html>"}, sdk.KindTransient},
			{answer{status: 302}, sdk.KindRemoteChanged},
		} {
			says := map[string]answer{getUser: {body: me}, getJobs: {body: "[]"}, getPools: {body: "[]"}}
			says[path] = c.a
			s := newStub(t, says)
			_, err := s.adapter.Check(t.Context(), sdk.CheckRequest{Connection: s.conn})
			require.Equal(t, c.kind, sdk.KindOf(err), path)
			require.NotEmpty(t, sdk.AsError(err).Exchanges)
		}
	}
}

func TestCheck_JobsOrPoolsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404} {
		s := newStub(t, map[string]answer{getUser: {body: me}, getJobs: {status: status}, getPools: {status: status}})
		reply, items := check(t, s)
		require.False(t, reply.OK())
		require.False(t, items["jobs"].Warning)
		require.True(t, items["prospects"].Warning)
		require.Equal(t, -1, reply.JobsVisible)
	}
}

func TestDescribe_TellsAnEmployerHowToMakeTheKey(t *testing.T) {
	t.Parallel()
	a := newAdapter()
	m, err := a.Describe(t.Context(), sdk.DescribeRequest{PartnerName: "Talent Cove"})
	require.NoError(t, err)
	steps := strings.Join(m.Steps, "\n")
	for _, words := range []string{
		"Talent Cove", "Configure > Dev Center > API Credential Management", "Create New API Key", "Candidate Ingestion", "Partner", "Harvest",
		"Can manage ALL organization's API Credentials",
	} {
		require.Contains(t, steps, words)
	}
	for _, f := range m.Fields {
		require.Equal(t, f.Name == fieldKey, f.Secret, f.Name)
		require.Equal(t, f.Name == fieldActor, f.ActingUser, f.Name)
		require.Equal(t, f.Name == fieldBaseURL, f.Who == sdk.WhoOperator, f.Name)
		require.NotEmpty(t, f.Help)
	}
}

func TestDescribe_AnnouncesExactlyThePowersItHas(t *testing.T) {
	t.Parallel()
	a := newAdapter()
	m, err := a.Describe(t.Context(), sdk.DescribeRequest{})
	require.NoError(t, err)
	require.NoError(t, m.Validate())
	require.Equal(t, sdk.Implemented(a), m.Powers)
	require.Equal(t, sdk.FindNone, m.Find)
	require.Equal(t, sdk.DedupeNone, m.Dedupe)
	require.Equal(t, sdk.DeletesHidden, m.Deletes)
	require.Empty(t, m.RefusedBeforeProcessing)
	require.Equal(t, sdk.Batch{Submit: 1, ReadStatuses: 50}, m.Batch)
	require.Len(t, m.MissingCauses, 5)
	require.True(t, m.JobsListOnlyOpen)
	for _, l := range m.Limits {
		require.Positive(t, l.Requests)
		require.Positive(t, l.Per)
	}
}

func TestCheck_BrokenAuthorityFileIsTheOperators(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	s.adapter.client = rest.New(rest.Options{Name: "Greenhouse", CAFile: "/nonexistent/ca.pem"})
	_, err := s.adapter.Check(t.Context(), sdk.CheckRequest{Connection: s.conn})
	require.Equal(t, sdk.KindConfigRequired, sdk.KindOf(err))
	require.Equal(t, sdk.TurnOperator, sdk.AsError(err).Turn)
}

func TestCheck_AnAnswerOfAnotherFormSaysWhoseTurnAndWhatToDo(t *testing.T) {
	t.Parallel()
	for body, place := range map[string]string{
		`[{"id":1,"full_name":"Ada"}]`: "it is a list", `"Ada"`: "it is a text", `{"id":1,"full_name":{"Ada":1}}`: "full_name is an object",
	} {
		s := newStub(t, map[string]answer{getUser: {body: body}, getJobs: {body: "[]"}, getPools: {body: "[]"}})
		_, err := s.adapter.Check(t.Context(), sdk.CheckRequest{Connection: s.conn})
		e := sdk.AsError(err)
		require.Equal(t, sdk.KindRemoteChanged, e.Kind, body)
		require.Equal(t, sdk.TurnAdapter, e.Turn)
		require.Contains(t, e.Message, place)
		require.Contains(t, e.Remedy, "newer version")
		require.NotContains(t, e.Message, "Ada")
	}
}
