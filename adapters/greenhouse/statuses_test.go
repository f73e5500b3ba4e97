package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

const getCandidates = "GET /v1/partner/candidates"

func TestReadStatuses_DecodesTheDocumentedSample(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{getCandidates: {body: sample(t, "candidates-2")}})
	reply, err := s.read(t, sdk.ApplicationRef{CandidateID: "17681532", ApplicationID: "59724"})
	require.NoError(t, err)
	require.Equal(t, []sdk.Reading{{
		CandidateID: "17681532", ApplicationID: "59724", ExternalID: "24680", JobName: "Auror",
		ProfileURL: "https://app.greenhouse.io/people/17681532?application_id=26234709",
		Raw:        sdk.RawStatus{Status: "Active", StageName: "Application Review"},
	}}, reply.Readings)
	require.Equal(t, "candidate_ids=17681532", s.requests()[0].query)
	require.Empty(t, s.requests()[0].body, "ids go into the query, whatever the documentation's sample does")
}

func TestReadStatuses_ReadsLeniently(t *testing.T) {
	t.Parallel()
	yes := true
	cases := []struct {
		name, body string
		refs       []sdk.ApplicationRef
		want       []sdk.Reading
	}{
		{"nobody visible", `[]`, []sdk.ApplicationRef{{CandidateID: "1"}}, nil},
		{"no applications", `[{"id":1,"external_id":"e","applications":[]}]`, []sdk.ApplicationRef{{CandidateID: "1"}}, []sdk.Reading{
			{CandidateID: "1", ExternalID: "e"},
		}},
		{"applications missing", `{"id":1,"external_id":null}`, []sdk.ApplicationRef{{CandidateID: "1"}}, []sdk.Reading{{CandidateID: "1"}}},
		{
			"several applications in any order", `[{"id":1,"applications":[{"id":9,"job":"B","status":"rejected","stage":null},{"id":8,"job":"A","status":"HIRED"}]}]`,
			[]sdk.ApplicationRef{{CandidateID: "1", ApplicationID: "8"}},
			[]sdk.Reading{
				{CandidateID: "1", ApplicationID: "9", JobName: "B", Raw: sdk.RawStatus{Status: "rejected"}},
				{CandidateID: "1", ApplicationID: "8", JobName: "A", Raw: sdk.RawStatus{Status: "HIRED"}},
			},
		},
		{
			"prospect of no job", `[{"id":1,"applications":[{"id":9,"job":null,"status":"active","stage":null}]}]`,
			[]sdk.ApplicationRef{{CandidateID: "1"}},
			[]sdk.Reading{{CandidateID: "1", ApplicationID: "9", Raw: sdk.RawStatus{Status: "active"}, Prospect: &yes}},
		},
		{
			"words that are not documented", `[{"id":1,"applications":{"id":9,"job":"A","status":"converted","stage":""}}]`,
			[]sdk.ApplicationRef{{CandidateID: "1"}},
			[]sdk.Reading{{CandidateID: "1", ApplicationID: "9", JobName: "A", Raw: sdk.RawStatus{Status: "converted"}}},
		},
		{
			"pending settles on the only application", `[{"id":1,"applications":[{"id":9,"job":"A","status":"active"}]}]`,
			[]sdk.ApplicationRef{{CandidateID: "1", Pending: "1"}},
			[]sdk.Reading{{CandidateID: "1", ApplicationID: "9", JobName: "A", Pending: "1", Raw: sdk.RawStatus{Status: "active"}}},
		},
		{
			"pending by reference alone", `[{"id":1,"applications":[{"id":9,"job":"A","status":"active"}]}]`,
			[]sdk.ApplicationRef{{Pending: "1"}},
			[]sdk.Reading{{CandidateID: "1", ApplicationID: "9", JobName: "A", Pending: "1", Raw: sdk.RawStatus{Status: "active"}}},
		},
		{
			"pending does not guess among several", `[{"id":1,"applications":[{"id":9,"job":"A","status":"active"},{"id":8,"job":"B","status":"active"}]}]`,
			[]sdk.ApplicationRef{{CandidateID: "1", Pending: "1"}},
			[]sdk.Reading{
				{CandidateID: "1", ApplicationID: "9", JobName: "A", Raw: sdk.RawStatus{Status: "active"}},
				{CandidateID: "1", ApplicationID: "8", JobName: "B", Raw: sdk.RawStatus{Status: "active"}},
			},
		},
		{
			"merged into a profile nobody asked for", `[{"id":5,"external_id":"x","applications":[{"id":9,"job":"A","status":"active"}]}]`,
			[]sdk.ApplicationRef{{CandidateID: "1", ApplicationID: "9", ExternalID: "e"}, {CandidateID: "2", ApplicationID: "7"}},
			[]sdk.Reading{
				{CandidateID: "1", ApplicationID: "9", ExternalID: "e", Gone: sdk.GoneMerged, MergedInto: "5"},
				{CandidateID: "5", ApplicationID: "9", ExternalID: "x", JobName: "A", Raw: sdk.RawStatus{Status: "active"}},
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, map[string]answer{getCandidates: {body: c.body}})
			reply, err := s.read(t, c.refs...)
			require.NoError(t, err)
			require.Equal(t, c.want, reply.Readings)
		})
	}
}

func TestReadStatuses_AsksForEachCandidateOnceInListsThatFit(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{getCandidates: {body: `[]`}})
	var refs []sdk.ApplicationRef
	for i := range 120 {
		id := fmt.Sprintf("9%018d", i)
		refs = append(refs, sdk.ApplicationRef{CandidateID: id}, sdk.ApplicationRef{CandidateID: id, ApplicationID: "2"})
	}
	refs = append(refs, sdk.ApplicationRef{CandidateID: "no-id"}, sdk.ApplicationRef{}, sdk.ApplicationRef{CandidateID: "1&x=2"})
	_, err := s.read(t, refs...)
	require.NoError(t, err)
	asked := map[string]int{}
	for _, r := range s.requests() {
		require.Less(t, len(r.path)+len(r.query), 2000)
		ids := strings.Split(strings.TrimPrefix(r.query, "candidate_ids="), ",")
		require.LessOrEqual(t, len(ids), 50)
		for _, id := range ids {
			asked[id]++
		}
	}
	require.Len(t, asked, 120)
	for id, n := range asked {
		require.Equal(t, 1, n, id)
	}
	require.Len(t, s.requests(), 3)
}

func TestReadStatuses_NothingToAskAsksNothing(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	reply, err := s.read(t, sdk.ApplicationRef{CandidateID: "x"})
	require.NoError(t, err)
	require.Empty(t, reply.Readings)
	require.Empty(t, s.requests())
}

// standing applies the table as the host does: the first rule that matches and has a word gives it.
func standing(r sdk.Reading) (status sdk.Status, phase sdk.Phase) {
	for _, rule := range statusTable() {
		matches := (rule.RawStatus == "" || strings.EqualFold(rule.RawStatus, r.Raw.Status)) &&
			(rule.RawStageName == "" || strings.EqualFold(rule.RawStageName, r.Raw.StageName)) &&
			(rule.Prospect == nil || r.Prospect != nil && *rule.Prospect == *r.Prospect)
		if !matches {
			continue
		}
		if status == "" {
			status = rule.Status
		}
		if phase == "" {
			phase = rule.Phase
		}
	}
	return status, phase
}

func TestStatusTable(t *testing.T) {
	t.Parallel()
	yes := true
	cases := []struct {
		status, stage string
		prospect      *bool
		want          sdk.Status
		phase         sdk.Phase
	}{
		{"active", "Application Review", nil, sdk.StatusActive, sdk.PhaseApplied},
		{"Active", "application review", nil, sdk.StatusActive, sdk.PhaseApplied},
		{"ACTIVE", "Phone Screen", nil, sdk.StatusActive, sdk.PhaseScreen},
		{"active", "Offer", nil, sdk.StatusActive, sdk.PhaseOffer},
		{"active", "Offer discussion with Bo", nil, sdk.StatusActive, ""},
		{"active", "", nil, sdk.StatusActive, ""},
		{"active", "", &yes, sdk.StatusProspect, sdk.PhaseSourced},
		{"active", "Application Review", &yes, sdk.StatusProspect, sdk.PhaseSourced},
		{"Rejected", "Application Review", nil, sdk.StatusRejected, ""},
		{"rejected", "", &yes, sdk.StatusRejected, ""},
		{"Hired", "Offer", nil, sdk.StatusHired, sdk.PhaseHired},
		{"converted", "Offer", nil, "", ""},
		{"", "", nil, "", ""},
	}
	for _, c := range cases {
		status, phase := standing(sdk.Reading{Raw: sdk.RawStatus{Status: c.status, StageName: c.stage}, Prospect: c.prospect})
		require.Equal(t, c.want, status, c)
		require.Equal(t, c.phase, phase, c)
	}
}

func TestProfileURL_TakesTheIdsFromTheAddressOfAProfile(t *testing.T) {
	t.Parallel()
	m, err := newAdapter().Describe(t.Context(), sdk.DescribeRequest{})
	require.NoError(t, err)
	re := regexp.MustCompile(m.ProfileURL)
	cases := []struct{ url, candidate, application string }{
		{"https://app.greenhouse.io/people/17681532?application_id=59724", "17681532", "59724"},
		{"https://app2.greenhouse.io/people/17681532?src=x&application_id=59724#tab", "17681532", "59724"},
		{"https://app.greenhouse.io/people/17681532", "17681532", ""},
		{"https://app.greenhouse.io/people/6409476002/applications/6409476003/redesign", "6409476002", "6409476003"},
		{"http://127.0.0.1:8080/people/1?application_id=2", "1", "2"},
	}
	for _, c := range cases {
		got := re.FindStringSubmatch(c.url)
		require.NotNil(t, got, c.url)
		require.Equal(t, c.candidate, got[re.SubexpIndex("candidate")], c.url)
		require.Equal(t, c.application, got[re.SubexpIndex("application")], c.url)
	}
	require.Nil(t, re.FindStringSubmatch("https://app.greenhouse.io/sdash/17681532"))
	require.Nil(t, re.FindStringSubmatch("javascript:alert(1)//people/1"))
}

// noLists are answers of which nothing may be read: least of all that nobody is there.
func noLists() []string {
	return []string{`{}`, `null`, `{"message":"We are down for maintenance, Ada"}`, `{"candidates":[{"id":1}]}`, `{"jobs":[{"id":1}]}`, `"x"`, `7`, `{"id":null}`}
}

func TestReadStatuses_WhatIsNoListIsNoEmptyOne(t *testing.T) {
	t.Parallel()
	for _, body := range append(noLists(), ``, `<html>`) {
		s := newStub(t, map[string]answer{getCandidates: {body: body}})
		_, err := s.read(t, sdk.ApplicationRef{CandidateID: "1"})
		e := sdk.AsError(err)
		require.Contains(t, []sdk.Kind{sdk.KindRemoteChanged, sdk.KindTransient}, sdk.KindOf(err), body)
		require.NotContains(t, e.Message, "Ada")
		require.NotEmpty(t, e.Turn, body)
		require.NotEmpty(t, e.Remedy, body)
	}
}

func TestReadStatuses_OneThatCannotBeReadSpoilsNoOther(t *testing.T) {
	t.Parallel()
	good := func(id string) sdk.Reading {
		return sdk.Reading{CandidateID: id, ApplicationID: id + "0", JobName: "A", Raw: sdk.RawStatus{Status: "active", StageName: "Offer"}}
	}
	const one = `{"id":1,"applications":[{"id":10,"job":"A","status":"active","stage":"Offer"}]}`
	const nobody = "an element of the answer names no candidate ([1]: id is missing)"
	cases := []struct {
		name, body string
		want       []sdk.Reading
		remark     string
	}{
		{
			"a stage with id and name", `[{"id":2,"applications":[{"id":20,"job":{"id":7,"name":"A"},"status":"active","stage":{"id":1,"name":"Offer"}}]},` + one + `]`,
			[]sdk.Reading{good("2"), good("1")},
			"",
		},
		{
			"a status that is a number", `[` + one + `,{"id":2,"applications":[{"id":20,"job":"A","status":3,"stage":"Offer"}]}]`,
			[]sdk.Reading{good("1"), {CandidateID: "2", ApplicationID: "20", JobName: "A", Raw: sdk.RawStatus{Status: "3", StageName: "Offer"}}},
			"",
		},
		{
			"a stage without a name", `[{"id":2,"applications":[{"id":20,"status":"active","stage":{"Ada":1}}]},` + one + `]`,
			[]sdk.Reading{{CandidateID: "2", ApplicationID: "20", Unreadable: "applications[0].stage is an object"}, good("1")},
			"candidate 2, application 20: applications[0].stage is an object",
		},
		{
			"another application of the same person", `[{"id":1,"applications":[{"id":11,"status":["Ada"]},{"id":10,"job":"A","status":"active","stage":"Offer"}]}]`,
			[]sdk.Reading{{CandidateID: "1", ApplicationID: "11", Unreadable: "applications[0].status is a list"}, good("1")},
			"candidate 1, application 11: applications[0].status is a list",
		},
		{
			"an application without an id", `[` + one + `,{"id":2,"applications":[{"status":"active"}]}]`,
			[]sdk.Reading{good("1"), {CandidateID: "2", Unreadable: "applications[0].id is missing"}},
			"candidate 2, application without an id: applications[0].id is missing",
		},
		{
			"a candidate of another type", `[` + one + `,{"id":2,"external_id":{"Ada":1}}]`,
			[]sdk.Reading{good("1"), {CandidateID: "2", Unreadable: "external_id is an object"}},
			"candidate 2: external_id is an object",
		},
		{
			"no candidate can be told apart", `[` + one + `,{"name":"Ada"}]`,
			[]sdk.Reading{good("1"), {CandidateID: "2", Unreadable: nobody}, {CandidateID: "3", Unreadable: nobody}},
			"[1]: id is missing",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, map[string]answer{getCandidates: {body: c.body}})
			reply, err := s.read(t, sdk.ApplicationRef{CandidateID: "1"}, sdk.ApplicationRef{CandidateID: "2"}, sdk.ApplicationRef{CandidateID: "3"})
			require.NoError(t, err)
			require.Equal(t, c.want, reply.Readings)
			require.Len(t, reply.Exchanges, 1)
			if c.remark != "" {
				c.remark = "not in the documented form: " + c.remark
			}
			require.Equal(t, c.remark, reply.Exchanges[0].Excerpt)
		})
	}
}

func TestReadStatuses_AnAnswerOfWhichNoneCanBeReadIsAnError(t *testing.T) {
	t.Parallel()
	var all []string
	var refs []sdk.ApplicationRef
	for i := 1; i <= 7; i++ {
		all = append(all, fmt.Sprintf(`{"id":%d,"applications":[{"id":%d0,"stage":{"Ada":1}}]}`, i, i))
		refs = append(refs, sdk.ApplicationRef{CandidateID: fmt.Sprint(i)})
	}
	s := newStub(t, map[string]answer{getCandidates: {body: "[" + strings.Join(all, ",") + "]"}})
	_, err := s.read(t, refs...)
	e := sdk.AsError(err)
	require.Equal(t, sdk.KindRemoteChanged, e.Kind)
	require.Equal(t, sdk.TurnAdapter, e.Turn)
	require.NotEmpty(t, e.Remedy)
	require.Contains(t, e.Message, "candidate 1, application 10: applications[0].stage is an object")
	require.Contains(t, e.Message, "and 2 more")
	require.NotContains(t, e.Message, "Ada")
	require.Contains(t, e.Exchanges[0].Excerpt, "candidate 5")
}

func FuzzReadings(f *testing.F) {
	f.Add([]byte(sample(f, "candidates-2")), "17681532", "59724")
	f.Add([]byte(`[{"id":"5","applications":{"id":9,"stage":null}}]`), "1", "9")
	f.Add([]byte(`[{"id":1,"applications":[null]}]`), "1", "")
	f.Add([]byte(`[{"id":1,"applications":[{"id":9,"stage":{"secret":"secret"}}]},{"id":{"secret":"secret"}}]`), "1", "9")
	f.Fuzz(func(t *testing.T, body []byte, candidateID, applicationID string) {
		var shown rest.Elements[candidate]
		if rest.DecodeList(body, &shown) != nil {
			return
		}
		refs := []sdk.ApplicationRef{{CandidateID: candidateID, ApplicationID: applicationID, Pending: candidateID}}
		got, broken := readings(shown, candidateIDs(refs), refs)
		for _, r := range got {
			require.NotEmpty(t, r.CandidateID)
			require.True(t, r.Unreadable == "" || len(broken) > 0)
			require.NotContains(t, r.Unreadable, "secret")
		}
		for _, b := range broken {
			require.NotContains(t, b, "secret")
		}
	})
}
