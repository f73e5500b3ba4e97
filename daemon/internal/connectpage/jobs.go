package connectpage

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// perPage is how many jobs a page of the table shows, and maxJobs how many of an account are looked at.
const (
	perPage = 50
	maxJobs = 10_000
)

// jobRow is one platform job in the table.
type jobRow struct {
	Job        atssync.PlatformJob
	URL        string
	Link       *atssync.JobLink
	Linked     *atssync.ATSJob // what it is linked to, as far as it is known
	Suggestion *manage.Suggestion
	Ticked     bool
	As         sdk.As
	Waiting    int // applications that wait for the link
	Error      string
}

// Sure says that the proposal names the same thing, so that it is ticked beforehand.
func (r jobRow) Sure() bool {
	g := r.Suggestion
	return g != nil && !g.Ambiguous && (g.Reason == manage.ReasonSameID || g.Reason == manage.ReasonSameRequisition)
}

// Broken says why what is linked takes nothing, "" when it does.
func (r jobRow) Broken() string {
	switch {
	case r.Link == nil || r.Link.ATSJob == "":
		return ""
	case r.Linked == nil:
		return "not in the list"
	case !r.Linked.Takes():
		return "closed"
	case r.Linked.Visibility != atssync.Visible:
		return "not visible"
	}
	return ""
}

// jobsPage is the table.
type jobsPage struct {
	naming
	Rows                   []jobRow
	Query, Show            string
	Shows                  []page.Link
	Pager                  page.Pager
	Prospects              bool
	ATSJobs                int
	All                    int
	Proposals, WithBacklog int
	Backlog                page.Choices
	Since                  page.Field
	PlatformURL            string
	Trouble                string
	Permission             string // what reading needs, and who grants it
}

// chosen is what a form of the table says.
type chosen struct {
	ticked map[string]bool
	as     map[string]sdk.As
	errors map[string]string
	mode   atssync.BacklogMode
	since  string
	wrong  string // with the backlog question
}

func (v *visit) jobs() error {
	if err := v.connected(); err != nil {
		return err
	}
	return v.showJobs(http.StatusOK, chosen{}, nil)
}

// showJobs writes the table, with what a refused form said.
func (v *visit) showJobs(status int, c chosen, m *page.Message) error {
	d := jobsPage{Prospects: v.adapter.Prospects, PlatformURL: v.Platform.URL, Permission: v.adapter.ReadPermission}
	proposed, err := v.proposals(&d)
	if err != nil {
		return err
	}
	rows, atsJobs, err := v.jobRows()
	if err != nil {
		return err
	}
	d.ATSJobs = atsJobs
	propose(rows, proposed, c)
	query := v.r.URL.Query()
	d.Query, d.Show = strings.TrimSpace(query.Get("q")), cmp.Or(query.Get("show"), "all")
	if d.Show == "waiting" { // which they are is known when all are counted
		if err := v.countWaiting(rows); err != nil {
			return err
		}
	}
	d.All = len(rows)
	counts := map[string]int{"all": len(rows)}
	var kept []jobRow
	for _, r := range rows {
		for _, show := range r.shows() {
			counts[show]++
		}
		if matches(d.Query, r.Job.ID, r.Job.Title, r.Job.Location, r.Job.RequisitionID) && (d.Show == "all" || slices.Contains(r.shows(), d.Show)) {
			kept = append(kept, r)
		}
	}
	if d.Shows, err = v.shows(d, counts); err != nil {
		return err
	}
	at, _ := strconv.Atoi(query.Get("page"))
	at = min(max(at, 0), max(len(kept)-1, 0)/perPage)
	d.Rows = kept[min(at*perPage, len(kept)):min((at+1)*perPage, len(kept))]
	if len(kept) > perPage {
		d.Pager.Summary = fmt.Sprintf("%s to %s of %s jobs", page.Number(at*perPage+1), page.Number(at*perPage+len(d.Rows)), page.Number(len(kept)))
		if at > 0 {
			d.Pager.Previous = v.at("jobs") + filter(d.Query, d.Show, at-1)
		}
		if (at+1)*perPage < len(kept) {
			d.Pager.Next = v.at("jobs") + filter(d.Query, d.Show, at+1)
		}
	}
	if d.Show != "waiting" {
		if err := v.countWaiting(d.Rows); err != nil {
			return err
		}
	}
	for _, r := range d.Rows {
		if r.Link == nil && r.Suggestion != nil {
			d.Proposals++
			if r.Waiting > 0 {
				d.WithBacklog += r.Waiting
			}
		}
	}
	d.Backlog, d.Since = v.backlogQuestion(d.WithBacklog, c.mode, c.since, c.wrong)
	n := 0
	if counts["linked"] == 0 {
		n = 4
	}
	d.naming = v.naming(n)
	return v.write(status, "jobs", page.View{
		Title: "Connect jobs", Lead: "Say which job of " + v.Platform.Name + " is which job of " + v.adapter.Label + ". Applications for a job wait until it is connected.",
		Wide: true, Message: m, Data: d,
	})
}

// shows are the parts of the table that can be looked at. Whether applications wait is told by the connection's counters: how many jobs
// they wait for would have to be counted job by job.
func (v *visit) shows(d jobsPage, counts map[string]int) ([]page.Link, error) {
	a, err := v.ours.Activity(v.ctx, v.conn.ID)
	if err != nil {
		return nil, err
	}
	var out []page.Link
	for _, s := range [][2]string{{"all", "All"}, {"open", "Not connected"}, {"linked", "Connected"}, {"waiting", "With waiting applications"}} {
		if s[0] != "all" && counts[s[0]] == 0 && d.Show != s[0] && (s[0] != "waiting" || a.Waiting == 0) {
			continue
		}
		l := page.Link{Text: s[1], URL: v.at("jobs") + filter(d.Query, s[0], 0), Current: d.Show == s[0]}
		if s[0] != "waiting" || l.Current {
			l.Note = page.Number(counts[s[0]])
		}
		out = append(out, l)
	}
	return out, nil
}

// countWaiting counts what waits for each job that is not linked.
func (v *visit) countWaiting(rows []jobRow) error {
	for i := range rows {
		if rows[i].Link != nil {
			continue
		}
		b, err := v.ours.Backlog(v.ctx, v.conn.ID, rows[i].Job.ID)
		if err != nil {
			return err
		}
		rows[i].Waiting = b.Count
	}
	return nil
}

func (r jobRow) shows() []string {
	var out []string
	if r.Link != nil {
		out = append(out, "linked")
	} else {
		out = append(out, "open")
	}
	if r.Waiting > 0 {
		out = append(out, "waiting")
	}
	return out
}

// filter is the query of the table's address.
func filter(q, show string, at int) string {
	v := url.Values{}
	if q != "" {
		v.Set("q", q)
	}
	if show != "" && show != "all" {
		v.Set("show", show)
	}
	if at > 0 {
		v.Set("page", strconv.Itoa(at))
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// matches reports whether every word of a search stands in one of the texts.
func matches(search string, texts ...string) bool {
	all := strings.ToLower(strings.Join(texts, "\n"))
	for w := range strings.FieldsSeq(strings.ToLower(search)) {
		if !strings.Contains(all, w) {
			return false
		}
	}
	return true
}

// proposals are what is suggested, by platform job. Where the ATS's jobs were never listed they are listed now, once in a while.
func (v *visit) proposals(d *jobsPage) (map[string]*manage.Suggestion, error) {
	list, err := v.ours.Proposals(v.ctx, v.conn.ID)
	if err != nil && !told(err) {
		return nil, err
	}
	if err != nil {
		d.Trouble = v.adapter.Label + " could not be asked for its jobs just now. Please try again in a few minutes."
	}
	out := make(map[string]*manage.Suggestion, len(list))
	for i := range list {
		out[list[i].PlatformJob.ID] = &list[i]
	}
	return out, nil
}

// jobRows are the account's jobs that are open or linked, and how many jobs the ATS has.
func (v *visit) jobRows() (rows []jobRow, atsJobs int, err error) {
	ats, err := v.atsJobs()
	if err != nil {
		return nil, 0, err
	}
	links, err := all(func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
		return v.ours.JobLinks(v.ctx, atssync.LinkQuery{Connection: v.conn.ID, Paging: p})
	})
	if err != nil {
		return nil, 0, err
	}
	byJob := make(map[string]*atssync.JobLink, len(links))
	for i := range links {
		byJob[links[i].PlatformJob] = &links[i]
	}
	jobs, err := all(func(p atssync.Paging) (atssync.Page[atssync.PlatformJob], error) {
		return v.account.PlatformJobs(v.ctx, atssync.JobQuery{Account: v.link.Account, Paging: p})
	})
	for _, j := range jobs {
		r := jobRow{Job: j, URL: v.at("jobs", j.ID), Link: byJob[j.ID], As: sdk.AsCandidate}
		if r.Link != nil {
			if a, ok := ats[r.Link.ATSJob]; ok {
				r.Linked = &a
			}
		}
		if j.Open || r.Link != nil {
			rows = append(rows, r)
		}
	}
	return rows, len(ats), err
}

// propose fills in what is suggested for jobs that are not linked and what a form said, and puts first what asks for something.
func propose(rows []jobRow, proposed map[string]*manage.Suggestion, c chosen) {
	for i := range rows {
		r := &rows[i]
		r.Error, r.As = c.errors[r.Job.ID], cmp.Or(c.as[r.Job.ID], r.As)
		if r.Link == nil {
			r.Suggestion = proposed[r.Job.ID]
		}
		if r.Ticked = r.Sure(); c.ticked != nil {
			r.Ticked = c.ticked[r.Job.ID]
		}
	}
	slices.SortStableFunc(rows, func(a, b jobRow) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.Job.Title, b.Job.Title))
	})
}

// rank puts what asks for something first.
func (r jobRow) rank() int {
	switch {
	case r.Error != "":
		return 0
	case r.Broken() != "":
		return 1
	case r.Link == nil && r.Suggestion != nil:
		return 2
	case r.Link == nil:
		return 3
	}
	return 4
}

// told reports whether a refusal is about the ATS or its adapter, which a page tells and goes on.
func told(err error) bool {
	switch atssync.CodeOf(err) {
	case atssync.CodeATS, atssync.CodeAdapter, atssync.CodeCheckFailed, atssync.CodeConflict:
		return true
	}
	return false
}

// atsJobs are the jobs of the ATS by id, as they were last listed.
func (v *visit) atsJobs() (map[string]atssync.ATSJob, error) {
	list, err := all(func(p atssync.Paging) (atssync.Page[atssync.ATSJob], error) {
		return v.ours.ATSJobs(v.ctx, atssync.JobQuery{Connection: v.conn.ID, Paging: p})
	})
	out := make(map[string]atssync.ATSJob, len(list))
	for _, j := range list {
		out[j.ID] = j
	}
	return out, err
}

// all reads a list page by page, up to maxJobs.
func all[T any](read func(atssync.Paging) (atssync.Page[T], error)) ([]T, error) {
	var out []T
	for p := (atssync.Paging{Limit: 500}); ; {
		got, err := read(p)
		if err != nil {
			return nil, err
		}
		out = append(out, got.Items...)
		if got.Next == "" || len(out) >= maxJobs {
			return out, nil
		}
		p.After = got.Next
	}
}

// backlogQuestion asks what becomes of applications that wait for a link.
func (v *visit) backlogQuestion(waiting int, mode atssync.BacklogMode, since, wrong string) (page.Choices, page.Field) {
	if waiting == 0 {
		return page.Choices{}, page.Field{}
	}
	what := page.Number(waiting) + " applications wait"
	if waiting == 1 {
		what = "One application waits"
	}
	c := page.Choices{
		Name: "backlog", Legend: what + " for these jobs. What shall become of what waits?", Error: wrong,
		Of: []page.Choice{
			{Value: string(atssync.BacklogAll), Label: "Send all of them"},
			{Value: string(atssync.BacklogSince), Label: "Send those that came since a date", Help: "Fill in the date below."},
			{Value: string(atssync.BacklogNone), Label: "Send none of them", Help: "They stay with " + v.Platform.Name + ". New applications are sent."},
		},
	}
	for i := range c.Of {
		c.Of[i].Checked = c.Of[i].Value == string(mode)
	}
	f := page.Field{Name: "since", Label: "Since, for the second answer", Type: "date", Value: since, Optional: true}
	return c, f
}

// backlogAnswer reads the answer to the question; wrong says what is missing.
func (v *visit) backlogAnswer() (answer *atssync.Backlog, wrong string) {
	switch mode := atssync.BacklogMode(v.r.PostFormValue("backlog")); mode {
	case atssync.BacklogAll, atssync.BacklogNone:
		return &atssync.Backlog{Mode: mode}, ""
	case atssync.BacklogSince:
		since, err := time.Parse(time.DateOnly, v.r.PostFormValue("since"))
		if err != nil {
			return nil, "Please fill in the date since when applications are sent."
		}
		return &atssync.Backlog{Mode: mode, Since: since}, ""
	}
	return nil, "Please say what shall become of the applications that wait."
}
