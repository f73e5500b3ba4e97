package app

import (
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/config"
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

// resumeSetting is how refusals name the list of networks that resumes may lie in.
const resumeSetting = "resume_networks of [submissions]"

// resumeDoor makes what looks at resumes: their addresses come from outside, and nothing of this house may be reached by them
// that the operator did not list.
func resumeDoor(c *config.Config) (func(context.Context, atssync.Resume, sdk.ResumeRule, time.Time) atssync.ResumeLook, error) {
	networks, err := egress.ParseNetworks(c.Submissions.ResumeNetworks)
	if err != nil {
		return nil, fmt.Errorf("submissions.resume_networks: %w", err)
	}
	cas, err := certificates("adapters.ca_file", c.Adapters.CAFile)
	if err != nil {
		return nil, err
	}
	guard := egress.New(egress.Options{
		Allow: networks, Setting: resumeSetting, CAs: cas, DialTimeout: 5 * time.Second, TLSTimeout: 5 * time.Second, PerHost: 16,
	})
	return func(ctx context.Context, r atssync.Resume, rule sdk.ResumeRule, now time.Time) atssync.ResumeLook {
		return intake.LookAtResume(ctx, guard, r, rule, now)
	}, nil
}
