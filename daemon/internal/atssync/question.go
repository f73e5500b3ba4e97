package atssync

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// whichNow is the question about an application that is gone while its candidate is not.
const whichNow = "The candidate is in the ATS but the application we made is gone; which application of this person is it now?"

// AnswerQuestion is what a person says about an application whose Question is open.
type AnswerQuestion struct {
	// Version is that of the application which was looked at. An answer says nothing of another one.
	Version int64
	// ApplicationID is the application of the candidate that it is now; "" is none of them.
	ApplicationID string
	// Readings are what the ATS shows now, with ApplicationID: what is not among them is not taken on trust.
	Readings []sdk.Reading
	Rules    Rules
}

// ask opens the question and reports whether that is to be written.
func (a *Application) ask(now time.Time) bool {
	if a.Question == whichNow && !a.QuestionAskedAt.IsZero() {
		return false
	}
	a.Question, a.QuestionAskedAt = whichNow, now
	return true
}

// asks reports whether there is a question, open or settled.
func (a *Application) asks() bool { return a.Question != "" || !a.QuestionSettledAt.IsZero() }

func (a *Application) forgetQuestion() {
	a.Question, a.QuestionAskedAt, a.QuestionSettledAt = "", time.Time{}, time.Time{}
}

// rekey follows the application from now on as another one of its candidate's.
func (a *Application) rekey(rd sdk.Reading, r Rules, now time.Time) []EventDraft {
	old := a.ApplicationID
	a.ApplicationID = rd.ApplicationID
	a.forgetQuestion()
	a.As = sdk.AsCandidate // a prospect that was converted has a new application
	if rd.ProfileURL != "" {
		a.ProfileURL = rd.ProfileURL
	}
	if a.SeenAt.IsZero() {
		a.SeenAt = now
	}
	d := a.draft(EventRekeyed, a.Standing, now)
	if e, ok := d.Data.(ApplicationEvent); ok {
		e.PreviousApplicationID = old
		d.Data = e
	}
	_, more := a.seen(rd, r, now)
	return append([]EventDraft{d}, more...)
}

// Shown returns the readings that are of the application's person, or else of the application itself.
func (a *Application) Shown(readings []sdk.Reading) []sdk.Reading {
	var out []sdk.Reading
	for _, rd := range readings {
		if a.CandidateID != "" && rd.CandidateID == a.CandidateID || a.CandidateID == "" && rd.ApplicationID == a.ApplicationID {
			out = append(out, rd)
		}
	}
	return out
}

// Choices are the readings that may be the answer: the candidate's applications that are there and can be read.
func (a *Application) Choices(readings []sdk.Reading) []sdk.Reading {
	return slices.DeleteFunc(slices.Clone(a.Shown(readings)), func(rd sdk.Reading) bool {
		return rd.ApplicationID == "" || rd.Gone != "" || rd.Unreadable != ""
	})
}

// Asked refuses what is no answer to the application's question: there is none any more, or it is about another version.
func (a *Application) Asked(version int64) error {
	if a.Question == "" {
		return Errorf(CodeConflict, "submission %s has no open question about its application: it was answered, or is settled since", a.ID).
			WithRemedy("see how it stands: atssync submissions show %s", a.ID)
	}
	if version != a.Version {
		return Errorf(CodeChanged, "the application of submission %s changed since: version %d was looked at, and it is %d now", a.ID, version, a.Version).
			WithRemedy("look once more, and answer what is asked now: atssync applications answer %s", a.ID)
	}
	return nil
}

// Answer settles the question, and returns what the platform is told: the application is followed as the one that was chosen, or
// stays not visible because none of the candidate's is it.
func (a *Application) Answer(how AnswerQuestion, now time.Time) ([]EventDraft, error) {
	if err := a.Asked(how.Version); err != nil {
		return nil, err
	}
	if how.ApplicationID == "" {
		a.forgetQuestion()
		a.Visibility, a.QuestionSettledAt = NotVisible, now
		d := a.draft(EventNotVisible, a.Standing, now)
		d.Data = withCauses(d.Data, how.Rules.Causes)
		return []EventDraft{d}, nil
	}
	choices := a.Choices(how.Readings)
	i := slices.IndexFunc(choices, func(rd sdk.Reading) bool { return rd.ApplicationID == how.ApplicationID })
	switch ours := slices.ContainsFunc(choices, func(rd sdk.Reading) bool { return rd.ApplicationID == a.ApplicationID }); {
	case i < 0:
		return nil, a.notThere(how)
	case how.ApplicationID == a.ApplicationID:
		_, drafts := a.seen(choices[i], how.Rules, now)
		return drafts, nil
	case ours:
		return nil, Errorf(CodeConflict, "the application %s, which we made for submission %s, is shown again: nothing is to be answered", a.ApplicationID, a.ID).
			WithRemedy("its status is read at the next pass")
	}
	return a.rekey(choices[i], how.Rules, now), nil
}

// notThere refuses an application that the ATS does not show of the candidate, and says what it does show.
func (a *Application) notThere(how AnswerQuestion) error {
	for _, rd := range a.Shown(how.Readings) {
		if rd.Unreadable != "" && (rd.ApplicationID == "" || rd.ApplicationID == how.ApplicationID) {
			return unreadable("the ATS", a.CandidateID, rd.Unreadable)
		}
	}
	e := Errorf(CodeInvalid, "the ATS shows no application %s of the candidate %s", how.ApplicationID, a.CandidateID)
	e.Fields = []FieldError{{Path: "application_id", Message: "is none of this candidate's; " + a.there(how.Readings)}}
	return e.WithRemedy("choose one that is there, or say that it is none of them")
}

// there tells which applications of the candidate the ATS shows.
func (a *Application) there(readings []sdk.Reading) string {
	var out []string
	for _, rd := range a.Choices(readings) {
		words := strings.TrimSpace(rd.Raw.Status + " " + rd.Raw.StageName)
		out = append(out, fmt.Sprintf("%s (job %q, %q)", rd.ApplicationID, cmp.Or(rd.JobName, rd.JobID), words))
	}
	if len(out) == 0 {
		return "the ATS, or its adapter, names no application of this candidate now"
	}
	return "there are: " + strings.Join(out, "; ")
}
