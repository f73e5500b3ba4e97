package manage

import (
	"cmp"
	"context"
	"io"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// applicationKeys are the keys, or columns, of a file of applications of an earlier integration.
var applicationKeys = []string{"connection", "external_id", "job", "ats_job", "as", "candidate_id", "application_id", "profile_url"}

// ImportApplications follows applications that an earlier integration put into the ATS, so that a re-send of
// them doubles nobody. connection is used for records that name none. A record that was imported before counts as
// unchanged; what is wrong with one is in the report, and the others go on.
func (s *Service) ImportApplications(ctx context.Context, connection string, r io.Reader, f Format) (ImportReport, error) {
	var report ImportReport
	known := make(map[string]*importing)
	if connection != "" {
		if _, err := s.importTo(ctx, connection, known); err != nil {
			return report, err
		}
	}
	err := readRecords(r, f, applicationKeys, func(rec record) error {
		report.Read++
		if rec.err != nil {
			report.refuse(rec.line, rec.err)
			return nil
		}
		var a atssync.Accepted
		to, err := s.importTo(ctx, cmp.Or(rec.values["connection"], connection), known)
		if err == nil {
			a, err = s.importOne(ctx, to.c, to.m, rec.values, to.links)
		}
		switch {
		case err == nil && a.Err != nil:
			report.refuse(rec.line, a.Err)
		case err == nil && a.Result == atssync.AcceptedReplay:
			report.Same++
		case err == nil:
			report.Stored++
		case aboutInput(err):
			report.refuse(rec.line, err)
		default:
			return err
		}
		return nil
	})
	return report, err
}

// importing is a connection that applications are imported to.
type importing struct {
	c     atssync.Connection
	m     sdk.Manifest
	links map[string]string // platform job to ATS job
	err   error
}

// importTo finds the connection of a record, each once.
func (s *Service) importTo(ctx context.Context, connection string, known map[string]*importing) (*importing, error) {
	if to := known[connection]; to != nil {
		return to, to.err
	}
	to := &importing{links: make(map[string]string)}
	if connection == "" {
		to.err = invalid("the application", []atssync.FieldError{{Path: "connection", Message: "is required: say to which connection it went"}})
	} else if to.c, to.err = s.find(ctx, connection); to.err == nil && to.c.State == atssync.ConnectionRemoved {
		to.err = removed(to.c)
	}
	if to.err != nil && !aboutInput(to.err) {
		return to, to.err // a fault, which may be over for the next record
	}
	known[connection] = to
	to.m, _ = s.o.Adapters.Manifest(to.c.Adapter) // without one a profile_url alone cannot be read
	return to, to.err
}

func (s *Service) importOne(ctx context.Context, c atssync.Connection, m sdk.Manifest, v, links map[string]string) (atssync.Accepted, error) {
	now := time.Now().UTC()
	receipt, problems := importProblems(m, v)
	if len(problems) > 0 {
		return atssync.Accepted{}, invalid("the application", problems)
	}
	job := v["ats_job"]
	if job == "" {
		var err error
		if job, err = s.linkedJob(ctx, c.ID, v["job"], links); err != nil {
			return atssync.Accepted{}, err
		}
	}
	as := sdk.As(v["as"])
	if as == "" {
		as = sdk.AsCandidate
	}
	sub := atssync.Submission{
		ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, Account: c.Account,
		ExternalID: v["external_id"], ExternalKey: s.o.Documents.ExternalKey(c.ID, v["external_id"]),
		AccountKey:  s.o.Keys.Index(atssync.KindExternalInATS, c.ExternalInATS(v["external_id"])),
		Fingerprint: s.o.Keys.Index("import", strings.Join([]string{c.ID, v["external_id"], v["job"], receipt.CandidateID, receipt.ApplicationID}, "\x00")),
		PlatformJob: v["job"], State: atssync.StateAlreadyApplied, Revision: 1, ATSJob: job, As: as, Receipt: &receipt,
		NextAt: now, AcceptedAt: now, UpdatedAt: now, ExpiresAt: now,
	}
	app := atssync.NewApplication(sub, receipt, "", now)
	app.Imported = true
	return s.o.Store.Import(ctx, atssync.NewSubmission{Submission: sub}, app, now)
}

// importProblems returns the receipt of a record and what is wrong with it.
func importProblems(m sdk.Manifest, v map[string]string) (atssync.Receipt, []atssync.FieldError) {
	r := atssync.Receipt{CandidateID: v["candidate_id"], ApplicationID: v["application_id"], ProfileURL: v["profile_url"]}
	var out []atssync.FieldError
	refuse := func(path, message string) {
		out = append(out, atssync.FieldError{Path: path, Message: message})
	}
	for _, key := range []string{"external_id", "job"} {
		if bad := badID(v[key]); bad != "" {
			refuse(key, bad)
		}
	}
	if as := sdk.As(v["as"]); as != "" && as != sdk.AsCandidate && as != sdk.AsProspect {
		refuse("as", "must be candidate or prospect")
	}
	if r.CandidateID == "" && r.ProfileURL != "" {
		candidate, application, err := profileIDs(m, r.ProfileURL)
		if err != nil {
			refuse("profile_url", "no candidate can be read from it; give candidate_id too")
			return r, out
		}
		r.CandidateID = candidate
		if r.ApplicationID == "" {
			r.ApplicationID = application
		}
	}
	if r.CandidateID == "" && r.ApplicationID == "" {
		refuse("candidate_id", "is required: give the ATS's id of the candidate, of the application, or the profile_url")
	}
	return r, out
}

// linkedJob returns the ATS job that a platform job is linked to, "" when it is not.
func (s *Service) linkedJob(ctx context.Context, connection, job string, known map[string]string) (string, error) {
	if id, ok := known[job]; ok {
		return id, nil
	}
	l, err := s.o.Store.JobLink(ctx, connection, job)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return "", err
	}
	known[job] = l.ATSJob
	return l.ATSJob, nil
}
