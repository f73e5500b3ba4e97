package manage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// mostFailedCalls is how many calls to the ATS may fail in a row before an import ends: it can be run again, and goes on
// where it stopped.
const mostFailedCalls = 3

// readBack asks the ATS for what waits for that, follows what it shows, and refuses the rest.
func (im *importRun) readBack(ctx context.Context, to *importing) error {
	if len(to.pending) == 0 {
		return nil
	}
	pending := to.pending
	to.pending = nil
	refs := make([]sdk.ApplicationRef, len(pending))
	for i, p := range pending {
		refs[i] = sdk.ApplicationRef{
			CandidateID: p.sub.Receipt.CandidateID, ApplicationID: p.sub.Receipt.ApplicationID, ExternalID: p.sub.ExternalID, JobID: p.atsJob,
		}
	}
	reply, err := call(ctx, im.s, to.c, sdk.PowerReadStatuses, func(cl sdk.Client, sc sdk.Connection) (sdk.ReadStatusesReply, error) {
		return cl.ReadStatuses(ctx, sdk.ReadStatusesRequest{Connection: sc, Applications: refs})
	})
	if err != nil {
		if im.failed++; im.failed == mostFailedCalls || ctx.Err() != nil {
			return fmt.Errorf("read the application of line %d back: %w", pending[0].line, err)
		}
		for _, p := range pending {
			im.report.refuse(p.line, fmt.Errorf("it could not be read back: %w", err))
		}
		return nil
	}
	im.failed = 0
	for i, p := range pending {
		err := im.follow(ctx, to, p, refs[i], reply.Readings)
		if err = im.counted(p.line, err); err != nil {
			return err
		}
	}
	return nil
}

// follow stores one application as the ATS shows it.
func (im *importRun) follow(ctx context.Context, to *importing, p toImport, ref sdk.ApplicationRef, readings []sdk.Reading) error {
	linked := ""
	if p.atsJob == "" {
		var err error
		if linked, err = im.s.linkedJob(ctx, to.c.ID, p.sub.PlatformJob, to.links); err != nil {
			return err
		}
	}
	rd, err := shown(to.m, ref, linked, readings)
	if err != nil {
		return err
	}
	receipt := *p.sub.Receipt
	fill := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	fill(&receipt.CandidateID, rd.CandidateID)
	fill(&receipt.ApplicationID, rd.ApplicationID)
	fill(&receipt.ProfileURL, rd.ProfileURL)
	p.sub.Receipt = &receipt
	fill(&p.sub.ATSJob, rd.JobID)
	fill(&p.sub.ATSJob, linked)
	return im.store(ctx, p, atssync.NewApplication(p.sub, receipt, rd.JobName, time.Now().UTC()))
}

// shown finds the reading that a record means, or says in clear words why there is none. linked is the ATS job that its
// platform job is linked to, which decides between several.
func shown(m sdk.Manifest, ref sdk.ApplicationRef, linked string, readings []sdk.Reading) (sdk.Reading, error) {
	who, path := "the candidate "+ref.CandidateID, "candidate_id"
	if ref.CandidateID == "" {
		who, path = "the application "+ref.ApplicationID, "application_id"
	}
	refuse := func(path, format string, args ...any) (sdk.Reading, error) {
		return sdk.Reading{}, invalid("the application", []atssync.FieldError{{Path: path, Message: fmt.Sprintf(format, args...)}})
	}
	only := func(in []sdk.Reading, keep func(sdk.Reading) bool) []sdk.Reading {
		return slices.DeleteFunc(slices.Clone(in), func(r sdk.Reading) bool { return !keep(r) })
	}
	seen := only(readings, func(r sdk.Reading) bool {
		if r.Gone != "" {
			return false
		}
		return ref.CandidateID != "" && r.CandidateID == ref.CandidateID || ref.CandidateID == "" && r.ApplicationID == ref.ApplicationID
	})
	if len(seen) == 0 {
		message := m.Label + " does not show " + who + " to this connection"
		if m.ReadPermission != "" {
			message += "; reading needs: " + m.ReadPermission
		}
		return refuse(path, "%s", message)
	}
	if readable := atssync.Readable(seen); len(readable) < len(seen) {
		app := atssync.Application{CandidateID: ref.CandidateID, ApplicationID: ref.ApplicationID, Pending: ref.Pending}
		if what := app.Unreadable(seen); what != "" {
			return refuse(path, "%s is shown in a form that the adapter cannot read (%s)", who, what)
		}
		seen = readable
	}
	own := only(seen, func(r sdk.Reading) bool { return r.ExternalID == "" || r.ExternalID == ref.ExternalID })
	if len(own) == 0 {
		return refuse("external_id", "%s carries the external id %q in the ATS: it is another application", who, seen[0].ExternalID)
	}
	if ref.ApplicationID != "" {
		if own = only(own, func(r sdk.Reading) bool { return r.ApplicationID == ref.ApplicationID }); len(own) == 0 {
			return refuse("application_id", "%s has no application %s", who, ref.ApplicationID)
		}
	}
	if ref.JobID != "" {
		if own = only(own, func(r sdk.Reading) bool { return r.JobID == "" || r.JobID == ref.JobID }); len(own) == 0 {
			return refuse("ats_job", "%s has no application for the ATS job %s", who, ref.JobID)
		}
	}
	for _, better := range []func(sdk.Reading) bool{
		func(r sdk.Reading) bool { return linked != "" && r.JobID == linked },
		func(r sdk.Reading) bool { return r.ApplicationID != "" },
	} {
		if kept := only(own, better); len(kept) > 0 {
			own = kept
		}
	}
	if len(own) > 1 {
		return refuse("application_id", "is required: %s has %d applications in the ATS", who, len(own))
	}
	return own[0], nil
}
