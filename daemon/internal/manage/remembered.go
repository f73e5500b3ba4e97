package manage

import (
	"context"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// wholeEvery is how often every connection is looked at whatever the store told, so that something that was missed does not
// stay so.
const wholeEvery = 30 * time.Minute

// A look at everything at once takes a third of what it takes one by one.
const (
	oneByOne  = 100 // so many are looked at one by one, whatever part of all they are
	wholePart = 4   // where more than a quarter is stale, everything is looked at
)

// remembered is what the last look saw of each connection. Where the store tells which ones were written, a look reads these
// alone: of ten thousand nearly all are as they were. The zero value remembers nothing.
type remembered struct {
	looking sync.Mutex // guards all and whole, and is held while a look is made
	all     map[string]Surveyed
	whole   time.Time // when every connection was last looked at

	mu    sync.Mutex
	stale map[string]struct{}
}

// touch notes that connections were written.
func (r *remembered) touch(connections []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stale == nil {
		r.stale = make(map[string]struct{})
	}
	for _, id := range connections {
		r.stale[id] = struct{}{}
	}
}

// take returns what was touched since the last time.
func (r *remembered) take() map[string]struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	stale := r.stale
	r.stale = nil
	return stale
}

// Touched is told of connections whose record, lane, counters or checkpoints were written, after their commit. See
// Options.Touches.
func (s *Service) Touched(connections []string) { s.seen.touch(connections) }

// SurveyNow makes a survey of every connection, whoever asks, in no order.
func (s *Service) SurveyNow(ctx context.Context) (Survey, error) {
	r := s.seen
	r.looking.Lock()
	defer r.looking.Unlock()
	out := Survey{At: time.Now().UTC()}
	stale := r.take() // what is written from now on is for the next look
	if err := s.bringUp(ctx, r, stale, out.At); err != nil {
		r.all = nil // nobody knows how far it came
		return Survey{}, err
	}
	out.Connections = make([]Surveyed, 0, len(r.all))
	for _, c := range r.all {
		out.Total.Add(c.Ledger)
		if !c.Ledger.Balanced() {
			out.Unbalanced = append(out.Unbalanced, c.ID)
		}
		if c.State != atssync.ConnectionRemoved {
			out.Connections = append(out.Connections, c)
		}
	}
	return out, nil
}

// bringUp looks at what is stale, or at everything.
func (s *Service) bringUp(ctx context.Context, r *remembered, stale map[string]struct{}, now time.Time) error {
	most := len(stale) > oneByOne && len(stale) > len(r.all)/wholePart
	if !s.o.Touches || r.all == nil || most || now.Sub(r.whole) > wholeEvery {
		all, err := s.lookAtEach(ctx)
		r.all, r.whole = all, now
		return err
	}
	for id := range stale {
		c, err := s.o.Store.Connection(ctx, id)
		if atssync.CodeOf(err) == atssync.CodeNotFound {
			continue // what has a lease or counters like a connection's and is none
		}
		if err != nil {
			return err
		}
		checkpoints, err := s.o.Store.Checkpoints(ctx, id)
		if err != nil {
			return err
		}
		if r.all[id], err = s.lookAt(ctx, c, moved(checkpoints)[id]); err != nil {
			return err
		}
	}
	return nil
}

// lookAtEach looks at every connection, removed ones too.
func (s *Service) lookAtEach(ctx context.Context) (map[string]Surveyed, error) {
	checkpoints, err := s.o.Store.Checkpoints(ctx, "")
	if err != nil {
		return nil, err
	}
	all, at := make(map[string]Surveyed), moved(checkpoints)
	for _, state := range []atssync.ConnectionState{"", atssync.ConnectionRemoved} {
		err := each(func(p atssync.Paging) (atssync.Page[atssync.Connection], error) {
			return s.o.Store.Connections(ctx, atssync.ConnectionQuery{State: state, Paging: p})
		}, func(c atssync.Connection) error {
			var err error
			all[c.ID], err = s.lookAt(ctx, c, at[c.ID])
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// moved is when each checkpoint last did, by connection.
func moved(checkpoints []atssync.Checkpoint) map[string]map[atssync.Operation]time.Time {
	out := make(map[string]map[atssync.Operation]time.Time)
	for _, cp := range checkpoints {
		if cp.AdvancedAt.IsZero() {
			continue
		}
		if out[cp.Connection] == nil {
			out[cp.Connection] = make(map[atssync.Operation]time.Time)
		}
		out[cp.Connection][cp.Operation] = cp.AdvancedAt
	}
	return out
}
