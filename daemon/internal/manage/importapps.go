package manage

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	maxProfileURL = 2048
	// maxKnownLinks bounds what an import remembers, whatever its file holds.
	maxKnownLinks = 10_000
)

// applicationKeys are the keys, or columns, of a file of applications of an earlier integration.
var applicationKeys = []string{"connection", "external_id", "job", "ats_job", "as", "candidate_id", "application_id", "profile_url"}

// ImportApplications follows applications that an earlier integration put into the ATS, so that a re-send of
// them doubles nobody. Each is read back first: what the ATS does not show to the connection, or shows as another one's, is
// not followed. connection is used for records that name none. A record that was imported before counts as
// unchanged and is not read again; what is wrong with one is in the report, and the others go on.
func (s *Service) ImportApplications(ctx context.Context, connection string, r io.Reader, f Format) (ImportReport, error) {
	im := &importRun{s: s, known: make(map[string]*importing)}
	if connection != "" {
		if _, err := im.to(ctx, connection); err != nil {
			return im.report, err
		}
	}
	err := readRecords(r, f, applicationKeys, func(rec record) error {
		im.report.Read++
		if rec.err != nil {
			im.report.refuse(rec.line, rec.err)
			return nil
		}
		return im.counted(rec.line, im.take(ctx, rec, cmp.Or(rec.values["connection"], connection)))
	})
	for _, name := range slices.Sorted(maps.Keys(im.known)) {
		if err == nil {
			err = im.readBack(ctx, im.known[name])
		}
	}
	im.report.sort()
	return im.report, err
}

// importRun is a file of applications being imported.
type importRun struct {
	s      *Service
	report ImportReport
	known  map[string]*importing // by the name that records give
	failed int                   // calls to the ATS in a row
}

// importing is a connection that applications are imported to.
type importing struct {
	c       atssync.Connection
	m       sdk.Manifest
	links   map[string]string // platform job to ATS job
	pending []toImport        // to be read back in one call
	err     error
}

// toImport is one record that is to be read back.
type toImport struct {
	line   int
	sub    atssync.Submission
	atsJob string // that the record names
}

// counted puts what is wrong with a record into the report; a fault ends the import.
func (im *importRun) counted(line int, err error) error {
	if err != nil && aboutInput(err) {
		im.report.refuse(line, im.s.told(err))
		return nil
	}
	return err
}

// to finds the connection of a record, each once.
func (im *importRun) to(ctx context.Context, connection string) (*importing, error) {
	if to := im.known[connection]; to != nil {
		return to, to.err
	}
	s := im.s
	to := &importing{links: make(map[string]string)}
	if connection == "" {
		to.err = invalid("the application", []atssync.FieldError{{Path: "connection", Message: "is required: say to which connection it went"}})
	} else if to.c, to.err = s.find(ctx, connection); to.err == nil && to.c.State == atssync.ConnectionRemoved {
		to.err = removed(to.c)
	}
	if to.err != nil && !aboutInput(to.err) {
		return to, to.err // a fault, which may be over for the next record
	}
	im.known[connection] = to
	to.m, _ = s.o.Adapters.Manifest(to.c.Adapter) // without one a profile_url alone cannot be read
	return to, to.err
}

// take judges a record as far as that can be without the ATS, and has the rest read back together.
func (im *importRun) take(ctx context.Context, rec record, connection string) error {
	to, err := im.to(ctx, connection)
	if err != nil {
		return err
	}
	one, err := im.s.toImport(to, rec)
	if err != nil {
		return err
	}
	before, err := im.s.o.Store.Submissions(ctx, atssync.SubmissionQuery{ExternalKey: one.sub.ExternalKey})
	if err != nil {
		return err
	}
	if len(before.Items) > 0 { // nothing of the ATS would change what the store says to it
		return im.store(ctx, one, atssync.NewApplication(one.sub, *one.sub.Receipt, "", one.sub.AcceptedAt))
	}
	if to.pending = append(to.pending, one); len(to.pending) >= max(1, to.m.Batch.ReadStatuses) {
		return im.readBack(ctx, to)
	}
	return nil
}

func (im *importRun) store(ctx context.Context, one toImport, app atssync.Application) error {
	app.Imported = true
	a, err := im.s.o.Store.Import(ctx, atssync.NewSubmission{Submission: one.sub, Within: im.s.scope}, app, time.Now().UTC())
	switch {
	case err != nil:
		return err
	case a.Err != nil:
		return a.Err
	case a.Result == atssync.AcceptedReplay:
		im.report.Same++
	default:
		im.report.Stored++
	}
	return nil
}

// toImport makes of a record the submission that it stands for.
func (s *Service) toImport(to *importing, rec record) (toImport, error) {
	now, c, v := time.Now().UTC(), to.c, rec.values
	receipt, problems := importProblems(to.m, v)
	if len(problems) > 0 {
		return toImport{}, invalid("the application", problems)
	}
	sub := atssync.Submission{
		ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, Account: c.Account,
		ExternalID: v["external_id"], ExternalKey: s.o.Documents.ExternalKey(c.ID, v["external_id"]),
		AccountKey:  s.o.Keys.Index(atssync.KindExternalInATS, c.ExternalInATS(v["external_id"])),
		Fingerprint: s.o.Keys.Index("import", strings.Join([]string{c.ID, v["external_id"], v["job"], receipt.CandidateID, receipt.ApplicationID}, "\x00")),
		PlatformJob: v["job"], State: atssync.StateAlreadyApplied, Revision: 1, ATSJob: v["ats_job"],
		As: cmp.Or(sdk.As(v["as"]), sdk.AsCandidate), Receipt: &receipt,
		NextAt: now, AcceptedAt: now, UpdatedAt: now, ExpiresAt: now,
	}
	return toImport{line: rec.line, sub: sub, atsJob: v["ats_job"]}, nil
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
	for _, key := range []string{"ats_job", "candidate_id", "application_id"} {
		if bad := badID(v[key]); v[key] != "" && bad != "" {
			refuse(key, bad)
		}
	}
	if len(v["profile_url"]) > maxProfileURL || !utf8.ValidString(v["profile_url"]) {
		refuse("profile_url", fmt.Sprintf("is an address of at most %d bytes in UTF-8", maxProfileURL))
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
	if len(known) >= maxKnownLinks {
		clear(known)
	}
	known[job] = l.ATSJob
	return l.ATSJob, nil
}
