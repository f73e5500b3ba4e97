package intake

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// ReviseJSON accepts other content for a submission that is known by its connection and external id; a document may
// leave the two out and must not name others. What may still be revised is judged as for every document.
func (s *Service) ReviseJSON(ctx context.Context, connection, externalID string, data []byte) (atssync.Accepted, error) {
	doc, problems, followed := decode(data, s.o.MaxDocument)
	if !followed {
		return atssync.Accepted{}, invalid(problems)
	}
	for _, f := range []struct {
		path  string
		given *string
		is    string
	}{{"connection", &doc.Connection, connection}, {"external_id", &doc.ExternalID, externalID}} {
		if *f.given != "" && *f.given != f.is {
			problems = append(problems, atssync.FieldError{Path: f.path, Message: "is another one than the submission's, and never changes; it may be left out"})
		}
		*f.given = f.is
	}
	return s.submit(ctx, doc, problems)
}
