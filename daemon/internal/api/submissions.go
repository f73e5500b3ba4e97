package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// SubmitResult is what became of one document.
type SubmitResult struct {
	Line       int                  `json:"line,omitempty" doc:"of a batch; 1 is the first line"`
	Result     atssync.AcceptResult `json:"result" enum:"accepted,revised,unchanged,refused,stopped" doc:"unchanged: it was accepted before with the same content; stopped: the end of a batch of which no more is taken"`
	ID         string               `json:"id,omitempty"`
	Connection string               `json:"connection,omitempty"`
	ExternalID string               `json:"external_id,omitempty"`
	Job        string               `json:"job,omitempty"`
	State      atssync.State        `json:"state,omitempty"`
	HeldReason atssync.HeldReason   `json:"held_reason,omitempty"`
	Revision   int                  `json:"revision,omitempty"`
	WhoseTurn  sdk.Turn             `json:"whose_turn,omitempty" doc:"of a held one"`
	Remedy     string               `json:"remedy,omitempty" doc:"of a held one"`
	Error      *ErrorBody           `json:"error,omitempty" doc:"of a refused one"`
}

// SubmissionQuery selects submissions. ExternalID needs Connection and finds at most one.
type SubmissionQuery struct {
	Connection, Account, Job, State, HeldReason, ExternalID string

	Since, Until time.Time // accepted
	After        string
	Limit        int
}

// SubmissionDetail is one submission with its attempts, and what was asked for.
type SubmissionDetail struct {
	Submission
	Attempts    []Attempt    `json:"attempts_made"`
	Application *Application `json:"application,omitempty"`
	Document    *Document    `json:"document,omitempty" doc:"personal data; only when asked for"`
}

// Attempt is one try to put a submission into the ATS.
type Attempt struct {
	Number    int              `json:"number"`
	StartedAt time.Time        `json:"started_at"`
	EndedAt   time.Time        `json:"ended_at,omitzero"`
	Outcome   atssync.State    `json:"outcome,omitempty"`
	Kind      sdk.Kind         `json:"kind,omitempty"`
	ATSJob    string           `json:"ats_job"`
	As        sdk.As           `json:"as"`
	Note      string           `json:"note,omitempty" doc:"the text as it was sent; with the document only"`
	Exchanges []Exchange       `json:"exchanges,omitempty"`
	Trouble   *atssync.Trouble `json:"trouble,omitempty"`
}

// Exchange is one request to the ATS, without secrets and personal data.
type Exchange struct {
	Method     string    `json:"method"`
	Endpoint   string    `json:"endpoint"`
	Status     int       `json:"status,omitempty" doc:"0 when no answer came"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	DurationMS int64     `json:"duration_ms"`
	RequestID  string    `json:"request_id,omitempty" doc:"the ATS's own"`
	Excerpt    string    `json:"excerpt,omitempty"`
}

func (s *server) submissions() {
	register(s, get("/v1/submissions", "list-submissions", "List submissions, the oldest first").by(looks), s.listSubmissions)
	register(s, get("/v1/submissions/{submission}", "read-submission", "Read one submission with its attempts").by(looks), s.readSubmission)
}

func joined[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}

func (r SubmitResult) withRemedy() SubmitResult {
	if r.State == atssync.StateHeld {
		r.WhoseTurn, r.Remedy = r.HeldReason.Remedy()
	}
	return r
}

type submissionList struct {
	Connection string    `query:"connection"`
	Account    string    `query:"account"`
	Job        string    `query:"job" doc:"the platform's id of the job"`
	State      string    `query:"state" enum:"submitted,already_applied,refused,cancelled,expired,queued,held,sending,uncertain"`
	HeldReason string    `query:"held_reason"`
	ExternalID string    `query:"external_id" doc:"the platform's id; needs connection"`
	Since      time.Time `query:"since" doc:"accepted at or after"`
	Until      time.Time `query:"until" doc:"accepted before"`
	Paging
}

func (s *server) listSubmissions(ctx context.Context, in *submissionList) (*body[Page[Submission]], error) {
	if r := atssync.HeldReason(in.HeldReason); r != "" && !slices.Contains(atssync.HeldReasons(), r) {
		return nil, invalid("query.held_reason", fmt.Sprintf("there is no reason %q; there are %s", r, joined(atssync.HeldReasons())))
	}
	if in.ExternalID != "" {
		return answer(s.byExternalID(ctx, in))
	}
	return answer(s.manage(ctx).Submissions(ctx, atssync.SubmissionQuery{
		Connection: in.Connection, Account: in.Account, PlatformJob: in.Job, State: atssync.State(in.State),
		HeldReason: atssync.HeldReason(in.HeldReason), Since: in.Since, Until: in.Until, Paging: atssync.Paging(in.Paging),
	}))
}

// byExternalID looks one up by its key. The other filters hold for it too.
func (s *server) byExternalID(ctx context.Context, in *submissionList) (Page[Submission], error) {
	page := Page[Submission]{Items: []Submission{}}
	if in.Connection == "" {
		return page, invalid("query.connection", "external ids are unique per connection: say which")
	}
	id, err := s.manage(ctx).SubmissionID(ctx, in.Connection, in.ExternalID)
	if atssync.CodeOf(err) == atssync.CodeNotFound {
		return page, nil
	}
	if err != nil {
		return page, err
	}
	d, err := s.manage(ctx).Submission(ctx, id, false)
	if err != nil {
		return page, err
	}
	sub := d.Submission
	wanted := func(filter, value string) bool { return filter == "" || filter == value }
	if wanted(in.Account, sub.Account) && wanted(in.Job, sub.PlatformJob) && wanted(in.State, string(sub.State)) &&
		wanted(in.HeldReason, string(sub.HeldReason)) && !sub.AcceptedAt.Before(in.Since) &&
		(in.Until.IsZero() || sub.AcceptedAt.Before(in.Until)) {
		page.Items = append(page.Items, sub)
	}
	return page, nil
}

// SubmissionPath is the path of what belongs to one submission.
type SubmissionPath struct {
	ID string `path:"submission" maxLength:"64" doc:"id of the submission"`
}

type submissionInput struct {
	SubmissionPath
	Document bool `query:"document" doc:"with the document and the notes, which are personal data: needs the scope admin, and is recorded"`
}

func (s *server) readSubmission(ctx context.Context, in *submissionInput) (*versioned[SubmissionDetail], error) {
	if t := callerOf(ctx).Token; in.Document && t != nil && !t.May(atssync.TokenAdmin) {
		return nil, atssync.Errorf(atssync.CodeForbidden, "the token %s may not open what is personal", t.ID).
			WithRemedy("leave document out, or use a token with the scope admin")
	}
	d, err := s.manage(ctx).Submission(ctx, in.ID, in.Document)
	if err != nil {
		return nil, err
	}
	return answerVersion(detail(d), int64(d.Revision), nil)
}

func detail(d manage.SubmissionDetail) SubmissionDetail {
	out := SubmissionDetail{Submission: d.Submission, Attempts: make([]Attempt, len(d.Attempts)), Application: d.Application, Document: d.Document}
	for i, a := range d.Attempts {
		out.Attempts[i] = Attempt{
			Number: a.Number, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Outcome: a.Outcome, Kind: a.Kind, ATSJob: a.ATSJob,
			As: a.As, Note: a.Note, Trouble: a.Trouble,
		}
		for _, e := range a.Exchanges {
			out.Attempts[i].Exchanges = append(out.Attempts[i].Exchanges, Exchange{
				Method: e.Method, Endpoint: e.Endpoint, Status: e.Status, StartedAt: e.StartedAt,
				DurationMS: e.Duration.Milliseconds(), RequestID: e.RequestID, Excerpt: e.Excerpt,
			})
		}
	}
	return out
}

// Submissions lists submissions, the oldest first.
func (c *Client) Submissions(ctx context.Context, q SubmissionQuery) (Page[Submission], error) {
	return call[Page[Submission]](ctx, c, request{path: "/v1/submissions", query: query{}.set("connection", q.Connection).
		set("account", q.Account).set("job", q.Job).set("state", q.State).set("held_reason", q.HeldReason).
		set("external_id", q.ExternalID).time("since", q.Since).time("until", q.Until).
		page(atssync.Paging{After: q.After, Limit: q.Limit})})
}

// Submission returns one submission with its attempts; withDocument adds the document and the notes, and is recorded.
func (c *Client) Submission(ctx context.Context, id string, withDocument bool) (SubmissionDetail, error) {
	return call[SubmissionDetail](ctx, c, request{
		path: submissionPath(id), query: map[string][]string{"document": {strconv.FormatBool(withDocument)}},
	})
}

func submissionPath(id string) string { return "/v1/submissions/" + segment(id) }
