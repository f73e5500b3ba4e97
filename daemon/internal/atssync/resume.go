package atssync

import (
	"net/url"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ResumeCheck says what a look at a resume's address decides, just before the application is sent.
type ResumeCheck string

// The ways to check resumes.
const (
	// ResumeCheckOff does not look.
	ResumeCheckOff ResumeCheck = "off"
	// ResumeCheckAnswered holds for a definite bad answer. That an address cannot be reached from here says nothing about
	// whether the ATS can fetch it: that is a warning.
	ResumeCheckAnswered ResumeCheck = "answered"
	// ResumeCheckStrict holds in both cases.
	ResumeCheckStrict ResumeCheck = "strict"
)

// ResumeChecks lists them, for messages.
func ResumeChecks() []ResumeCheck {
	return []ResumeCheck{ResumeCheckAnswered, ResumeCheckStrict, ResumeCheckOff}
}

// CheckResume is the id of the check that a look makes in a preflight.
const CheckResume = "resume"

// ResumeLook is what was found at the address of a resume.
type ResumeLook struct {
	CheckResult
	// Unreached is the host, as HostOf names it, from which no answer about this file came, "" when one came or none was needed.
	Unreached string
	// HostDown says why, in words, when that speaks of the host as a whole: no connection to it can be made. It is "" when only
	// this file was not answered.
	HostDown string
	// Passing says that the answer is one that goes away by itself, so that it is worth asking again soon.
	Passing bool
}

// NewResumeLook is a look that found nothing wrong.
func NewResumeLook() ResumeLook {
	return ResumeLook{CheckResult: CheckResult{ID: CheckResume, Label: "The resume can be fetched", OK: true}}
}

// ForOthers is what the look says of another file of the same host, which is not asked because the host is down.
func (l ResumeLook) ForOthers() ResumeLook {
	l.Cause = "its host was not asked, as it gave no answer for others just now: " + l.HostDown
	return l
}

// HostOf names the host of an address, with its port unless it is that of https: what else runs on the machine says
// nothing about it. It is "" for what is no address.
func HostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), ":443")
}

// Finding is the look as a check of that strictness tells it.
func (l ResumeLook) Finding(how ResumeCheck) CheckResult {
	r := l.CheckResult
	if l.Unreached != "" && how != ResumeCheckStrict {
		r.OK, r.Warning, r.WhoseTurn = true, true, ""
	}
	return r
}

// Trouble is why an application waits for its resume, nil when it may go. It has no kind, which tells it from a resume
// that the ATS itself did not take: what a look found goes away when another look finds something else.
func (l ResumeLook) Trouble(how ResumeCheck) *Trouble {
	f := l.Finding(how)
	if f.OK {
		return nil
	}
	t := &Trouble{Message: "the resume: " + f.Cause, Turn: f.WhoseTurn, Remedy: f.Remedy}
	if t.Turn == "" {
		t.Turn = sdk.TurnPlatform
	}
	return t
}

// Warned is what does not keep an application from going and should be known, "" for nothing.
func (l ResumeLook) Warned(how ResumeCheck) string {
	f := l.Finding(how)
	switch {
	case !f.OK || !f.Warning:
		return ""
	case l.Unreached != "":
		return "the resume was not looked at before it was sent: " + f.Cause
	}
	return "the resume: " + f.Cause
}

// ResumeLookDelay is how long a held application waits until its resume is looked at again, after so many looks.
func ResumeLookDelay(looks int) time.Duration {
	steps := []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour,
	}
	return steps[min(max(looks, 0), len(steps)-1)]
}

// WaitsForLook reports whether a held submission may go as soon as a look finds its resume. One that the ATS itself did
// not take would be sent over and over: that needs a revision, or a person who releases it.
func (s *Submission) WaitsForLook() bool {
	return s.State == StateHeld && s.HeldReason == HeldResumeUnavailable && (s.Trouble == nil || s.Trouble.Kind == "")
}
