package manage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestConnection_IsFoundByIDAndByAUniqueName(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	for _, name := range []string{c.ID, "Acme"} {
		got, err := w.Connection(w.ctx(), name)
		require.NoError(t, err)
		require.Equal(t, c.ID, got.ID)
	}
	_, err := w.Connection(w.ctx(), "Nobody")
	requireCode(t, err, atssync.CodeNotFound, "connections list")
	_, err = w.Connection(w.ctx(), "")
	requireCode(t, err, atssync.CodeNotFound)

	other := adaRequest()
	other.Account, other.Name, other.Fields["api_key"] = "globex", "Acme", "key-bob"
	w.connect(other)
	_, err = w.Connection(w.ctx(), "Acme")
	requireCode(t, err, atssync.CodeConflict, "more than one")
	page, err := w.Connections(w.ctx(), atssync.ConnectionQuery{Account: "globex"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

func TestPause_HoldsAndResumeReleases(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	_, err := w.Link(w.ctx(), LinkRequest{Connection: c.ID, PlatformJob: "eng", ATSJob: "101"})
	require.NoError(t, err)
	sub := w.accept(c, "app-1", "eng")
	require.Equal(t, atssync.StateQueued, sub.State)
	paused, err := w.Pause(w.ctx(), c.ID, "the employer asked", c.Version)
	require.NoError(t, err)
	require.Equal(t, "the employer asked", paused.PausedReason)
	w.work(c.ID)
	require.Equal(t, atssync.HeldConnectionPaused, w.state(sub.ID).HeldReason)
	_, err = w.Resume(w.ctx(), c.ID, c.Version)
	requireCode(t, err, atssync.CodeChanged)
	resumed, err := w.Resume(w.ctx(), c.ID, 0)
	require.NoError(t, err)
	require.Empty(t, resumed.PausedReason)
	w.work(c.ID)
	require.Equal(t, atssync.StateQueued, w.state(sub.ID).State)
	require.Equal(t, []string{"connection.create", "connection.pause", "connection.resume"}, w.actions(c.ID))
}

func TestUpdate_ChangesPolicyAndChecksSettings(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	got, err := w.Update(w.ctx(), c.ID, UpdateRequest{
		Name: new("Acme Europe"), LastNameFallback: new("-"), NoteTemplate: new("Hi {{.FirstName}}"), OnUncertain: new(atssync.OnUncertainHold), ResumeCheck: new(atssync.ResumeCheckStrict),
		StatusOverrides: &[]atssync.StatusOverride{{StageName: "Chat", Phase: sdk.PhaseScreen}},
	})
	require.NoError(t, err)
	require.Equal(t, "Acme Europe", got.Name)
	require.Len(t, got.StatusOverrides, 1)

	for name, c2 := range map[string]struct {
		req  UpdateRequest
		code atssync.Code
		text string
	}{
		"old version":       {UpdateRequest{Version: c.Version, Name: new("x")}, atssync.CodeChanged, "changed meanwhile"},
		"resend":            {UpdateRequest{OnUncertain: new(atssync.OnUncertainResend)}, atssync.CodeInvalid, "would make duplicates"},
		"broken template":   {UpdateRequest{NoteTemplate: new("{{")}, atssync.CodeInvalid, "note_template"},
		"a credential":      {UpdateRequest{Fields: fields("api_key", "x")}, atssync.CodeInvalid, "connections repair"},
		"operator's field":  {UpdateRequest{Fields: fields("base_url", "https://evil.example.com")}, atssync.CodeInvalid, "the operator's"},
		"unknown field":     {UpdateRequest{Fields: fields("colour", "red")}, atssync.CodeInvalid, "no such field"},
		"required, emptied": {UpdateRequest{Fields: fields("user_email", "")}, atssync.CodeInvalid, "is required"},
	} {
		_, err := w.Update(w.ctx(), c.ID, c2.req)
		require.Equal(t, c2.code, atssync.CodeOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, c2.text, name)
	}
	got, err = w.Update(w.ctx(), c.ID, UpdateRequest{Fields: fields("region", "us"), Name: new("Acme US")})
	require.NoError(t, err)
	require.Equal(t, "us", got.Settings["region"])
	require.Equal(t, "Acme US", got.Name)
	got, err = w.Update(w.ctx(), c.ID, UpdateRequest{Fields: fields("region", "")})
	require.NoError(t, err)
	require.NotContains(t, got.Settings, "region")

	w.ats.manifErr, w.ats.state = sdk.ErrNotRunning, "missing"
	_, err = w.Update(w.ctx(), c.ID, UpdateRequest{Name: new("Acme")})
	require.NoError(t, err, "a label needs no adapter")
	_, err = w.Update(w.ctx(), c.ID, UpdateRequest{OnUncertain: new(atssync.OnUncertainResend)})
	requireCode(t, err, atssync.CodeAdapter)
}

func TestRepair_SavesOnlyWhatTheATSAcceptsForTheSameUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	key := func() string {
		stored, err := w.store.Connection(t.Context(), c.ID)
		require.NoError(t, err)
		open, err := w.OpenConnection(stored)
		require.NoError(t, err)
		return open.Credentials["api_key"].Reveal()
	}
	_, err := w.Repair(w.ctx(), c.ID, RepairRequest{})
	requireCode(t, err, atssync.CodeInvalid, "fields: is required")
	_, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "wrong")})
	requireCode(t, err, atssync.CodeCheckFailed, "nothing was saved")
	_, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-bob")})
	requireCode(t, err, atssync.CodeConflict, "they reach Bob <bob@example.com> of Globex", "is Ada <ada@example.com> of Acme", "nothing was saved")
	_, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-ada2"), Version: 99})
	requireCode(t, err, atssync.CodeChanged)
	require.Equal(t, "key-ada", key())

	out, err := w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", " key-ada2\n")})
	require.NoError(t, err)
	require.Len(t, out.Checks, 2)
	require.Equal(t, "key-ada2", key())
	out, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-bob"), OtherAccount: w.reached(c.ID, "key-bob").Identity})
	require.NoError(t, err)
	require.Equal(t, "Bob", out.Connection.ActingUser.Name)
	// Ada's account is free again.
	req := adaRequest()
	req.Name = "Ada again"
	require.NotEqual(t, c.ID, w.connect(req).ID)
}

func TestRepair_ReplacesCredentialsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	_, err := w.store.UpdateConnection(t.Context(), c.ID, 0, func(u *atssync.Connection) error {
		u.Credentials = []byte("sealed with a key that is lost")
		return nil
	}, time.Now())
	require.NoError(t, err)
	_, err = w.Check(w.ctx(), c.ID)
	require.ErrorContains(t, err, "open the credentials")
	_, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-ada")})
	require.NoError(t, err)
	view, err := w.Check(w.ctx(), c.ID)
	require.NoError(t, err)
	require.True(t, view.OK)
}

func TestCheck_KeepsWhatItShowsAndHasStoppedWorkProbedAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	l, _ := w.Lease(c.ID)
	_, err := w.store.UpdateLane(t.Context(), l, func(lane *atssync.Lane) []atssync.EventDraft {
		lane.Fail(atssync.OpCheck, string(sdk.KindAuth), nil, time.Now())
		return lane.Fail(atssync.OpSubmit, string(sdk.KindAuth), &atssync.Trouble{Message: "not accepted"}, time.Now().Add(time.Hour))
	}, time.Now())
	require.NoError(t, err)
	got, err := w.Connection(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.HealthStopped, got.Health)

	good := w.ats.users["key-ada"]
	delete(w.ats.users, "key-ada")
	view, err := w.Check(w.ctx(), c.ID)
	require.NoError(t, err)
	require.False(t, view.OK)
	require.Equal(t, "the API key is not accepted", view.Checks[0].Cause)
	require.Equal(t, "Ada", view.Connection.ActingUser.Name, "a failed check takes nothing away")
	require.True(t, view.Connection.Operations[atssync.OpSubmit].NextAt.After(time.Now().Add(time.Minute)))

	good.JobsVisible = 9
	w.ats.users["key-ada"] = good
	w.woken = nil
	view, err = w.Check(w.ctx(), "Acme")
	require.NoError(t, err)
	require.True(t, view.OK)
	require.Equal(t, 9, view.Connection.JobsVisible)
	require.NotContains(t, view.Connection.Operations, atssync.OpCheck)
	require.False(t, view.Connection.Operations[atssync.OpSubmit].NextAt.After(time.Now()))
	require.Equal(t, []string{c.ID}, w.woken)

	w.ats.state = "backoff"
	_, err = w.Check(w.ctx(), c.ID)
	requireCode(t, err, atssync.CodeAdapter)
	_, err = w.Check(w.ctx(), "nobody")
	requireCode(t, err, atssync.CodeNotFound)
}

func TestAdapters_ShowWhatTheyNeedAndWhatTheOperatorGave(t *testing.T) {
	t.Parallel()
	w := setup(t)
	list, err := w.Adapters(w.ctx())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "Fake ATS", list[0].Manifest.Label)
	require.True(t, list[0].Manifest.Fields[3].Given)
	require.False(t, list[0].Manifest.Fields[0].Given)
	require.Empty(t, list[0].Problems)
	w.policy.Load().Settings["fake"]["base_ulr"] = "https://typo.example.com"
	typo, err := w.Adapter(w.ctx(), "fake")
	require.NoError(t, err)
	require.Equal(t, []string{"[adapters.fake.settings] gives base_ulr, which the adapter does not have; it has api_key, user_email, region, base_url, client_secret"}, typo.Problems)
	_, err = w.Adapter(w.ctx(), "other")
	requireCode(t, err, atssync.CodeNotFound, "there are: fake")
	w.ats.manifErr = sdk.ErrNotRunning
	one, err := w.Adapter(w.ctx(), "fake")
	require.NoError(t, err)
	require.Nil(t, one.Manifest)
}

func TestATSLists_AskTheATSAndSayWhenThereIsNothingToAsk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	pools, err := w.Pools(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []Pool{{ID: "1", Name: "Engineers", Stages: []PoolStage{{ID: "11", Name: "Cold"}}}}, pools)
	link, err := w.TrackingLink(w.ctx(), "Acme", "101")
	require.NoError(t, err)
	require.Equal(t, "https://ats.example.com/t/1", link.URL)
	terms, err := w.Vocabulary(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, "Phone screen", terms[0].Name)

	w.ats.failure = &sdk.Error{Kind: sdk.KindTransient, Message: "down"}
	_, err = w.Pools(w.ctx(), c.ID)
	requireCode(t, err, atssync.CodeATS)
	w.ats.manifest.Powers = nil
	_, err = w.Pools(w.ctx(), c.ID)
	requireCode(t, err, atssync.CodeConflict, "does not announce list_pools")
	for _, err := range []error{
		second(w.Pools(w.ctx(), "x")), second(w.TrackingLink(w.ctx(), "x", "1")), second(w.Vocabulary(w.ctx(), "x")),
	} {
		requireCode(t, err, atssync.CodeNotFound)
	}
}

func second[T any](_ T, err error) error { return err }
