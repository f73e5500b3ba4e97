package manage

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// reached has a key refused since it is another's, and returns whose.
func (w *world) reached(connection, key string) atssync.Reached {
	w.t.Helper()
	_, err := w.Repair(w.ctx(), connection, RepairRequest{Fields: fields("api_key", key)})
	requireCode(w.t, err, atssync.CodeConflict)
	e, _ := errors.AsType[*atssync.Error](err)
	require.NotNil(w.t, e.Reached)
	return *e.Reached
}

func TestRepair_AnotherAccountIsMeantByItsIdentityAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	w.ats.users["key-cy"] = sdk.CheckReply{AccountName: "Globex", ActingUser: sdk.User{ID: "9", Name: "Cy", Email: "cy@example.com"}}
	bob := w.reached(c.ID, "key-bob")
	require.Equal(t, "Bob", bob.User.Name)
	require.Equal(t, "Globex", bob.AccountName)
	for _, meant := range []string{"yes", "true", "1", w.reached(c.ID, "key-cy").Identity} {
		_, err := w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-bob"), OtherAccount: meant})
		requireCode(t, err, atssync.CodeConflict, "they reach Bob <bob@example.com> of Globex")
	}
	other := w.connect(ConnectRequest{Account: "globex", Adapter: "fake", Fields: fields("api_key", "key-cy", "user_email", "cy@example.com")})
	require.NotEqual(t, bob.Identity, w.reached(other.ID, "key-bob").Identity, "a yes holds for one connection")
	// Whoever is the same as before needs no yes, and one that is given changes nothing.
	_, err := w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-ada2"), OtherAccount: bob.Identity})
	require.NoError(t, err)
}

func TestRepair_JobLinksEndUnlessTheATSAccountIsTheSame(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		before, after string // the ids of the ATS accounts
		links         int
	}{
		"the same account":    {"a-1", "a-1", 1},
		"another account":     {"a-1", "a-2", 0},
		"nobody can say":      {"", "", 0},
		"nobody could before": {"", "a-1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			ada, bob := w.ats.users["key-ada"], w.ats.users["key-bob"]
			ada.AccountID, bob.AccountID, bob.AccountName = one.before, one.after, ada.AccountName
			w.ats.users["key-ada"], w.ats.users["key-bob"] = ada, bob
			c := w.connect(adaRequest())
			_, err := w.Link(w.ctx(), LinkRequest{Connection: c.ID, PlatformJob: "p-1", ATSJob: "101"})
			require.NoError(t, err)
			reached := w.reached(c.ID, "key-bob")
			require.Equal(t, 1-one.links, reached.JobLinks)
			require.Len(t, w.linksOf(c.ID), 1, "a refusal ends nothing")
			_, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-bob"), OtherAccount: reached.Identity, Version: 99})
			requireCode(t, err, atssync.CodeChanged)
			require.Len(t, w.linksOf(c.ID), 1, "what is not saved ends nothing")
			out, err := w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-bob"), OtherAccount: reached.Identity})
			require.NoError(t, err)
			require.Len(t, w.linksOf(c.ID), one.links)
			require.Len(t, out.Notices, 1-one.links)
		})
	}
}

func TestRepair_ALinkOfTheFileIsTakenOutFirst(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	report, err := w.ApplyFile(t.Context(), nil, []FileLink{{Connection: c.ID, PlatformJob: "p-1", ATSJob: "101"}})
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	_, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-bob"), OtherAccount: w.reached(c.ID, "key-bob").Identity})
	requireCode(t, err, atssync.CodeForbidden, "stands in the configuration file", "nothing was saved")
	require.Len(t, w.linksOf(c.ID), 1)
}

func (w *world) linksOf(connection string) []atssync.JobLink {
	w.t.Helper()
	got, err := w.JobLinks(w.ctx(), atssync.LinkQuery{Connection: connection})
	require.NoError(w.t, err)
	return got.Items
}
