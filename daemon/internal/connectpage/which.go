package connectpage

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	"github.com/atssync/atssync/daemon/internal/web"
)

// lostOne is one application that is gone while its candidate is not.
type lostOne struct {
	ID string
	// Version is what the question is about: an answer says nothing of a later one.
	Version int64
	Name    string // "" when it is kept no more
	Job     string
	ATSJob  string
	Asked   time.Time
	Profile string
	// Unread says why the candidate's applications could not be listed now, "" when they were.
	Unread  string
	Choices page.Choices
}

// whichPage lists them.
type whichPage struct {
	naming
	Questions []lostOne
	Pager     page.Pager
}

const (
	// perWhich is how many stand on a page: each one's candidate is read in the ATS.
	perWhich = 5
	// perRead is how long one of these readings may take.
	perRead = 20 * time.Second
	// itIs stands before the id of the chosen application, so that no id can be taken for none of them.
	itIs, noneOfThem = "is:", "none"
)

func (v *visit) which() error {
	if err := v.connected(); err != nil {
		return err
	}
	return v.showWhich(http.StatusOK, choice{}, nil)
}

// choice is what a form said about one of them.
type choice struct{ id, value, wrong string }

func (v *visit) showWhich(status int, c choice, m *page.Message) error {
	got, err := v.ours.Applications(v.ctx, atssync.ApplicationQuery{
		Connection: v.conn.ID, Question: true, Paging: atssync.Paging{After: v.r.URL.Query().Get("after"), Limit: perWhich},
	})
	if err != nil {
		return err
	}
	d := whichPage{naming: v.naming(0)}
	if got.Next != "" {
		d.Pager.Next = v.at("which") + "?after=" + got.Next
	}
	if v.r.URL.Query().Has("after") {
		d.Pager.First = v.at("which")
	}
	titles, err := v.titles()
	if err != nil {
		return err
	}
	web.Patience(v.w, patience)
	down := "" // an ATS that does not answer once is not waited for again
	for i := range got.Items {
		q, open, err := v.lostOne(&got.Items[i], &down)
		if err != nil {
			return err
		}
		if !open {
			continue
		}
		q.Job = titles(got.Items[i].PlatformJob)
		if ats := got.Items[i].ATSJobName; !strings.EqualFold(ats, q.Job) {
			q.ATSJob = ats
		}
		if q.ID == c.id {
			q.Choices.Error = c.wrong
			for n := range q.Choices.Of {
				q.Choices.Of[n].Checked = q.Choices.Of[n].Value == c.value
			}
		}
		d.Questions = append(d.Questions, q)
	}
	return v.write(status, "which", page.View{
		Title: "Which application is it now?", Lead: "These people are in " + v.adapter.Label + ", and the application that was sent is not there any more. " +
			"Which one is read from now on is not guessed, so please choose.", Message: m, Data: d,
	})
}

// lostOne reads what may be the answer; open is false when the question went away meanwhile.
func (v *visit) lostOne(a *atssync.Application, down *string) (q lostOne, open bool, err error) {
	q = lostOne{ID: a.ID, Version: a.Version, Asked: a.QuestionAskedAt, Profile: webAddress(a.ProfileURL), Unread: *down}
	q.Choices = page.Choices{Name: "answer", Legend: "It is now"}
	if q.Unread == "" {
		ctx, cancel := context.WithTimeout(v.ctx, perRead)
		defer cancel()
		now, err := v.ours.Question(ctx, a.ID)
		switch code := atssync.CodeOf(err); {
		case err == nil:
			q.Version = now.Version
			v.offer(&q, now.Choices)
		case code == atssync.CodeConflict && !v.isOpen(a.ID):
			return q, false, nil
		case code == atssync.CodeNotFound:
			q.Unread = v.adapter.Label + " does not show this person to the connection now."
		case v.ctx.Err() != nil:
			return q, false, v.ctx.Err()
		case asError(err) != nil || ctx.Err() != nil:
			q.Unread = v.adapter.Label + " could not be asked now. Please try again in a few minutes."
			*down = q.Unread
		default:
			return q, false, err
		}
	}
	q.Choices.Of = append(q.Choices.Of, page.Choice{Value: noneOfThem, Label: "None of these", Help: "Its status is not read any more, until it is shown again."})
	q.Name, err = v.ours.ApplicantName(v.ctx, a.ID)
	return q, true, err
}

// offer puts the candidate's applications up for choice.
func (v *visit) offer(q *lostOne, choices []manage.QuestionChoice) {
	if len(choices) == 0 {
		q.Unread = v.adapter.Label + " names no application of this person now."
	}
	for _, c := range choices {
		if c.FollowedAs != "" {
			continue // it is somebody's already
		}
		label := c.JobName
		if label == "" {
			label = "Application " + c.ApplicationID
		}
		words := strings.Trim(strings.Join([]string{c.Raw.Status, c.Raw.StageName, "application " + c.ApplicationID}, " · "), " ·")
		q.Choices.Of = append(q.Choices.Of, page.Choice{Value: itIs + c.ApplicationID, Label: label, Help: words})
	}
}

// isOpen reports whether the question of an application is open still.
func (v *visit) isOpen(id string) bool {
	a, err := v.ours.Application(v.ctx, id)
	return err == nil && a.Question != ""
}

// choose takes the answer about one of them. That an application is this person's is not taken on trust: the candidate is read again.
func (v *visit) choose() error {
	if err := v.connected(); err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	c := choice{id: v.r.PathValue("submission"), value: v.r.PostFormValue("answer")}
	if _, err := v.ours.Application(v.ctx, c.id); err != nil {
		return err
	}
	if !v.isOpen(c.id) {
		page.Back(v.w, v.r, v.at("which"), "settled-before")
		return nil
	}
	req := manage.AnswerRequest{ID: c.id, None: c.value == noneOfThem}
	req.Version, _ = strconv.ParseInt(v.r.PostFormValue("version"), 10, 64) // none is refused
	word := "none-of-them"
	if chosen, ok := strings.CutPrefix(c.value, itIs); ok && chosen != "" {
		req.ApplicationID, word = chosen, "chosen"
	}
	refuse := func(status int, wrong string) error {
		c.wrong = wrong
		return v.showWhich(status, c, &page.Message{Kind: page.KindBad, Title: "Nothing was settled", Items: []page.Link{{Text: wrong, URL: "#q-" + c.id}}})
	}
	if !req.None && req.ApplicationID == "" {
		return refuse(http.StatusUnprocessableEntity, "Please choose one, or say that it is none of these.")
	}
	if _, err := v.ours.Answer(v.ctx, req); err != nil {
		e := asError(err)
		switch {
		case e == nil:
			return err
		case !v.isOpen(c.id):
			page.Back(v.w, v.r, v.at("which"), "settled-before")
			return nil
		}
		return refuse(http.StatusConflict, v.notIt(e))
	}
	page.Back(v.w, v.r, v.at("which"), word)
	return nil
}

// notIt says why an answer was not taken.
func (v *visit) notIt(e *atssync.Error) string {
	switch e.Code {
	case atssync.CodeInvalid, atssync.CodeNotFound:
		return v.adapter.Label + " does not show this application of the person any more. Below stands what it shows now."
	case atssync.CodeChanged:
		return "Something changed since the page was opened. Below stands how it is now."
	case atssync.CodeConflict:
		return "This application is followed already, or the one that was sent is there again. Below stands how it is now."
	case atssync.CodeATS, atssync.CodeAdapter, atssync.CodeCheckFailed:
		return v.adapter.Label + " could not be asked. Please try again in a few minutes."
	}
	return sentence(e.Message)
}
