package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestFlow_ConnectLinkSubmitSettle(t *testing.T) {
	t.Parallel()
	w := setup(t)
	out, err := w.Connect(w.ctx(), adaRequest())
	require.NoError(t, err)
	c := out.Connection
	require.Equal(t, "Acme", c.Name)
	require.Equal(t, atssync.User{ID: "7", Name: "Ada", Email: "ada@example.com"}, c.ActingUser)
	require.Equal(t, "eu.ats.example.com", c.Host)
	require.Equal(t, 3, c.JobsVisible)
	require.Len(t, out.Checks, 2)
	require.Equal(t, atssync.HealthOK, c.Health)
	require.False(t, out.Revived)

	held := w.accept(c, "app-1", "eng")
	require.Equal(t, atssync.HeldJobNotLinked, held.HeldReason)
	report, err := w.ImportPlatformJobs(w.ctx(), strings.NewReader(`[{"id":"eng","title":"Senior Engineer (m/f/d)","requisition_id":"r-1"}]`), FormatAuto, "acme")
	require.NoError(t, err)
	require.Equal(t, ImportReport{Read: 1, Stored: 1}, report)

	list, err := w.Suggest(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, ReasonSameRequisition, list[0].Reason)
	require.Equal(t, 1, list[0].Backlog)

	res, err := w.AcceptSuggestions(w.ctx(), c.ID, AcceptSuggestions{})
	require.NoError(t, err)
	require.ErrorContains(t, res[0].Err, "1 submissions wait")
	res, err = w.AcceptSuggestions(w.ctx(), "Acme", AcceptSuggestions{Backlog: &atssync.Backlog{Mode: atssync.BacklogAll}})
	require.NoError(t, err)
	require.Nil(t, res[0].Err)
	require.Equal(t, "101", res[0].Link.ATSJob)
	w.work(c.ID)
	require.Equal(t, atssync.StateQueued, w.state(held.ID).State)
	require.Contains(t, w.woken, c.ID)

	w.uncertain(w.state(held.ID))
	w.ats.readings = []sdk.Reading{{CandidateID: "55", ApplicationID: "77", ExternalID: "app-1", JobID: "101", ProfileURL: "https://app.ats.example.com/people/55"}}
	sub, err := w.Resolve(w.ctx(), ResolveRequest{Connection: c.ID, ExternalID: "app-1", Action: atssync.ResolvedSubmitted, ProfileURL: "https://app.ats.example.com/people/55"})
	require.NoError(t, err)
	require.Equal(t, atssync.StateSubmitted, sub.State)
	app, err := w.Application(w.ctx(), held.ID)
	require.NoError(t, err)
	require.Equal(t, "77", app.ApplicationID)

	ledger, err := w.Recount(w.ctx(), "", atssync.Paging{})
	require.NoError(t, err)
	require.True(t, ledger.Total.OK)
	require.EqualValues(t, 1, ledger.Total.States[atssync.StateSubmitted])
	events, err := w.Events(w.ctx(), atssync.EventQuery{Connection: c.ID})
	require.NoError(t, err)
	require.NotEmpty(t, events.Events)
	last, err := w.LastEvent(w.ctx(), "Acme")
	require.NoError(t, err)
	require.Equal(t, events.After, last)
	require.Equal(t, []string{"connection.create"}, w.actions(c.ID))
	require.Equal(t, []string{"submission.resolve"}, w.actions(held.ID))
}

func TestConnect_RefusesEachBadInputAndSavesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r *ConnectRequest)
		code   atssync.Code
		texts  []string
	}{
		"no such adapter":            {func(r *ConnectRequest) { r.Adapter = "other" }, atssync.CodeNotFound, []string{`no adapter "other"`, "there are: fake"}},
		"no account":                 {func(r *ConnectRequest) { r.Account = "" }, atssync.CodeInvalid, []string{"account: is required"}},
		"account with a line end":    {func(r *ConnectRequest) { r.Account = "a\nb" }, atssync.CodeInvalid, []string{"account: must hold printable"}},
		"unknown field":              {func(r *ConnectRequest) { r.Fields["token"] = "x" }, atssync.CodeInvalid, []string{"fields.token: adapter fake has no such field; it has api_key, user_email, region"}},
		"missing secret":             {func(r *ConnectRequest) { delete(r.Fields, "api_key") }, atssync.CodeInvalid, []string{"fields.api_key: is required: API key", "Configure > Keys"}},
		"blank secret":               {func(r *ConnectRequest) { r.Fields["api_key"] = " \n" }, atssync.CodeInvalid, []string{"fields.api_key: is required"}},
		"missing setting":            {func(r *ConnectRequest) { delete(r.Fields, "user_email") }, atssync.CodeInvalid, []string{"fields.user_email: is required"}},
		"the operator's field":       {func(r *ConnectRequest) { r.Fields["base_url"] = "https://evil.example.com" }, atssync.CodeInvalid, []string{"fields.base_url: is the operator's", "[adapters.fake.settings]"}},
		"a value of two lines":       {func(r *ConnectRequest) { r.Fields["user_email"] = "a\nb" }, atssync.CodeInvalid, []string{"fields.user_email: must be one line"}},
		"a value too long":           {func(r *ConnectRequest) { r.Fields["user_email"] = sdk.Secret(strings.Repeat("a", maxValue+1)) }, atssync.CodeInvalid, []string{"too long"}},
		"name too long":              {func(r *ConnectRequest) { r.Name = strings.Repeat("é", 201) }, atssync.CodeInvalid, []string{"name: has 201 characters"}},
		"name with a control":        {func(r *ConnectRequest) { r.Name = "a\x00" }, atssync.CodeInvalid, []string{"name: must be one line"}},
		"resend without a search":    {func(r *ConnectRequest) { r.OnUncertain = "resend" }, atssync.CodeInvalid, []string{"on_uncertain: resend would make duplicates"}},
		"unknown resume check":       {func(r *ConnectRequest) { r.ResumeCheck = "maybe" }, atssync.CodeInvalid, []string{"resume_check: must be answered, strict or off"}},
		"unknown policy":             {func(r *ConnectRequest) { r.OnUncertain = "hope" }, atssync.CodeInvalid, []string{"on_uncertain: must be hold or resend"}},
		"broken note template":       {func(r *ConnectRequest) { r.NoteTemplate = "{{.Nope}}" }, atssync.CodeInvalid, []string{"note_template:"}},
		"override for everything":    {func(r *ConnectRequest) { r.StatusOverrides = []atssync.StatusOverride{{Status: sdk.StatusActive}} }, atssync.CodeInvalid, []string{"status_overrides[0]: would match everything"}},
		"override without a word":    {func(r *ConnectRequest) { r.StatusOverrides = []atssync.StatusOverride{{RawStatus: "x"}} }, atssync.CodeInvalid, []string{"neither a status nor a phase"}},
		"override with a wrong word": {func(r *ConnectRequest) { r.StatusOverrides = []atssync.StatusOverride{{RawStatus: "x", Phase: "soon"}} }, atssync.CodeInvalid, []string{"status_overrides[0].phase: must be one of sourced"}},
		"wrong key":                  {func(r *ConnectRequest) { r.Fields["api_key"] = "wrong" }, atssync.CodeCheckFailed, []string{"nothing was saved: the API key is not accepted", "make a new key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			req := adaRequest()
			c.change(&req)
			_, err := w.Connect(w.ctx(), req)
			requireCode(t, err, c.code, c.texts...)
			page, err := w.Connections(w.ctx(), atssync.ConnectionQuery{})
			require.NoError(t, err)
			require.Empty(t, page.Items)
		})
	}
}

func TestConnect_AWrongKeyTellsEveryFinding(t *testing.T) {
	t.Parallel()
	w := setup(t)
	req := adaRequest()
	req.Fields["api_key"] = "wrong"
	_, err := w.Connect(w.ctx(), req)
	var e *atssync.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []atssync.CheckResult{{
		ID: "credentials", Label: "API key", Cause: "the API key is not accepted", WhoseTurn: sdk.TurnEmployer, Remedy: "make a new key",
	}}, e.Checks)
}

func TestConnect_WhatTheAdapterFailsWithIsToldByKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure error
		code    atssync.Code
		text    string
	}{
		"down":         {&sdk.Error{Kind: sdk.KindTransient, Message: "the ATS does not answer"}, atssync.CodeATS, "does not answer"},
		"limited":      {&sdk.Error{Kind: sdk.KindRateLimited, Message: "too many requests", RetryAfter: 30 * time.Second}, atssync.CodeATS, "try again in 30s"},
		"auth":         {&sdk.Error{Kind: sdk.KindAuth, Message: "not accepted"}, atssync.CodeCheckFailed, "not accepted"},
		"adapter":      {&sdk.Error{Kind: sdk.KindInternal, Message: "a panic"}, atssync.CodeAdapter, "the adapter fake failed"},
		"not running":  {fmt.Errorf("call: %w", sdk.ErrNotRunning), atssync.CodeAdapter, "not running"},
		"unsupported":  {&sdk.Error{Kind: sdk.KindUnsupported, Message: "no"}, atssync.CodeConflict, "no"},
		"invalid":      {&sdk.Error{Kind: sdk.KindInvalid, Message: "bad", Fields: []sdk.FieldError{{Path: "x", Message: "y"}}}, atssync.CodeInvalid, "x: y"},
		"not found":    {&sdk.Error{Kind: sdk.KindNotFound, Message: "gone"}, atssync.CodeNotFound, "gone"},
		"unknown kind": {&sdk.Error{Kind: "new_kind", Message: "what"}, atssync.CodeATS, "what"},
		"whose turn":   {&sdk.Error{Kind: sdk.KindRemoteChanged, Message: "another form"}, atssync.CodeATS, "another form; it is the turn of the adapter's author"},
		"what to do":   {&sdk.Error{Kind: sdk.KindRemoteChanged, Message: "another form"}, atssync.CodeATS, "report this to its author"},
		"the ATS's":    {&sdk.Error{Kind: sdk.KindTransient, Message: "down"}, atssync.CodeATS, "it is the turn of the ATS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.ats.failure = c.failure
			_, err := w.Connect(w.ctx(), adaRequest())
			requireCode(t, err, c.code, c.text)
		})
	}
	w := setup(t)
	w.ats.state = "backoff"
	_, err := w.Connect(w.ctx(), adaRequest())
	requireCode(t, err, atssync.CodeAdapter, "not running", "adapters list")
	w.ats.manifErr = sdk.ErrNotRunning
	_, err = w.Connect(w.ctx(), adaRequest())
	requireCode(t, err, atssync.CodeAdapter, "not running")
}

func TestConnect_NoSecretIsShownOrStoredInTheClear(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	shown, err := json.Marshal(c)
	require.NoError(t, err)
	require.NotContains(t, string(shown), "key-ada")
	require.NotContains(t, fmt.Sprintf("%+v", adaRequest()), "key-ada")
	stored, err := w.store.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	raw, err := json.Marshal(stored)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "key-ada")
	require.NotContains(t, string(stored.Credentials), "key-ada")

	open, err := w.OpenConnection(stored)
	require.NoError(t, err)
	require.Equal(t, "key-ada", open.Credentials["api_key"].Reveal())
	require.Equal(t, map[string]string{"user_email": "ada@example.com", "region": "eu", "base_url": "https://eu.ats.example.com"}, open.Settings)
}

func TestOpenConnection_TheOperatorsValuesStandWhereTheManifestSays(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.policy.Load().Settings["fake"]["client_secret"] = "operators"
	req := adaRequest()
	req.Operator = true
	req.Fields["base_url"] = "https://us.ats.example.com"
	c := w.connect(req)
	require.Equal(t, "us.ats.example.com", c.Host)
	stored, err := w.store.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	open, err := w.OpenConnection(stored)
	require.NoError(t, err)
	require.Equal(t, "https://us.ats.example.com", open.Settings["base_url"], "what the operator gave this connection")
	require.Equal(t, "operators", open.Credentials["client_secret"].Reveal())
	require.NotContains(t, open.Settings, "client_secret")
	require.Len(t, stored.IdentityKeys, 2, "the operator's secret identifies nobody")
}

func TestConnect_DryRunSavesNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	req := adaRequest()
	req.DryRun = true
	out, err := w.Connect(w.ctx(), req)
	require.NoError(t, err)
	require.True(t, out.DryRun)
	require.Empty(t, out.Connection.ID)
	require.Equal(t, "Ada", out.Connection.ActingUser.Name)
	page, err := w.Connections(w.ctx(), atssync.ConnectionQuery{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func TestConnect_ALiveConnectionOfTheSameUserIsNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	again := adaRequest()
	again.Name, again.Fields["api_key"] = "Other", "key-ada2"
	_, err := w.Connect(w.ctx(), again)
	requireCode(t, err, atssync.CodeExists, c.ID)
	again.Account = "globex"
	_, err = w.Connect(w.ctx(), again)
	requireCode(t, err, atssync.CodeExists, "another account")
	require.NotContains(t, err.Error(), c.ID)
}

func TestConnect_UsersOfOneNumberAreTwoWhenTheirAddressesDiffer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.connect(adaRequest())
	w.ats.users["key-zoe"] = sdk.CheckReply{AccountName: "Globex", ActingUser: sdk.User{ID: "7", Name: "Zoe", Email: "zoe@example.org"}}
	req := adaRequest()
	req.Account, req.Fields["api_key"] = "globex", "key-zoe"
	require.Equal(t, "zoe@example.org", w.connect(req).ActingUser.Email)
}

func TestConnect_ATakenNameGetsANumberUnlessItWasAskedFor(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.connect(adaRequest())
	w.ats.users["key-eve"] = sdk.CheckReply{AccountName: "Acme", ActingUser: sdk.User{ID: "9", Name: "Eve"}}
	req := adaRequest()
	req.Fields["api_key"] = "key-eve"
	req.Name = "Acme"
	_, err := w.Connect(w.ctx(), req)
	requireCode(t, err, atssync.CodeExists, "choose another name")
	req.Name = ""
	require.Equal(t, "Acme 2", w.connect(req).Name)
}

func TestConnect_AfterARemovalTheOldIDGoesOn(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"same key": "key-ada", "another key of the same user": "key-ada2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			c := w.connect(adaRequest())
			sub := w.accept(c, "app-1", "eng")
			gone, err := w.Remove(w.ctx(), c.ID, 0)
			require.NoError(t, err)
			require.Equal(t, atssync.ConnectionRemoved, gone.State)
			stored, err := w.store.Connection(t.Context(), c.ID)
			require.NoError(t, err)
			_, err = w.OpenConnection(stored)
			requireCode(t, err, atssync.CodeConflict, "was removed")
			_, err = w.Pause(w.ctx(), c.ID, "", 0)
			requireCode(t, err, atssync.CodeConflict, "was removed")

			req := adaRequest()
			req.Fields["api_key"] = sdk.Secret(key)
			out, err := w.Connect(w.ctx(), req)
			require.NoError(t, err)
			require.True(t, out.Revived)
			require.Equal(t, c.ID, out.Connection.ID)
			stored, err = w.store.Connection(t.Context(), c.ID)
			require.NoError(t, err)
			open, err := w.OpenConnection(stored)
			require.NoError(t, err)
			require.Equal(t, key, open.Credentials["api_key"].Reveal())
			require.Equal(t, sub.ID, w.accept(out.Connection, "app-1", "eng").ID, "a re-send finds the first")
		})
	}
}

// lateTwins hides removed connections from the first look, as a removal in the same moment does.
type lateTwins struct{ Store }

func (l lateTwins) Connections(ctx context.Context, q atssync.ConnectionQuery) (atssync.Page[atssync.Connection], error) {
	if q.State == atssync.ConnectionRemoved {
		return atssync.Page[atssync.Connection]{}, nil
	}
	return l.Store.Connections(ctx, q)
}

func TestConnect_ARevivalThatNobodyExpectedStillOpens(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	_, err := w.Remove(w.ctx(), c.ID, 0)
	require.NoError(t, err)
	w.o.Store = lateTwins{w.store}
	out, err := w.Connect(w.ctx(), adaRequest())
	require.NoError(t, err)
	require.True(t, out.Revived)
	require.Equal(t, c.ID, out.Connection.ID)
	stored, err := w.store.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	_, err = w.OpenConnection(stored)
	require.NoError(t, err)
}

func TestConnect_TellsOfAnEarlierConnectionToTheSameATS(t *testing.T) {
	t.Parallel()
	w := setup(t)
	old := w.connect(adaRequest())
	_, err := w.Remove(w.ctx(), old.ID, 0)
	require.NoError(t, err)
	other := adaRequest()
	other.Fields = fields("api_key", "key-bob", "user_email", "bob@example.com")
	out, err := w.Connect(w.ctx(), other)
	require.NoError(t, err)
	require.NotEqual(t, old.ID, out.Connection.ID)
	require.Len(t, out.Notices, 1)
	require.Contains(t, out.Notices[0], old.ID)
	require.Contains(t, out.Notices[0], "not revived")

	out, err = w.Connect(w.ctx(), adaRequest())
	require.NoError(t, err)
	require.Equal(t, old.ID, out.Connection.ID)
	require.Len(t, out.Notices, 1)
	require.Contains(t, out.Notices[0], "link the jobs again")
}
