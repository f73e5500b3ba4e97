package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Preview judges submissions as Accept does, each by itself and by the very same step, on a snapshot that nothing is
// written to.
func (s *Store) Preview(ctx context.Context, in []atssync.NewSubmission, now time.Time) ([]atssync.Accepted, error) {
	if err := tooMany(len(in)); err != nil {
		return nil, err
	}
	out := make([]atssync.Accepted, len(in))
	err := s.view(ctx, func(r reader) error {
		for i := range in {
			st := &step{reader: r, w: unwritten{r.r}, now: now.UTC(), o: s.o}
			var err error
			if out[i], err = st.accept(&in[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// unwritten lets a step read and forgets what it writes.
type unwritten struct{ Reader }

func (unwritten) Set(_, _ []byte) {}
func (unwritten) Delete(_ []byte) {}
