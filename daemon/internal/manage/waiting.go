package manage

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ReleaseResult is the task that releases, and what it will find, as far as could be seen when it was made.
type ReleaseResult struct {
	atssync.Task
	// Queued may be sent once they were judged again.
	Queued int `json:"queued"`
	// StillHeld stay held, by the reason that is found then.
	StillHeld map[atssync.HeldReason]int `json:"still_held,omitempty"`
	// More says that only the first 10,000 were looked at.
	More bool `json:"more,omitempty"`
}

const releaseLooks = 10_000

// foresee judges what a release task will judge.
func (s *Service) foresee(ctx context.Context, c atssync.Connection, t atssync.Task) (ReleaseResult, error) {
	out := ReleaseResult{Task: t}
	lane, err := s.o.Store.Lane(ctx, c.ID)
	if err != nil {
		return out, err
	}
	jobs, err := s.jobsOf(ctx, c.ID)
	if err != nil {
		return out, err
	}
	verdicts := make(map[string]atssync.HeldReason)
	q := atssync.SubmissionQuery{
		Connection: c.ID, PlatformJob: t.PlatformJob, State: atssync.StateHeld, HeldReason: t.Reason, Since: t.Since,
		Paging: atssync.Paging{Limit: maxShare},
	}
	for looked := 0; ; {
		page, err := s.o.Store.Submissions(ctx, q)
		if err != nil {
			return out, err
		}
		for i := range page.Items {
			job := page.Items[i].PlatformJob
			reason, ok := verdicts[job]
			if !ok {
				if reason, err = s.judge(ctx, c, lane, jobs, job); err != nil {
					return out, err
				}
				verdicts[job] = reason
			}
			out.count(reason)
		}
		looked += len(page.Items)
		if out.More = page.Next != ""; !out.More || looked >= releaseLooks {
			return out, nil
		}
		q.After = page.Next
	}
}

func (r *ReleaseResult) count(reason atssync.HeldReason) {
	if reason == "" {
		r.Queued++
		return
	}
	if r.StillHeld == nil {
		r.StillHeld = make(map[atssync.HeldReason]int)
	}
	r.StillHeld[reason]++
}

// judge returns why a submission for the platform job would be held now, "" when it would be queued.
func (s *Service) judge(ctx context.Context, c atssync.Connection, lane atssync.Lane, jobs map[string]atssync.ATSJob, platformJob string) (atssync.HeldReason, error) {
	link, err := s.o.Store.JobLink(ctx, c.ID, platformJob)
	if atssync.CodeOf(err) == atssync.CodeNotFound {
		_, reason := atssync.Judge(c, lane, nil, nil)
		return reason, nil
	}
	if err != nil {
		return "", err
	}
	var job *atssync.ATSJob
	if j, ok := jobs[link.ATSJob]; ok {
		job = &j
	}
	_, reason := atssync.Judge(c, lane, &link, job)
	return reason, nil
}

// viewer shows submissions and remembers what those of one answer share.
type viewer struct {
	s      *Service
	linked map[[2]string]bool
	tasks  map[string][]atssync.Task
	lanes  map[string]atssync.Health // of submit
}

func (s *Service) viewer() *viewer {
	return &viewer{s: s, linked: make(map[[2]string]bool), tasks: make(map[string][]atssync.Task), lanes: make(map[string]atssync.Health)}
}

// shownSubmission is one submission as people see it.
func (s *Service) shownSubmission(ctx context.Context, sub atssync.Submission) (Submission, error) {
	return s.viewer().show(ctx, sub)
}

// show says of one that is held for a link, which was made since, what it waits for now: linking a job releases only
// what the answer to the backlog question names.
func (v *viewer) show(ctx context.Context, sub atssync.Submission) (Submission, error) {
	out := submissionView(sub)
	if sub.State == atssync.StateQueued {
		return out, v.throttled(ctx, &out)
	}
	if sub.State != atssync.StateHeld || sub.HeldReason != atssync.HeldJobNotLinked {
		return out, nil
	}
	k := [2]string{sub.Connection, sub.PlatformJob}
	linked, ok := v.linked[k]
	if !ok {
		_, err := v.s.o.Store.JobLink(ctx, sub.Connection, sub.PlatformJob)
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return out, err
		}
		linked = err == nil
		v.linked[k] = linked
	}
	if !linked {
		return out, nil
	}
	releasing, err := v.releasing(ctx, sub)
	if err != nil {
		return out, err
	}
	out.WhoseTurn = sdk.TurnOperator
	out.Remedy = "the job is linked, and the answer to the backlog question left this one out: release it with atssync submissions release " + sub.ID
	if releasing {
		out.Remedy = "the job is linked and this one is being released, at the configured pace; see: atssync checkpoints"
	}
	return out, nil
}

// throttled says of a queued one that the ATS asked to be left alone, until when, and what to do.
func (v *viewer) throttled(ctx context.Context, out *Submission) error {
	h, ok := v.lanes[out.Connection]
	if !ok {
		lane, err := v.s.o.Store.Lane(ctx, out.Connection)
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return err
		}
		h = lane.Health(atssync.OpSubmit)
		v.lanes[out.Connection] = h
	}
	if !h.Throttled(time.Now()) {
		return nil
	}
	if h.NextAt.After(out.NextAt) {
		out.NextAt = h.NextAt
	}
	if h.Trouble != nil {
		out.Trouble, out.WhoseTurn, out.Remedy = h.Trouble, h.Trouble.Turn, h.Trouble.Remedy
	}
	return nil
}

// releasing reports whether a pending task will judge the submission again.
func (v *viewer) releasing(ctx context.Context, sub atssync.Submission) (bool, error) {
	tasks, ok := v.tasks[sub.Connection]
	if !ok {
		var err error
		if tasks, err = v.s.o.Store.Tasks(ctx, sub.Connection); err != nil {
			return false, err
		}
		v.tasks[sub.Connection] = tasks
	}
	for _, t := range tasks {
		if t.Kind == atssync.TaskRelease && t.Reason == sub.HeldReason && !sub.AcceptedAt.Before(t.Since) &&
			(t.PlatformJob == "" || t.PlatformJob == sub.PlatformJob) {
			return true, nil
		}
	}
	return false, nil
}
