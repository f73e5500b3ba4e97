package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

const track = "POST /v1/partner/tracking_link"

func TestListJobs_DecodesTheDocumentedSample(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{getJobs: {body: sample(t, "jobs-1")}})
	reply, err := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
	require.NoError(t, err)
	require.Equal(t, []sdk.Job{
		{ID: "146859", Name: "Auror", State: sdk.JobOpen, RawState: "open"},
		{ID: "150050", Name: "Professor", State: sdk.JobOpen, RawState: "open"},
		{ID: "147886", Name: "Caretaker", State: sdk.JobUnlisted, RawState: "open"},
	}, reply.Jobs)
	require.True(t, reply.Complete)
	require.Empty(t, reply.Next)
	require.Len(t, reply.Exchanges, 1)
}

func TestListJobs_ReadsLeniently(t *testing.T) {
	t.Parallel()
	cases := []struct {
		body string
		want []sdk.Job
	}{
		{`[]`, nil},
		{`{"id":6409000001,"name":"One","status":"Open"}`, []sdk.Job{{ID: "6409000001", Name: "One", State: sdk.JobOpen, RawState: "Open"}}},
		{`[{"id":"7","name":null,"status":null,"public":null}]`, []sdk.Job{{ID: "7", State: sdk.JobOpen}}},
		{`[{"id":1,"status":"closed"},{"id":2,"status":"draft"}]`, []sdk.Job{
			{ID: "1", State: sdk.JobClosed, RawState: "closed"}, {ID: "2", State: sdk.JobUnknown, RawState: "draft"},
		}},
	}
	for _, c := range cases {
		s := newStub(t, map[string]answer{getJobs: {body: c.body}})
		reply, err := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
		require.NoError(t, err, c.body)
		require.Equal(t, c.want, reply.Jobs, c.body)
	}
}

func TestListJobs_WhatIsNoListIsNoEmptyOne(t *testing.T) {
	t.Parallel()
	for _, body := range append(noLists(), ``, `<html>`, `[{"name":"Ada"}]`, `[7]`, `[null]`) {
		s := newStub(t, map[string]answer{getJobs: {body: body}, getUser: {body: `{"id":1}`}})
		_, err := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
		e := sdk.AsError(err)
		require.Contains(t, []sdk.Kind{sdk.KindRemoteChanged, sdk.KindTransient}, sdk.KindOf(err), body)
		require.NotContains(t, e.Message, "Ada")
		require.NotEmpty(t, e.Turn, body)
		require.NotEmpty(t, e.Remedy, body)
	}
	for _, body := range noLists() {
		s := newStub(t, map[string]answer{getUser: {body: `{"id":1}`}, getJobs: {body: `[]`}, "GET " + pathPools: {body: body}})
		_, err := s.adapter.ListPools(t.Context(), sdk.ListPoolsRequest{Connection: s.conn})
		require.Equal(t, sdk.KindRemoteChanged, sdk.KindOf(err), body)
		_, err = s.adapter.Check(t.Context(), sdk.CheckRequest{Connection: s.conn})
		require.Equal(t, sdk.KindRemoteChanged, sdk.KindOf(err), body)
	}
}

func TestListJobs_OneThatCannotBeReadLeavesTheListingIncomplete(t *testing.T) {
	t.Parallel()
	for body, place := range map[string]string{
		`[{"id":1},{"name":"Ada"}]`:            "[1]: id is missing",
		`[{"id":2,"name":{"Ada":1}},{"id":1}]`: "[0]: name is an object",
		`[{"id":1},{"id":2,"public":"Ada"}]`:   "[1]: public is a text",
	} {
		s := newStub(t, map[string]answer{getJobs: {body: body}})
		reply, err := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
		require.NoError(t, err, body)
		require.Equal(t, []sdk.Job{{ID: "1", State: sdk.JobOpen}}, reply.Jobs)
		require.False(t, reply.Complete, body)
		require.Equal(t, "not in the documented form: "+place, reply.Exchanges[0].Excerpt)
		s = newStub(t, map[string]answer{getJobs: {body: body, header: map[string]string{"Link": `</v1/partner/jobs?page=2>; rel="next"`}}})
		_, err = s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
		require.Equal(t, sdk.KindRemoteChanged, sdk.KindOf(err), "the last page could not say that an earlier one was not whole")
	}
}

func TestListJobs_FollowsLinksWithoutLeavingItsHost(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{getJobs: {handle: func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("page") {
		case "":
			w.Header().Set("Link", `<https://elsewhere.example.com/steal?page=2>; rel="next"`)
		case "2":
			w.Header().Set("Link", `<https://elsewhere.example.com/steal?page=2>; rel="next"`)
		}
		_, _ = fmt.Fprint(w, `[{"id":1}]`)
	}}})
	first, err := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
	require.NoError(t, err)
	require.Equal(t, "page=2", first.Next)
	require.False(t, first.Complete)
	second, err := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn, Page: first.Next})
	require.NoError(t, err)
	require.Empty(t, second.Next, "a page that names itself as the next would never end")
	require.Equal(t, "page=2", s.requests()[1].query)
}

func TestListJobs_ManyThousandFitIntoOneReply(t *testing.T) {
	t.Parallel()
	body := "[" + strings.Repeat(`{"id":6409000001,"name":"Senior Backend Engineer","status":"open","public":true},`, 20_000) + `{"id":1}]`
	s := newStub(t, map[string]answer{getJobs: {body: body}})
	reply, err := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
	require.NoError(t, err)
	require.Len(t, reply.Jobs, 20_001)
}

func TestReads_ClassifyRefusals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		a       answer
		kind    sdk.Kind
		subject sdk.Subject
	}{
		{answer{status: 401}, sdk.KindAuth, ""},
		{answer{status: 403}, sdk.KindPermission, sdk.SubjectUser},
		{answer{status: 404}, sdk.KindNotFound, sdk.SubjectEndpoint},
		{answer{status: 429, body: "Retry later"}, sdk.KindRateLimited, ""},
		{answer{status: 500}, sdk.KindTransient, ""},
		{answer{status: 502, body: "<html></html>"}, sdk.KindTransient, ""},
		{answer{status: 200, body: ""}, sdk.KindTransient, ""},
		{answer{status: 200, body: `[{"id":`}, sdk.KindTransient, ""},
		{answer{status: 200, body: `[{"id":{}},{"id":[]},{"id":{}}]`}, sdk.KindRemoteChanged, ""},
		{answer{status: 200, body: `"text"`}, sdk.KindRemoteChanged, ""},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.a.status, c.a.body), func(t *testing.T) {
			t.Parallel()
			s := newStub(t, map[string]answer{getJobs: c.a, getPools: c.a, "GET /v1/partner/candidates": c.a})
			_, jobs := s.adapter.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: s.conn})
			_, pools := s.adapter.ListPools(t.Context(), sdk.ListPoolsRequest{Connection: s.conn})
			_, statuses := s.read(t, sdk.ApplicationRef{CandidateID: "1"})
			for _, err := range []error{jobs, pools, statuses} {
				e := sdk.AsError(err)
				require.NotNil(t, e)
				require.Equal(t, c.kind, e.Kind, e.Message)
				require.Equal(t, c.subject, e.Subject)
				require.NotEmpty(t, e.Turn)
				require.Len(t, e.Exchanges, 1)
			}
		})
	}
}

func TestListPools_KeepsTheConfiguredOrderOfStages(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{getPools: {body: sample(t, "prospect_pools-1")}})
	reply, err := s.adapter.ListPools(t.Context(), sdk.ListPoolsRequest{Connection: s.conn})
	require.NoError(t, err)
	require.Len(t, reply.Pools, 2)
	require.Equal(t, sdk.Pool{ID: "123", Name: "Cold Outreach: Referred", Stages: []sdk.PoolStage{
		{ID: "1957", Name: "Not Contacted"},
		{ID: "1958", Name: "Contacted"},
		{ID: "1959", Name: "1st. Follow Up Sent"},
		{ID: "1960", Name: "2nd Follow Up Sent"},
		{ID: "1961", Name: "In Discussion"},
	}}, reply.Pools[0])
}

func TestTrackingLink_DecodesTheDocumentedSample(t *testing.T) {
	t.Parallel()
	s := newStub(t, map[string]answer{track: {body: sample(t, "tracking_link-2")}})
	reply, err := s.adapter.TrackingLink(t.Context(), sdk.TrackingLinkRequest{Connection: s.conn, JobID: "12345"})
	require.NoError(t, err)
	require.Equal(t, "http://grnh.se/yvj0bj", reply.URL)
	require.Equal(t, "Auror", reply.JobName)
	require.Equal(t, "Campus Recruiting", reply.Source)
	require.Equal(t, "Hermione Granger", reply.Referrer)
	require.JSONEq(t, sample(t, "tracking_link-1"), string(s.requests()[0].body))
}

func TestTrackingLink_Refusals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status  int
		body    string
		kind    sdk.Kind
		subject sdk.Subject
	}{
		{403, ``, sdk.KindPermission, sdk.SubjectUser},
		{404, ``, sdk.KindNotFound, sdk.SubjectJob},
		{422, `{"errors":[{"message":"Invalid job_id","field":"job_id"}]}`, sdk.KindNotFound, sdk.SubjectJob},
		{422, `{"message":"no"}`, sdk.KindInvalid, ""},
		{500, ``, sdk.KindTransient, ""},
	}
	for _, c := range cases {
		s := newStub(t, map[string]answer{track: {status: c.status, body: c.body}})
		_, err := s.adapter.TrackingLink(t.Context(), sdk.TrackingLinkRequest{Connection: s.conn, JobID: "1"})
		require.Equal(t, c.kind, sdk.KindOf(err))
		require.Equal(t, c.subject, sdk.AsError(err).Subject)
	}
	s := newStub(t, nil)
	_, err := s.adapter.TrackingLink(t.Context(), sdk.TrackingLinkRequest{Connection: s.conn, JobID: "x"})
	require.Equal(t, sdk.KindNotFound, sdk.KindOf(err))
	require.Empty(t, s.requests())
}

func FuzzJobs(f *testing.F) {
	f.Add([]byte(sample(f, "jobs-1")))
	f.Add([]byte(`{"id":"1","public":"x"}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		var jobs rest.List[job]
		if rest.Decode(body, &jobs) == nil {
			for _, j := range jobs {
				_ = jobState(j)
			}
		}
	})
}

func FuzzPools(f *testing.F) {
	f.Add([]byte(sample(f, "prospect_pools-1")))
	f.Add([]byte(`{"id":1,"stages":{"id":2}}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		var pools rest.List[pool]
		_ = rest.Decode(body, &pools)
	})
}

func FuzzUser(f *testing.F) {
	f.Add([]byte(sample(f, "current_user-1")))
	f.Fuzz(func(_ *testing.T, body []byte) {
		var u user
		if rest.Decode(body, &u) == nil {
			_ = u.name()
		}
	})
}
