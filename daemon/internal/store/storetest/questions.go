package storetest

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// asked brings an application to where its question is open: the ATS shows others of its candidate, and ours no more.
func (w *world) asked(c atssync.Connection, l atssync.Lease, external string) (atssync.Application, []sdk.Reading) {
	w.t.Helper()
	a := w.app(w.submitted(c, l, external, "job-1").ID)
	was := a.Version
	a.SeenAt = w.now
	shown := []sdk.Reading{
		{CandidateID: a.CandidateID, ApplicationID: "2 " + a.ID, JobName: "Designer", Raw: sdk.RawStatus{Status: "active", StageName: "Review"}},
		{CandidateID: a.CandidateID, ApplicationID: "3 " + a.ID, JobName: "Gardener", Raw: sdk.RawStatus{Status: "active", StageName: "Onsite"}},
	}
	changed, events := a.ApplyReadings(shown, atssync.Rules{}, w.now)
	require.True(w.t, changed)
	_, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{{Application: a, Was: was, Events: events}}, nil, w.now)
	require.NoError(w.t, err)
	return w.app(a.ID), shown
}

// open are the applications whose question is open.
func (w *world) open(q atssync.ApplicationQuery) []string {
	w.t.Helper()
	q.Question = true
	items, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Application], error) {
		q.Paging = p
		return w.s.Applications(w.ctx, q)
	})
	out := []string{}
	for _, a := range items {
		require.NotEmpty(w.t, a.Question)
		out = append(out, a.ID)
	}
	return out
}

var questionTests = map[string]func(*world){
	"unknown is not found": func(w *world) {
		_, err := w.s.AnswerQuestion(w.ctx, "sub_none", atssync.AnswerQuestion{}, w.now)
		w.code(err, atssync.CodeNotFound)
		c := w.connect("acme")
		w.link(c, "job-1")
		_, err = w.s.AnswerQuestion(w.ctx, w.submit(c, "app-1", "job-1").ID, atssync.AnswerQuestion{}, w.now)
		w.code(err, atssync.CodeNotFound)
	},
	"the chosen one is followed and found by both ids": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		a, shown := w.asked(c, l, "app-1")
		before := len(w.events(c))
		ctx := atssync.WithActor(w.ctx, atssync.Actor{Name: "ada", Via: "socket"})
		got, err := w.s.AnswerQuestion(ctx, a.ID, atssync.AnswerQuestion{Version: a.Version, ApplicationID: "3 " + a.ID, Readings: shown}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, "3 "+a.ID, got.ApplicationID)
		require.Equal(w.t, a.Version+1, got.Version)
		require.Equal(w.t, got, w.app(a.ID))
		require.Equal(w.t, []string{"application.rekeyed", "application.visible", "application.status_changed"}, w.events(c)[before:])
		for _, id := range []string{a.ApplicationID, "3 " + a.ID} {
			found, err := w.s.SubmissionsByReceipt(w.ctx, c.ID, "", id)
			require.NoError(w.t, err)
			require.Len(w.t, found, 1, id)
		}
		audit, err := w.s.AuditRecords(w.ctx, a.ID, atssync.Paging{})
		require.NoError(w.t, err)
		require.Len(w.t, audit.Items, 1)
		require.Equal(w.t, "application.answer", audit.Items[0].Action)
		require.Equal(w.t, "3 "+a.ID, audit.Items[0].Detail)
		require.Equal(w.t, "ada", audit.Items[0].Actor.Name)
		// A second answer, and a reading that was judged before it, come too late.
		before = len(w.events(c))
		_, err = w.s.AnswerQuestion(w.ctx, a.ID, atssync.AnswerQuestion{Version: a.Version}, w.now)
		w.code(err, atssync.CodeConflict)
		n, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{{Application: a, Was: a.Version}}, nil, w.now)
		require.NoError(w.t, err)
		require.Zero(w.t, n)
		require.Len(w.t, w.events(c), before)
		require.Equal(w.t, got, w.app(a.ID))
	},
	"none of them": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		a, _ := w.asked(c, w.lease(c, "daemon-1"), "app-1")
		before := len(w.events(c))
		got, err := w.s.AnswerQuestion(w.ctx, a.ID, atssync.AnswerQuestion{Version: a.Version}, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, got.Question)
		require.Equal(w.t, w.now, got.QuestionSettledAt)
		require.Equal(w.t, []string{"application.not_visible"}, w.events(c)[before:])
		require.Equal(w.t, got, w.app(a.ID))
	},
	"what is not there or was not looked at changes nothing": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		a, shown := w.asked(c, w.lease(c, "daemon-1"), "app-1")
		before := len(w.events(c))
		_, err := w.s.AnswerQuestion(w.ctx, a.ID, atssync.AnswerQuestion{Version: a.Version, ApplicationID: "9", Readings: shown}, w.now)
		w.code(err, atssync.CodeInvalid)
		_, err = w.s.AnswerQuestion(w.ctx, a.ID, atssync.AnswerQuestion{Version: a.Version - 1}, w.now)
		w.code(err, atssync.CodeChanged)
		require.Equal(w.t, a, w.app(a.ID))
		require.Len(w.t, w.events(c), before)
	},
	"one application of the ATS is followed once": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		a, shown := w.asked(c, l, "app-1")
		b, _ := w.asked(c, l, "app-2")
		_, err := w.s.AnswerQuestion(w.ctx, a.ID, atssync.AnswerQuestion{Version: a.Version, ApplicationID: "2 " + a.ID, Readings: shown}, w.now)
		require.NoError(w.t, err)
		// The same person was sent twice: both are looked for among the same applications.
		for i := range shown {
			shown[i].CandidateID = b.CandidateID
		}
		how := atssync.AnswerQuestion{Version: b.Version, ApplicationID: "2 " + a.ID, Readings: shown}
		_, err = w.s.AnswerQuestion(w.ctx, b.ID, how, w.now)
		w.code(err, atssync.CodeConflict)
		require.ErrorContains(w.t, err, a.ID)
		require.Equal(w.t, b, w.app(b.ID))
		// What one was followed as before is free.
		shown[0].ApplicationID, how.ApplicationID = a.ApplicationID, a.ApplicationID
		got, err := w.s.AnswerQuestion(w.ctx, b.ID, how, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, a.ApplicationID, got.ApplicationID)
	},
	"lists those that are open": func(w *world) {
		c, d := w.connect("acme"), w.connect("globex")
		w.link(c, "job-1")
		w.link(d, "job-1")
		lc, ld := w.lease(c, "daemon-1"), w.lease(d, "daemon-1")
		w.submitted(c, lc, "app-0", "job-1")
		var ids []string
		for range 3 {
			a, _ := w.asked(c, lc, w.unique("app"))
			ids = append(ids, a.ID)
		}
		slices.Sort(ids)
		elsewhere, _ := w.asked(d, ld, "app-1")
		require.Equal(w.t, ids, w.open(atssync.ApplicationQuery{Connection: c.ID}))
		require.Equal(w.t, []string{elsewhere.ID}, w.open(atssync.ApplicationQuery{Account: "globex"}))
		require.Empty(w.t, w.open(atssync.ApplicationQuery{Connection: c.ID, PlatformJob: "job-2"}))
		require.Len(w.t, w.open(atssync.ApplicationQuery{}), 4)
		_, err := w.s.AnswerQuestion(w.ctx, ids[0], atssync.AnswerQuestion{Version: w.app(ids[0]).Version}, w.now)
		require.NoError(w.t, err)
		w.workErasure(w.erase(w.byExternal(c, w.sub(ids[1]).ExternalID)))
		require.Equal(w.t, ids[2:], w.open(atssync.ApplicationQuery{Connection: c.ID}))
		a := w.app(ids[2])
		was := a.Version
		changed, events := a.ApplyReadings([]sdk.Reading{{CandidateID: a.CandidateID, ApplicationID: a.ApplicationID, Raw: sdk.RawStatus{Status: "active"}}}, atssync.Rules{}, w.now)
		require.True(w.t, changed)
		_, err = w.s.RecordReadings(w.ctx, lc, []atssync.ApplicationChange{{Application: a, Was: was, Events: events}}, nil, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, w.open(atssync.ApplicationQuery{Connection: c.ID}))
	},
}
