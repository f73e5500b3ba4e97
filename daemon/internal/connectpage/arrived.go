package connectpage

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// question is one application of which nobody knows whether it arrived.
type question struct {
	ID string
	// Attempt is what the question is about: an answer says nothing of a later one.
	Attempt int
	Name    string // "" when it is kept no more
	Job     string
	Sent    time.Time
	Field   page.Field
	Error   string
	// Proposal is what a search in the ATS found that may be it.
	Proposal string
}

// arrivedPage lists the questions.
type arrivedPage struct {
	naming
	Questions []question
	Pager     page.Pager
}

// perArrived is how many questions stand on a page: each one's name is opened, which the audit record tells.
const perArrived = 20

func (v *visit) arrived() error {
	if err := v.connected(); err != nil {
		return err
	}
	return v.showArrived(http.StatusOK, answer{}, nil)
}

// answer is what a form said about one of them.
type answer struct{ id, profile, wrong string }

func (v *visit) showArrived(status int, a answer, m *page.Message) error {
	got, err := v.ours.Submissions(v.ctx, atssync.SubmissionQuery{
		Connection: v.conn.ID, State: atssync.StateUncertain, Paging: atssync.Paging{After: v.r.URL.Query().Get("after"), Limit: perArrived},
	})
	if err != nil {
		return err
	}
	d := arrivedPage{naming: v.naming(0)}
	if got.Next != "" {
		d.Pager.Next = v.at("arrived") + "?after=" + got.Next
	}
	if v.r.URL.Query().Has("after") {
		d.Pager.First = v.at("arrived")
	}
	titles, err := v.titles()
	if err != nil {
		return err
	}
	for _, s := range got.Items {
		q, err := v.question(s, titles)
		if err != nil {
			return err
		}
		if s.ID == a.id {
			q.Field.Value, q.Field.Error = a.profile, a.wrong
		}
		d.Questions = append(d.Questions, q)
	}
	return v.write(status, "arrived", page.View{
		Title: "Did they arrive?", Lead: "These were sent, and the answer of " + v.adapter.Label + " was lost. Nothing is sent twice by guessing, so please have a look.", Message: m, Data: d,
	})
}

func (v *visit) question(s manage.Submission, titles func(string) string) (question, error) {
	q := question{ID: s.ID, Attempt: s.Attempt, Job: titles(s.PlatformJob), Sent: s.UpdatedAt, Field: page.Field{
		Name: "profile", Label: "Address of the candidate’s page in " + v.adapter.Label, Type: "url", Optional: true, Help: "Open the candidate there and copy the address.",
	}}
	detail, err := v.ours.Submission(v.ctx, s.ID, false)
	if err != nil {
		return q, err
	}
	if n := len(detail.Attempts); n > 0 {
		q.Sent = detail.Attempts[n-1].StartedAt
	}
	if q.Name, err = v.ours.ApplicantName(v.ctx, s.ID); err != nil {
		return q, err
	}
	if s.Proposal != nil {
		q.Proposal = webAddress(s.Proposal.ProfileURL)
	}
	return q, nil
}

// settle takes the answer about one application. That it is there is not taken on trust: the candidate is read back.
func (v *visit) settle() error {
	if err := v.connected(); err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	a := answer{id: v.r.PathValue("submission"), profile: strings.TrimSpace(v.r.PostFormValue("profile"))}
	req := manage.ResolveRequest{ID: a.id}
	req.Attempt, _ = strconv.Atoi(v.r.PostFormValue("attempt")) // none is whichever was the last
	word := "arrived"
	switch v.r.PostFormValue("answer") {
	case "there":
		req.Action, req.ProfileURL = atssync.ResolvedSubmitted, a.profile
		if a.profile == "" {
			a.wrong = "Please give the address of the candidate’s page."
		}
	case "not-there":
		req.Action, word = atssync.ResolvedSendAgain, "sent-again"
	default:
		a.wrong = "Please say whether it is there."
	}
	if a.wrong != "" {
		return v.showArrived(http.StatusUnprocessableEntity, a, &page.Message{Kind: page.KindBad, Title: "Nothing was settled", Items: []page.Link{{Text: a.wrong, URL: "#" + page.Anchor("profile-"+a.id)}}})
	}
	sub, err := v.ours.Submission(v.ctx, a.id, false)
	if err != nil {
		return err
	}
	if sub.State != atssync.StateUncertain {
		page.Back(v.w, v.r, v.at("arrived"), "settled-before")
		return nil
	}
	if _, err := v.ours.Resolve(v.ctx, req); err != nil {
		e := asError(err)
		if e == nil {
			return err
		}
		a.wrong = v.notOurs(e)
		return v.showArrived(http.StatusConflict, a, &page.Message{Kind: page.KindBad, Title: "Nothing was settled", Items: []page.Link{{Text: a.wrong, URL: "#" + page.Anchor("profile-"+a.id)}}})
	}
	page.Back(v.w, v.r, v.at("arrived"), word)
	return nil
}

// notOurs says why an answer was not taken.
func (v *visit) notOurs(e *atssync.Error) string {
	switch e.Code {
	case atssync.CodeInvalid:
		return "This is not the address of a candidate’s page of " + v.adapter.Label + "."
	case atssync.CodeNotFound:
		return v.adapter.Label + " does not show this candidate to the connection. Check the address, and that the user may see the candidate."
	case atssync.CodeConflict:
		return "This candidate is another application, not the one that was sent. Look for another one of the same name, or say that it is not there."
	case atssync.CodeATS, atssync.CodeAdapter, atssync.CodeCheckFailed:
		return v.adapter.Label + " could not be asked. Please try again in a few minutes."
	}
	return sentence(e.Message)
}
