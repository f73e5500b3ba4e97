package connectpage

import (
	"errors"
	"html/template"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// said are the messages that an act leaves on the page that follows it.
var said = map[string]page.Message{
	"not-connected":  {Kind: page.KindInfo, Title: "Please connect first", Text: "That page is there once the connection is made."},
	"connected":      {Kind: page.KindOK, Title: "Connected", Text: "The key and the user were checked and work. Now say which jobs belong together."},
	"repaired":       {Kind: page.KindOK, Title: "The new key works", Text: "It was checked and is used from now on. What waited goes out by itself."},
	"other-account":  {Kind: page.KindWarn, Title: "The new key works, and the jobs are to be connected anew", Text: "It reaches another user or account, whose jobs may be others of the same number. So the jobs were disconnected, and applications for them wait. Below stands what may belong together."},
	"works":          {Kind: page.KindOK, Title: "Everything was checked and works"},
	"jobs-linked":    {Kind: page.KindOK, Title: "The jobs are connected", Text: "Applications for them are sent from now on."},
	"job-linked":     {Kind: page.KindOK, Title: "The job is connected", Text: "Applications for it are sent from now on."},
	"job-unlinked":   {Kind: page.KindOK, Title: "The job is no longer connected", Text: "Applications for it wait until it is connected again."},
	"test-under-way": {Kind: page.KindInfo, Title: "A test candidate is still on its way to this job", Text: "No second one was sent. Below stands how it is with the first."},
	"refreshed":      {Kind: page.KindOK, Title: "The list of jobs is up to date"},
	"arrived":        {Kind: page.KindOK, Title: "Found", Text: "The candidate was read back and is ours. Its status is followed from now on."},
	"sent-again":     {Kind: page.KindOK, Title: "It is sent again", Text: "Should both turn up after all, merge them in your system."},
	"settled-before": {Kind: page.KindInfo, Title: "This was settled meanwhile", Text: "Somebody else, or a look into your system, answered it first. Nothing was changed."},
	"chosen":         {Kind: page.KindOK, Title: "It is followed", Text: "The person was read again, and the status of this application is read from now on."},
	"none-of-them":   {Kind: page.KindOK, Title: "Noted: it is none of them", Text: "It is not asked again, unless the application turns up after all."},
	"disconnected":   {Kind: page.KindOK, Title: "Disconnected", Text: "The key was destroyed, and what waited was cancelled. What was sent before stays in your system."},
}

var funcs = template.FuncMap{
	"reason": reasonWords, "percent": percent, "plain": plain, "turn": turnWords, "lower": strings.ToLower,
}

// reasonWords says why two jobs are proposed as the same.
func reasonWords(r manage.Reason) string {
	switch r {
	case manage.ReasonSameID:
		return "Same id"
	case manage.ReasonSameRequisition:
		return "Same requisition"
	case manage.ReasonSameTitle:
		return "Same title"
	case manage.ReasonSimilarTitle:
		return "Similar title"
	}
	return ""
}

func percent(f float64) int { return int(f*100 + 0.5) }

// plain is a remedy as an employer can use it: what names a command of the operator's is none.
func plain(remedy string) string {
	if strings.Contains(remedy, "atssync ") || strings.Contains(remedy, "[") {
		return ""
	}
	return sentence(remedy)
}

// sentence begins a text with a capital and ends it with a stop.
func sentence(s string) string { return page.Sentence(s) }

// turnWords says whose turn it is.
func turnWords(t sdk.Turn, ats, platform string) string {
	switch t {
	case sdk.TurnEmployer:
		return "Your turn"
	case sdk.TurnATS:
		return ats + "’s turn"
	}
	return platform + "’s turn"
}

// heldWords says what an application waits for.
func heldWords(r atssync.HeldReason, ats, platform string) (what string, turn sdk.Turn) {
	switch r {
	case atssync.HeldJobNotLinked:
		return "The job is not connected.", sdk.TurnEmployer
	case atssync.HeldJobClosed:
		return "The job is closed in " + ats + ".", sdk.TurnEmployer
	case atssync.HeldJobNotAccessible:
		return "The user has no access to the job in " + ats + ".", sdk.TurnEmployer
	case atssync.HeldConnectionPaused:
		return "The connection is paused.", sdk.TurnOperator
	case atssync.HeldResumeUnavailable:
		return "The resume cannot be fetched.", sdk.TurnPlatform
	case atssync.HeldQuota:
		return ats + " takes no more at the moment; it goes on by itself.", sdk.TurnATS
	}
	return platform + " holds applications back at the moment.", sdk.TurnOperator
}

// fieldErrors are the messages of a refusal by the field of the form, without the part of the path before.
func fieldErrors(err error, before string) map[string]string {
	out := make(map[string]string)
	if e, ok := errors.AsType[*atssync.Error](err); ok {
		for _, f := range e.Fields {
			if name, ours := strings.CutPrefix(f.Path, before); ours && out[name] == "" {
				out[name] = sentence(f.Message)
			}
		}
	}
	return out
}
