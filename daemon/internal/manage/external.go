package manage

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// ByExternalID finds the submissions with the platform's id: on one connection, or with "" on every one that the caller sees.
// An id is unique on a connection, so that each is one look at a key.
func (s *Service) ByExternalID(ctx context.Context, connection, externalID string) (atssync.Page[Submission], error) {
	out := atssync.Page[Submission]{Items: []Submission{}}
	add := func(id string) error {
		page, err := s.Submissions(ctx, atssync.SubmissionQuery{ExternalKey: s.o.Documents.ExternalKey(id, externalID)})
		out.Items = append(out.Items, page.Items...)
		return err
	}
	if connection != "" {
		c, err := s.find(ctx, connection)
		if err == nil {
			err = add(c.ID)
		}
		return out, err
	}
	survey, err := s.Survey(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range survey.Connections {
		if c.Ledger.Accepted == 0 {
			continue
		}
		if err := add(c.ID); err != nil || len(out.Items) >= maxShare {
			return out, err
		}
	}
	return out, nil
}
