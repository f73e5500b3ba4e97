package console

import (
	"cmp"
	"slices"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	linksMost  = 100 // of one page
	chooseMost = 500 // jobs to choose from
)

// jobsView is the job links of a connection, and what could be linked.
type jobsView struct {
	Connection  manage.Connection
	Suggest     bool // the suggestions are shown, else the links
	Links       []linkRow
	Pager       page.Pager
	Suggestions []suggestionRow
	Platform    []atssync.PlatformJob // that are not linked, to choose from
	ATS         []atssync.ATSJob
	Admin       bool
	Prospects   bool
}

type linkRow struct {
	atssync.JobLink
	Title   string // of the platform job
	ATSName string
	State   sdk.JobState
	Hidden  bool // the ATS does not list the job any more
	Trouble *atssync.JobTrouble
	File    bool
}

type suggestionRow struct {
	manage.Suggestion
	Why    string
	Sure   int  // percent
	Ticked bool // the two are the same by id or requisition, and nothing else is as good
}

func (c *Console) jobs(v *visit) error {
	one, err := v.m.Connection(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	out := jobsView{Connection: one, Suggest: v.r.URL.Query().Get("view") == "suggestions", Admin: v.who.may(admins) && one.State != atssync.ConnectionRemoved}
	if m := v.manifestOf(one); m != nil {
		out.Prospects = m.Prospects
	}
	ats, err := v.m.ATSJobs(v.ctx(), atssync.JobQuery{Connection: one.ID, Paging: atssync.Paging{Limit: chooseMost}})
	if err != nil {
		return err
	}
	out.ATS = ats.Items
	slices.SortFunc(out.ATS, func(a, b atssync.ATSJob) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	})
	if out.Suggest {
		err = out.suggest(v)
	} else {
		err = out.links(v)
	}
	if err != nil {
		return err
	}
	return v.show("jobs", page.View{Title: "Jobs", Lead: one.Name, Trail: v.connectionTrail(one), Data: out})
}

// links lists what is linked.
func (o *jobsView) links(v *visit) error {
	q := v.r.URL.Query()
	links, err := v.m.JobLinks(v.ctx(), atssync.LinkQuery{Connection: o.Connection.ID, Paging: atssync.Paging{After: q.Get("after"), Limit: linksMost}})
	if err != nil {
		return err
	}
	for _, l := range links.Items {
		row := linkRow{JobLink: l, File: l.ManagedBy == atssync.ManagedByFile}
		jobs, err := v.m.PlatformJobs(v.ctx(), atssync.JobQuery{Account: l.Account, ID: l.PlatformJob, Paging: atssync.Paging{Limit: 1}})
		if err != nil {
			return err
		}
		if len(jobs.Items) == 1 {
			row.Title = jobs.Items[0].Title
		}
		if i := slices.IndexFunc(o.ATS, func(j atssync.ATSJob) bool { return j.ID == l.ATSJob }); i >= 0 {
			row.ATSName, row.State, row.Hidden = o.ATS[i].Name, o.ATS[i].State, o.ATS[i].Visibility != atssync.Visible
		}
		if t, ok := o.Connection.Jobs[l.ATSJob]; ok {
			row.Trouble = &t
		}
		o.Links = append(o.Links, row)
	}
	o.Pager = v.pager(links.Next, "")
	return nil
}

// suggest lists pairs that may be the same, and what is left to choose from by hand.
func (o *jobsView) suggest(v *visit) error {
	if len(o.ATS) == 0 {
		return nil // the page says so, and has them listed by a form: reading a page asks no ATS
	}
	list, err := v.m.Suggest(v.ctx(), o.Connection.ID)
	if err != nil {
		return err
	}
	why := map[manage.Reason]string{
		manage.ReasonSameID: "same id", manage.ReasonSameRequisition: "same requisition", manage.ReasonSameTitle: "same title", manage.ReasonSimilarTitle: "similar title",
	}
	for _, g := range list {
		row := suggestionRow{Suggestion: g, Why: why[g.Reason], Sure: int(g.Confidence*100 + .5)}
		row.Ticked = !g.Ambiguous && (g.Reason == manage.ReasonSameID || g.Reason == manage.ReasonSameRequisition)
		o.Suggestions = append(o.Suggestions, row)
	}
	jobs, err := v.m.PlatformJobs(v.ctx(), atssync.JobQuery{Account: o.Connection.Account, OpenOnly: true, Paging: atssync.Paging{Limit: chooseMost}})
	if err != nil {
		return err
	}
	linked, err := v.m.JobLinks(v.ctx(), atssync.LinkQuery{Connection: o.Connection.ID, Paging: atssync.Paging{Limit: chooseMost}})
	if err != nil {
		return err
	}
	for _, j := range jobs.Items {
		if !slices.ContainsFunc(linked.Items, func(l atssync.JobLink) bool { return l.PlatformJob == j.ID }) {
			o.Platform = append(o.Platform, j)
		}
	}
	return nil
}

// linkedView is what became of the links that were asked for.
type linkedView struct {
	ID      string
	Results []manage.LinkResult
	Made    int
}

// link links the ticked pairs, or the one that was chosen by hand.
func (c *Console) link(v *visit) error {
	one, err := v.m.Connection(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	form := v.r.PostForm
	backlog, err := backlogOf(form.Get("backlog"), form.Get("since"))
	if err != nil {
		return err
	}
	picked := form["job"]
	if len(picked) == 0 || len(picked) > manage.MaxActs {
		return atssync.Errorf(atssync.CodeInvalid, "between 1 and %d jobs can be connected at a time, and %d were chosen", manage.MaxActs, len(picked)).
			WithRemedy("go back and tick the jobs that are to be connected")
	}
	var reqs []manage.LinkRequest
	for _, job := range picked {
		reqs = append(reqs, manage.LinkRequest{
			Connection: one.ID, Version: atssync.IfNone, // the form showed it as not linked
			PlatformJob: job, ATSJob: cmp.Or(form.Get("ats."+job), form.Get("ats")), As: sdk.As(cmp.Or(form.Get("as."+job), form.Get("as"))), Backlog: backlog,
		})
	}
	out := linkedView{ID: one.ID, Results: v.m.LinkMany(v.ctx(), reqs)}
	for i := range out.Results {
		if out.Results[i].Err = v.who.within().Shown(out.Results[i].Err); out.Results[i].Err == nil {
			out.Made++
		}
	}
	return v.show("linked", page.View{Title: "What became of it", Lead: one.Name, Trail: v.connectionTrail(one), Data: out})
}

// backlogOf reads the answer to the question what becomes of applications that wait for the link.
func backlogOf(mode, since string) (*atssync.Backlog, error) {
	if mode == "" { // nothing is chosen beforehand: what goes out goes to an employer, and cannot be taken back
		return nil, &atssync.Error{Code: atssync.CodeInvalid, Message: "one question is left: what becomes of the applications that wait", Remedy: "go back and choose one of the three answers", Fields: []atssync.FieldError{
			{Path: "backlog", Message: "say whether those that wait for the job are sent: all of them, those since a day, or none"},
		}}
	}
	at, err := instant(since, "since")
	if err != nil {
		return nil, err
	}
	b := &atssync.Backlog{Mode: atssync.BacklogMode(mode)}
	if b.Mode == atssync.BacklogSince {
		if at.IsZero() {
			return nil, &atssync.Error{Code: atssync.CodeInvalid, Message: "a day is missing", Remedy: "go back and give the day, or choose another answer", Fields: []atssync.FieldError{
				{Path: "since", Message: "say since which day those that wait are sent"},
			}}
		}
		b.Since = at
	}
	return b, nil
}

func (c *Console) unlink(v *visit) error {
	version, err := v.version()
	if err != nil {
		return err
	}
	if err := v.m.Unlink(v.ctx(), v.r.PathValue("connection"), v.r.PostForm.Get("job"), version); err != nil {
		return err
	}
	return v.back(v.of("/jobs"), "unlinked")
}

func (c *Console) refreshJobs(v *visit) error {
	if _, err := v.m.RefreshJobs(v.ctx(), v.r.PathValue("connection")); err != nil {
		return err
	}
	to := v.of("/jobs")
	if v.r.PostForm.Get("view") == "suggestions" {
		to += "?view=suggestions"
	}
	return v.back(to, "refreshed")
}
