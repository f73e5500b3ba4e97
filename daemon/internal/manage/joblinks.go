package manage

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// LinkRequest links a platform job on a connection to an ATS job.
type LinkRequest struct {
	Connection  string           `json:"connection"`
	PlatformJob string           `json:"platform_job"`
	ATSJob      string           `json:"ats_job,omitempty"` // may be empty for prospects of no job
	As          sdk.As           `json:"as,omitempty"`      // candidate by default
	Pool        string           `json:"pool,omitempty"`
	PoolStage   string           `json:"pool_stage,omitempty"`
	OwnerEmail  string           `json:"owner_email,omitempty"`
	Backlog     *atssync.Backlog `json:"backlog,omitempty"`
	Version     int64            `json:"version,omitempty"`
}

// LinkResult is what became of one LinkRequest.
type LinkResult struct {
	Link    atssync.JobLink `json:"link"`
	Created bool            `json:"created"`
	// Warning is something about the link that is allowed and should be known.
	Warning string         `json:"warning,omitempty"`
	Err     *atssync.Error `json:"-"`
}

// BacklogView counts the submissions that wait for a link.
type BacklogView struct {
	Connection  string    `json:"connection"`
	PlatformJob string    `json:"platform_job"`
	Count       int       `json:"count"` // stops at 10,000
	Oldest      time.Time `json:"oldest,omitzero"`
}

// Link links one job. A job with submissions that wait for its link is CodeConflict with their count until
// Backlog says what becomes of them.
func (s *Service) Link(ctx context.Context, req LinkRequest) (LinkResult, error) {
	return s.linker().link(ctx, req)
}

// LinkMany links jobs, one result each in order; a refusal leaves the others.
func (s *Service) LinkMany(ctx context.Context, reqs []LinkRequest) []LinkResult {
	l := s.linker()
	out := make([]LinkResult, len(reqs))
	for i, req := range reqs {
		res, err := l.link(ctx, req)
		if err != nil && !errors.As(err, &res.Err) {
			res.Err = cutShort(ctx, atssync.Errorf(atssync.CodeInternal, "%s", err))
		}
		if res.Err != nil {
			res.Link = atssync.JobLink{Connection: req.Connection, PlatformJob: req.PlatformJob, ATSJob: req.ATSJob}
		}
		out[i] = res
	}
	return out
}

// linker remembers what many links of one request share.
type linker struct {
	s     *Service
	known map[string]*linkable
}

// linkable is a connection on which jobs are linked.
type linkable struct {
	c        atssync.Connection
	manifest *sdk.Manifest // nil when the adapter never ran
	jobs     map[string]atssync.ATSJob
	pools    map[string]Pool // by id; nil until they were asked for, or when the ATS did not tell
	asked    bool
}

func (s *Service) linker() *linker { return &linker{s: s, known: make(map[string]*linkable)} }

func (l *linker) on(ctx context.Context, connection string) (*linkable, error) {
	if k := l.known[connection]; k != nil {
		return k, nil
	}
	c, err := l.s.find(ctx, connection)
	if err != nil {
		return nil, err
	}
	if c.State == atssync.ConnectionRemoved {
		return nil, removed(c)
	}
	k := &linkable{c: c}
	if m, err := l.s.o.Adapters.Manifest(c.Adapter); err == nil {
		k.manifest = &m
	}
	if k.jobs, err = l.s.jobsOf(ctx, c.ID); err != nil {
		return nil, err
	}
	l.known[connection] = k
	return k, nil
}

func (l *linker) link(ctx context.Context, req LinkRequest) (LinkResult, error) {
	k, err := l.on(ctx, req.Connection)
	if err != nil {
		return LinkResult{}, err
	}
	if req.As == "" {
		req.As = sdk.AsCandidate
	}
	if problems := linkProblems(req, k.manifest); len(problems) > 0 {
		return LinkResult{}, invalid("the job link", problems)
	}
	warning, err := k.judge(req.ATSJob)
	if err != nil {
		return LinkResult{}, err
	}
	warnings, err := l.warnings(ctx, k, req)
	if err != nil {
		return LinkResult{}, err
	}
	if warning != "" {
		warnings = append([]string{warning}, warnings...)
	}
	was, err := l.s.o.Store.JobLink(ctx, k.c.ID, req.PlatformJob)
	switch {
	case err == nil && was.ManagedBy == atssync.ManagedByFile:
		return LinkResult{}, l.s.fileLink(was)
	case err != nil && atssync.CodeOf(err) != atssync.CodeNotFound:
		return LinkResult{}, err
	}
	link, created, err := l.s.o.Store.PutJobLink(ctx, atssync.PutJobLink{
		Link: atssync.JobLink{
			Connection: k.c.ID, PlatformJob: req.PlatformJob, ATSJob: req.ATSJob, As: req.As,
			PoolID: req.Pool, PoolStageID: req.PoolStage, OwnerEmail: req.OwnerEmail, ManagedBy: atssync.ManagedByAPI,
		},
		IfMatch: req.Version, Backlog: req.Backlog, Within: l.s.scope,
	}, l.s.policy.Load().ReleasePerMinute, time.Now().UTC())
	if err != nil {
		return LinkResult{}, err
	}
	l.s.o.Wake(k.c.ID)
	return LinkResult{Link: link, Created: created, Warning: strings.Join(warnings, "; ")}, nil
}

// judge refuses an ATS job that is not in the list, and warns of one that may take nothing.
func (k *linkable) judge(atsJob string) (warning string, err error) {
	if atsJob == "" {
		return "", nil
	}
	j, ok := k.jobs[atsJob]
	switch {
	case !ok && len(k.jobs) == 0:
		return "the ATS's jobs were not listed yet, so nobody can say whether this one is there", nil
	case !ok:
		return "", atssync.Errorf(atssync.CodeNotFound, "the ATS job %s is not among the jobs that connection %s sees", atsJob, k.c.ID).
			WithRemedy("list them with: atssync jobs %s --refresh; if it is missing there, the connection's ATS user needs access to it", k.c.ID)
	case !j.Takes():
		return fmt.Sprintf("the ATS job %s (%s) is closed: submissions are held until it is open", j.ID, j.Name), nil
	case j.Visibility != atssync.Visible:
		return fmt.Sprintf("the ATS job %s (%s) was missing from the last listing", j.ID, j.Name), nil
	}
	return "", nil
}

func linkProblems(req LinkRequest, m *sdk.Manifest) []atssync.FieldError {
	var out []atssync.FieldError
	refuse := func(path, message string) {
		out = append(out, atssync.FieldError{Path: path, Message: message})
	}
	if bad := badID(req.PlatformJob); bad != "" {
		refuse("platform_job", bad)
	}
	switch req.As {
	case sdk.AsCandidate:
		for _, f := range [][2]string{{"pool", req.Pool}, {"pool_stage", req.PoolStage}, {"owner_email", req.OwnerEmail}} {
			if f[1] != "" {
				refuse(f[0], "is for prospects only")
			}
		}
		if req.ATSJob == "" {
			refuse("ats_job", "is required: a candidate applies to a job")
		}
	case sdk.AsProspect:
		if m != nil && !m.Prospects {
			refuse("as", m.Label+" takes no prospects")
		}
		if req.PoolStage != "" && req.Pool == "" {
			refuse("pool_stage", "needs the pool that it is a stage of")
		}
		if a, err := mail.ParseAddress(req.OwnerEmail); req.OwnerEmail != "" && (err != nil || a.Address != req.OwnerEmail) {
			refuse("owner_email", "is not an e-mail address")
		}
	default:
		refuse("as", "must be candidate or prospect")
	}
	if b := req.Backlog; b != nil {
		switch b.Mode {
		case atssync.BacklogAll, atssync.BacklogNone:
		case atssync.BacklogSince:
			if b.Since.IsZero() {
				refuse("backlog.since", "is required: say from which date on")
			}
		default:
			refuse("backlog.mode", "must be all, since or none")
		}
	}
	return out
}

func (s *Service) fileLink(l atssync.JobLink) *atssync.Error {
	return atssync.Errorf(atssync.CodeForbidden, "the link of platform job %s stands in the configuration file and is changed there", l.PlatformJob).
		WithRemedy("change [[job_links]] with connection = %q and platform_job = %q in %s and reload the daemon", l.Connection, l.PlatformJob, s.file())
}

// Unlink removes a link; what is queued for it is held. Version 0 matches any.
func (s *Service) Unlink(ctx context.Context, connection, platformJob string, version int64) error {
	l, err := s.JobLink(ctx, connection, platformJob)
	if err != nil {
		return err
	}
	if l.ManagedBy == atssync.ManagedByFile {
		return s.fileLink(l)
	}
	if err := s.o.Store.RemoveJobLink(ctx, l.Connection, l.PlatformJob, version, time.Now().UTC()); err != nil {
		return err
	}
	s.o.Wake(l.Connection)
	return nil
}

// JobLinks lists links. q.Connection may be a name.
func (s *Service) JobLinks(ctx context.Context, q atssync.LinkQuery) (atssync.Page[atssync.JobLink], error) {
	var err error
	if q.Connection, err = s.idOf(ctx, q.Connection); err != nil {
		return atssync.Page[atssync.JobLink]{}, err
	}
	q.Within = s.scope
	return s.o.Store.JobLinks(ctx, q)
}

// JobLink returns the link of a platform job on a connection.
func (s *Service) JobLink(ctx context.Context, connection, platformJob string) (atssync.JobLink, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return atssync.JobLink{}, err
	}
	return s.o.Store.JobLink(ctx, c.ID, platformJob)
}

// Backlog counts what waits for the link of a platform job.
func (s *Service) Backlog(ctx context.Context, connection, platformJob string) (BacklogView, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return BacklogView{}, err
	}
	n, oldest, err := s.o.Store.Backlog(ctx, c.ID, platformJob)
	return BacklogView{Connection: c.ID, PlatformJob: platformJob, Count: n, Oldest: oldest}, err
}
