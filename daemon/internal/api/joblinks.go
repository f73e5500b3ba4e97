package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// LinkResult is what became of one link among several.
type LinkResult struct {
	Link    atssync.JobLink `json:"link,omitzero" doc:"absent where the item was refused"`
	Created bool            `json:"created"`
	Warning string          `json:"warning,omitempty" doc:"allowed, and should be known"`
	Error   *ErrorBody      `json:"error,omitempty"`
}

// linkBody says how a platform job is linked on a connection.
type linkBody struct {
	ATSJob     string           `json:"ats_job,omitempty" maxLength:"255" doc:"may be empty for prospects of no job"`
	As         string           `json:"as,omitempty" enum:"candidate,prospect" doc:"candidate when left out"`
	Pool       string           `json:"pool,omitempty" maxLength:"255"`
	PoolStage  string           `json:"pool_stage,omitempty" maxLength:"255"`
	OwnerEmail string           `json:"owner_email,omitempty" maxLength:"320"`
	Backlog    *atssync.Backlog `json:"backlog,omitempty" doc:"which of the submissions that wait for the link go out"`
}

type linksBody struct {
	Links []manage.LinkRequest `json:"links" minItems:"1" maxItems:"500"`
}

func (s *server) jobLinks() {
	const one = "/v1/connections/{connection}/job-links/{job}"
	register(s, get("/v1/job-links", "list-job-links", "List job links").by(reads), s.listJobLinks)
	register(s, put("/v1/job-links", "put-job-links", "Link many jobs; a refusal of one leaves the others").slowly().by(admins), s.putJobLinks)
	register(s, get(one, "read-job-link", "Read one job link").by(reads), s.readJobLink)
	register(s, put(one, "put-job-link", "Link one job").by(admins), s.putJobLink)
	register(s, del(one, "delete-job-link", "Remove a job link; what is queued for it is held").answers(http.StatusNoContent).by(admins), s.deleteJobLink)
	register(s, get(one+"/backlog", "read-backlog", "Count the submissions that wait for the link").by(reads), s.readBacklog)
}

type linkList struct {
	Connection  string `query:"connection"`
	Account     string `query:"account"`
	PlatformJob string `query:"job" doc:"the platform's id of the job"`
	ATSJob      string `query:"ats_job"`
	Paging
}

func (s *server) listJobLinks(ctx context.Context, in *linkList) (*body[Page[JobLink]], error) {
	return answer(s.manage(ctx).JobLinks(ctx, atssync.LinkQuery{
		Connection: in.Connection, Account: in.Account, PlatformJob: in.PlatformJob, ATSJob: in.ATSJob, Paging: atssync.Paging(in.Paging),
	}))
}

func (s *server) putJobLinks(ctx context.Context, in *struct{ Body linksBody }) (*body[list[LinkResult]], error) {
	return answerList(s.linkResults(ctx, s.manage(ctx).LinkMany(ctx, in.Body.Links)), nil)
}

func (s *server) linkResults(ctx context.Context, in []manage.LinkResult) []LinkResult {
	out := make([]LinkResult, len(in))
	for i, r := range in {
		if r.Err != nil { // it is told as it would have been
			r.Link.As, r.Link.ManagedBy = cmp.Or(r.Link.As, sdk.AsCandidate), cmp.Or(r.Link.ManagedBy, atssync.ManagedByAPI)
		}
		out[i] = LinkResult{Link: r.Link, Created: r.Created, Warning: r.Warning, Error: errorBody(s.shown(ctx, r.Err))}
	}
	return out
}

// JobLinkPath is the path of one job link.
type JobLinkPath struct {
	ConnectionPath
	Job string `path:"job" maxLength:"255" doc:"the platform's id of the job"`
}

type linkPath struct {
	JobLinkPath
	IfMatch
}

func (s *server) readJobLink(ctx context.Context, in *JobLinkPath) (*versioned[JobLink], error) {
	l, err := s.manage(ctx).JobLink(ctx, in.ID, in.Job)
	return answerVersion(l, l.Version, err)
}

type linkInput struct {
	JobLinkPath
	IfMatch
	Body linkBody
}

func (s *server) putJobLink(ctx context.Context, in *linkInput) (*versioned[LinkResult], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	b := in.Body
	r, err := s.manage(ctx).Link(ctx, manage.LinkRequest{
		Connection: in.ID, PlatformJob: in.Job, ATSJob: b.ATSJob, As: as(b.As), Pool: b.Pool, PoolStage: b.PoolStage,
		OwnerEmail: b.OwnerEmail, Backlog: b.Backlog, Version: v,
	})
	if err != nil {
		return nil, err
	}
	return answerVersion(s.linkResults(ctx, []manage.LinkResult{r})[0], r.Link.Version, nil)
}

func (s *server) deleteJobLink(ctx context.Context, in *linkPath) (*struct{}, error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	return nil, s.manage(ctx).Unlink(ctx, in.ID, in.Job, v)
}

func (s *server) readBacklog(ctx context.Context, in *JobLinkPath) (*body[BacklogView], error) {
	return answer(s.manage(ctx).Backlog(ctx, in.ID, in.Job))
}

func linkAt(connection, platformJob string) string {
	return connectionPath(connection) + "/job-links/" + segment(platformJob)
}

// JobLinks lists job links.
func (c *Client) JobLinks(ctx context.Context, q LinkQuery) (Page[JobLink], error) {
	return call[Page[JobLink]](ctx, c, request{path: "/v1/job-links", query: query{}.set("connection", q.Connection).
		set("account", q.Account).set("job", q.PlatformJob).set("ats_job", q.ATSJob).page(q.Paging)})
}

// JobLink returns the link of a platform job on a connection.
func (c *Client) JobLink(ctx context.Context, connection, platformJob string) (JobLink, error) {
	return call[JobLink](ctx, c, request{path: linkAt(connection, platformJob)})
}

// Link links one job. A job for which submissions wait needs r.Backlog, or it is a conflict that tells their number.
func (c *Client) Link(ctx context.Context, r LinkRequest) (LinkResult, error) {
	return call[LinkResult](ctx, c, request{
		method: http.MethodPut, path: linkAt(r.Connection, r.PlatformJob), ifMatch: r.Version, json: linkBody{
			ATSJob: r.ATSJob, As: string(r.As), Pool: r.Pool, PoolStage: r.PoolStage, OwnerEmail: r.OwnerEmail, Backlog: r.Backlog,
		},
	})
}

// LinkMany links at most 500 jobs, one result each in order.
func (c *Client) LinkMany(ctx context.Context, links []LinkRequest) ([]LinkResult, error) {
	l, err := call[list[LinkResult]](ctx, c, request{method: http.MethodPut, path: "/v1/job-links", json: linksBody{links}})
	return l.Items, err
}

// Unlink removes a link; what is queued for it is held. Version 0 matches any.
func (c *Client) Unlink(ctx context.Context, connection, platformJob string, version int64) error {
	return c.run(ctx, request{method: http.MethodDelete, path: linkAt(connection, platformJob), ifMatch: version})
}

// Backlog counts the submissions that wait for a link.
func (c *Client) Backlog(ctx context.Context, connection, platformJob string) (BacklogView, error) {
	return call[BacklogView](ctx, c, request{path: linkAt(connection, platformJob) + "/backlog"})
}
