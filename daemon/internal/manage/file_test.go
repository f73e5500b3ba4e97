package manage

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func fromFile() FileConnection {
	return FileConnection{ID: "acme-gh", Account: "acme", Adapter: "fake", Fields: fields("api_key", "key-ada", "user_email", "ada@example.com")}
}

func (w *world) apply(cons []FileConnection, links []FileLink) FileReport {
	w.t.Helper()
	r, err := w.ApplyFile(w.t.Context(), cons, links)
	require.NoError(w.t, err)
	return r
}

func TestApplyFile_IsTheSameTheSecondTime(t *testing.T) {
	t.Parallel()
	w := setup(t)
	cons, links := []FileConnection{fromFile()}, []FileLink{{Connection: "acme-gh", PlatformJob: "eng", ATSJob: "101"}}
	require.Equal(t, FileReport{Created: []string{"acme-gh"}, Linked: 1}, w.apply(cons, links))
	before, err := w.store.Connection(t.Context(), "acme-gh")
	require.NoError(t, err)
	require.Equal(t, FileReport{}, w.apply(cons, links))
	after, err := w.store.Connection(t.Context(), "acme-gh")
	require.NoError(t, err)
	require.Equal(t, before, after)
	c, err := w.Connection(w.ctx(), "acme-gh")
	require.NoError(t, err)
	require.Equal(t, "acme-gh", c.Name)
	require.Equal(t, atssync.ManagedByFile, c.ManagedBy)
	view, err := w.Check(w.ctx(), "acme-gh")
	require.NoError(t, err)
	require.Equal(t, "Ada", view.Connection.ActingUser.Name)
	require.Equal(t, FileReport{}, w.apply(cons, links), "what a check kept is not undone")
	audit, err := w.Audit(w.ctx(), "acme-gh", atssync.Paging{})
	require.NoError(t, err)
	require.Equal(t, atssync.Actor{Name: "file", Via: "config"}, audit.Items[len(audit.Items)-1].Actor)
}

func TestApplyFile_WhatChangedIsChanged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.apply([]FileConnection{fromFile()}, nil)
	for name, change := range map[string]func(f *FileConnection){
		"name": func(f *FileConnection) { f.Name = "Acme" }, "key": func(f *FileConnection) { f.Fields["api_key"] = "key-ada2" },
		"setting": func(f *FileConnection) { f.Fields["region"] = "us" }, "paused": func(f *FileConnection) { f.Paused = true },
		"operator's field": func(f *FileConnection) { f.Fields["base_url"] = "https://us.ats.example.com" },
		"policy":           func(f *FileConnection) { f.LastNameFallback = "-" },
	} {
		f := fromFile()
		change(&f)
		require.Equal(t, []string{"acme-gh"}, w.apply([]FileConnection{f}, nil).Updated, name)
		require.Equal(t, FileReport{}, w.apply([]FileConnection{f}, nil), name)
		require.Equal(t, []string{"acme-gh"}, w.apply([]FileConnection{fromFile()}, nil).Updated, name)
	}
}

func TestApplyFile_ReadOnlyElsewhereNamesFileAndKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.apply([]FileConnection{fromFile()}, []FileLink{{Connection: "acme-gh", PlatformJob: "eng", ATSJob: "101"}})
	for name, do := range map[string]func(ctx context.Context) error{
		"pause":  func(ctx context.Context) error { return second(w.Pause(ctx, "acme-gh", "", 0)) },
		"resume": func(ctx context.Context) error { return second(w.Resume(ctx, "acme-gh", 0)) },
		"remove": func(ctx context.Context) error { return second(w.Remove(ctx, "acme-gh", 0)) },
		"update": func(ctx context.Context) error {
			return second(w.Update(ctx, "acme-gh", UpdateRequest{Name: new("x")}))
		},
		"repair": func(ctx context.Context) error {
			return second(w.Repair(ctx, "acme-gh", RepairRequest{Fields: fields("api_key", "key-ada2")}))
		},
	} {
		err := do(w.ctx())
		require.Equal(t, atssync.CodeForbidden, atssync.CodeOf(err), name)
		require.ErrorContains(t, err, `[[connections]] with id = "acme-gh" in /etc/atssync/atssync.toml`)
	}
	err := w.Unlink(w.ctx(), "acme-gh", "eng", 0)
	requireCode(t, err, atssync.CodeForbidden, `[[job_links]] with connection = "acme-gh" and platform_job = "eng"`)
	_, err = w.Link(w.ctx(), LinkRequest{Connection: "acme-gh", PlatformJob: "eng", ATSJob: "102"})
	requireCode(t, err, atssync.CodeForbidden, "[[job_links]]")
	_, err = w.Link(w.ctx(), LinkRequest{Connection: "acme-gh", PlatformJob: "another", ATSJob: "102"})
	require.NoError(t, err, "a job that is not in the file is linked at run time")
}

func TestApplyFile_WhatLeftIsPausedAndComesBack(t *testing.T) {
	t.Parallel()
	w := setup(t)
	links := []FileLink{{Connection: "acme-gh", PlatformJob: "eng", ATSJob: "101"}}
	w.apply([]FileConnection{fromFile()}, links)
	require.Equal(t, FileReport{Paused: []string{"acme-gh"}, Unlinked: 1}, w.apply(nil, nil))
	c, err := w.Connection(w.ctx(), "acme-gh")
	require.NoError(t, err)
	require.Equal(t, atssync.ConnectionPaused, c.State)
	require.Equal(t, leftFile, c.PausedReason)
	require.Equal(t, FileReport{}, w.apply(nil, nil))
	report := w.apply([]FileConnection{fromFile()}, links)
	require.Equal(t, FileReport{Updated: []string{"acme-gh"}, Linked: 1}, report)
	c, err = w.Connection(w.ctx(), "acme-gh")
	require.NoError(t, err)
	require.Equal(t, atssync.ConnectionActive, c.State)

	w.apply(nil, nil)
	_, err = w.Remove(w.ctx(), "acme-gh", 0)
	require.NoError(t, err, "what left the file is managed like any other")
	require.Equal(t, []string{"acme-gh"}, w.apply([]FileConnection{fromFile()}, nil).Created)
}

func TestApplyFile_ProblemsNameTheirKeyAndLeaveTheRest(t *testing.T) {
	t.Parallel()
	w := setup(t)
	standing := fromFile()
	standing.ID, standing.Fields = "standing", fields("api_key", "key-bob", "user_email", "bob@example.com")
	w.apply([]FileConnection{standing}, nil)
	broken := standing
	broken.Fields = fields("api_key", "key-bob")
	noKey, badID, resend, moved := fromFile(), fromFile(), fromFile(), standing
	noKey.ID, noKey.Fields = "no-key", fields("user_email", "a", "colour", "red")
	badID.ID = "Bad ID"
	resend.ID, resend.OnUncertain, resend.Account = "resend", atssync.OnUncertainResend, ""
	moved.Account = "globex"
	report := w.apply([]FileConnection{broken, noKey, badID, resend, fromFile(), fromFile()}, []FileLink{
		{Connection: "nobody", PlatformJob: "a", ATSJob: "1"},
		{Connection: "acme-gh", PlatformJob: "b"},
		{Connection: "acme-gh", PlatformJob: "c", ATSJob: "101"},
		{Connection: "acme-gh", PlatformJob: "c", ATSJob: "102"},
	})
	require.Equal(t, []string{"acme-gh"}, report.Created)
	require.Empty(t, report.Paused, "a connection with a mistake in the file has not left it")
	require.Equal(t, 1, report.Linked)
	require.Equal(t, []string{
		"connections[standing].fields.user_email: is required: User",
		"connections[no-key].fields.colour: adapter fake has no such field; it has api_key, user_email, region, base_url, client_secret",
		"connections[no-key].fields.api_key: is required: API key; it is found here: Configure > Keys",
		"connections[Bad ID].id: must be 1 to 64 characters of a-z 0-9 _ -",
		"connections[resend].account: is required",
		"connections[resend].on_uncertain: resend would make duplicates: Fake ATS neither finds nor recognises a submission by its external id",
		"connections[acme-gh]: the id is given twice",
		"job_links[nobody, a]: there is no connection nobody",
		"job_links[acme-gh, b].ats_job: is required: a candidate applies to a job",
		"job_links[acme-gh, c]: this platform job is linked twice",
	}, report.Problems)
	report = w.apply([]FileConnection{moved, fromFile()}, nil)
	require.Len(t, report.Problems, 1)
	require.Contains(t, report.Problems[0], "never change")
}

func TestApplyFile_AnAdapterThatIsDownStopsNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ats.state, w.ats.manifErr = "missing", sdk.ErrNotRunning
	require.Equal(t, FileReport{Created: []string{"acme-gh"}}, w.apply([]FileConnection{fromFile()}, nil))
	stored, err := w.store.Connection(t.Context(), "acme-gh")
	require.NoError(t, err)
	require.Empty(t, stored.Settings, "nobody knows yet what is secret")
	require.Empty(t, stored.IdentityKeys, "a region is no identity")
	w.ats.state, w.ats.manifErr = "running", nil
	open, err := w.OpenConnection(stored)
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", open.Settings["user_email"])
	require.Equal(t, "key-ada", open.Credentials["api_key"].Reveal())
	view, err := w.Check(w.ctx(), "acme-gh")
	require.NoError(t, err)
	require.True(t, view.OK)
	require.Equal(t, []string{"acme-gh"}, w.apply([]FileConnection{fromFile()}, nil).Updated, "each value goes to its place")
	require.Equal(t, FileReport{}, w.apply([]FileConnection{fromFile()}, nil))
}

func TestApplyFile_TheSameATSAccountKeepsItsID(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	report := w.apply([]FileConnection{fromFile()}, nil)
	require.Len(t, report.Problems, 1)
	require.Contains(t, report.Problems[0], c.ID)
	_, err := w.Remove(w.ctx(), c.ID, 0)
	require.NoError(t, err)
	report = w.apply([]FileConnection{fromFile()}, nil)
	require.Len(t, report.Problems, 1)
	require.Contains(t, report.Problems[0], `use id = "`+c.ID+`"`)
	w.ats.manifErr = sdk.ErrNotRunning
	require.Equal(t, report, w.apply([]FileConnection{fromFile()}, nil), "the same while the adapter is down")
	w.ats.manifErr = nil
	f := fromFile()
	f.ID = c.ID
	require.Equal(t, FileReport{Created: []string{c.ID}}, w.apply([]FileConnection{f}, nil))

	// One made at run time is taken over by its id.
	w2 := setup(t)
	c = w2.connect(adaRequest())
	f.ID = c.ID
	require.Equal(t, FileReport{Updated: []string{c.ID}}, w2.apply([]FileConnection{f}, nil))
}

func TestApplyFile_ALinkWithABacklogReleasesNothingByItself(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.apply([]FileConnection{fromFile()}, nil)
	c, err := w.Connection(w.ctx(), "acme-gh")
	require.NoError(t, err)
	sub := w.accept(c, "1", "eng")
	links := []FileLink{{Connection: "acme-gh", PlatformJob: "eng", ATSJob: "101"}}
	report := w.apply([]FileConnection{fromFile()}, links)
	require.Equal(t, 1, report.Linked)
	require.Len(t, report.Problems, 1)
	require.Contains(t, report.Problems[0], "1 submissions that waited for it stay held")
	w.work(c.ID)
	require.Equal(t, atssync.StateHeld, w.state(sub.ID).State)
	require.Equal(t, FileReport{}, w.apply([]FileConnection{fromFile()}, links))
}
