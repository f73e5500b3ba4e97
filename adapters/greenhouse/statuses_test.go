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

func FuzzReadings(f *testing.F) {
	f.Add([]byte(sample(f, "candidates-2")), "17681532", "59724")
	f.Add([]byte(`[{"id":"5","applications":{"id":9,"stage":null}}]`), "1", "9")
	f.Add([]byte(`[{"id":1,"applications":[null]}]`), "1", "")
	f.Fuzz(func(t *testing.T, body []byte, candidateID, applicationID string) {
		var shown rest.List[candidate]
		if rest.Decode(body, &shown) != nil {
			return
		}
		refs := []sdk.ApplicationRef{{CandidateID: candidateID, ApplicationID: applicationID, Pending: candidateID}}
		for _, r := range readings(shown, candidateIDs(refs), refs) {
			require.NotEmpty(t, r.CandidateID)
		}
	})
}
