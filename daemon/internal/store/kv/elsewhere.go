package kv

import (
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// elsewhere refuses a submission whose external id is in the same ATS already, or on its way there, through another
// connection of the account: a connection that was removed and made anew for another user starts without the external
// ids of the first one, and sending them again would double people. doubtful says that it was given up there although
// nobody knew whether the ATS has it.
func (st *step) elsewhere(c *atssync.Connection, n *atssync.Submission) (doubtful bool, err error) {
	if n.AccountKey == "" {
		return false, nil
	}
	id, err := st.idAt(keyAccountKey(n.AccountKey))
	if err != nil || id == "" {
		return false, err
	}
	other, err := st.needSubmission(id)
	if err != nil || other.Connection == c.ID {
		return false, err
	}
	at, err := st.needConn(other.Connection)
	if err != nil {
		return false, err
	}
	if err := other.Gone(); err != nil {
		return false, err
	}
	switch other.State {
	case atssync.StateSending, atssync.StateUncertain, atssync.StateSubmitted, atssync.StateAlreadyApplied:
		return false, inATS(other, at)
	}
	if len(other.Continuation) > 0 {
		return false, inATS(other, at)
	}
	waits := other.State == atssync.StateQueued || other.State == atssync.StateHeld
	if waits && at.State != atssync.ConnectionRemoved {
		return false, atssync.Errorf(atssync.CodeConflict,
			"this external_id waits for the same ATS already, as submission %s of connection %s (%s), which is %s", other.ID, at.ID, at.Name, other.State).
			WithRemedy("look there: atssync submissions show %s; cancel it there before it is sent through another connection", other.ID).About(at.ID)
	}
	return st.givenUp(other)
}

func inATS(s *atssync.Submission, at *atssync.Connection) error {
	where := at.Name
	if at.State == atssync.ConnectionRemoved {
		where += ", removed"
	}
	e := atssync.Errorf(atssync.CodeConflict,
		"this external_id went into the same ATS already, as submission %s of connection %s (%s), which is %s: sending it again would make a duplicate",
		s.ID, at.ID, where, s.State).About(at.ID)
	if s.State == atssync.StateUncertain {
		return e.WithRemedy("settle that one first: atssync resolve %s", s.ID)
	}
	return e.WithRemedy("it is in this ATS already; look there: atssync submissions show %s", s.ID)
}

// claim makes a submission the one that its account key leads to: what was asked for last has it.
func (st *step) claim(s *atssync.Submission) {
	if s.AccountKey != "" {
		st.w.Set(keyAccountKey(s.AccountKey), idValue(s.ID))
	}
}
