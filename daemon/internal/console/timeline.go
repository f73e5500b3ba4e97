package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// step is one thing that happened to an application.
type step struct {
	At    time.Time
	Kind  page.Kind
	Title string
	Text  string
	// What it is about: at most one of these is set.
	Attempt *manage.Attempt
	Event   *eventStep
	order   int // among what happened at one instant
}

// eventStep is an event with what it says and where it was sent.
type eventStep struct {
	atssync.Event
	Submission  *atssync.SubmissionEvent
	Application *atssync.ApplicationEvent
	How         string // how a status was made of the ATS's words
	Deliveries  []atssync.Delivery
	JSON        string
}

// stepsOf puts everything that is known of an application into the order in which it happened.
func stepsOf(s manage.Story) []step {
	out := []step{{At: s.AcceptedAt, Kind: page.KindInfo, Title: "Accepted", Text: "on disk before the platform was answered", order: 0}}
	for i := range s.Attempts {
		out = append(out, attemptStep(&s.Attempts[i]))
	}
	for _, e := range s.Events {
		out = append(out, eventStepOf(e, s.Deliveries[e.ID]))
	}
	for _, a := range s.People {
		by := a.Actor.Name
		if a.Actor.Via != "" {
			by += ", by " + a.Actor.Via
		}
		out = append(out, step{At: a.At, Kind: page.KindIdle, Title: actTitle(a.Action), Text: by, order: 1})
	}
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.order, b.order)) })
	return out
}

// actTitle says what a person did.
func actTitle(action string) string {
	switch act := strings.TrimPrefix(action, "submission."); act {
	case string(atssync.ActHold):
		return "A person put it aside"
	case string(atssync.ActRelease):
		return "A person released it"
	case string(atssync.ActRetry):
		return "A person had it tried again"
	case string(atssync.ActCancel):
		return "A person cancelled it"
	case "resolve":
		return "A person settled it"
	case "application.answer":
		return "A person said which application of the candidate it is"
	case "open":
		return "A person opened the document"
	default:
		return "A person: " + words(act)
	}
}

func attemptStep(a *manage.Attempt) step {
	out := step{At: a.StartedAt, Attempt: a, Kind: page.KindInfo, order: 2}
	switch a.Outcome {
	case "":
		out.Title = "Being sent"
	case atssync.StateSubmitted, atssync.StateAlreadyApplied:
		out.Title, out.Kind = "Sent: "+words(a.Outcome), page.KindOK
	case atssync.StateUncertain:
		out.Title, out.Kind = "Sent, and the answer was lost", page.KindBad
	case atssync.StateQueued:
		out.Title, out.Kind = "Tried: nothing was applied, and it is tried again", page.KindWarn
	case atssync.StateRefused:
		out.Title, out.Kind = "Tried: refused", page.KindBad
	default:
		out.Title, out.Kind = "Tried: "+words(a.Outcome), page.KindWarn
	}
	return out
}

func eventStepOf(e atssync.Event, to []atssync.Delivery) step {
	one := &eventStep{Event: e, Deliveries: to, JSON: indented(e.Data)}
	out := step{At: e.At, Event: one, Title: capital(strings.ReplaceAll(words(string(e.Type)), ".", " ")), Kind: page.KindIdle, order: 3}
	noun, _, _ := strings.Cut(string(e.Type), ".")
	switch noun {
	case "submission":
		var d atssync.SubmissionEvent
		if json.Unmarshal(e.Data, &d) == nil {
			one.Submission = &d
			out.Title, out.Kind = submissionTitle(e.Type, d)
		}
	case "application":
		var d atssync.ApplicationEvent
		if json.Unmarshal(e.Data, &d) == nil {
			one.Application, one.How = &d, mappingWords(d.Mapping)
			out.Title, out.Kind = applicationTitle(e.Type, d)
		}
	}
	return out
}

func submissionTitle(t atssync.EventType, d atssync.SubmissionEvent) (string, page.Kind) {
	switch t {
	case atssync.EventSubmitted:
		return "In the ATS", page.KindOK
	case atssync.EventAlreadyApplied:
		return "The ATS had it already", page.KindOK
	case atssync.EventHeld:
		return "Held: " + reasonWords(d.HeldReason), page.KindWarn
	case atssync.EventReleased:
		return "Released", page.KindInfo
	case atssync.EventUncertain:
		return "Uncertain: nobody knows whether the ATS has it", page.KindBad
	case atssync.EventResolved:
		return "Settled by " + words(cmp.Or(d.ResolvedBy, "a person")), page.KindOK
	case atssync.EventRefused:
		return "Refused", page.KindBad
	}
	return capital(words(d.State)), page.KindIdle
}

func applicationTitle(t atssync.EventType, d atssync.ApplicationEvent) (string, page.Kind) {
	standing := words(d.Status)
	if d.Phase != "" && string(d.Phase) != string(d.Status) {
		standing += ", phase " + words(d.Phase)
	}
	switch t {
	case atssync.EventStatusChanged:
		return "Status: " + standing, page.KindOK
	case atssync.EventReopened:
		return "Reopened: " + standing, page.KindInfo
	case atssync.EventNotVisible:
		return "No longer visible in the ATS", page.KindWarn
	case atssync.EventVisible:
		return "Visible again: " + standing, page.KindOK
	case atssync.EventRekeyed:
		return "Another application of the person is followed", page.KindInfo
	}
	return capital(words(strings.TrimPrefix(string(t), "application."))), page.KindWarn
}

// indented writes JSON for people.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
