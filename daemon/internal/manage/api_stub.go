package manage

import (
	"context"
	"io"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Submissions lists submissions.
func (s *Service) Submissions(ctx context.Context, q atssync.SubmissionQuery) (atssync.Page[Submission], error) {
	return atssync.Page[Submission]{}, nil
}

// Submission returns one submission with its attempts; withDocument opens the document.
func (s *Service) Submission(ctx context.Context, id string, withDocument bool) (SubmissionDetail, error) {
	return SubmissionDetail{}, nil
}

// SubmissionID finds a submission by the platform's id.
func (s *Service) SubmissionID(ctx context.Context, connection, externalID string) (string, error) {
	return "", nil
}

// Act holds, releases, retries or cancels one submission.
func (s *Service) Act(ctx context.Context, id string, kind atssync.ActKind) (Submission, error) {
	return Submission{}, nil
}

// Release releases many held submissions by a task.
func (s *Service) Release(ctx context.Context, req ReleaseRequest) (atssync.Task, error) {
	return atssync.Task{}, nil
}

// Tasks lists the tasks under way.
func (s *Service) Tasks(ctx context.Context, connection string) ([]atssync.Task, error) {
	return nil, nil
}

// Resolve settles an uncertain submission.
func (s *Service) Resolve(ctx context.Context, req ResolveRequest) (Submission, error) {
	return Submission{}, nil
}

// ResolveFile settles the submissions of a file: external_id or submission, action, profile_url.
func (s *Service) ResolveFile(ctx context.Context, r io.Reader, f Format, connection string) (ImportReport, error) {
	return ImportReport{}, nil
}

// Find looks for an uncertain submission in the ATS.
func (s *Service) Find(ctx context.Context, id string) (FindView, error) { return FindView{}, nil }

// ImportApplications follows applications that an earlier integration put into the ATS.
func (s *Service) ImportApplications(ctx context.Context, connection string, r io.Reader, f Format) (ImportReport, error) {
	return ImportReport{}, nil
}

// Applications lists applications.
func (s *Service) Applications(ctx context.Context, q atssync.ApplicationQuery) (atssync.Page[atssync.Application], error) {
	return atssync.Page[atssync.Application]{}, nil
}

// Application returns one application.
func (s *Service) Application(ctx context.Context, id string) (atssync.Application, error) {
	return atssync.Application{}, nil
}

// Events returns events after a cursor.
func (s *Service) Events(ctx context.Context, q atssync.EventQuery) (EventPage, error) {
	return EventPage{}, nil
}

// LastEvent returns the cursor after everything.
func (s *Service) LastEvent(ctx context.Context, connection string) (int64, error) { return 0, nil }

// Checkpoints lists checkpoints; "" for all connections.
func (s *Service) Checkpoints(ctx context.Context, connection string) ([]atssync.Checkpoint, error) {
	return nil, nil
}

// Ledger returns the ledger of one connection, or of all with "".
func (s *Service) Ledger(ctx context.Context, connection string, p atssync.Paging) (LedgerView, error) {
	return LedgerView{}, nil
}

// Recount counts the records and compares.
func (s *Service) Recount(ctx context.Context, connection string, p atssync.Paging) (LedgerView, error) {
	return LedgerView{}, nil
}

// Audit lists what people did; "" for every object.
func (s *Service) Audit(ctx context.Context, object string, p atssync.Paging) (atssync.Page[atssync.Audit], error) {
	return atssync.Page[atssync.Audit]{}, nil
}

// Schedule lists the passes.
func (s *Service) Schedule(ctx context.Context) ([]Pass, error) { return nil, nil }

// RunNow starts a pass and returns the id of its run.
func (s *Service) RunNow(ctx context.Context, pass string) (string, error) { return "", nil }

// Runs lists the runs of a pass, newest first; "" for all.
func (s *Service) Runs(ctx context.Context, pass string, p atssync.Paging) (atssync.Page[atssync.Run], error) {
	return atssync.Page[atssync.Run]{}, nil
}

// TrackingLink returns the ATS's own link to a job that credits the platform.
func (s *Service) TrackingLink(ctx context.Context, connection, atsJob string) (TrackingLink, error) {
	return TrackingLink{}, nil
}

// Pools lists the prospect pools.
func (s *Service) Pools(ctx context.Context, connection string) ([]Pool, error) { return nil, nil }

// Vocabulary lists the words that the ATS account uses.
func (s *Service) Vocabulary(ctx context.Context, connection string) ([]Term, error) {
	return nil, nil
}

// ApplyFile makes the connections and links of the configuration file so.
func (s *Service) ApplyFile(ctx context.Context, cons []FileConnection, links []FileLink) (FileReport, error) {
	return FileReport{}, nil
}
