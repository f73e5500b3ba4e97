package connectpage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// TestPrefix begins the external ids of test candidates, so that the platform can tell them in its events.
const TestPrefix = "atssync-test-"

// glance is how often an answer that waits looks again.
const glance = 200 * time.Millisecond

// testPage sends a test candidate and shows what became of it.
type testPage struct {
	naming
	Jobs   []testJob
	Chosen string
	Error  string
	Sent   *sentTest
	// Form is made anew for every form: however often one is sent, it is one candidate.
	Form string
}

// formOf is what a form's own text looks like.
var formOf = regexp.MustCompile(`^[a-z2-7]{26}$`)

type testJob struct{ ID, Title, ATSJob string }

// sentTest is what became of a test candidate.
type sentTest struct {
	ID      string
	Job     string
	Kind    page.Kind
	State   string // in a few words
	Text    string
	Turn    string
	Profile string
	Status  string // as it was read back, "" before
	Read    bool
	Again   bool // something may still change
}

func (v *visit) test() error {
	if err := v.connected(); err != nil {
		return err
	}
	return v.showTest(http.StatusOK, "")
}

func (v *visit) showTest(status int, wrong string) error {
	d := testPage{naming: v.naming(0), Error: wrong, Form: strings.ToLower(rand.Text())}
	links, err := all(func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
		return v.ours.JobLinks(v.ctx, atssync.LinkQuery{Connection: v.conn.ID, Paging: p})
	})
	if err != nil {
		return err
	}
	ats, err := v.atsJobs()
	if err != nil {
		return err
	}
	titles, err := v.titles()
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.ATSJob != "" {
			d.Jobs = append(d.Jobs, testJob{ID: l.PlatformJob, Title: titles(l.PlatformJob), ATSJob: ats[l.ATSJob].Name})
		}
	}
	if id := v.r.URL.Query().Get("sent"); id != "" {
		if d.Sent, err = v.sentTest(id, titles); err != nil {
			return err
		}
		d.Chosen = d.Sent.Job
	}
	return v.write(status, "test", page.View{
		Title: "Send a test candidate",
		Lead:  "Somebody called Test Candidate is sent to one of your jobs and read back, so that you see that everything works.", Data: d,
	})
}

// titles returns a function that names the account's platform jobs.
func (v *visit) titles() (func(id string) string, error) {
	jobs, err := all(func(p atssync.Paging) (atssync.Page[atssync.PlatformJob], error) {
		return v.account.PlatformJobs(v.ctx, atssync.JobQuery{Account: v.link.Account, Paging: p})
	})
	known := make(map[string]string, len(jobs))
	for _, j := range jobs {
		known[j.ID] = j.Title
	}
	return func(id string) string {
		if t := known[id]; t != "" {
			return t
		}
		return id
	}, err
}

// sendTest sends a candidate the usual way: it is accepted, judged, sent and followed as every other.
func (v *visit) sendTest() error {
	if err := v.connected(); err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	id, form := v.r.PostFormValue("job"), v.r.PostFormValue("form")
	if id == "" {
		return v.showTest(http.StatusUnprocessableEntity, "Please choose a job.")
	}
	if !formOf.MatchString(form) {
		return v.showTest(http.StatusUnprocessableEntity, "This page was an old one. Please choose the job and press the button once more.")
	}
	if _, err := v.ours.JobLink(v.ctx, v.conn.ID, id); err != nil {
		if atssync.CodeOf(err) != atssync.CodeNotFound {
			return err
		}
		return v.showTest(http.StatusUnprocessableEntity, "This job is not connected any more. Please choose another one.")
	}
	sent, word, err := v.submitTest(v.testDocument(id, form))
	if err != nil {
		return err
	}
	v.await(sent)
	page.Back(v.w, v.r, v.at("test")+"?sent="+sent+"#result", word)
	return nil
}

// submitTest hands a test candidate over unless one for its job is on its way, which it then tells with a word. Those who press
// a button at once take turns here, so that the second sees what the first did; and a browser that sends a form twice ends
// the first request, which goes on nevertheless.
func (v *visit) submitTest(doc atssync.Document) (sent, word string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx), patience)
	defer cancel()
	done, err := v.turns.take(v.ctx, v.conn.ID)
	if err != nil {
		return "", "", err
	}
	defer done()
	scope := atssync.Scope{Accounts: []string{v.link.Account}, Connections: []string{v.conn.ID}}
	tests, err := all(func(p atssync.Paging) (atssync.Page[manage.Submission], error) {
		return v.ours.SubmissionsOf(ctx, v.conn.ID, doc.Person, p)
	})
	if err != nil {
		return "", "", err
	}
	underWay := ""
	for _, t := range tests {
		switch {
		case t.ExternalID == doc.ExternalID:
			return t.ID, "", nil
		case t.PlatformJob == doc.Job && t.State.Waiting() && strings.HasPrefix(t.ExternalID, TestPrefix):
			underWay = t.ID
		}
	}
	if underWay != "" {
		return underWay, "test-under-way", nil
	}
	got, err := v.Intake.Within(scope).Submit(ctx, doc)
	return got.Submission.ID, "", err
}

// testEmail is by what test candidates are found.
const testEmail = "test.candidate@example.com"

// testDocument is a candidate that nobody can take for a person. Its external id follows from the form, so that the same form is the
// same candidate.
func (v *visit) testDocument(job, form string) atssync.Document {
	sum := sha256.Sum256([]byte(strings.Join([]string{v.conn.ID, job, form}, "\x00")))
	doc := atssync.Document{
		Connection: v.conn.ID, ExternalID: TestPrefix + hex.EncodeToString(sum[:10]), Job: job,
		Person: atssync.Person{
			FirstName: "Test", LastName: "Candidate (not a person)", Company: v.Platform.Name,
			Emails: []atssync.Email{{Address: testEmail, Type: "other"}},
		},
		Answers: []atssync.Answer{{
			Question: "Is this a real person?",
			Answer:   "No. " + v.Platform.Name + " sent this test candidate to see whether the connection works. You can reject or delete it.",
		}},
	}
	if strings.HasPrefix(v.Platform.URL, "https://") {
		doc.ApplicationURL = v.Platform.URL
	}
	return doc
}

// await gives a test candidate the time that it usually takes to arrive and to be read back.
func (v *visit) await(id string) {
	over := time.NewTimer(v.Wait)
	defer over.Stop()
	look := time.NewTicker(glance)
	defer look.Stop()
	for {
		sub, err := v.ours.Submission(v.ctx, id, false)
		if err != nil || settled(sub) {
			return
		}
		select {
		case <-look.C:
		case <-over.C:
			return
		case <-v.ctx.Done():
			return
		}
	}
}

// settled reports whether nothing more is to be expected soon.
func settled(s manage.SubmissionDetail) bool {
	switch s.State {
	case atssync.StateQueued, atssync.StateSending:
		return false
	case atssync.StateSubmitted, atssync.StateAlreadyApplied:
		return s.Application != nil && !s.Application.SeenAt.IsZero()
	}
	return true
}

// sentTest tells what became of a test candidate. Of anything else nothing is told.
func (v *visit) sentTest(id string, titles func(string) string) (*sentTest, error) {
	sub, err := v.ours.Submission(v.ctx, id, false)
	if err == nil && !strings.HasPrefix(sub.ExternalID, TestPrefix) {
		err = atssync.Errorf(atssync.CodeNotFound, "submission %s is no test candidate", id)
	}
	if err != nil {
		return nil, err
	}
	ats, platform := v.adapter.Label, v.Platform.Name
	out := &sentTest{ID: sub.ID, Job: sub.PlatformJob, Kind: page.KindInfo, State: "On its way", Again: true}
	switch sub.State {
	case atssync.StateQueued, atssync.StateSending:
		out.Text = "It waits for its turn."
		if sub.Trouble != nil {
			out.Text, out.Turn = sentence(sub.Trouble.Message), turnWords(sub.Trouble.Turn, ats, platform)
		}
	case atssync.StateHeld:
		what, turn := heldWords(sub.HeldReason, ats, platform)
		out.Kind, out.State, out.Text, out.Turn = page.KindWarn, "Held", what, turnWords(turn, ats, platform)
	case atssync.StateSubmitted, atssync.StateAlreadyApplied:
		out.Kind, out.State, out.Text = page.KindOK, "Arrived", "It is in "+ats+" now, for "+titles(sub.PlatformJob)+". You can reject or delete it there."
		if sub.Receipt != nil {
			out.Profile = webAddress(sub.Receipt.ProfileURL)
		}
		if a := sub.Application; a != nil && !a.SeenAt.IsZero() {
			out.Read, out.Again, out.Status = true, false, standing(*a)
		}
	case atssync.StateRefused:
		out.Kind, out.State, out.Again = page.KindBad, "Refused by "+ats, false
		if t := sub.Trouble; t != nil {
			out.Text, out.Turn = joinSentences(sentence(t.Message), plain(t.Remedy)), turnWords(t.Turn, ats, platform)
		}
	case atssync.StateUncertain:
		out.Kind, out.State, out.Text = page.KindWarn, "Nobody knows", "It was sent, and the answer of "+ats+" was lost. Say on the page “Did they arrive?” whether it is there."
		out.Turn = turnWords(sdk.TurnEmployer, ats, platform)
	default:
		out.Kind, out.State, out.Again = page.KindIdle, "Ended", false
	}
	return out, nil
}

// standing is an application's status in the ATS's words where it has some.
func standing(a atssync.Application) string {
	if a.Raw.StageName != "" {
		return a.Raw.StageName
	}
	if a.Raw.Status != "" {
		return a.Raw.Status
	}
	return string(a.Status)
}

// webAddress is an address as a link can lead to, "" for any other.
func webAddress(s string) string {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		return s
	}
	return ""
}
