package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// Ways to settle an uncertain submission.
const (
	Submitted = string(atssync.ResolvedSubmitted) // it is in the ATS, at the profile's address
	SendAgain = string(atssync.ResolvedSendAgain) // marked possible_duplicate
	GiveUp    = string(atssync.ResolvedGiveUp)
)

// ResolveBody says how an uncertain submission is settled.
type ResolveBody struct {
	Action     string `json:"action" enum:"submitted,send_again,give_up"`
	Attempt    int    `json:"attempt,omitempty" minimum:"1" doc:"the one that was looked for in the ATS: attempts of the submission, as it was read then; required to send again"`
	ProfileURL string `json:"profile_url,omitempty" maxLength:"2048" doc:"the candidate's page in the ATS, with submitted"`
}

func (s *server) resolve() {
	const one = "/v1/submissions/{submission}"
	register(s, post(one+"/resolve", "resolve-submission", "Settle an uncertain submission").slowly().meantFor().by(admins), s.resolveOne)
	register(s, post(one+"/find", "find-submission", "Look for an uncertain submission in the ATS").slowly().by(admins), s.find)
}

type resolveInput struct {
	SubmissionPath
	Body ResolveBody
}

func (s *server) resolveOne(ctx context.Context, in *resolveInput) (*body[Submission], error) {
	return answer(s.manage(ctx).Resolve(ctx, manage.ResolveRequest{
		ID: in.ID, Action: atssync.Resolution(in.Body.Action), ProfileURL: in.Body.ProfileURL, Attempt: in.Body.Attempt,
	}))
}

func (s *server) find(ctx context.Context, in *SubmissionPath) (*body[FindView], error) {
	return answer(s.manage(ctx).Find(ctx, in.ID))
}

// Resolve settles an uncertain submission. ProfileURL goes with Submitted, Attempt with SendAgain.
func (c *Client) Resolve(ctx context.Context, id string, how ResolveBody) (Submission, error) {
	return call[Submission](ctx, c, request{
		method: http.MethodPost, path: submissionPath(id) + "/resolve", json: how,
	})
}

// Find looks for an uncertain submission in the ATS.
func (c *Client) Find(ctx context.Context, id string) (FindView, error) {
	return call[FindView](ctx, c, request{method: http.MethodPost, path: submissionPath(id) + "/find"})
}
