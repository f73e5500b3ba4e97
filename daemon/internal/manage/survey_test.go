package manage

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestSurvey_TellsOfEveryConnectionTheWorstFirst(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	w.accept(c, "app-held", "other")
	bob := w.connect(ConnectRequest{Account: "globex", Name: "Globex", Adapter: "fake", Fields: fields("api_key", "key-bob", "user_email", "bob@example.com")})
	s, err := w.Survey(w.ctx())
	require.NoError(t, err)
	require.Len(t, s.Connections, 2)
	require.Equal(t, c.ID, s.Connections[0].ID, "something waits there")
	state, at := s.Connections[0].Waits()
	require.Equal(t, sub.AcceptedAt.Truncate(time.Microsecond), at)
	require.Contains(t, []atssync.State{atssync.StateQueued, atssync.StateHeld}, state)
	require.EqualValues(t, 2, s.Total.Accepted)
	require.Empty(t, s.Unbalanced)
	require.Zero(t, s.Connections[1].Severity())

	w.uncertain(sub)
	_, err = w.Pause(w.ctx(), bob.ID, "a test", 0)
	require.NoError(t, err)
	s, err = w.lookAtAll(w.ctx())
	require.NoError(t, err)
	require.Equal(t, 4, s.Connections[0].Severity())
	require.EqualValues(t, 1, s.Connections[0].Ledger.States[atssync.StateUncertain])
	require.Equal(t, 1, s.Connections[1].Severity())
	require.Equal(t, "a test", s.Connections[1].PausedReason)

	_, err = w.Remove(w.ctx(), c.ID, 0)
	require.NoError(t, err)
	s, err = w.lookAtAll(w.ctx())
	require.NoError(t, err)
	require.Len(t, s.Connections, 1)
	require.EqualValues(t, 2, s.Total.Accepted, "the ledger outlives the connection")
}

func TestSurvey_IsNarrowedToTheScope(t *testing.T) {
	t.Parallel()
	w, c, _ := linked(t)
	bob := w.connect(ConnectRequest{Account: "globex", Name: "Globex", Adapter: "fake", Fields: fields("api_key", "key-bob", "user_email", "bob@example.com")})
	for id, sc := range map[string]atssync.Scope{c.ID: {Accounts: []string{c.Account}}, bob.ID: {Connections: []string{bob.ID}}} {
		s, err := w.Within(sc).Survey(w.ctx())
		require.NoError(t, err)
		require.Len(t, s.Connections, 1)
		require.Equal(t, id, s.Connections[0].ID)
		require.Equal(t, s.Connections[0].Ledger.Accepted, s.Total.Accepted)
	}
	s, err := w.Within(atssync.Scope{Accounts: []string{"nobody"}}).Survey(w.ctx())
	require.NoError(t, err)
	require.Empty(t, s.Connections)
	require.Zero(t, s.Total.Accepted)
}

func TestSurveyed_SeverityAndSearch(t *testing.T) {
	t.Parallel()
	of := func(s atssync.HealthState) map[atssync.Operation]atssync.Health {
		return map[atssync.Operation]atssync.Health{atssync.OpRead: {State: s}}
	}
	for name, x := range map[string]struct {
		c    Surveyed
		want int
	}{
		"well": {Surveyed{}, 0}, "job": {Surveyed{JobTroubles: 1}, 1}, "draining": {Surveyed{Operations: of(atssync.HealthDraining)}, 1},
		"failing": {Surveyed{Operations: of(atssync.HealthFailing)}, 2}, "stopped": {Surveyed{Operations: of(atssync.HealthStopped)}, 3},
		"canary": {Surveyed{Operations: of(atssync.HealthCanary)}, 3}, "held": {Surveyed{HoldReason: atssync.HeldRestored}, 3},
	} {
		require.Equal(t, x.want, x.c.Severity(), name)
	}
	c := Surveyed{ID: "con_1", Name: "Acme on Greenhouse", Account: "acme", Adapter: "greenhouse", Host: "harvest.example.com"}
	for word, want := range map[string]bool{"": true, " ACME": true, "con_1": true, "harvest": true, "greenh": true, "globex": false} {
		require.Equal(t, want, c.Matches(word), word)
	}
}

// A survey that takes long is made beside those who look; one that nobody looks at is not made.
func TestSurveyor_MakesNobodyWaitAndNothingForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, made, takes := new(surveyor), 0, time.Second
		look := func(context.Context) (Survey, error) {
			made++
			time.Sleep(takes)
			return Survey{At: time.Now()}, nil
		}
		get := func() (age, waited time.Duration) {
			began := time.Now()
			s, err := v.get(t.Context(), look)
			require.NoError(t, err)
			return time.Since(s.At), time.Since(began)
		}
		_, waited := get()
		require.Equal(t, takes, waited, "the first one waits")
		time.Sleep(4 * time.Second)
		age, waited := get()
		require.Equal(t, []time.Duration{4 * time.Second, 0}, []time.Duration{age, waited}, "it is new enough")
		time.Sleep(2 * time.Second)
		age, waited = get()
		require.Equal(t, []time.Duration{6 * time.Second, 0}, []time.Duration{age, waited}, "it is shown as it is, and made anew beside")
		time.Sleep(takes)
		synctest.Wait()
		age, _ = get()
		require.Zero(t, age)
		require.Equal(t, 2, made)
		time.Sleep(time.Hour)
		require.Equal(t, 2, made, "nobody looks")
		age, waited = get()
		require.Equal(t, []time.Duration{time.Hour, 0}, []time.Duration{age, waited}, "an old one says its age, and is made anew beside")
		time.Sleep(takes)
		synctest.Wait()
		age, _ = get()
		require.Zero(t, age)

		takes = time.Millisecond
		time.Sleep(10 * time.Second)
		get()
		time.Sleep(takes)
		synctest.Wait()
		for range 3 {
			time.Sleep(20 * time.Millisecond)
			age, waited = get()
			require.Equal(t, []time.Duration{0, takes}, []time.Duration{age, waited}, "what takes no time is always new")
		}
		v.stop()
		v.stop()
	})
}

func TestSurveyor_AFailureIsTold(t *testing.T) {
	t.Parallel()
	v := new(surveyor)
	_, err := v.get(t.Context(), func(context.Context) (Survey, error) { return Survey{}, errors.New("broken") })
	require.ErrorContains(t, err, "broken")
	_, err = v.get(t.Context(), func(context.Context) (Survey, error) { return Survey{At: time.Now()}, nil })
	require.NoError(t, err)
}

func TestActMany_TellsOfEachAndRecordsEach(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	held, lost := w.accept(c, "app-2", "other"), w.accept(c, "app-3", "eng")
	w.uncertain(lost)
	got, err := w.ActMany(w.ctx(), []ActOn{{ID: sub.ID}, {ID: held.ID}, {ID: lost.ID}, {ID: "sub_none"}}, BulkCancel)
	require.NoError(t, err)
	require.Len(t, got, 4)
	for i, id := range []string{sub.ID, held.ID, lost.ID, "sub_none"} {
		require.Equal(t, id, got[i].ID)
		require.Equal(t, i >= 2, got[i].Err != nil)
	}
	require.Equal(t, atssync.StateCancelled, got[0].Submission.State)
	require.Equal(t, atssync.CodeConflict, got[2].Err.Code)
	require.Equal(t, atssync.CodeNotFound, got[3].Err.Code)
	require.Equal(t, []string{"submission.cancel"}, w.actions(sub.ID))
	for attempt, code := range map[int]atssync.Code{0: atssync.CodeInvalid, 2: atssync.CodeChanged} {
		got, err = w.ActMany(w.ctx(), []ActOn{{lost.ID, attempt}}, BulkSendAgain)
		require.NoError(t, err)
		require.Equal(t, code, got[0].Err.Code)
	}
	got, err = w.ActMany(w.ctx(), []ActOn{{lost.ID, 1}}, BulkSendAgain)
	require.NoError(t, err)
	require.Nil(t, got[0].Err)
	require.True(t, got[0].Submission.PossibleDuplicate)
	_, err = w.ActMany(w.ctx(), []ActOn{{ID: "x"}}, "submitted")
	requireCode(t, err, atssync.CodeInvalid)
	_, err = w.ActMany(w.ctx(), make([]ActOn, MaxActs+1), BulkCancel)
	requireCode(t, err, atssync.CodeInvalid)
	ended, end := context.WithCancelCause(w.ctx())
	end(atssync.Errorf(atssync.CodeUnauthenticated, "the token was revoked"))
	got, err = w.ActMany(ended, []ActOn{{ID: held.ID}}, BulkRelease)
	require.NoError(t, err)
	require.Equal(t, "the token was revoked", got[0].Err.Message, "what was left is told with why")
	got, err = w.Within(atssync.Scope{Accounts: []string{"globex"}}).ActMany(w.ctx(), []ActOn{{ID: held.ID}}, BulkRelease)
	require.NoError(t, err)
	require.Equal(t, atssync.CodeNotFound, got[0].Err.Code)
}

func TestStory_TellsWhatHappened(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	w.uncertain(sub)
	_, err := w.RefreshJobs(w.ctx(), c.ID)
	require.NoError(t, err)
	s, err := w.Story(w.ctx(), sub.ID, false)
	require.NoError(t, err)
	require.True(t, s.Uncertain)
	require.Empty(t, s.Acts)
	require.Equal(t, c.ID, s.Connection.ID)
	require.Equal(t, "101", s.Job.ID)
	require.Equal(t, atssync.EventUncertain, s.Events[len(s.Events)-1].Type)
	require.Len(t, s.Attempts, 1)
	require.Nil(t, s.Document)

	held := w.accept(c, "app-2", "other")
	_, err = w.Act(w.ctx(), held.ID, atssync.ActRelease)
	require.NoError(t, err)
	s, err = w.Story(w.ctx(), held.ID, true)
	require.NoError(t, err)
	require.Equal(t, []atssync.ActKind{atssync.ActRelease, atssync.ActCancel}, s.Acts)
	require.NotNil(t, s.Document)
	require.NotEmpty(t, s.People)
	require.Nil(t, s.Job)
	narrow := w.Within(atssync.Scope{Accounts: []string{c.Account}})
	s, err = narrow.Story(w.ctx(), held.ID, false)
	require.NoError(t, err)
	require.Empty(t, s.People, "the record of acts is the daemon's")
	_, err = w.Within(atssync.Scope{Accounts: []string{"globex"}}).Story(w.ctx(), held.ID, false)
	requireCode(t, err, atssync.CodeNotFound)
}

func TestRecentExchanges_AreThoseOfTheLatestSubmissions(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	w.uncertain(sub)
	w.accept(c, "app-2", "other")
	got, err := w.RecentExchanges(w.ctx(), c.Name)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, sub.ID, got[0].Submission)
	require.Equal(t, atssync.StateUncertain, got[0].Outcome)
	require.Equal(t, "/candidates", got[0].Endpoint)
	_, err = w.Within(atssync.Scope{Accounts: []string{"globex"}}).RecentExchanges(w.ctx(), c.ID)
	requireCode(t, err, atssync.CodeNotFound)
}

func TestByExternalID_LooksOnEveryConnectionOfTheScope(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	bob := w.connect(ConnectRequest{Account: "globex", Name: "Globex", Adapter: "fake", Fields: fields("api_key", "key-bob", "user_email", "bob@example.com")})
	other := w.accept(bob, "app-1", "x")
	find := func(s *Service, connection string) (ids []string) {
		p, err := s.ByExternalID(w.ctx(), connection, "app-1")
		require.NoError(t, err)
		for _, x := range p.Items {
			ids = append(ids, x.ID)
		}
		return ids
	}
	require.ElementsMatch(t, []string{sub.ID, other.ID}, find(w.Service, ""))
	require.Equal(t, []string{other.ID}, find(w.Service, bob.Name))
	require.Equal(t, []string{sub.ID}, find(w.Within(atssync.Scope{Accounts: []string{c.Account}}), ""))
	_, err := w.Within(atssync.Scope{Accounts: []string{c.Account}}).ByExternalID(w.ctx(), bob.ID, "app-1")
	requireCode(t, err, atssync.CodeNotFound)
}

func TestLatestEvents_AreTheNewestOfTheScope(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	w.accept(c, "app-2", "other")
	w.uncertain(sub)
	events, older, err := w.LatestEvents(w.ctx(), atssync.EventQuery{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, atssync.EventUncertain, events[0].Type)
	require.Positive(t, older)
	events, older, err = w.LatestEvents(w.ctx(), atssync.EventQuery{Limit: 1, After: older})
	require.NoError(t, err)
	require.Equal(t, atssync.EventHeld, events[0].Type)
	require.Zero(t, older)
	events, _, err = w.Within(atssync.Scope{Accounts: []string{"globex"}}).LatestEvents(w.ctx(), atssync.EventQuery{})
	require.NoError(t, err)
	require.Empty(t, events)
}
