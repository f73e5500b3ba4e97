package manage

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Question asks which of its candidate's applications a submission's is now: the one that was made is gone, and the candidate is not.
type Question struct {
	Submission  string `json:"submission"`
	Connection  string `json:"connection"`
	Account     string `json:"account"`
	ExternalID  string `json:"external_id"`
	PlatformJob string `json:"job"`
	CandidateID string `json:"candidate_id"`
	// ApplicationID is the one that is gone, ProfileURL where its candidate was.
	ApplicationID string    `json:"application_id"`
	ProfileURL    string    `json:"profile_url,omitempty"`
	ATSJobName    string    `json:"ats_job_name,omitempty"`
	Question      string    `json:"question"`
	AskedAt       time.Time `json:"asked_at,omitzero"`
	// Version is what an answer names, so that it is applied to nothing else.
	Version   int64    `json:"version"`
	WhoseTurn sdk.Turn `json:"whose_turn"`
	Remedy    string   `json:"remedy"`
	// Choices are the candidate's applications, as the ATS shows them now; none when it names none.
	Choices []QuestionChoice `json:"choices"`
}

// QuestionChoice is an application that may be it.
type QuestionChoice struct {
	ApplicationID string           `json:"application_id"`
	JobID         string           `json:"job_id,omitempty"`
	JobName       string           `json:"job_name,omitempty"`
	Raw           atssync.RawWords `json:"raw"`
	ProfileURL    string           `json:"profile_url,omitempty"`
	ChangedAt     time.Time        `json:"changed_at,omitzero"`
	// FollowedAs is the submission that is followed as it already: then it is no answer.
	FollowedAs string `json:"followed_as,omitempty"`
}

// AnswerRequest answers a question: with ApplicationID, or with None of them.
type AnswerRequest struct {
	ID            string
	ApplicationID string
	None          bool
	Version       int64 // of the Question that was looked at
}

// remedyQuestion is what to do about an open question.
func remedyQuestion(id string) string {
	return "ask the employer, or look into the ATS, and answer: atssync applications answer " + id
}

// Question reads the candidate and returns the open question with what may be its answer.
func (s *Service) Question(ctx context.Context, id string) (Question, error) {
	a, err := s.Application(ctx, id)
	if err == nil {
		err = a.Asked(a.Version)
	}
	if err != nil {
		return Question{}, err
	}
	readings, _, err := s.readCandidate(ctx, &a)
	if err != nil {
		return Question{}, err
	}
	out := Question{
		Submission: a.ID, Connection: a.Connection, Account: a.Account, ExternalID: a.ExternalID, PlatformJob: a.PlatformJob, CandidateID: a.CandidateID,
		ApplicationID: a.ApplicationID, ProfileURL: a.ProfileURL, ATSJobName: a.ATSJobName, Question: a.Question, AskedAt: a.QuestionAskedAt,
		Version: a.Version, WhoseTurn: sdk.TurnEmployer, Remedy: remedyQuestion(a.ID), Choices: []QuestionChoice{},
	}
	for _, rd := range a.Choices(readings) {
		c := QuestionChoice{
			ApplicationID: rd.ApplicationID, JobID: rd.JobID, JobName: rd.JobName, ProfileURL: rd.ProfileURL, ChangedAt: rd.ChangedAt,
			Raw: atssync.RawWords{
				Status: rd.Raw.Status, StageID: rd.Raw.StageID, StageName: rd.Raw.StageName, Reason: rd.Raw.Reason, ReasonID: rd.Raw.ReasonID,
			},
		}
		if c.FollowedAs, err = s.followedAs(ctx, &a, rd.ApplicationID); err != nil {
			return Question{}, err
		}
		out.Choices = append(out.Choices, c)
	}
	return out, nil
}

// Answer answers an open question. That an application is the candidate's is not taken on trust: the candidate is read now, and
// the application must be among what the ATS shows.
func (s *Service) Answer(ctx context.Context, req AnswerRequest) (atssync.Application, error) {
	var problems []atssync.FieldError
	if req.None == (req.ApplicationID != "") {
		problems = append(problems, atssync.FieldError{Path: "application_id", Message: "give one of the candidate's applications, or say none; not both"})
	}
	if req.Version < 1 {
		problems = append(problems, atssync.FieldError{Path: "version", Message: "is required: the version of the question that was looked at"})
	}
	if len(problems) > 0 {
		return atssync.Application{}, invalid("the answer", problems)
	}
	a, err := s.Application(ctx, req.ID)
	if err == nil {
		err = a.Asked(req.Version)
	}
	if err != nil {
		return atssync.Application{}, err
	}
	how := atssync.AnswerQuestion{Version: req.Version, ApplicationID: req.ApplicationID}
	if req.None { // works while the ATS does not answer, too: nothing of it is taken
		how.Rules = s.causes(ctx, &a)
	} else if how.Readings, how.Rules, err = s.readCandidate(ctx, &a); err != nil {
		return atssync.Application{}, err
	}
	return s.o.Store.AnswerQuestion(ctx, a.ID, how, time.Now().UTC())
}

// readCandidate reads an application's candidate as a pass does, and returns by which rules it is judged.
func (s *Service) readCandidate(ctx context.Context, a *atssync.Application) ([]sdk.Reading, atssync.Rules, error) {
	c, err := s.o.Store.Connection(ctx, a.Connection)
	if err != nil {
		return nil, atssync.Rules{}, err
	}
	reply, err := call(ctx, s, c, sdk.PowerReadStatuses, func(cl sdk.Client, sc sdk.Connection) (sdk.ReadStatusesReply, error) {
		return cl.ReadStatuses(ctx, sdk.ReadStatusesRequest{Connection: sc, Applications: []sdk.ApplicationRef{a.Ref()}})
	})
	if err != nil {
		return nil, atssync.Rules{}, err
	}
	m, err := s.manifest(c.Adapter)
	if err != nil {
		return nil, atssync.Rules{}, err
	}
	shown := a.Shown(reply.Readings)
	if len(shown) == 0 {
		e := atssync.Errorf(atssync.CodeNotFound, "%s does not show the candidate %s to this connection now", m.Label, cmp.Or(a.CandidateID, a.ApplicationID))
		e.Remedy = "see whether the candidate is still there"
		if m.ReadPermission != "" {
			e.Remedy += "; reading needs: " + m.ReadPermission
		}
		return nil, atssync.Rules{}, e
	}
	return shown, atssync.Rules{
		Overrides: c.StatusOverrides, Table: m.Statuses, Causes: m.MissingCauses, Settle: s.policy.Load().Settle,
	}, nil
}

// causes are what may keep an application from being shown, as far as the adapter is known.
func (s *Service) causes(ctx context.Context, a *atssync.Application) atssync.Rules {
	c, err := s.o.Store.Connection(ctx, a.Connection)
	if err != nil {
		return atssync.Rules{}
	}
	m, err := s.manifest(c.Adapter)
	if err != nil {
		return atssync.Rules{}
	}
	return atssync.Rules{Causes: m.MissingCauses}
}

// followedAs returns the other submission that is followed as an ATS's application, "" for none.
func (s *Service) followedAs(ctx context.Context, a *atssync.Application, application string) (string, error) {
	subs, err := s.o.Store.SubmissionsByReceipt(ctx, a.Connection, "", application)
	if err != nil {
		return "", fmt.Errorf("look for who is followed as application %s: %w", application, err)
	}
	for _, sub := range subs {
		if sub.ID == a.ID {
			continue
		}
		other, err := s.o.Store.Application(ctx, sub.ID)
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return "", err
		}
		if other.ApplicationID == application {
			return sub.ID, nil
		}
	}
	return "", nil
}

// maxQuestions bounds how many open questions are counted.
const maxQuestions = 500

// OpenQuestions counts the questions of a connection that wait for an answer, up to 500.
func (s *Service) OpenQuestions(ctx context.Context, connection string) (int, error) {
	page, err := s.Applications(ctx, atssync.ApplicationQuery{Connection: connection, Question: true, Paging: atssync.Paging{Limit: maxQuestions}})
	return len(page.Items), err
}
