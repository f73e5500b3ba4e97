package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

const (
	submissionsPage = 100
	submissionsLook = 4_000 // entries that one page looks at
)

// submissionsView is a list of applications, with boxes to tick.
type submissionsView struct {
	Rows    []submissionRow
	Pager   page.Pager
	Filter  filter
	States  []page.Choice
	Reasons []page.Choice
	Order   string
	Narrow  bool // something narrows the list
	Acts    []page.Choice
	Path    string
	Fewer   bool // the page looked at what it may and found few
}

// filter is what narrows the list, as it stands in the form.
type filter struct{ Connection, Job, External, Since, Until string }

type submissionRow struct {
	manage.Submission
	Name string // of the connection
}

func (c *Console) submissions(v *visit) error {
	q := v.r.URL.Query()
	f := filter{q.Get("connection"), q.Get("job"), q.Get("external"), q.Get("since"), q.Get("until")}
	query := atssync.SubmissionQuery{
		PlatformJob: f.Job, State: atssync.State(q.Get("state")), HeldReason: atssync.HeldReason(q.Get("reason")), Look: submissionsLook,
		Paging: atssync.Paging{After: q.Get("after"), Limit: submissionsPage},
	}
	out := submissionsView{Filter: f, States: choices(atssync.States(), query.State, words), Path: v.path("/submissions")}
	out.Reasons = choices(atssync.HeldReasons(), query.HeldReason, func(r any) string { h, _ := r.(atssync.HeldReason); return reasonWords(h) })
	var err error
	if query.Since, err = instant(f.Since, "since"); err != nil {
		return err
	}
	if query.Until, err = until(f.Until); err != nil {
		return err
	}
	if f.Connection != "" {
		one, err := v.m.Connection(v.ctx(), f.Connection)
		if err != nil {
			return err
		}
		query.Connection = one.ID
	}
	// What waits is wanted from the oldest on, everything else from the newest.
	waiting := query.State.Waiting() || query.HeldReason != ""
	query.Newest = !waiting
	out.Order = orderWords(query)
	out.Narrow = f != (filter{}) || query.State != "" || query.HeldReason != ""
	list, err := v.listed(query, f.External)
	if err != nil {
		return err
	}
	names := v.names()
	for _, s := range list.Items {
		out.Rows = append(out.Rows, submissionRow{s, names(s.Connection)})
	}
	out.Fewer = list.Next != "" && len(list.Items) < submissionsPage
	out.Pager = v.pager(list.Next, fmt.Sprintf("%s on this page. %s.", page.Number(len(list.Items)), out.Order))
	out.Acts = v.bulkActs()
	return v.show("submissions", page.View{Title: "Applications", Lead: "Every application that was accepted, and what became of it.", Data: out})
}

// until takes a day in whole.
func until(text string) (time.Time, error) {
	at, err := instant(text, "until")
	if err == nil && len(text) == len(time.DateOnly) {
		at = at.AddDate(0, 0, 1)
	}
	return at, err
}

func orderWords(q atssync.SubmissionQuery) string {
	switch {
	case q.Newest && q.Connection == "" && q.State != "":
		return "The newest first within each connection"
	case q.Newest:
		return "The newest first"
	case q.Connection == "":
		return "The oldest first within each connection"
	}
	return "The oldest first"
}

func choices[T ~string](all []T, now T, text func(any) string) []page.Choice {
	var out []page.Choice
	for _, one := range all {
		out = append(out, page.Choice{Value: string(one), Label: text(one), Checked: one == now})
	}
	return out
}

// listed reads a page of the list. An external id is looked for on the connection, or on every one that the caller sees.
func (v *visit) listed(q atssync.SubmissionQuery, external string) (atssync.Page[manage.Submission], error) {
	if external == "" {
		m, err := v.where(q)
		if err != nil {
			return atssync.Page[manage.Submission]{}, err
		}
		return m.Submissions(v.ctx(), q)
	}
	found, err := v.m.ByExternalID(v.ctx(), q.Connection, external)
	if err != nil {
		return found, err
	}
	found.Items = slices.DeleteFunc(found.Items, func(s manage.Submission) bool {
		return q.State != "" && s.State != q.State || q.HeldReason != "" && s.HeldReason != q.HeldReason || q.PlatformJob != "" && s.PlatformJob != q.PlatformJob ||
			s.AcceptedAt.Before(q.Since) || !q.Until.IsZero() && !s.AcceptedAt.Before(q.Until)
	})
	return found, nil
}

// fewConnections is how many connections are asked by name for what is rare.
const fewConnections = 200

// where narrows the first page of a list over all connections to those that have something of the state, where they are few: ten
// thousand need not be asked for the one that is uncertain.
func (v *visit) where(q atssync.SubmissionQuery) (*manage.Service, error) {
	state := q.State
	if q.HeldReason != "" {
		state = atssync.StateHeld
	}
	if state == "" || q.Connection != "" || q.After != "" {
		return v.m, nil
	}
	s, err := v.m.Survey(v.ctx())
	if err != nil || time.Since(s.At) > surveyOld {
		return v.m, err
	}
	within := atssync.Scope{Accounts: v.who.within().Accounts}
	for _, c := range s.Connections {
		if c.Ledger.States[state] > 0 {
			within.Connections = append(within.Connections, c.ID)
		}
	}
	switch n := len(within.Connections); {
	case n > fewConnections:
		return v.m, nil
	case n == 0:
		within.Connections = []string{"none"}
	}
	return v.Manage.Within(within), nil
}

// names returns a function that tells the names of connections; it asks for each once.
func (v *visit) names() func(id string) string {
	known := make(map[string]string)
	return func(id string) string {
		name, ok := known[id]
		if !ok {
			name = id
			if v.who.may(reads) {
				if one, err := v.m.Connection(v.ctx(), id); err == nil {
					name = one.Name
				}
			}
			known[id] = name
		}
		return name
	}
}

// bulkActs are the acts on many that the caller may do.
func (v *visit) bulkActs() []page.Choice {
	var out []page.Choice
	if v.who.may(admins) {
		out = []page.Choice{
			{Value: string(manage.BulkRelease), Label: "Release what is held"},
			{Value: string(manage.BulkRetry), Label: "Try again what was refused or is queued"},
			{Value: string(manage.BulkHold), Label: "Hold what is queued"},
		}
	}
	if v.who.may(submits) {
		out = append(out, page.Choice{Value: string(manage.BulkCancel), Label: "Cancel what is queued or held"})
	}
	if v.who.may(admins) {
		out = append(out,
			page.Choice{Value: string(manage.BulkSendAgain), Label: "Uncertain: send again", Help: "It may double somebody."},
			page.Choice{Value: string(manage.BulkGiveUp), Label: "Uncertain: give up"},
		)
	}
	return out
}

// actedView is what became of each of many.
type actedView struct {
	Act     string
	Results []manage.ActResult
	Done    int
	Back    string
}

// actMany does one act to all that are ticked.
func (c *Console) actMany(v *visit) error {
	act, on := manage.BulkAct(v.r.PostForm.Get("act")), ticked(v.r.PostForm["submission"])
	if act != manage.BulkCancel {
		if err := v.who.admit(admins); err != nil {
			return err
		}
	}
	if len(on) == 0 {
		return atssync.Errorf(atssync.CodeInvalid, "no application is ticked").WithRemedy("go back and tick those that are meant")
	}
	results, err := v.m.ActMany(v.ctx(), on, act)
	if err != nil {
		return err
	}
	out := actedView{Act: words(act), Results: results, Back: nextOf(v.r.PostForm.Get("back"))}
	if out.Back == "" {
		out.Back = "/submissions"
	}
	for i := range results {
		if results[i].Err = v.who.within().Shown(results[i].Err); results[i].Err == nil {
			out.Done++
		}
	}
	return v.show("acted", page.View{
		Title: fmt.Sprintf("%s: %d of %d done", capital(out.Act), out.Done, len(results)), Trail: v.trail("Applications", "/submissions"), Data: out,
	})
}

// ticked reads what the boxes stand for, ID:ATTEMPT, each once: an answer to what is uncertain is about the attempt that the page
// showed, and another one may have been made since.
func ticked(boxes []string) []manage.ActOn {
	var out []manage.ActOn
	seen := make(map[string]bool, len(boxes))
	for _, box := range boxes {
		id, attempt, _ := strings.Cut(box, ":")
		one := manage.ActOn{ID: id}
		one.Attempt, _ = strconv.Atoi(attempt) // none is refused where it counts
		if !seen[id] {
			seen[id] = true
			out = append(out, one)
		}
	}
	return out
}
