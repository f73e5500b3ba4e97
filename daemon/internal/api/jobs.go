package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// platformJobBody is a platform job as it is sent: nobody but the store says when it was last changed.
type platformJobBody struct {
	ID            string `json:"id" minLength:"1" maxLength:"255" doc:"the platform's id of the job"`
	Account       string `json:"account" minLength:"1" maxLength:"255" doc:"the platform's id of the employer"`
	Title         string `json:"title" minLength:"1" maxLength:"500"`
	Location      string `json:"location,omitempty" maxLength:"500"`
	RequisitionID string `json:"requisition_id,omitempty" maxLength:"255"`
	URL           string `json:"url,omitempty" maxLength:"2048"`
	Open          *bool  `json:"open,omitempty" doc:"true when left out"`
}

type platformJobsBody struct {
	Jobs []platformJobBody `json:"jobs" minItems:"1" maxItems:"500"`
}

func (s *server) jobs() {
	const one = "/v1/connections/{connection}"
	register(s, get("/v1/platform-jobs", "list-platform-jobs", "List the platform's jobs").by(reads), s.listPlatformJobs)
	register(s, put("/v1/platform-jobs", "put-platform-jobs", "Store or replace jobs of the platform").by(admins), s.putPlatformJobs)
	register(s, get(one+"/jobs", "list-jobs", "List the ATS's jobs as they were last seen").by(reads), s.listJobs)
	register(s, post(one+"/jobs/refresh", "refresh-jobs", "Ask the ATS for its jobs now").slowly().by(admins), s.refreshJobs)
	register(s, get(one+"/jobs/{job}/tracking-link", "read-tracking-link", "Read the ATS's own link to a job that credits the platform").
		slowly().by(reads), s.trackingLink)
}

type platformJobList struct {
	Account string `query:"account"`
	Job     string `query:"job" doc:"the one with this id, of each account that has it"`
	Open    bool   `query:"open" doc:"only open ones"`
	Paging
}

func (s *server) listPlatformJobs(ctx context.Context, in *platformJobList) (*body[Page[PlatformJob]], error) {
	return answer(s.manage(ctx).PlatformJobs(ctx, atssync.JobQuery{
		Account: in.Account, ID: in.Job, OpenOnly: in.Open, Paging: atssync.Paging(in.Paging),
	}))
}

func (s *server) putPlatformJobs(ctx context.Context, in *struct{ Body platformJobsBody }) (*struct{}, error) {
	jobs := make([]atssync.PlatformJob, len(in.Body.Jobs))
	for i, j := range in.Body.Jobs {
		jobs[i] = atssync.PlatformJob{
			ID: j.ID, Account: j.Account, Title: j.Title, Location: j.Location, RequisitionID: j.RequisitionID, URL: j.URL,
			Open: j.Open == nil || *j.Open,
		}
	}
	return nil, s.manage(ctx).PutPlatformJobs(ctx, jobs)
}

type jobList struct {
	ConnectionPath
	Job        string `query:"job" doc:"the one with this id, which is the ATS's"`
	State      string `query:"state" enum:"open,unlisted,closed,unknown" doc:"only those in this state"`
	Visibility string `query:"visibility" enum:"visible,not_visible" doc:"not_visible: left out of the last complete list"`
	Open       bool   `query:"open" doc:"only those that take applications"`
	Paging
}

func (s *server) listJobs(ctx context.Context, in *jobList) (*body[Page[ATSJob]], error) {
	return answer(s.manage(ctx).ATSJobs(ctx, atssync.JobQuery{
		Connection: in.ID, ID: in.Job, State: in.State, Visibility: atssync.Visibility(in.Visibility), OpenOnly: in.Open,
		Paging: atssync.Paging(in.Paging),
	}))
}

func (s *server) refreshJobs(ctx context.Context, in *ConnectionPath) (*body[JobsRefresh], error) {
	return answer(s.manage(ctx).RefreshJobs(ctx, in.ID))
}

type jobPath struct {
	ConnectionPath
	Job string `path:"job" maxLength:"255" doc:"the ATS's id of the job"`
}

func (s *server) trackingLink(ctx context.Context, in *jobPath) (*body[TrackingLink], error) {
	return answer(s.manage(ctx).TrackingLink(ctx, in.ID, in.Job))
}

// PlatformJobs lists the platform's jobs.
func (c *Client) PlatformJobs(ctx context.Context, q JobQuery) (Page[PlatformJob], error) {
	return call[Page[PlatformJob]](ctx, c, request{
		path: "/v1/platform-jobs", query: query{}.set("account", q.Account).set("job", q.ID).flag("open", q.OpenOnly).page(q.Paging),
	})
}

// PutPlatformJobs stores or replaces at most 500 jobs.
func (c *Client) PutPlatformJobs(ctx context.Context, jobs []PlatformJob) error {
	b := platformJobsBody{Jobs: make([]platformJobBody, len(jobs))}
	for i, j := range jobs {
		b.Jobs[i] = platformJobBody{
			ID: j.ID, Account: j.Account, Title: j.Title, Location: j.Location, RequisitionID: j.RequisitionID, URL: j.URL, Open: &j.Open,
		}
	}
	return c.run(ctx, request{method: http.MethodPut, path: "/v1/platform-jobs", json: b})
}

// ATSJobs lists the jobs of q.Connection as they were last seen.
func (c *Client) ATSJobs(ctx context.Context, q JobQuery) (Page[ATSJob], error) {
	return call[Page[ATSJob]](ctx, c, request{
		path: connectionPath(q.Connection) + "/jobs", query: query{}.set("job", q.ID).set("state", q.State).set("visibility", string(q.Visibility)).
			flag("open", q.OpenOnly).page(q.Paging),
	})
}

// RefreshJobs asks the ATS for its jobs now.
func (c *Client) RefreshJobs(ctx context.Context, connection string) (JobsRefresh, error) {
	return call[JobsRefresh](ctx, c, request{method: http.MethodPost, path: connectionPath(connection) + "/jobs/refresh"})
}

// TrackingLink returns the ATS's own link to a job that credits the platform.
func (c *Client) TrackingLink(ctx context.Context, connection, atsJob string) (TrackingLink, error) {
	return call[TrackingLink](ctx, c, request{path: connectionPath(connection) + "/jobs/" + segment(atsJob) + "/tracking-link"})
}
