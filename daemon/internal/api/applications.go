package api

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// ApplicationQuery selects applications.
type ApplicationQuery struct {
	Connection, Account, Job, Visibility string

	After string
	Limit int
}

func (s *server) applications() {
	register(s, get("/v1/applications", "list-applications", "List the applications whose statuses are followed").by(reads), s.listApplications)
	register(s, get("/v1/applications/{submission}", "read-application", "Read one application").by(reads), s.readApplication)
}

type applicationList struct {
	Connection string `query:"connection"`
	Account    string `query:"account"`
	Job        string `query:"job" doc:"the platform's id of the job"`
	Visibility string `query:"visibility" enum:"visible,not_visible,deleted,merged"`
	Paging
}

func (s *server) listApplications(ctx context.Context, in *applicationList) (*body[Page[Application]], error) {
	return answer(s.manage(ctx).Applications(ctx, atssync.ApplicationQuery{
		Connection: in.Connection, Account: in.Account, PlatformJob: in.Job, Visibility: atssync.Visibility(in.Visibility),
		Paging: atssync.Paging(in.Paging),
	}))
}

func (s *server) readApplication(ctx context.Context, in *SubmissionPath) (*body[Application], error) {
	return answer(s.manage(ctx).Application(ctx, in.ID))
}

// Applications lists applications.
func (c *Client) Applications(ctx context.Context, q ApplicationQuery) (Page[Application], error) {
	return call[Page[Application]](ctx, c, request{path: "/v1/applications", query: query{}.set("connection", q.Connection).
		set("account", q.Account).set("job", q.Job).set("visibility", q.Visibility).
		page(atssync.Paging{After: q.After, Limit: q.Limit})})
}

// Application returns one application, by the id of its submission.
func (c *Client) Application(ctx context.Context, id string) (Application, error) {
	return call[Application](ctx, c, request{path: "/v1/applications/" + segment(id)})
}
