package manage

import (
	"context"
	"slices"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// SentExchange is one request to the ATS for a submission, redacted as it is kept.
type SentExchange struct {
	sdk.Exchange
	Submission string
	Attempt    int
	Outcome    atssync.State
}

// exchangesOf is of how many submissions, the latest ones, exchanges are shown.
const exchangesOf = 25

// RecentExchanges lists what was said to the ATS for the submissions of a connection that were accepted last, the newest first.
func (s *Service) RecentExchanges(ctx context.Context, connection string) ([]SentExchange, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return nil, err
	}
	page, err := s.o.Store.Submissions(ctx, atssync.SubmissionQuery{
		Connection: c.ID, Newest: true, Look: exchangesOf, Paging: atssync.Paging{Limit: exchangesOf},
	})
	if err != nil {
		return nil, err
	}
	var out []SentExchange
	for i := range page.Items {
		if page.Items[i].Attempt == 0 {
			continue
		}
		attempts, err := s.o.Store.Attempts(ctx, page.Items[i].ID)
		if err != nil {
			return nil, err
		}
		for _, a := range attempts {
			for _, e := range a.Exchanges {
				out = append(out, SentExchange{Exchange: e, Submission: a.Submission, Attempt: a.Number, Outcome: a.Outcome})
			}
		}
	}
	slices.SortFunc(out, func(a, b SentExchange) int { return b.StartedAt.Compare(a.StartedAt) })
	return out, nil
}
