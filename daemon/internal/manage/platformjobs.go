package manage

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	maxShare = 500 // items of one step of the store
	maxTitle = 500 // characters
)

// PutPlatformJobs stores platform jobs, or replaces them. All problems are told at once, by index
// ("[3].title"), and then nothing is stored. A job id of another account is CodeAccountMismatch.
func (s *Service) PutPlatformJobs(ctx context.Context, jobs []atssync.PlatformJob) error {
	now := time.Now().UTC()
	var problems []atssync.FieldError
	for i := range jobs {
		if err := s.ownsJobs(jobs[i].Account); err != nil {
			return err
		}
		jobs[i].UpdatedAt = now
		for _, p := range jobProblems(jobs[i]) {
			p.Path = fmt.Sprintf("[%d].%s", i, p.Path)
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return invalid("the list of platform jobs", problems)
	}
	for len(jobs) > 0 {
		n := min(len(jobs), maxShare)
		if err := s.o.Store.PutPlatformJobs(ctx, jobs[:n:n], s.scope, now); err != nil {
			return err
		}
		jobs = jobs[n:]
	}
	return nil
}

func jobProblems(j atssync.PlatformJob) []atssync.FieldError {
	var out []atssync.FieldError
	refuse := func(path, message string) {
		if message != "" {
			out = append(out, atssync.FieldError{Path: path, Message: message})
		}
	}
	refuse("id", badID(j.ID))
	refuse("account", badID(j.Account))
	refuse("title", badText(j.Title, true))
	refuse("location", badText(j.Location, false))
	refuse("requisition_id", badText(j.RequisitionID, false))
	if j.URL != "" {
		if u, err := url.Parse(j.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(j.URL) > 2048 {
			refuse("url", "is not the address of a web page")
		}
	}
	return out
}

func badText(text string, required bool) string {
	switch n := utf8.RuneCountInString(text); {
	case required && atssync.Blank(text):
		return "is required"
	case n > maxTitle:
		return fmt.Sprintf("has %d characters; the limit is %d", n, maxTitle)
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	}
	if r, bad := atssync.FirstSpoilt(text); bad {
		return fmt.Sprintf("holds the character %U, which belongs into no text", r)
	}
	return ""
}

// platformJobKeys are the keys, or columns, of a file of platform jobs.
var platformJobKeys = []string{"id", "account", "title", "location", "requisition_id", "url", keyOpen}

// ImportPlatformJobs stores the jobs of a file; account is used for records without one. What is wrong with a
// record is in the report, with its line, and the others go on.
func (s *Service) ImportPlatformJobs(ctx context.Context, r io.Reader, f Format, account string) (ImportReport, error) {
	imp := &jobImport{s: s, account: account, now: time.Now().UTC()}
	err := readRecords(r, f, platformJobKeys, func(rec record) error { return imp.add(ctx, rec) })
	if flushErr := imp.flush(ctx); err == nil {
		err = flushErr
	}
	return imp.report, err
}

// jobImport stores the jobs of a file in shares.
type jobImport struct {
	s       *Service
	account string
	now     time.Time
	report  ImportReport
	jobs    []atssync.PlatformJob
	lines   []int
}

func (i *jobImport) add(ctx context.Context, rec record) error {
	i.report.Read++
	if rec.err != nil {
		i.report.refuse(rec.line, rec.err)
		return nil
	}
	open, bad := rec.bool(keyOpen, true)
	v := rec.values
	j := atssync.PlatformJob{
		ID: v["id"], Account: v["account"], Title: v["title"], Location: v["location"],
		RequisitionID: v["requisition_id"], URL: v["url"], Open: open, UpdatedAt: i.now,
	}
	if j.Account == "" {
		j.Account = i.account
	}
	problems := jobProblems(j)
	if bad != nil {
		problems = append(problems, *bad)
	}
	if len(problems) > 0 {
		i.report.refuse(rec.line, invalid("the job", problems))
		return nil
	}
	if err := i.s.ownsJobs(j.Account); err != nil {
		i.report.refuse(rec.line, err)
		return nil
	}
	i.jobs, i.lines = append(i.jobs, j), append(i.lines, rec.line)
	if len(i.jobs) < maxShare {
		return nil
	}
	return i.flush(ctx)
}

// flush stores a share. When one of its jobs is refused nothing of it is stored, and then each goes alone, so
// that the line at fault is found.
func (i *jobImport) flush(ctx context.Context) error {
	jobs, lines, err := i.changed(ctx)
	if i.jobs, i.lines = nil, nil; err != nil || len(jobs) == 0 {
		return err
	}
	err = i.s.o.Store.PutPlatformJobs(ctx, append([]atssync.PlatformJob(nil), jobs...), i.s.scope, i.now)
	if err == nil {
		i.report.Stored += len(jobs)
		return nil
	}
	if !aboutInput(err) {
		return err
	}
	for n, j := range jobs {
		err := i.s.o.Store.PutPlatformJobs(ctx, []atssync.PlatformJob{j}, i.s.scope, i.now)
		switch {
		case err == nil:
			i.report.Stored++
		case aboutInput(err):
			i.report.refuse(lines[n], i.s.told(err))
		default:
			return err
		}
	}
	return nil
}

// changed returns the share's jobs that are not stored as they are, and counts the others.
func (i *jobImport) changed(ctx context.Context) (jobs []atssync.PlatformJob, lines []int, err error) {
	later := make(map[[2]string]bool, len(i.jobs)) // a job that the file changes twice is stored twice
	for n, j := range i.jobs {
		was, err := i.s.o.Store.PlatformJob(ctx, j.Account, j.ID)
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return nil, nil, err
		}
		was.UpdatedAt = j.UpdatedAt
		k := [2]string{j.Account, j.ID}
		if err == nil && was == j && !later[k] {
			i.report.Same++
			continue
		}
		later[k] = true
		jobs, lines = append(jobs, j), append(lines, i.lines[n])
	}
	return jobs, lines, nil
}

// aboutInput reports whether an error is a refusal of what was given, so that the next record may fare better.
func aboutInput(err error) bool {
	switch atssync.CodeOf(err) {
	case atssync.CodeInvalid, atssync.CodeNotFound, atssync.CodeExists, atssync.CodeConflict, atssync.CodeChanged,
		atssync.CodeAccountMismatch, atssync.CodeForbidden:
		return true
	}
	return false
}

// PlatformJobs lists platform jobs.
func (s *Service) PlatformJobs(ctx context.Context, q atssync.JobQuery) (atssync.Page[atssync.PlatformJob], error) {
	q.Within = s.scope
	return s.o.Store.PlatformJobs(ctx, q)
}
