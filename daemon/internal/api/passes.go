package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// RunStarted names the run that was started.
type RunStarted struct {
	Run string `json:"run"`
}

func (s *server) passes() {
	register(s, get("/v1/schedule", "list-schedule", "List the passes, with their last and next runs").by(readsAll), s.schedule)
	register(s, post("/v1/schedule/{pass}/run", "run-pass", "Start a pass now").answers(http.StatusAccepted).by(adminsAll), s.runNow)
	register(s, get("/v1/runs", "list-runs", "List runs of passes, the newest first").by(readsAll), s.runs)
	register(s, get("/v1/checkpoints", "list-checkpoints", "List how far each operation of each connection came").by(reads), s.checkpoints)
}

func (s *server) schedule(ctx context.Context, _ *struct{}) (*body[list[Pass]], error) {
	return answerList(s.manage(ctx).Schedule(ctx))
}

type passPath struct {
	Pass string `path:"pass" maxLength:"64" doc:"submit, status, jobs, check, maintenance or backups"`
}

func (s *server) runNow(ctx context.Context, in *passPath) (*body[RunStarted], error) {
	id, err := s.manage(ctx).RunNow(ctx, in.Pass)
	return answer(RunStarted{id}, err)
}

type runList struct {
	Pass   string    `query:"pass" doc:"only runs of this pass: submit, status, jobs, check, maintenance, backups or backup"`
	Failed bool      `query:"failed" doc:"only those that ended with an error"`
	Since  time.Time `query:"since" doc:"started at or after"`
	Until  time.Time `query:"until" doc:"started before"`
	Paging
}

func (s *server) runs(ctx context.Context, in *runList) (*body[Page[Run]], error) {
	return answer(s.manage(ctx).Runs(ctx, atssync.RunQuery{
		Pass: in.Pass, Failed: in.Failed, Since: in.Since, Until: in.Until, Paging: atssync.Paging(in.Paging),
	}))
}

type checkpointList struct {
	Connection string `query:"connection"`
	Paging
}

func (s *server) checkpoints(ctx context.Context, in *checkpointList) (*body[Page[Checkpoint]], error) {
	return answer(s.manage(ctx).Checkpoints(ctx, in.Connection, atssync.Paging(in.Paging)))
}

// Schedule lists the passes.
func (c *Client) Schedule(ctx context.Context) ([]Pass, error) {
	l, err := call[list[Pass]](ctx, c, request{path: "/v1/schedule"})
	return l.Items, err
}

// RunNow starts a pass and returns the id of its run.
func (c *Client) RunNow(ctx context.Context, pass string) (string, error) {
	r, err := call[RunStarted](ctx, c, request{method: http.MethodPost, path: "/v1/schedule/" + segment(pass) + "/run"})
	return r.Run, err
}

// PassBackup is the pass of the runs that made a backup, whoever wanted it.
const PassBackup = atssync.PassBackup

// Runs lists runs, newest first.
func (c *Client) Runs(ctx context.Context, q RunQuery) (Page[Run], error) {
	return call[Page[Run]](ctx, c, request{
		path: "/v1/runs", query: query{}.set("pass", q.Pass).flag("failed", q.Failed).time("since", q.Since).time("until", q.Until).page(q.Paging),
	})
}

// Checkpoints lists how far each operation came, of all connections with "".
func (c *Client) Checkpoints(ctx context.Context, connection string) ([]Checkpoint, error) {
	var out []Checkpoint
	for cp, err := range All("", func(after string) (Page[Checkpoint], error) {
		return call[Page[Checkpoint]](ctx, c, request{
			path: "/v1/checkpoints", query: query{}.set("connection", connection).page(atssync.Paging{After: after}),
		})
	}) {
		if err != nil {
			return out, err
		}
		out = append(out, cp)
	}
	return out, nil
}
