package app

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/egress"
	"github.com/atssync/atssync/daemon/internal/intake"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// outlook tells intake how things stand for a submission, as manage sees it.
func (a *App) outlook(ctx context.Context, c atssync.Connection, job string) (intake.Outlook, error) {
	o, err := a.manage.Outlook(ctx, c, job)
	return intake.Outlook(o), err
}

// resumes looks at resumes through the guard: their addresses come from outside, and nothing of this house may be reached by
// them.
func resumes() func(context.Context, atssync.Resume, sdk.ResumeRule, time.Time) atssync.CheckResult {
	guard := egress.New(egress.Options{Setting: "any list: a resume is fetched from the public Internet", DialTimeout: 5 * time.Second, TLSTimeout: 5 * time.Second, PerHost: 4})
	return func(ctx context.Context, r atssync.Resume, rule sdk.ResumeRule, now time.Time) atssync.CheckResult {
		return intake.LookAtResume(ctx, guard, r, rule, now)
	}
}
