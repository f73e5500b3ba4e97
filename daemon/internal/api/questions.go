package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/manage"
)

// AnswerBody says which application of its candidate's it is now.
type AnswerBody struct {
	ApplicationID string `json:"application_id,omitempty" maxLength:"255" doc:"one of the question's choices"`
	None          bool   `json:"none,omitempty" doc:"it is none of them"`
	Version       int64  `json:"version" minimum:"1" doc:"of the question that was looked at; when the application changed since, nothing is settled"`
}

func (s *server) questions() {
	const one = "/v1/applications/{submission}"
	register(s, get(one+"/question", "read-question", "Read the open question of an application").slowly().by(reads), s.question)
	register(s, post(one+"/answer", "answer-question", "Answer the question of an application").slowly().meantFor().by(admins), s.answerOne)
}

func (s *server) question(ctx context.Context, in *SubmissionPath) (*body[Question], error) {
	return answer(s.manage(ctx).Question(ctx, in.ID))
}

type answerInput struct {
	SubmissionPath
	Body AnswerBody
}

func (s *server) answerOne(ctx context.Context, in *answerInput) (*body[Application], error) {
	return answer(s.manage(ctx).Answer(ctx, manage.AnswerRequest{
		ID: in.ID, ApplicationID: in.Body.ApplicationID, None: in.Body.None, Version: in.Body.Version,
	}))
}

// Question reads the candidate of an application whose question is open, and returns what may be the answer.
func (c *Client) Question(ctx context.Context, id string) (Question, error) {
	return call[Question](ctx, c, request{path: "/v1/applications/" + segment(id) + "/question"})
}

// Answer answers the question of an application.
func (c *Client) Answer(ctx context.Context, id string, how AnswerBody) (Application, error) {
	return call[Application](ctx, c, request{method: http.MethodPost, path: "/v1/applications/" + segment(id) + "/answer", json: how})
}
