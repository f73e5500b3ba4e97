package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func (w *world) app(id string) atssync.Application {
	w.t.Helper()
	a, err := w.s.Application(w.ctx, id)
	require.NoError(w.t, err)
	return a
}

// reading judges what an ATS shows of an application.
func (w *world) reading(a atssync.Application, status, stage string) atssync.ApplicationChange {
	w.t.Helper()
	was := a.Version
	changed, events := a.ApplyReadings([]sdk.Reading{{
		CandidateID: a.CandidateID, ApplicationID: a.ApplicationID, Raw: sdk.RawStatus{Status: status, StageName: stage},
	}}, atssync.Rules{Table: []sdk.StatusRule{{RawStatus: "active", Status: sdk.StatusActive, Native: true}}}, w.now)
	require.True(w.t, changed)
	return atssync.ApplicationChange{Application: a, Was: was, Events: events}
}

var collectTests = map[string]func(*world){
	"unknown is not found": func(w *world) {
		_, err := w.s.Application(w.ctx, "sub_none")
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.Checkpoint(w.ctx, "con_none", atssync.OpRead)
		w.code(err, atssync.CodeNotFound)
	},
	"application, events and checkpoint in one commit": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submitted(c, l, "app-1", "job-1")
		before := len(w.events(c))
		w.pass(time.Minute)
		ch := w.reading(w.app(s.ID), "active", "Phone screen")
		cp := atssync.Checkpoint{Operation: atssync.OpRead, Pass: 1, LastKey: s.ID, StartedAt: w.now, AdvancedAt: w.now}
		n, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{ch}, &cp, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, 1, n)
		got := w.app(s.ID)
		require.Equal(w.t, sdk.PhaseScreen, got.Phase)
		require.Equal(w.t, int64(2), got.Version)
		require.Equal(w.t, []string{"application.status_changed"}, w.events(c)[before:])
		stored, err := w.s.Checkpoint(w.ctx, c.ID, atssync.OpRead)
		require.NoError(w.t, err)
		cp.Connection = c.ID
		require.Equal(w.t, cp, stored)
		all, err := w.s.Checkpoints(w.ctx, "")
		require.NoError(w.t, err)
		require.Equal(w.t, []atssync.Checkpoint{cp}, all)
		mine, err := w.s.Checkpoints(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, all, mine)
	},
	"a judgement of an old version is left out": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		a, b := w.submitted(c, l, "app-1", "job-1"), w.submitted(c, l, "app-2", "job-1")
		first, twin := w.reading(w.app(a.ID), "active", "Review"), w.reading(w.app(a.ID), "active", "Onsite")
		n, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{first}, nil, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, 1, n)
		before := len(w.events(c))
		n, err = w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{twin, w.reading(w.app(b.ID), "active", "Review")}, nil, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, 1, n)
		require.Equal(w.t, "Review", w.app(a.ID).Raw.StageName)
		require.Len(w.t, w.events(c), before+1, "and its events are not told")
	},
	"needs the lease": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submitted(c, l, "app-1", "job-1")
		ch := w.reading(w.app(s.ID), "active", "Review")
		l.Epoch++
		_, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{ch}, nil, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		_, err = w.s.RecordReadings(w.ctx, l, nil, &atssync.Checkpoint{Operation: atssync.OpRead}, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		require.Equal(w.t, int64(1), w.app(s.ID).Version)
	},
	"another connection's applications are not touched": func(w *world) {
		a, b := w.connect("acme"), w.connect("acme")
		w.link(a, "job-1")
		s := w.submitted(a, w.lease(a, "daemon-1"), "app-1", "job-1")
		ch := w.reading(w.app(s.ID), "active", "Review")
		n, err := w.s.RecordReadings(w.ctx, w.lease(b, "daemon-1"), []atssync.ApplicationChange{ch}, nil, w.now)
		require.NoError(w.t, err)
		require.Zero(w.t, n)
	},
	"found by the ids it has now and had before": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submitted(c, l, "app-1", "job-1")
		a := w.app(s.ID)
		ch := atssync.ApplicationChange{Application: a, Was: a.Version}
		ch.Application.ApplicationID, ch.Application.CandidateID = "rekeyed", "merged"
		_, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{ch}, nil, w.now)
		require.NoError(w.t, err)
		for _, ids := range [][2]string{{"merged", ""}, {"", "rekeyed"}, {"cand " + s.ID, ""}, {"", "app " + s.ID}} {
			got, err := w.s.SubmissionsByReceipt(w.ctx, c.ID, ids[0], ids[1])
			require.NoError(w.t, err)
			require.Len(w.t, got, 1, "%v", ids)
		}
	},
	"many readings in one call": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		var in []atssync.ApplicationChange
		for range 420 {
			d := w.document(c, w.unique("app"), "job-1")
			app := atssync.NewApplication(d.Submission, atssync.Receipt{ApplicationID: d.Submission.ID}, "Engineer", w.now)
			got, err := w.s.Import(w.ctx, d, app, w.now)
			require.NoError(w.t, err)
			in = append(in, w.reading(w.app(got.Submission.ID), "active", "Review"))
		}
		n, err := w.s.RecordReadings(w.ctx, l, in, &atssync.Checkpoint{Operation: atssync.OpRead, Pass: 1}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, 420, n)
		require.Len(w.t, w.events(c), 840)
	},
	"lists by what is asked and pages": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		w.link(a, "job-1")
		w.link(a, "job-2")
		w.link(b, "job-b")
		la, lb := w.lease(a, "daemon-1"), w.lease(b, "daemon-1")
		for range 5 {
			w.submitted(a, la, w.unique("app"), "job-1")
		}
		hidden := w.app(w.submitted(a, la, "hidden", "job-2").ID)
		w.submitted(b, lb, "app-b", "job-b")
		ch := atssync.ApplicationChange{Application: hidden, Was: hidden.Version}
		ch.Application.Visibility = atssync.NotVisible
		_, err := w.s.RecordReadings(w.ctx, la, []atssync.ApplicationChange{ch}, nil, w.now)
		require.NoError(w.t, err)
		for _, want := range []struct {
			q atssync.ApplicationQuery
			n int
		}{
			{atssync.ApplicationQuery{}, 7},
			{atssync.ApplicationQuery{Connection: a.ID}, 6},
			{atssync.ApplicationQuery{Account: "globex"}, 1},
			{atssync.ApplicationQuery{PlatformJob: "job-1"}, 5},
			{atssync.ApplicationQuery{Connection: a.ID, Visibility: atssync.NotVisible}, 1},
		} {
			items, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Application], error) {
				want.q.Paging = p
				return w.s.Applications(w.ctx, want.q)
			})
			require.Len(w.t, items, want.n, "%+v", want.q)
		}
	},
}
