package intake

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Revised is the submission that other content is for.
type Revised struct {
	Connection, ExternalID string
	Revision               int // 0 is any
}

// ReviseJSON accepts other content for a submission that is known by its connection and external id; a document may
// leave the two out and must not name others. What may still be revised is judged as for every document. The revision of
// of, when it is set, is the one that is meant; another one is CodeChanged.
func (s *Service) ReviseJSON(ctx context.Context, of Revised, data []byte) (a atssync.Accepted, err error) {
	began := time.Now()
	defer func() { s.o.Metrics.judged(began, a, err) }()
	doc, problems, followed := decode(data, s.o.MaxDocument)
	if !followed {
		return atssync.Accepted{}, invalid(problems)
	}
	for _, f := range []struct {
		path  string
		given *string
		is    string
	}{{"connection", &doc.Connection, of.Connection}, {"external_id", &doc.ExternalID, of.ExternalID}} {
		if *f.given != "" && *f.given != f.is {
			problems = append(problems, atssync.FieldError{Path: f.path, Message: "is another one than the submission's, and never changes; it may be left out"})
		}
		*f.given = f.is
	}
	return s.submit(ctx, doc, problems, of.Revision)
}
