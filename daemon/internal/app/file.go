package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/schedule"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// LoadConfig reads the config file, with what only the daemon's parts can judge.
func LoadConfig(path string) (*config.Config, error) { return config.Load(path, checks()) }

// ReadConfig is LoadConfig for those who look at a file that may be wrong; see config.Read.
func ReadConfig(path string) (*config.Config, config.Problems) { return config.Read(path, checks()) }

func checks() config.Checks {
	return config.Checks{
		Cron: func(spec, zone string) error {
			_, err := schedule.Parse(spec, zone)
			return err
		},
		Note: func(text string) error {
			_, err := atssync.ParseNote(text)
			return err
		},
		EventType: eventType,
	}
}

func partnerName(p config.Platform) string {
	if p.PartnerName != "" {
		return p.PartnerName
	}
	return p.Name
}

// applyFile makes the connections and links of the config file so.
func (a *App) applyFile(ctx context.Context) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	report := a.applyConnections(ctx, a.conf())
	a.checkApplied(ctx, report)
	a.tellFile(report)
}

// applyConnections makes the connections and links of a config file so. What cannot be applied is a problem of the
// report; the rest is.
func (a *App) applyConnections(ctx context.Context, c *config.Config) manage.FileReport {
	ctx = atssync.WithActor(ctx, atssync.Actor{Name: "file", Via: "config"})
	report, err := a.manage.ApplyFile(ctx, fileConnections(c), fileLinks(c))
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("apply the connections of the config file", "err", err)
			report.Problems = append(report.Problems, "connections: the store did not take them; the log says why")
		}
	}
	return report
}

// checkApplied checks the connections that were made or changed: who they act for is known from a check only.
func (a *App) checkApplied(ctx context.Context, report manage.FileReport) {
	ctx = atssync.WithActor(ctx, atssync.Actor{Name: "file", Via: "config"})
	for _, id := range slices.Concat(report.Created, report.Updated) {
		if _, err := a.manage.Check(ctx, id); err != nil && ctx.Err() == nil {
			a.log.Warn("check a connection of the config file", "connection", id, "code", string(atssync.CodeOf(err)))
		}
	}
}

// applyWebhooks is applyConnections for webhooks.
func (a *App) applyWebhooks(ctx context.Context, c *config.Config) manage.FileReport {
	report, err := a.manage.ApplyFileWebhooks(ctx, fileWebhooks(c))
	if err != nil && ctx.Err() == nil {
		a.log.Error("apply the webhooks of the config file", "err", err)
		report.Problems = append(report.Problems, "webhooks: the store did not take them; the log says why")
	}
	return report
}

// tellFile logs what the config file changed, and what of it could not be applied, with its key.
func (a *App) tellFile(report manage.FileReport) {
	for _, p := range report.Problems {
		a.log.Error("a part of the config file was not applied", "problem", p)
	}
	if n := len(report.Created) + len(report.Updated) + len(report.Paused) + report.Linked + report.Unlinked; n > 0 {
		a.log.Info("config file applied", "created", len(report.Created), "updated", len(report.Updated),
			"paused", len(report.Paused), "linked", report.Linked, "unlinked", report.Unlinked)
	}
}

func fileConnections(c *config.Config) []manage.FileConnection {
	var out []manage.FileConnection
	for _, f := range c.Connections {
		m := manage.FileConnection{
			ID: f.ID, Name: f.Name, Account: f.Account, Adapter: f.Adapter, Fields: make(map[string]sdk.Secret),
			OnUncertain: atssync.OnUncertain(f.OnUncertain), ResumeCheck: atssync.ResumeCheck(f.ResumeCheck), LastNameFallback: f.LastNameFallback,
			NoteTemplate: f.NoteTemplate, Paused: f.Paused,
		}
		for k, v := range f.Settings {
			m.Fields[k] = sdk.Secret(fmt.Sprint(v))
		}
		for k, v := range f.Credentials {
			m.Fields[k] = sdk.Secret(v.Reveal())
		}
		for _, o := range f.StatusOverrides {
			m.StatusOverrides = append(m.StatusOverrides, atssync.StatusOverride{
				RawStatus: o.Match.Status, StageID: o.Match.StageID, StageName: o.Match.StageName, Reason: o.Match.Reason,
				Status: sdk.Status(o.Status), Phase: sdk.Phase(o.Phase),
			})
		}
		out = append(out, m)
	}
	return out
}

func fileLinks(c *config.Config) []manage.FileLink {
	var out []manage.FileLink
	for _, l := range c.JobLinks {
		out = append(out, manage.FileLink{
			Connection: l.Connection, PlatformJob: l.PlatformJob, ATSJob: l.ATSJob, As: sdk.As(l.As),
			Pool: l.Pool, PoolStage: l.PoolStage,
		})
	}
	return out
}
