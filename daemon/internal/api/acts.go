package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// Acts on one submission, as the client names them.
const (
	Hold    = string(atssync.ActHold)    // queued → held
	Release = string(atssync.ActRelease) // held → judged again
	Retry   = string(atssync.ActRetry)   // refused → judged again; queued → due now
	Cancel  = string(atssync.ActCancel)  // queued or held → cancelled
)

func (s *server) acts() {
	for _, a := range []struct {
		kind    atssync.ActKind
		access  access
		summary string
	}{
		{atssync.ActHold, admins, "Put a queued submission aside"},
		{atssync.ActRelease, admins, "Judge a held submission again"},
		{atssync.ActRetry, admins, "Judge a refused submission again, or send a queued one now"},
		{atssync.ActCancel, submits, "Give a queued or held submission up"},
	} {
		register(s, post("/v1/submissions/{submission}/"+string(a.kind), string(a.kind)+"-submission", a.summary).by(a.access),
			func(ctx context.Context, in *SubmissionPath) (*body[Submission], error) {
				return answer(s.manage(ctx).Act(ctx, in.ID, a.kind))
			})
	}
	register(s, post("/v1/connections/{connection}/release", "release-submissions", "Release many held submissions at a pace").
		answers(http.StatusAccepted).by(admins), s.release)
	register(s, get("/v1/tasks", "list-tasks", "List the work on many submissions that is under way").by(reads), s.listTasks)
}

type releaseBody struct {
	Reason    string    `json:"reason" doc:"why they are held"`
	Job       string    `json:"job,omitempty" doc:"only this platform job's"`
	Since     time.Time `json:"since,omitzero" doc:"only those accepted at or after"`
	PerMinute int       `json:"per_minute,omitempty" minimum:"-1" maximum:"100000" doc:"how many a minute; 0 is the configured pace, -1 at once"`
}

type releaseInput struct {
	ConnectionPath
	Body releaseBody
}

func (s *server) release(ctx context.Context, in *releaseInput) (*body[ReleaseResult], error) {
	b := in.Body
	return answer(s.manage(ctx).Release(ctx, manage.ReleaseRequest{
		Connection: in.ID, Reason: atssync.HeldReason(b.Reason), PlatformJob: b.Job, Since: b.Since, PerMinute: b.PerMinute,
	}))
}

type tasksInput struct {
	Connection string `query:"connection"`
}

func (s *server) listTasks(ctx context.Context, in *tasksInput) (*body[list[Task]], error) {
	return answerList(s.manage(ctx).Tasks(ctx, in.Connection))
}

// Act does one of the acts to one submission.
func (c *Client) Act(ctx context.Context, id, act string) (Submission, error) {
	return call[Submission](ctx, c, request{method: http.MethodPost, path: submissionPath(id) + "/" + segment(act)})
}

// Release releases many held submissions of a connection and returns the task that does it, with
// how many it will queue and how many stay held as things are.
func (c *Client) Release(ctx context.Context, r ReleaseRequest) (ReleaseResult, error) {
	return call[ReleaseResult](ctx, c, request{method: http.MethodPost, path: connectionPath(r.Connection) + "/release", json: releaseBody{
		Reason: string(r.Reason), Job: r.PlatformJob, Since: r.Since, PerMinute: r.PerMinute,
	}})
}

// Tasks lists the work on many submissions that is under way, of all connections with "".
func (c *Client) Tasks(ctx context.Context, connection string) ([]Task, error) {
	l, err := call[list[Task]](ctx, c, request{path: "/v1/tasks", query: query{}.set("connection", connection).all()})
	return l.Items, err
}
