package manage

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// ByExternalID finds the submissions with the platform's id: on one connection, or with "" on every one that the caller sees.
// An id is unique on a connection, so that each is one look at a key.
func (s *Service) ByExternalID(ctx context.Context, connection, externalID string) (atssync.Page[Submission], error) {
	keys := []string{}
	if connection != "" {
		c, err := s.find(ctx, connection)
		if err != nil {
			return atssync.Page[Submission]{}, err
		}
		keys = append(keys, s.o.Documents.ExternalKey(c.ID, externalID))
	} else {
		survey, err := s.Survey(ctx)
		if err != nil {
			return atssync.Page[Submission]{}, err
		}
		for _, c := range survey.Connections {
			keys = append(keys, s.o.Documents.ExternalKey(c.ID, externalID))
		}
	}
	return s.Submissions(ctx, atssync.SubmissionQuery{ExternalKeys: keys})
}
