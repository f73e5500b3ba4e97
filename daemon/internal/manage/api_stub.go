package manage

import (
	"context"
	"io"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Adapters lists the adapters.
func (s *Service) Adapters(ctx context.Context) ([]Adapter, error) { return nil, nil }

// Adapter returns one adapter.
func (s *Service) Adapter(ctx context.Context, name string) (Adapter, error) { return Adapter{}, nil }

// Connect checks the credentials against the ATS and saves the connection when it accepts them.
func (s *Service) Connect(ctx context.Context, req ConnectRequest) (ConnectResult, error) {
	return ConnectResult{}, nil
}

// Check checks a connection again.
func (s *Service) Check(ctx context.Context, id string) (CheckView, error) { return CheckView{}, nil }

// Update changes a connection.
func (s *Service) Update(ctx context.Context, id string, req UpdateRequest) (Connection, error) {
	return Connection{}, nil
}

// Repair gives new credentials to a connection; they are checked first.
func (s *Service) Repair(ctx context.Context, id string, req RepairRequest) (ConnectResult, error) {
	return ConnectResult{}, nil
}

// Pause stops a connection; what is queued is held.
func (s *Service) Pause(ctx context.Context, id, reason string, version int64) (Connection, error) {
	return Connection{}, nil
}

// Resume ends a pause.
func (s *Service) Resume(ctx context.Context, id string, version int64) (Connection, error) {
	return Connection{}, nil
}

// Remove destroys the credentials and cancels what waits.
func (s *Service) Remove(ctx context.Context, id string) (Connection, error) {
	return Connection{}, nil
}

// Connection returns one connection by id, or by name when one live connection has it.
func (s *Service) Connection(ctx context.Context, id string) (Connection, error) {
	return Connection{}, nil
}

// Connections lists connections with their health.
func (s *Service) Connections(ctx context.Context, q atssync.ConnectionQuery) (atssync.Page[Connection], error) {
	return atssync.Page[Connection]{}, nil
}

// OpenConnection returns the connection as an adapter's call carries it.
func (s *Service) OpenConnection(c atssync.Connection) (sdk.Connection, error) {
	return sdk.Connection{}, nil
}

// PutPlatformJobs stores platform jobs.
func (s *Service) PutPlatformJobs(ctx context.Context, jobs []atssync.PlatformJob) error { return nil }

// ImportPlatformJobs stores the jobs of a file; account is used for records without one.
func (s *Service) ImportPlatformJobs(ctx context.Context, r io.Reader, f Format, account string) (ImportReport, error) {
	return ImportReport{}, nil
}

// PlatformJobs lists platform jobs.
func (s *Service) PlatformJobs(ctx context.Context, q atssync.JobQuery) (atssync.Page[atssync.PlatformJob], error) {
	return atssync.Page[atssync.PlatformJob]{}, nil
}

// ATSJobs lists the jobs of a connection as they were last seen.
func (s *Service) ATSJobs(ctx context.Context, q atssync.JobQuery) (atssync.Page[atssync.ATSJob], error) {
	return atssync.Page[atssync.ATSJob]{}, nil
}

// RefreshJobs lists the ATS's jobs now and stores the listing.
func (s *Service) RefreshJobs(ctx context.Context, connection string) (JobsRefresh, error) {
	return JobsRefresh{}, nil
}

// Link links one job.
func (s *Service) Link(ctx context.Context, req LinkRequest) (LinkResult, error) {
	return LinkResult{}, nil
}

// LinkMany links jobs, one result each in order; a refusal leaves the others.
func (s *Service) LinkMany(ctx context.Context, reqs []LinkRequest) []LinkResult { return nil }

// Unlink removes a link; what is queued for it is held.
func (s *Service) Unlink(ctx context.Context, connection, platformJob string, version int64) error {
	return nil
}

// JobLinks lists links.
func (s *Service) JobLinks(ctx context.Context, q atssync.LinkQuery) (atssync.Page[atssync.JobLink], error) {
	return atssync.Page[atssync.JobLink]{}, nil
}

// JobLink returns one link.
func (s *Service) JobLink(ctx context.Context, connection, platformJob string) (atssync.JobLink, error) {
	return atssync.JobLink{}, nil
}

// Backlog counts what waits for a link.
func (s *Service) Backlog(ctx context.Context, connection, platformJob string) (BacklogView, error) {
	return BacklogView{}, nil
}

// Suggest proposes pairs of jobs, the surest first.
func (s *Service) Suggest(ctx context.Context, connection string) ([]Suggestion, error) {
	return nil, nil
}

// AcceptSuggestions links what Suggest proposes.
func (s *Service) AcceptSuggestions(ctx context.Context, connection string, a AcceptSuggestions) ([]LinkResult, error) {
	return nil, nil
}

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
