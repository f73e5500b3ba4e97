package connectpage

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// lost has an application sent and followed, then gone from the ATS while its candidate is shown with two others.
func (w *world) lost(path string, c manage.Connection, externalID, job string) atssync.Application {
	w.t.Helper()
	require.Equal(w.t, http.StatusSeeOther, w.post(path+"/jobs/"+job, "version", "-1", "ats_job", "102", "as", "candidate").Code)
	s := w.uncertain(c, externalID, job)
	profile := "https://ats.example.com/people/7"
	w.ats.readings = []sdk.Reading{{CandidateID: "7", ApplicationID: "of " + externalID, ExternalID: externalID, JobID: "102", JobName: "Designer"}}
	require.Equal(w.t, http.StatusSeeOther, w.post(path+"/arrived/"+s.ID, "answer", "there", "profile", profile, "attempt", "1").Code)
	w.ats.readings = []sdk.Reading{
		{CandidateID: "7", ApplicationID: "71", JobName: "Gardener " + hostile, Raw: sdk.RawStatus{Status: "active", StageName: "Onsite"}},
		{CandidateID: "7", ApplicationID: "72", JobName: "Engineer", Raw: sdk.RawStatus{Status: "rejected", StageName: hostile}},
	}
	w.read(c, s.ID)
	a := w.followed(s.ID)
	require.NotEmpty(w.t, a.Question)
	return a
}

func (w *world) followed(id string) atssync.Application {
	w.t.Helper()
	a, err := w.store.Application(w.t.Context(), id)
	require.NoError(w.t, err)
	return a
}

// read judges what the ATS shows as a pass does.
func (w *world) read(c manage.Connection, id string) {
	w.t.Helper()
	a, now := w.followed(id), time.Now().UTC()
	if a.SeenAt.IsZero() {
		a.SeenAt = now
	}
	was := a.Version
	if changed, events := a.ApplyReadings(w.ats.readings, atssync.Rules{}, now); changed {
		_, err := w.store.RecordReadings(w.t.Context(), w.lease(w.t.Context(), c.ID), []atssync.ApplicationChange{{Application: a, Was: was, Events: events}}, nil, now)
		require.NoError(w.t, err)
	}
}

func version(a atssync.Application) string { return strconv.FormatInt(a.Version, 10) }

func TestWhich_TheChosenOneIsFollowedAndTheAnswerIsTakenOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	require.NotContains(t, w.get(path).Body.String(), "/which", "there is no way to what is not asked")
	a := w.lost(path, c, "app-1", "acme-2")
	status := w.get(path).Body.String()
	require.Contains(t, status, "A question is waiting for you")
	require.Contains(t, status, path+"/which")
	body := w.get(path + "/which").Body.String()
	for _, text := range []string{"Ada &lt;script&gt;", "Gardener &lt;script&gt;", "active · Onsite · application 71", "None of these", `value="is:72"`, "https://ats.example.com/people/7"} {
		require.Contains(t, body, text)
	}
	require.NotContains(t, body, "<script>alert")
	require.NotContains(t, body, "atssync ")

	at := path + "/which/" + a.ID
	for name, form := range map[string][]string{
		"nothing": {"version", version(a)}, "no id": {"version", version(a), "answer", "is:"}, "something else": {"version", version(a), "answer", hostile},
	} {
		res := w.post(at, form...)
		require.Equal(t, http.StatusUnprocessableEntity, res.Code, name)
		require.Contains(t, res.Body.String(), "Please choose one", name)
		require.NotContains(t, res.Body.String(), "<script>alert", name)
	}
	for name, form := range map[string][]string{
		"another version": {"version", "1", "answer", "is:71"}, "no version": {"answer", "none"}, "not there": {"version", version(a), "answer", "is:99"},
	} {
		res := w.post(at, form...)
		require.Equal(t, http.StatusConflict, res.Code, name)
		require.Contains(t, res.Body.String(), "Nothing was settled", name)
	}
	require.Equal(t, a, w.followed(a.ID))

	res := w.post(at, "version", version(a), "answer", "is:71")
	require.Equal(t, path+"/which?said=chosen", res.Header().Get("Location"), res.Body)
	got := w.followed(a.ID)
	require.Equal(t, "71", got.ApplicationID)
	require.Equal(t, atssync.Visible, got.Visibility)
	for _, answer := range []string{"is:72", "none"} {
		res = w.post(at, "version", version(a), "answer", answer)
		require.Equal(t, path+"/which?said=settled-before", res.Header().Get("Location"))
	}
	require.Equal(t, got, w.followed(a.ID))
	require.Contains(t, w.get(path+"/which").Body.String(), "No open question")
	require.NotContains(t, w.get(path).Body.String(), "A question is waiting for you")
}

func TestWhich_NoneOfThemIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	a := w.lost(path, c, "app-1", "acme-2")
	w.ats.down = true // nothing of the ATS is taken for it
	res := w.post(path+"/which/"+a.ID, "version", version(a), "answer", "none")
	require.Equal(t, path+"/which?said=none-of-them", res.Header().Get("Location"), res.Body)
	w.ats.down = false
	w.read(c, a.ID)
	got := w.followed(a.ID)
	require.Empty(t, got.Question)
	require.Equal(t, atssync.NotVisible, got.Visibility)
	require.Contains(t, w.get(path+"/which").Body.String(), "No open question")
}

func TestWhich_SaysWhatCannotBeReadNow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world)
		text   string
	}{
		"the ATS is down":         {func(w *world) { w.ats.down = true }, "Fake ATS could not be asked now"},
		"the person is not shown": {func(w *world) { w.ats.readings = nil }, "Fake ATS does not show this person"},
		"no application is named": {func(w *world) { w.ats.readings = []sdk.Reading{{CandidateID: "7"}} }, "Fake ATS names no application of this person"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			path, con := w.connected("acme")
			a := w.lost(path, con, "app-1", "acme-2")
			c.change(w)
			res := w.get(path + "/which")
			require.Equal(t, http.StatusOK, res.Code)
			require.Contains(t, res.Body.String(), c.text)
			require.Contains(t, res.Body.String(), "None of these")
			require.NotContains(t, res.Body.String(), "is:71")
			res = w.post(path+"/which/"+a.ID, "version", version(a), "answer", "is:71")
			require.Equal(t, http.StatusConflict, res.Code)
			require.Equal(t, a, w.followed(a.ID))
		})
	}
}

func TestWhich_WhatIsFollowedAlreadyIsNoChoice(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, c := w.connected("acme")
	first := w.lost(path, c, "app-1", "acme-2")
	require.Equal(t, http.StatusSeeOther, w.post(path+"/which/"+first.ID, "version", version(first), "answer", "is:71").Code)
	second := w.lost(path, c, "app-2", "acme-3")
	body := w.get(path + "/which").Body.String()
	require.NotContains(t, body, `value="is:71"`)
	require.Contains(t, body, `value="is:72"`)
	res := w.post(path+"/which/"+second.ID, "version", version(second), "answer", "is:71")
	require.Equal(t, http.StatusConflict, res.Code)
	require.Contains(t, res.Body.String(), "followed already")
	require.Equal(t, second, w.followed(second.ID))
}

func TestWhich_IsOfTheOwnConnectionOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _ := w.connected("acme")
	theirPath, theirs := w.connected("globex")
	a := w.lost(theirPath, theirs, "app-1", "globex-2")
	require.Contains(t, w.get(path+"/which").Body.String(), "No open question")
	for _, answer := range []string{"is:71", "none", ""} {
		require.Equal(t, http.StatusNotFound, w.post(path+"/which/"+a.ID, "version", version(a), "answer", answer).Code)
	}
	require.Equal(t, a, w.followed(a.ID))
	require.False(t, strings.Contains(w.get(path).Body.String(), "A question is waiting"))
}
