package intake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// connection says whether the connection, its adapter and its sending are well.
func (p *preflight) connection(c atssync.Connection, o Outlook) {
	const label = "The connection is active"
	if c.State == atssync.ConnectionPaused {
		turn, remedy := atssync.HeldConnectionPaused.Remedy()
		p.fail(checkConnection, label, "the connection is paused: "+c.PausedReason, turn, remedy)
	} else {
		p.found(checkConnection, label)
	}
	switch _, remedy := atssync.HeldAdapterMissing.Remedy(); {
	case o.AdapterTrouble != "":
		p.fail(checkAdapter, "The adapter runs", o.AdapterTrouble, sdk.TurnOperator, remedy)
	case o.Manifest != nil && !o.Manifest.Has(sdk.PowerSubmit):
		p.fail(checkAdapter, "The adapter runs", o.Manifest.Label+" takes no applications: its adapter does not announce "+string(sdk.PowerSubmit), sdk.TurnAdapter, "")
	default:
		p.found(checkAdapter, "The adapter runs")
	}
	p.health(o.Lane)
}

// health says whether applications are sent on the connection now.
func (p *preflight) health(l atssync.Lane) {
	const label = "Applications are being sent"
	h := l.Health(atssync.OpSubmit)
	t := atssync.Trouble{Turn: sdk.TurnOperator, Remedy: "see: atssync health"}
	if h.Trouble != nil {
		t = *h.Trouble
	}
	if l.HoldReason != "" {
		turn, remedy := l.HoldReason.Remedy()
		p.fail(checkHealth, label, "everything that comes in is held: "+string(l.HoldReason), turn, remedy)
		return
	}
	switch h.State {
	case atssync.HealthStopped, atssync.HealthCanary:
		cause := "nothing is sent until a probe succeeds (" + h.Cause + ")"
		if t.Message != "" {
			cause += ": " + t.Message
		}
		p.fail(checkHealth, label, cause, t.Turn, t.Remedy)
	case atssync.HealthFailing:
		p.warn(checkHealth, label, "sending failed lately and is tried on: "+t.Message, t.Remedy)
	case atssync.HealthDraining:
		p.warn(checkHealth, label, "what waited is being sent at a pace; this one would take its turn", "")
	default:
		if r := l.Health(atssync.OpRead); r.Cause == atssync.CannotRead {
			remedy := ""
			if r.Trouble != nil {
				remedy = r.Trouble.Remedy
			}
			p.warn(checkHealth, label, "applications can be sent, and their statuses cannot be read back", remedy)
			return
		}
		p.found(checkHealth, label)
	}
}

// job says whether the platform job leads to a job that takes applications, and whether the document fits it.
func (p *preflight) job(c atssync.Connection, o Outlook) {
	const label = "The job is linked, visible and open"
	if p.doc.Job == "" || p.s.o.Outlook == nil {
		return
	}
	open := c
	open.State = atssync.ConnectionActive // the pause was told already
	lane := o.Lane
	lane.HoldReason = ""
	switch state, reason := atssync.Judge(open, lane, o.Link, o.Job); {
	case state == atssync.StateHeld:
		turn, remedy := reason.Remedy()
		cause := string(reason)
		if o.Link != nil {
			if t := o.Lane.Jobs[o.Link.ATSJob].Trouble; t != nil && t.Message != "" {
				cause += ": " + t.Message
				if t.Turn != "" {
					turn, remedy = t.Turn, t.Remedy
				}
			}
		}
		p.fail(checkJob, label, cause, turn, remedy)
	case o.Link.ATSJob == "":
		p.found(checkJob, "The job is linked, to no job of the ATS: people go in as prospects")
	case o.Job == nil:
		p.warn(checkJob, label, "the ATS's jobs were not listed yet, so nobody can say whether job "+o.Link.ATSJob+" is there", "")
	case o.Job.Visibility != atssync.Visible:
		_, remedy := atssync.HeldJobNotAccessible.Remedy()
		p.warn(checkJob, label, "the ATS job "+o.Job.ID+" ("+o.Job.Name+") was missing from the last listing", remedy)
	default:
		p.found(checkJob, label)
	}
	p.fields(o)
}

// fields says whether this ATS takes what the document holds.
func (p *preflight) fields(o Outlook) {
	const label = "The ATS takes these fields"
	m := o.Manifest
	if m == nil || o.Link == nil {
		return
	}
	if o.Link.As == sdk.AsProspect && !m.Prospects {
		p.fail(checkFields, label, m.Label+" takes no prospects, and the job is linked for such", sdk.TurnPlatform, "link the job for candidates")
		return
	}
	if r := p.doc.Resume; r != nil && len(m.Resume.Types) > 0 {
		if ext := extension(*r); ext != "" && !slices.Contains(m.Resume.Types, ext) {
			p.fail(checkFields, label, fmt.Sprintf("%s takes no resume of the type %s; it takes %s", m.Label, ext, strings.Join(m.Resume.Types, ", ")),
				sdk.TurnPlatform, "give the resume in one of these types, with its file_name")
			return
		}
	}
	told := len(p.doc.Answers) > 0 || len(p.doc.Notes) > 0 || len(p.doc.Media) > 0
	if told && (m.Note.Format == sdk.NoteNone || m.Note.Format == "") {
		p.warn(checkFields, label, m.Label+" takes no note: answers, sound bites and notes would not be shown there", "")
		return
	}
	p.found(checkFields, label)
}

// resume has the address looked at as the submit worker would, just before it sends.
func (p *preflight) resume(ctx context.Context, c atssync.Connection, o Outlook) {
	r := p.doc.Resume
	if r == nil || r.URL == "" || notHTTPS(r.URL) != "" || p.s.policy.Load().Resumes == nil {
		return
	}
	how := cmp.Or(c.ResumeCheck, p.s.policy.Load().ResumeCheck)
	if how == atssync.ResumeCheckOff {
		p.found(atssync.CheckResume, "Resumes are not looked at on this connection")
		return
	}
	var rule sdk.ResumeRule
	if o.Manifest != nil {
		rule = o.Manifest.Resume
	}
	p.add(p.s.policy.Load().Resumes(ctx, *r, rule, p.now).Finding(how))
}

// quota says whether the ATS takes calls now.
func (p *preflight) quota(o Outlook) {
	const label = "The ATS takes requests now"
	if p.s.o.Outlook == nil {
		return
	}
	if o.QuietUntil.After(p.now) {
		_, remedy := atssync.HeldQuota.Remedy()
		p.fail(checkQuota, label, "its limits are used up until "+o.QuietUntil.UTC().Format(time.RFC3339)+"; the application would wait", sdk.TurnATS, remedy)
		return
	}
	p.found(checkQuota, label)
}
