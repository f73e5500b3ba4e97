package connectpage

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxChoices is how many jobs of the ATS stand in the form of one job; a search narrows them.
const maxChoices = 25

// jobChoice is a job of the ATS that may be meant.
type jobChoice struct {
	Job     atssync.ATSJob
	Note    string
	Checked bool
	Taken   bool // another platform job is linked to it
}

// jobPage is the form of one platform job.
type jobPage struct {
	naming
	Job       atssync.PlatformJob
	Link      *atssync.JobLink
	LinkedTo  *atssync.ATSJob
	Version   int64
	Query     string
	Choices   []jobChoice
	More      int // that the search found beside
	ATSJobs   int
	As        page.Choices
	Backlog   page.Choices
	Since     page.Field
	Error     string
	Prospects bool
}

// job shows one platform job and what it may be linked to: a page that the platform's own page of the job can lead to.
func (v *visit) job() error {
	if err := v.connected(); err != nil {
		return err
	}
	return v.showJob(http.StatusOK, jobForm{}, nil)
}

// jobForm is what the form of one job said.
type jobForm struct {
	atsJob, as string
	mode       atssync.BacklogMode
	since      string
	wrong      string // with the question about what waits
	refused    string // with the choice
}

func (v *visit) showJob(status int, f jobForm, m *page.Message) error {
	j, err := v.platformJob(v.r.PathValue("job"))
	if err != nil {
		return err
	}
	d := jobPage{naming: v.naming(0), Job: j, Version: atssync.IfNone, Query: strings.TrimSpace(v.r.URL.Query().Get("q")), Prospects: v.adapter.Prospects, Error: f.refused}
	ats, err := v.atsJobs()
	if err != nil {
		return err
	}
	link, err := v.ours.JobLink(v.ctx, v.conn.ID, j.ID)
	switch {
	case err == nil:
		d.Link, d.Version = &link, link.Version
		if a, ok := ats[link.ATSJob]; ok {
			d.LinkedTo = &a
		}
	case atssync.CodeOf(err) != atssync.CodeNotFound:
		return err
	}
	if err := v.choices(&d, ats, f); err != nil {
		return err
	}
	as := cmp.Or(f.as, string(sdk.AsCandidate))
	if f.as == "" && d.Link != nil {
		as = string(d.Link.As)
	}
	d.As = asChoices(as, v.adapter.Label)
	b, err := v.ours.Backlog(v.ctx, v.conn.ID, j.ID)
	if err != nil {
		return err
	}
	d.Backlog, d.Since = v.backlogQuestion(b.Count, f.mode, f.since, f.wrong)
	return v.write(status, "job", page.View{
		Title: j.Title, Trail: []page.Link{{Text: "Jobs", URL: v.at("jobs")}}, Message: m, Data: d,
	})
}

func asChoices(as, ats string) page.Choices {
	c := page.Choices{Name: "as", Legend: "How applicants arrive in " + ats, Of: []page.Choice{
		{Value: string(sdk.AsCandidate), Label: "As candidates", Help: "They applied for this job and start in its first stage."},
		{Value: string(sdk.AsProspect), Label: "As prospects", Help: "They may fit, and your recruiters decide whether they become candidates."},
	}}
	for i := range c.Of {
		c.Of[i].Checked = c.Of[i].Value == as
	}
	return c
}

// choices fills in the jobs of the ATS that may be meant: what is linked, what is proposed, and what the search finds.
func (v *visit) choices(d *jobPage, ats map[string]atssync.ATSJob, f jobForm) error {
	list, err := v.ours.Proposals(v.ctx, v.conn.ID)
	if err != nil && !told(err) {
		return err
	}
	if len(ats) == 0 {
		if ats, err = v.atsJobs(); err != nil {
			return err
		}
	}
	d.ATSJobs = len(ats)
	links, err := all(func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
		return v.ours.JobLinks(v.ctx, atssync.LinkQuery{Connection: v.conn.ID, Paging: p})
	})
	if err != nil {
		return err
	}
	taken := make(map[string]bool, len(links))
	for _, l := range links {
		taken[l.ATSJob] = taken[l.ATSJob] || l.PlatformJob != d.Job.ID
	}
	var proposal *manage.Suggestion
	for i := range list {
		if list[i].PlatformJob.ID == d.Job.ID {
			proposal = &list[i]
		}
	}
	picked := f.atsJob
	if picked == "" && d.Link != nil {
		picked = d.Link.ATSJob
	}
	for _, a := range ats {
		c := jobChoice{Job: a, Taken: taken[a.ID], Checked: a.ID == picked}
		if proposal != nil && proposal.ATSJob.ID == a.ID {
			c.Note = reasonWords(proposal.Reason) + ", " + strconv.Itoa(percent(proposal.Confidence)) + " % sure"
			c.Checked = c.Checked || picked == "" && !proposal.Ambiguous && (proposal.Reason == manage.ReasonSameID || proposal.Reason == manage.ReasonSameRequisition)
		}
		if c.Checked || (a.Takes() && a.Visibility == atssync.Visible && matches(d.Query, a.ID, a.Name, a.Location, a.RequisitionID)) {
			d.Choices = append(d.Choices, c)
		}
	}
	slices.SortFunc(d.Choices, func(a, b jobChoice) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.Job.Name, b.Job.Name), strings.Compare(a.Job.ID, b.Job.ID))
	})
	if n := len(d.Choices); n > maxChoices {
		d.More, d.Choices = n-maxChoices, d.Choices[:maxChoices]
	}
	return nil
}

func (c jobChoice) rank() int {
	switch {
	case c.Checked:
		return 0
	case c.Note != "":
		return 1
	case c.Taken:
		return 3
	}
	return 2
}

// linkJob links one platform job, changes its link or ends it, each only as it was shown.
func (v *visit) linkJob() error {
	if err := v.connected(); err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	j, err := v.platformJob(v.r.PathValue("job"))
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(v.r.PostFormValue("version"), 10, 64)
	if err != nil || version == 0 || version < atssync.IfNone {
		version = atssync.IfNone // what says nothing overwrites nothing
	}
	if v.r.PostFormValue("act") == "unlink" {
		return v.unlinkJob(j, version)
	}
	f := jobForm{
		atsJob: v.r.PostFormValue("ats_job"), as: v.r.PostFormValue("as"), mode: atssync.BacklogMode(v.r.PostFormValue("backlog")), since: v.r.PostFormValue("since"),
	}
	req := manage.LinkRequest{Connection: v.conn.ID, PlatformJob: j.ID, ATSJob: f.atsJob, As: sdk.As(f.as), Version: version}
	if f.atsJob == "" {
		f.refused = "Please choose the job of " + v.adapter.Label + "."
		return v.showJob(http.StatusUnprocessableEntity, f, &page.Message{Kind: page.KindBad, Title: "No job is chosen", Items: []page.Link{{Text: f.refused, URL: "#" + page.Anchor("ats_job")}}})
	}
	if f.mode != "" {
		if req.Backlog, f.wrong = v.backlogAnswer(); f.wrong != "" {
			return v.showJob(http.StatusUnprocessableEntity, f, &page.Message{Kind: page.KindBad, Title: "One question is left", Items: []page.Link{{Text: f.wrong, URL: "#" + page.Anchor("backlog")}}})
		}
	}
	if was, err := v.ours.JobLink(v.ctx, v.conn.ID, j.ID); err == nil && was.As == sdk.AsProspect && req.As == sdk.AsProspect {
		req.Pool, req.PoolStage, req.OwnerEmail = was.PoolID, was.PoolStageID, was.OwnerEmail // what the form does not ask for stays
	}
	if _, err = v.ours.Link(v.ctx, req); err != nil {
		return v.linkRefused(err, f)
	}
	page.Back(v.w, v.r, v.at("jobs", j.ID), "job-linked")
	return nil
}

func (v *visit) unlinkJob(j atssync.PlatformJob, version int64) error {
	if version == atssync.IfNone {
		return v.linkRefused(atssync.Errorf(atssync.CodeChanged, "nothing was linked"), jobForm{})
	}
	if err := v.ours.Unlink(v.ctx, v.conn.ID, j.ID, version); err != nil {
		if atssync.CodeOf(err) == atssync.CodeNotFound {
			err = atssync.Errorf(atssync.CodeChanged, "it was unlinked meanwhile")
		}
		return v.linkRefused(err, jobForm{})
	}
	page.Back(v.w, v.r, v.at("jobs", j.ID), "job-unlinked")
	return nil
}

// linkRefused shows the form again as things are now.
func (v *visit) linkRefused(err error, f jobForm) error {
	e := asError(err)
	if e == nil {
		return err
	}
	m := &page.Message{Kind: page.KindBad, Title: "Nothing was changed", Text: v.linkTrouble(e)}
	switch e.Code {
	case atssync.CodeChanged:
		m = &page.Message{Kind: page.KindWarn, Title: "Somebody else changed this job meanwhile", Text: "Nothing was overwritten. Below stands how it is now; save again if you still want something else."}
		f = jobForm{}
	case atssync.CodeConflict:
		f.wrong = "Please say what shall become of the applications that wait."
		m.Text = ""
		m.Items = []page.Link{{Text: f.wrong, URL: "#" + page.Anchor("backlog")}}
	case atssync.CodeInternal:
		return err
	}
	return v.showJob(http.StatusConflict, f, m)
}
