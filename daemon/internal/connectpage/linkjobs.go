package connectpage

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// linkJobs links the jobs that are ticked, each to what was proposed for it. Where somebody else was faster, or a proposal is
// another one by now, nothing is changed and it is told.
func (v *visit) linkJobs() error {
	if err := v.connected(); err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	form := v.r.PostForm
	c := chosen{
		ticked: make(map[string]bool), as: make(map[string]sdk.As), errors: make(map[string]string),
		mode: atssync.BacklogMode(form.Get("backlog")), since: form.Get("since"),
	}
	var reqs []manage.LinkRequest
	for _, id := range form["job"] {
		if c.ticked[id] || len(reqs) >= perPage {
			continue
		}
		c.ticked[id], c.as[id] = true, sdk.As(form.Get("as:"+id))
		if c.as[id] != sdk.AsProspect {
			c.as[id] = sdk.AsCandidate
		}
		reqs = append(reqs, manage.LinkRequest{
			Connection: v.conn.ID, PlatformJob: id, ATSJob: form.Get("ats:" + id), As: c.as[id], Version: atssync.IfNone,
		})
	}
	if len(reqs) == 0 {
		return v.showJobs(http.StatusUnprocessableEntity, c, &page.Message{Kind: page.KindBad, Title: "No job is ticked", Text: "Tick the jobs that belong together, and press the button again."})
	}
	waiting, err := v.backlogs(reqs)
	if err != nil {
		return err
	}
	if waiting {
		answer, wrong := v.backlogAnswer()
		if answer == nil {
			c.wrong = wrong
			return v.showJobs(http.StatusUnprocessableEntity, c, &page.Message{Kind: page.KindBad, Title: "One question is left", Text: "Nothing was connected yet.", Items: []page.Link{{Text: wrong, URL: "#" + page.Anchor("backlog")}}})
		}
		for i := range reqs {
			reqs[i].Backlog = answer
		}
	}
	if err := v.known(reqs); err != nil {
		return err
	}
	done := 0
	for _, res := range v.ours.LinkMany(v.ctx, reqs) {
		if res.Err == nil {
			done++
			delete(c.ticked, res.Link.PlatformJob)
			continue
		}
		if res.Err.Code == atssync.CodeInternal {
			return res.Err
		}
		c.errors[res.Link.PlatformJob] = v.linkTrouble(res.Err)
	}
	if len(c.errors) == 0 {
		page.Back(v.w, v.r, v.at("jobs")+filter(form.Get("q"), form.Get("show"), 0), "jobs-linked")
		return nil
	}
	m := &page.Message{Kind: page.KindWarn, Title: fmt.Sprintf("%d of %d jobs could not be connected", len(c.errors), len(reqs)), Text: "Nothing of somebody else’s was overwritten. What is wrong stands beside each job."}
	return v.showJobs(http.StatusConflict, c, m)
}

// known refuses platform jobs that are not the account's: a form may say anything.
func (v *visit) known(reqs []manage.LinkRequest) error {
	for _, r := range reqs {
		if _, err := v.platformJob(r.PlatformJob); err != nil {
			return err
		}
	}
	return nil
}

// platformJob is one job of the account; CodeNotFound for any other.
func (v *visit) platformJob(id string) (atssync.PlatformJob, error) {
	got, err := v.account.PlatformJobs(v.ctx, atssync.JobQuery{Account: v.link.Account, ID: id, Paging: atssync.Paging{Limit: 1}})
	if err != nil {
		return atssync.PlatformJob{}, err
	}
	if len(got.Items) == 0 || got.Items[0].ID != id || got.Items[0].Account != v.link.Account {
		return atssync.PlatformJob{}, atssync.Errorf(atssync.CodeNotFound, "the account has no such platform job")
	}
	return got.Items[0], nil
}

// backlogs reports whether applications wait for any of the links.
func (v *visit) backlogs(reqs []manage.LinkRequest) (bool, error) {
	for _, r := range reqs {
		b, err := v.ours.Backlog(v.ctx, v.conn.ID, r.PlatformJob)
		if err != nil || b.Count > 0 {
			return b.Count > 0, err
		}
	}
	return false, nil
}

// linkTrouble says why a link was not made.
func (v *visit) linkTrouble(e *atssync.Error) string {
	switch e.Code {
	case atssync.CodeChanged:
		return "Somebody else changed this job meanwhile. Nothing was overwritten; look at it once more."
	case atssync.CodeNotFound:
		return "The job of " + v.adapter.Label + " is not in the list any more. List the jobs again, and see that the user has access to it."
	case atssync.CodeForbidden:
		return v.Platform.Name + " keeps this link in a configuration of its own, and can change it for you."
	case atssync.CodeConflict:
		return "Applications came in meanwhile that wait for this job. Say what shall become of them."
	case atssync.CodeInvalid:
		for _, f := range e.Fields {
			return sentence(f.Path + " " + f.Message)
		}
	}
	return sentence(e.Message)
}

// refresh has the ATS's jobs listed now.
func (v *visit) refresh() error {
	if err := v.connected(); err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	if _, err := v.ours.RefreshJobs(v.ctx, v.conn.ID); err != nil {
		if !told(err) {
			return err
		}
		status, text := http.StatusBadGateway, v.adapter.Label+" did not give its list of jobs. The status page says more."
		if atssync.CodeOf(err) == atssync.CodeConflict {
			status, text = http.StatusConflict, "The connection is paused, or lists no jobs. The status page says more."
		}
		return v.showJobs(status, chosen{}, &page.Message{Kind: page.KindBad, Title: "The jobs could not be listed", Text: text})
	}
	to := v.at("jobs")
	if job := v.r.PostForm.Get("job"); job != "" {
		to = v.at("jobs", job)
	}
	page.Back(v.w, v.r, to, "refreshed")
	return nil
}

// asError returns the refusal in err, nil when it is none.
func asError(err error) *atssync.Error {
	e, _ := errors.AsType[*atssync.Error](err)
	return e
}
