package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

const receiptBody = `{"id":17681532,"application_id":59724,"external_id":"pl-24680","profile_url":"https://app.example.com/people/17681532?application_id=59724"}`

func TestSubmit_SendsEveryFieldOfACandidateExactlyAsDocumented(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{"POST /v1/partner/candidates": {body: receiptBody}})
	_, err := s.submit(t, fullItem())
	require.NoError(t, err)
	got := s.requests()
	require.Len(t, got, 1)
	require.Equal(t, stubKey, got[0].key)
	require.Equal(t, stubActor, got[0].actor)
	require.Equal(t, "application/json", got[0].contentType)
	require.JSONEq(t, `{
		"prospect": false, "job_id": 6409000001, "external_id": "pl-24680",
		"first_name": "Zoë", "last_name": "Quillfeather", "company": "Glass & Co", "title": "Harmonicist",
		"resume": "https://files.example.com/r/9f?sig=abc",
		"emails": [
			{"email": "zoe@example.com", "type": "personal"}, {"email": "zoe.work@example.com", "type": "work"},
			{"email": "zoe.old@example.com", "type": "other"}, {"email": "zoe.new@example.com", "type": "personal"}],
		"phone_numbers": [
			{"phone_number": "+1 555 010 0100", "type": "mobile"}, {"phone_number": "+1 555 010 0101", "type": "home"},
			{"phone_number": "+1 555 010 0102", "type": "other"}, {"phone_number": "+1 555 010 0103", "type": "mobile"}],
		"addresses": [
			{"address": "1 Quay St\nPort Lark", "type": "work"}, {"address": "2 Quay St", "type": "home"},
			{"address": "3 Quay St", "type": "other"}],
		"social_media": [{"url": "https://social.example.com/zoe"}, {"url": "https://www.linkedin.com/in/zoe-example"}],
		"websites": [
			{"url": "https://zoe.example.com", "type": "personal"}, {"url": "https://glass.example.com", "type": "company"},
			{"url": "https://blog.example.com", "type": "blog"}, {"url": "https://art.example.com", "type": "portfolio"},
			{"url": "https://misc.example.com", "type": "other"}, {"url": "https://plain.example.com", "type": "other"}],
		"referrer": {"first_name": "Ref", "last_name": "Eree", "email": "ref@example.com"},
		"notes": "Why us? Because.\nhttps://platform.example.com/a/1"
	}`, string(got[0].body))
}

func TestSubmit_SendsPoolAndOwnerForProspectsOnly(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{"POST /v1/partner/candidates": {body: receiptBody}})
	item := fullItem()
	item.As = sdk.AsProspect
	_, err := s.submit(t, item)
	require.NoError(t, err)
	sent := decoded(t, s.requests()[0].body)
	require.Equal(t, true, sent["prospect"])
	require.EqualValues(t, 5112000001, sent["prospect_pool_id"])
	require.EqualValues(t, 5957000002, sent["prospect_pool_stage_id"])
	require.Equal(t, "owner@employer.example.com", sent["prospect_owner_email"])
}

func TestSubmit_SparseSubmissionSendsNothingEmptyAndProspectAlways(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{"POST /v1/partner/candidates": {body: receiptBody}})
	for _, c := range []struct {
		as   sdk.As
		job  string
		want string
	}{
		{sdk.AsCandidate, "7", `{"prospect":false,"job_id":7,"first_name":"A","last_name":"B","external_id":"pl-24680"}`},
		{sdk.AsProspect, "", `{"prospect":true,"first_name":"A","last_name":"B","external_id":"pl-24680"}`},
	} {
		_, err := s.submit(t, sdk.SubmitItem{
			ExternalID: "pl-24680", As: c.as, JobID: c.job, Person: sdk.Person{FirstName: "A", LastName: "B", Emails: []sdk.Email{{}}},
			Referrer: &sdk.Referrer{},
		})
		require.NoError(t, err)
		got := s.requests()
		require.JSONEq(t, c.want, string(got[len(got)-1].body))
	}
}

func TestSubmit_PrivateAnswersAndSigningNeverLeaveOutsideTheNote(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{"POST /v1/partner/candidates": {body: receiptBody}})
	_, err := s.submit(t, fullItem())
	require.NoError(t, err)
	require.NotContains(t, string(s.requests()[0].body), "private-canary")
}

func TestSubmit_RefusesWhatGreenhouseCouldOnlyRefuseBeforeSendingIt(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*sdk.SubmitItem)
		kind   sdk.Kind
		paths  []string
	}{
		{"no last name", func(i *sdk.SubmitItem) { i.Person.LastName = " " }, sdk.KindInvalid, []string{"person.last_name"}},
		{"no names", func(i *sdk.SubmitItem) { i.Person = sdk.Person{} }, sdk.KindInvalid, []string{"person.first_name", "person.last_name"}},
		{"no external id", func(i *sdk.SubmitItem) { i.ExternalID = "" }, sdk.KindInvalid, []string{"external_id"}},
		{"candidate without job", func(i *sdk.SubmitItem) { i.JobID = "" }, sdk.KindInvalid, []string{"job"}},
		{"neither candidate nor prospect", func(i *sdk.SubmitItem) { i.As = "" }, sdk.KindInvalid, []string{"as"}},
		{"job of another ATS", func(i *sdk.SubmitItem) { i.JobID = "a-b" }, sdk.KindNotFound, nil},
		{"job id as injection", func(i *sdk.SubmitItem) { i.JobID = `1,"prospect":true` }, sdk.KindNotFound, nil},
		{"pool of another ATS", func(i *sdk.SubmitItem) { i.As, i.PoolID = sdk.AsProspect, "x" }, sdk.KindNotFound, nil},
		{"stage without pool", func(i *sdk.SubmitItem) { i.As, i.PoolID = sdk.AsProspect, "" }, sdk.KindNotFound, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, nil)
			item := fullItem()
			c.change(&item)
			reply, err := s.submit(t, item)
			require.NoError(t, err)
			require.Len(t, reply.Outcomes, 1)
			e := reply.Outcomes[0].Err
			require.NotNil(t, e)
			require.Equal(t, c.kind, e.Kind)
			require.True(t, e.NotApplied)
			var paths []string
			for _, f := range e.Fields {
				paths = append(paths, f.Path)
			}
			require.Equal(t, c.paths, paths)
			require.Empty(t, s.requests(), "nothing may be sent")
		})
	}
}

func TestDocument_DecodesTheDocumentedSampleIntoTheSameFields(t *testing.T) {
	t.Parallel()
	var d document
	body := sample(t, "candidates-3")
	// The sample writes prospect as a text, which we never do.
	sent := decoded(t, []byte(body))
	require.Equal(t, "true", sent["prospect"])
	sent["prospect"] = true
	b, err := json.Marshal(sent)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &d))
	again, err := json.Marshal(d)
	require.NoError(t, err)
	require.JSONEq(t, string(b), string(again), "every documented field is one of ours, under the same name")
}
