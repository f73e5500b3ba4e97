package app

import (
	"context"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/collect"
	"github.com/atssync/atssync/daemon/internal/deliver"
	"github.com/atssync/atssync/daemon/internal/egress"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/submit"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// doors are what leaves the house goes through, beside the adapters.
type doors struct {
	webhooks *egress.Client
	resumes  func(context.Context, atssync.Resume, sdk.ResumeRule, time.Time) atssync.ResumeLook
}

func openDoors(c *config.Config) (*doors, error) {
	var out doors
	var err error
	if out.webhooks, err = webhookDoor(c.Delivery); err != nil {
		return nil, err
	}
	out.resumes, err = resumeDoor(c)
	return &out, err
}

// The policies are what a reload puts in force.

func managePolicy(c *config.Config) manage.Policy {
	return manage.Policy{
		Settings: adapterSettings(c.Adapters), PartnerName: partnerName(c.Platform), OnUncertain: atssync.OnUncertain(c.Submissions.OnUncertain),
		ResumeCheck: atssync.ResumeCheck(c.Submissions.ResumeCheck), ReleasePerMinute: c.Submissions.ReleasePace, Settle: c.Status.Settle,
	}
}

func intakePolicy(c *config.Config, out *doors) intake.Policy {
	return intake.Policy{
		ExpireAfter: c.Submissions.ExpireAfter, LastNameFallback: c.Submissions.LastNameFallback,
		Resumes: out.resumes, ResumeCheck: atssync.ResumeCheck(c.Submissions.ResumeCheck),
	}
}

func submitPolicy(c *config.Config, out *doors) submit.Policy {
	return submit.Policy{
		Note: c.Submissions.NoteTemplate, OnUncertain: atssync.OnUncertain(c.Submissions.OnUncertain),
		Resumes: out.resumes, ResumeCheck: atssync.ResumeCheck(c.Submissions.ResumeCheck), DrainEvery: drainEvery(c.Submissions.ReleasePace),
	}
}

func collectPolicy(c *config.Config) collect.Policy {
	return collect.Policy{
		Settle: c.Status.Settle, MissingAfter: c.Status.MissingAfter, QuietAfter: c.Status.QuietAfter,
		QuietIntervals: c.Status.TerminalIntervals, ReleasePerMinute: c.Submissions.ReleasePace,
	}
}

func deliverPolicy(c *config.Config, out *doors) deliver.Policy {
	return deliver.Policy{Door: out.webhooks, Timeout: c.Delivery.Timeout}
}
