package api

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ApplicationQuery selects applications.
type ApplicationQuery struct {
	Connection, Account, Job, Status, Visibility, ExternalID string

	Question bool // whose question is open

	Since, Until time.Time // last told of

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
	Status     string `query:"status" enum:"prospect,active,hired,rejected,withdrawn,closed,unknown"`
	Visibility string `query:"visibility" enum:"visible,not_visible,deleted,merged"`
	ExternalID string `query:"external_id" doc:"the platform's id; needs connection"`
	Question   bool   `query:"question" doc:"those of which it is asked which one of their candidate's applications they are now"`

	Since time.Time `query:"since" doc:"something of it was told at or after; of one that nothing was told of yet, when it was first followed"`
	Until time.Time `query:"until" doc:"nothing of it was told since"`
	Paging
}

func (s *server) listApplications(ctx context.Context, in *applicationList) (*body[Page[Application]], error) {
	q := atssync.ApplicationQuery{
		Connection: in.Connection, Account: in.Account, PlatformJob: in.Job, Visibility: atssync.Visibility(in.Visibility),
		Status: sdk.Status(in.Status), ExternalID: in.ExternalID, Since: in.Since, Until: in.Until, Question: in.Question, Paging: atssync.Paging(in.Paging),
	}
	if in.ExternalID == "" {
		return answer(s.manage(ctx).Applications(ctx, q))
	}
	return answer(s.applicationByExternalID(ctx, q))
}

// applicationByExternalID looks one up by its key. The other filters hold for it too.
func (s *server) applicationByExternalID(ctx context.Context, q atssync.ApplicationQuery) (Page[Application], error) {
	page := Page[Application]{Items: []Application{}}
	if q.Connection == "" {
		return page, invalid("query.connection", "external ids are unique per connection: say which")
	}
	id, err := s.manage(ctx).SubmissionID(ctx, q.Connection, q.ExternalID)
	var a Application
	if err == nil {
		a, err = s.manage(ctx).Application(ctx, id)
	}
	if err == nil && q.Wants(&a) {
		page.Items = append(page.Items, a)
	}
	if atssync.CodeOf(err) == atssync.CodeNotFound {
		return page, nil
	}
	return page, err
}

func (s *server) readApplication(ctx context.Context, in *SubmissionPath) (*body[Application], error) {
	return answer(s.manage(ctx).Application(ctx, in.ID))
}

// Applications lists applications.
func (c *Client) Applications(ctx context.Context, q ApplicationQuery) (Page[Application], error) {
	return call[Page[Application]](ctx, c, request{path: "/v1/applications", query: query{}.set("connection", q.Connection).
		set("account", q.Account).set("job", q.Job).set("status", q.Status).set("visibility", q.Visibility).
		set("external_id", q.ExternalID).flag("question", q.Question).time("since", q.Since).time("until", q.Until).
		page(atssync.Paging{After: q.After, Limit: q.Limit})})
}

// Application returns one application, by the id of its submission.
func (c *Client) Application(ctx context.Context, id string) (Application, error) {
	return call[Application](ctx, c, request{path: "/v1/applications/" + segment(id)})
}
