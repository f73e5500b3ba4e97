package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestWorld_StatusesInEveryShape(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{"array", "object"} {
		for _, letters := range []string{"mixed", "lower", "title"} {
			for _, shown := range []string{"one", "many", "many_shuffled"} {
				t.Run(strings.Join([]string{shape, letters, shown}, " "), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, "single_candidate", shape, "status_case", letters, "applications", shown)
					r := w.created(w.item("pl-1"))
					got := w.ours(r)
					require.True(t, strings.EqualFold("active", got.Raw.Status))
					require.Equal(t, "Application Review", got.Raw.StageName)
					require.Equal(t, w.jobs[0].Name, got.JobName)
					require.Equal(t, "pl-1", got.ExternalID)
					require.Equal(t, r.ProfileURL, got.ProfileURL)
					require.Nil(t, got.Prospect)
					require.NoError(t, w.emp.Reject(target(t, r), "not a fit"))
					status, _ := standing(w.ours(r))
					require.Equal(t, sdk.StatusRejected, status)
				})
			}
		}
	}
}

func TestWorld_AnApplicationGoesItsWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.created(w.item("pl-1"))
	at := func(status sdk.Status, phase sdk.Phase) {
		t.Helper()
		s, p := standing(w.ours(r))
		require.Equal(t, status, s)
		require.Equal(t, phase, p)
	}
	at(sdk.StatusActive, sdk.PhaseApplied)
	require.NoError(t, w.emp.Move(target(t, r), "Phone Screen"))
	at(sdk.StatusActive, sdk.PhaseScreen)
	require.NoError(t, w.emp.Move(target(t, r), "Face to Face"))
	at(sdk.StatusActive, "")
	require.NoError(t, w.emp.Move(target(t, r), "Offer"))
	at(sdk.StatusActive, sdk.PhaseOffer)
	require.NoError(t, w.emp.Hire(target(t, r)))
	at(sdk.StatusHired, sdk.PhaseHired)
	require.NoError(t, w.emp.Unhire(target(t, r)))
	at(sdk.StatusActive, sdk.PhaseOffer)
	require.NoError(t, w.emp.Reject(target(t, r), ""))
	at(sdk.StatusRejected, "")
	require.NoError(t, w.emp.Unreject(target(t, r)))
	at(sdk.StatusActive, sdk.PhaseOffer)
}

func TestWorld_StagesThatMeanNothingAnyMore(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{"name", "null", "empty", "absent"} {
		w := newWorld(t, "stage_of_prospect", shape, "stage_of_rejected", shape, "stage_of_hired", shape)
		rejected, hired := w.created(w.item("pl-1")), w.created(w.item("pl-2"))
		prospect := w.item("pl-3")
		prospect.As, prospect.JobID = sdk.AsProspect, ""
		sourced := w.created(prospect)
		require.NoError(t, w.emp.Reject(target(t, rejected), ""))
		require.NoError(t, w.emp.Hire(target(t, hired)))
		for r, want := range map[sdk.Receipt]sdk.Status{rejected: sdk.StatusRejected, hired: sdk.StatusHired, sourced: sdk.StatusProspect} {
			status, _ := standing(w.ours(r))
			require.Equal(t, want, status, shape)
		}
	}
}

func TestWorld_WordsThatAreNotDocumentedStayUnmapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "further_statuses", "present")
	for i := range 3 {
		rd := w.ours(w.created(w.item(fmt.Sprintf("pl-%d", i))))
		require.NotEmpty(t, rd.Raw.Status)
		status, _ := standing(rd)
		require.Empty(t, status)
	}
}

func TestWorld_CandidateWithoutApplicationsIsVisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "applications", "none")
	r := w.created(w.item("pl-1"))
	require.Equal(t, []sdk.Reading{{CandidateID: r.CandidateID, ExternalID: "pl-1"}}, w.read(r))
}

func TestWorld_WhatIsNotShownIsLeftOut(t *testing.T) {
	t.Parallel()
	cases := map[string]func(w *world, r sdk.Receipt){
		"Basic user":     func(w *world, _ sdk.Receipt) { w.as(simulator.Basic) },
		"Interviewer":    func(w *world, _ sdk.Receipt) { w.as(simulator.Interviewer) },
		"deleted":        func(w *world, r sdk.Receipt) { require.NoError(w.t, w.emp.Delete(target(w.t, r))) },
		"source changed": func(w *world, r sdk.Receipt) { require.NoError(w.t, w.emp.ChangeSource(target(w.t, r), "Referral")) },
		"lag":            func(w *world, _ sdk.Receipt) { w.set("read_lag", "1h") },
		"disabled user, empty lists": func(w *world, _ sdk.Receipt) {
			w.set("disabled_user", "empty_200")
			require.NoError(w.t, w.emp.DisableUser(w.conn.Settings[fieldActor]))
		},
		"merged": func(w *world, r sdk.Receipt) {
			_, err := w.emp.Merge(target(w.t, r), target(w.t, w.created(w.item("pl-other"))))
			require.NoError(w.t, err)
		},
	}
	for name, lose := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.created(w.item("pl-1"))
			require.Len(t, w.read(r), 1)
			lose(w, r)
			require.Empty(t, w.read(r))
		})
	}
}

func TestWorld_NewCandidatesShowAfterTheLag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "read_lag", "50ms")
	r := w.created(w.item("pl-1"))
	require.Eventually(t, func() bool { return len(w.read(r)) == 1 }, 5*time.Second, 10*time.Millisecond)
}

func TestWorld_MergedProfileIsFollowedWhereGreenhouseShowsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "merged_candidate", "new_record")
	r, into := w.created(w.item("pl-1")), w.created(w.item("pl-other"))
	_, err := w.emp.Merge(target(t, r), target(t, into))
	require.NoError(t, err)
	var gone []sdk.Reading
	for _, rd := range w.read(r) {
		if rd.Gone == "" {
			require.Equal(t, into.CandidateID, rd.CandidateID)
		} else {
			gone = append(gone, rd)
		}
	}
	require.Equal(t, []sdk.Reading{{
		CandidateID: r.CandidateID, ApplicationID: r.ApplicationID, Gone: sdk.GoneMerged, MergedInto: into.CandidateID,
	}}, gone)
}

func TestWorld_ConvertedProspect(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"new_id_old_gone", "new_id_old_converted", "same_id"} {
		w := newWorld(t, "prospect_converted", variant)
		item := w.item("pl-1")
		item.As = sdk.AsProspect
		r := w.created(item)
		id, err := w.emp.Convert(target(t, r), simulator.JobRef{ID: w.jobs[0].ID})
		require.NoError(t, err)
		now := map[string]string{}
		for _, rd := range w.read(r) {
			now[rd.ApplicationID] = strings.ToLower(rd.Raw.Status)
		}
		require.Equal(t, "active", now[fmt.Sprint(id)], variant)
		switch variant {
		case "same_id":
			require.Equal(t, r.ApplicationID, fmt.Sprint(id))
		case "new_id_old_gone":
			require.NotContains(t, now, r.ApplicationID)
		default:
			require.Equal(t, "converted", now[r.ApplicationID])
		}
	}
}

func TestWorld_AFullBatchIsReadInOneRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "max_candidate_ids", 50, "over_limit", "refuse_422")
	var refs []sdk.ApplicationRef
	for i := range 50 {
		r := w.created(w.item(fmt.Sprintf("pl-%d", i)))
		refs = append(refs, sdk.ApplicationRef{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID})
	}
	before := len(w.emp.Reads())
	reply, err := w.a.ReadStatuses(t.Context(), sdk.ReadStatusesRequest{Connection: w.conn, Applications: refs})
	require.NoError(t, err)
	require.Len(t, reply.Readings, 50)
	require.Len(t, w.emp.Reads(), before+1)
}

func TestWorld_ReadsThatFailAreMadeAgainByTheHost(t *testing.T) {
	t.Parallel()
	for kind, want := range map[simulator.FaultKind]sdk.Kind{
		simulator.FaultErrorBefore: sdk.KindTransient, simulator.FaultCutBefore: sdk.KindTransient, simulator.FaultHang: sdk.KindTransient,
		simulator.FaultHTMLBody: sdk.KindTransient, simulator.FaultEmptyBody: sdk.KindTransient, simulator.FaultTruncatedBody: sdk.KindTransient,
		simulator.FaultDown: sdk.KindTransient, simulator.FaultRateLimited: sdk.KindRateLimited, simulator.FaultKeyRevoked: sdk.KindAuth,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fault(simulator.Fault{Kind: kind})
			_, jobs := w.a.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: w.conn})
			_, statuses := w.a.ReadStatuses(t.Context(), sdk.ReadStatusesRequest{
				Connection: w.conn, Applications: []sdk.ApplicationRef{{CandidateID: "17681000001"}, {CandidateID: "17681000002"}},
			})
			require.Equal(t, want, sdk.KindOf(jobs), "%v", jobs)
			require.Equal(t, want, sdk.KindOf(statuses), "%v", statuses)
		})
	}
}

func TestWorld_JobListInBothShapes(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{"one_array", "link_paging"} {
		w := newWorld(t, "jobs_list", shape, "jobs_page_size", 3)
		names := map[string]sdk.JobState{}
		page, pages := "", 0
		for {
			reply, err := w.a.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: w.conn, Page: page})
			require.NoError(t, err)
			for _, j := range reply.Jobs {
				names[j.Name] = j.State
			}
			require.Equal(t, reply.Next == "", reply.Complete)
			pages++
			if page = reply.Next; page == "" {
				break
			}
		}
		require.Len(t, names, 7, "the closed job is not listed")
		require.Equal(t, sdk.JobUnlisted, names["Robotics Field Technician"])
		require.Equal(t, sdk.JobOpen, names["Backend Engineer"])
		require.Equal(t, map[string]int{"one_array": 1, "link_paging": 3}[shape], pages)
	}
}

func TestWorld_PoolsAndTrackingLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pools, err := w.a.ListPools(t.Context(), sdk.ListPoolsRequest{Connection: w.conn})
	require.NoError(t, err)
	require.Len(t, pools.Pools, 2)
	require.Equal(t, "Not Contacted", pools.Pools[0].Stages[0].Name)
	req := sdk.TrackingLinkRequest{Connection: w.conn, JobID: fmt.Sprint(w.jobs[0].ID)}
	link, err := w.a.TrackingLink(t.Context(), req)
	require.NoError(t, err)
	require.NotEmpty(t, link.URL)
	require.Equal(t, w.jobs[0].Name, link.JobName)
	w.as(simulator.Basic)
	_, err = w.a.TrackingLink(t.Context(), req)
	require.Equal(t, sdk.KindPermission, sdk.KindOf(err))
}

func TestWorld_Check(t *testing.T) {
	t.Parallel()
	harvest := func(w *world) {
		for _, k := range w.emp.Keys() {
			if k.Type == simulator.KeyHarvest {
				w.conn.Credentials[fieldKey] = sdk.Secret(k.Key)
			}
		}
	}
	disable := func(w *world) { require.NoError(w.t, w.emp.DisableUser(w.conn.Settings[fieldActor])) }
	cases := []struct {
		name   string
		pairs  []any
		change func(*world)
		failed map[string]sdk.Kind
		warned []string
		says   string
	}{
		{name: "healthy"},
		{name: "wrong key", change: func(w *world) { w.conn.Credentials[fieldKey] = "nobody" }, failed: map[string]sdk.Kind{"credentials": sdk.KindAuth}, says: "newly made key"},
		{name: "key revoked", change: func(w *world) { require.NoError(w.t, w.emp.RevokeKey("")) }, failed: map[string]sdk.Kind{"credentials": sdk.KindAuth}, says: "revoked"},
		{name: "wrong e-mail", change: func(w *world) { w.conn.Settings[fieldActor] = "x@example.com" }, failed: map[string]sdk.Kind{"credentials": sdk.KindAuth}, says: "e-mail address"},
		{name: "Harvest key 401", pairs: []any{"harvest_key", 401}, change: harvest, failed: map[string]sdk.Kind{"credentials": sdk.KindAuth}, says: "a Harvest key does not work"},
		{name: "Harvest key 403", pairs: []any{"harvest_key", 403}, change: harvest, failed: map[string]sdk.Kind{"credentials": sdk.KindPermission}, says: "Harvest"},
		{name: "HTML instead of words", pairs: []any{"error_body", "html"}, change: harvest, failed: map[string]sdk.Kind{"credentials": sdk.KindAuth}, says: "Candidate Ingestion"},
		{name: "disabled 401", pairs: []any{"disabled_user", "unauthorized_401"}, change: disable, failed: map[string]sdk.Kind{"credentials": sdk.KindAuth}, says: "active"},
		{name: "disabled 403", pairs: []any{"disabled_user", "forbidden_403"}, change: disable, failed: map[string]sdk.Kind{"credentials": sdk.KindPermission}, says: "disabled"},
		{name: "disabled, empty lists", pairs: []any{"disabled_user", "empty_200"}, change: disable, failed: map[string]sdk.Kind{"credentials": sdk.KindAuth}, says: "active"},
		{name: "Basic sees live jobs", pairs: []any{"basic_user_jobs", "live_on_board"}, change: func(w *world) { w.as(simulator.Basic) }},
		{name: "Basic sees all", pairs: []any{"basic_user_jobs", "all_open"}, change: func(w *world) { w.as(simulator.Basic) }},
		{name: "Basic sees none", pairs: []any{"basic_user_jobs", "none"}, change: func(w *world) { w.as(simulator.Basic) }, warned: []string{"jobs"}, says: "Job Admin"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.pairs...)
			if c.change != nil {
				c.change(w)
			}
			reply, err := w.a.Check(t.Context(), sdk.CheckRequest{Connection: w.conn, PartnerName: "Talent Cove"})
			require.NoError(t, err)
			require.Equal(t, len(c.failed) == 0, reply.OK())
			var warned []string
			failed := map[string]sdk.Kind{}
			var texts strings.Builder
			for _, it := range reply.Items {
				texts.WriteString(it.Cause + " " + it.Remedy)
				switch {
				case it.Warning:
					warned = append(warned, it.ID)
				case !it.OK:
					failed[it.ID] = it.Kind
				}
			}
			require.Equal(t, c.warned, warned)
			require.Len(t, failed, len(c.failed))
			for id, kind := range c.failed {
				require.Equal(t, kind, failed[id])
			}
			require.Contains(t, texts.String(), c.says)
			if len(c.failed) == 0 {
				require.NotEmpty(t, reply.ActingUser.ID)
				require.GreaterOrEqual(t, reply.JobsVisible, 0)
			}
		})
	}
}
