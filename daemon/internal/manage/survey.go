package manage

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Survey is what counters and the heads of indexes tell of every connection at one instant, for pages that show the worst of
// many. No record of a submission is read for it.
type Survey struct {
	At          time.Time
	Connections []Surveyed // without removed ones, the worst first
	// Total is the ledger over all connections, removed ones too; Unbalanced those whose counters do not add up.
	Total      atssync.Ledger
	Unbalanced []string
}

// Surveyed is one connection of a survey.
type Surveyed struct {
	ID, Name, Account, Adapter, Host string
	State                            atssync.ConnectionState
	PausedReason                     string
	HoldReason                       atssync.HeldReason
	Operations                       map[atssync.Operation]atssync.Health // those that are not well
	JobTroubles                      int
	Ledger                           atssync.Ledger
	Oldest                           map[atssync.State]time.Time     // accepted; by waiting state
	Moved                            map[atssync.Operation]time.Time // when each checkpoint last did
}

// Severity tells how bad it is: 0 well, 1 paused or draining or troubled on a job, 2 failing, 3 stopped, 4 uncertain.
func (c Surveyed) Severity() int {
	worst := 0
	if c.State == atssync.ConnectionPaused || c.JobTroubles > 0 {
		worst = 1
	}
	if c.HoldReason != "" {
		worst = 3
	}
	for _, h := range c.Operations {
		switch h.State {
		case atssync.HealthStopped, atssync.HealthCanary:
			worst = max(worst, 3)
		case atssync.HealthFailing:
			worst = max(worst, 2)
		case atssync.HealthDraining:
			worst = max(worst, 1)
		}
	}
	if c.Ledger.States[atssync.StateUncertain] > 0 {
		worst = 4
	}
	return worst
}

// Waits returns the state and the acceptance of the oldest submission that waits; zero for none.
func (c Surveyed) Waits() (atssync.State, time.Time) {
	var state atssync.State
	var oldest time.Time
	for s, at := range c.Oldest {
		if oldest.IsZero() || at.Before(oldest) || at.Equal(oldest) && s < state {
			state, oldest = s, at
		}
	}
	return state, oldest
}

// Matches reports whether a word that people look for is in the connection's id, name, account, adapter or host.
func (c Surveyed) Matches(word string) bool {
	word = strings.ToLower(strings.TrimSpace(word))
	for _, text := range []string{c.ID, c.Name, c.Account, c.Adapter, c.Host} {
		if strings.Contains(strings.ToLower(text), word) {
			return true
		}
	}
	return false
}

// worse orders connections, the worst first: uncertain ones, then what does not work, then what waits the longest.
func worse(a, b Surveyed) int {
	_, x := a.Waits()
	_, y := b.Waits()
	if x.IsZero() != y.IsZero() {
		x, y = y, x // whatever waits goes before what does not
	}
	return cmp.Or(
		cmp.Compare(b.Severity(), a.Severity()),
		cmp.Compare(b.Ledger.States[atssync.StateUncertain], a.Ledger.States[atssync.StateUncertain]),
		x.Compare(y), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID),
	)
}

// Survey tells of every connection that the caller sees. Where there are very many it may be as old as the look before; At says
// how old it is.
func (s *Service) Survey(ctx context.Context) (Survey, error) {
	whole, err := s.survey.get(ctx, s.lookAtAll)
	if err != nil || s.scope.Whole() {
		return whole, err
	}
	out := Survey{At: whole.At}
	for _, c := range whole.Connections {
		if s.scope.Covers(c.Account, c.ID) {
			out.Connections = append(out.Connections, c)
			out.Total.Add(c.Ledger)
			if slices.Contains(whole.Unbalanced, c.ID) {
				out.Unbalanced = append(out.Unbalanced, c.ID)
			}
		}
	}
	return out, nil
}

// lookAtAll makes a survey, in its order.
func (s *Service) lookAtAll(ctx context.Context) (Survey, error) {
	out, err := s.SurveyNow(ctx)
	slices.SortFunc(out.Connections, worse)
	return out, err
}

func (s *Service) lookAt(ctx context.Context, c atssync.Connection, moved map[atssync.Operation]time.Time) (Surveyed, error) {
	out := Surveyed{
		ID: c.ID, Name: c.Name, Account: c.Account, Adapter: c.Adapter, Host: c.Host, State: c.State, PausedReason: c.PausedReason,
		Moved: moved,
	}
	var err error
	if out.Ledger, err = s.o.Store.Ledger(ctx, c.ID); err != nil || c.State == atssync.ConnectionRemoved {
		return out, err
	}
	lane, err := s.o.Store.Lane(ctx, c.ID)
	if err != nil {
		return out, err
	}
	out.HoldReason, out.JobTroubles = lane.HoldReason, len(lane.Jobs)
	if len(lane.Operations) > 0 {
		out.Operations = maps.Clone(lane.Operations)
		maps.DeleteFunc(out.Operations, func(_ atssync.Operation, h atssync.Health) bool { return h.State == atssync.HealthOK })
	}
	for state, n := range out.Ledger.States {
		if n > 0 && state.Waiting() {
			out.Oldest, err = s.o.Store.OldestWaiting(ctx, c.ID)
			break
		}
	}
	return out, err
}
