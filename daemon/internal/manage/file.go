package manage

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// FileConnection is a connection that stands in the configuration file. ID is the id of the connection itself, 1 to 64
// characters of a-z 0-9 _ -: whatever else changes in the file, the same id is the same connection. A connection that
// was made at run time is taken over by putting its id there.
type FileConnection struct {
	ID, Name, Account, Adapter string
	// Fields are the values of the manifest's fields, secret and not, by name.
	Fields           map[string]sdk.Secret
	OnUncertain      atssync.OnUncertain
	ResumeCheck      atssync.ResumeCheck
	LastNameFallback string
	NoteTemplate     string
	StatusOverrides  []atssync.StatusOverride
	Paused           bool
}

// FileLink is a job link that stands in the configuration file.
type FileLink struct {
	Connection, PlatformJob, ATSJob string
	As                              sdk.As
	Pool, PoolStage                 string
}

// FileReport tells what the configuration file changed and what of it could not be applied.
type FileReport struct {
	Created  []string `json:"created,omitempty" doc:"ids"`
	Updated  []string `json:"updated,omitempty" doc:"ids"`
	Paused   []string `json:"paused,omitempty" doc:"ids of those that left the file"`
	Linked   int      `json:"linked,omitempty" doc:"job links made or changed"`
	Unlinked int      `json:"unlinked,omitempty" doc:"job links that left the file"`
	// Problems name the key: "connections[acme].fields.api_key: …". The rest was applied.
	Problems []string `json:"problems,omitempty" doc:"what could not be applied, with its key; the rest was"`
}

const (
	pausedInFile = "paused in the configuration file"
	leftFile     = "it no longer stands in the configuration file"
)

var fileID = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// ApplyFile makes the connections and links of the configuration file so. It asks no ATS, so that the daemon
// starts whatever is down: what the ATS does not accept shows in the connection's health. What cannot be applied
// is a problem of the report and leaves the rest; an error says that the store failed. A connection that left the
// file is paused, and from then on managed like one made at run time; a link that left it is removed.
func (s *Service) ApplyFile(ctx context.Context, cons []FileConnection, links []FileLink) (FileReport, error) {
	f := &filing{s: s, now: time.Now().UTC(), stands: make(map[string]bool)}
	ctx = atssync.WithActor(ctx, atssync.Actor{Name: "file", Via: "config"})
	for _, c := range cons {
		if f.stands[c.ID] {
			f.problem("connections["+c.ID+"]", "the id is given twice")
			continue
		}
		f.stands[c.ID] = true
		if err := f.judge("connections["+c.ID+"]", f.connection(ctx, c)); err != nil {
			return f.report, err
		}
	}
	if err := f.left(ctx); err != nil {
		return f.report, err
	}
	return f.report, f.links(ctx, links)
}

// filing is one application of the file.
type filing struct {
	s      *Service
	now    time.Time
	stands map[string]bool // ids of connections in the file
	report FileReport
}

func (f *filing) problem(key, message string) {
	f.report.Problems = append(f.report.Problems, key+": "+message)
}

// judge makes a problem of a refusal, and returns what is none.
func (f *filing) judge(key string, err error) error {
	if err == nil || !aboutInput(err) {
		return err
	}
	if e, ok := err.(*atssync.Error); ok && len(e.Fields) > 0 { //nolint:errorlint // a wrapped one is told as a whole.
		for _, p := range e.Fields {
			f.problem(key+"."+p.Path, p.Message)
		}
		return nil
	}
	f.problem(key, err.Error())
	return nil
}

func (f *filing) connection(ctx context.Context, in FileConnection) error {
	v, err := f.values(in)
	if err != nil {
		return err
	}
	was, err := f.s.o.Store.Connection(ctx, in.ID)
	switch {
	case atssync.CodeOf(err) == atssync.CodeNotFound:
		return f.create(ctx, in, v)
	case err != nil:
		return err
	case was.Account != in.Account || was.Adapter != in.Adapter:
		return neverChanges(was)
	case was.State == atssync.ConnectionRemoved:
		return f.create(ctx, in, v)
	}
	return f.update(ctx, was, in, v)
}

func neverChanges(c atssync.Connection) error {
	return atssync.Errorf(atssync.CodeInvalid, "the connection %s is of account %s and adapter %s, which never change", c.ID, c.Account, c.Adapter).
		WithRemedy("give another id to a new connection")
}

// values judges what the file says of one connection. Without a manifest (the adapter never ran here) every value
// is kept as a credential, sealed, and is put in its place when it is used.
func (f *filing) values(in FileConnection) (values, error) {
	var problems []atssync.FieldError
	if !fileID.MatchString(in.ID) {
		problems = append(problems, atssync.FieldError{Path: "id", Message: "must be 1 to 64 characters of a-z 0-9 _ -"})
	}
	if bad := badID(in.Account); bad != "" {
		problems = append(problems, atssync.FieldError{Path: "account", Message: bad})
	}
	v := newValues()
	m, err := f.s.o.Adapters.Manifest(in.Adapter)
	if err == nil {
		problems = append(problems, f.s.change(v, m, in.Fields, true)...)
	} else {
		m.Find = sdk.FindExternalID // whether resend is allowed is judged when the adapter ran
		maps.Copy(v.credentials, in.Fields)
	}
	if problems = append(problems, policy(in.stored(atssync.Connection{}), m)...); len(problems) > 0 {
		return v, invalid("the connection", problems)
	}
	return v, nil
}

// stored puts what the file says into c, but for the values.
func (in FileConnection) stored(c atssync.Connection) atssync.Connection {
	c.Name, c.ManagedBy = in.Name, atssync.ManagedByFile
	if c.Name == "" {
		c.Name = in.ID
	}
	c.OnUncertain, c.LastNameFallback, c.NoteTemplate = in.OnUncertain, in.LastNameFallback, in.NoteTemplate
	c.ResumeCheck, c.StatusOverrides = in.ResumeCheck, in.StatusOverrides
	switch {
	case in.Paused:
		c.State, c.PausedReason = atssync.ConnectionPaused, pausedInFile
	default:
		c.State, c.PausedReason = atssync.ConnectionActive, ""
	}
	return c
}

func (f *filing) create(ctx context.Context, in FileConnection, v values) error {
	c := in.stored(atssync.Connection{ID: in.ID, Account: in.Account, Adapter: in.Adapter, CreatedAt: f.now})
	f.s.identify(&c, v, nil)
	look := c
	look.IdentityKeys = f.s.valueKeys(in.Adapter, v) // which of them are secrets is known to the one that was there before
	twin, err := f.s.twin(ctx, look)
	if err != nil {
		return err
	}
	if twin != nil && twin.ID != in.ID {
		return atssync.Errorf(atssync.CodeExists, "this ATS account was connected before, as %s; under another id its submissions would be sent again", twin.ID).
			WithRemedy("use id = %q", twin.ID)
	}
	if err := f.s.sealNew(&c, v, f.now); err != nil {
		return err
	}
	saved, err := f.s.o.Store.CreateConnection(ctx, c, f.now)
	if err != nil {
		return err
	}
	f.report.Created = append(f.report.Created, saved.ID)
	f.s.o.Changed(saved.ID)
	return nil
}

// update changes what differs, and nothing when nothing does.
func (f *filing) update(ctx context.Context, was atssync.Connection, in FileConnection, v values) error {
	old, err := f.s.open(was)
	reseal := err != nil || !maps.Equal(old.credentials, v.credentials) || !maps.Equal(old.settings, v.settings)
	saved, err := f.s.o.Store.UpdateConnection(ctx, was.ID, 0, func(u *atssync.Connection) error {
		*u = in.stored(*u)
		if !reseal {
			return nil
		}
		f.s.identify(u, v, nil)
		return f.s.seal(u, v)
	}, f.now)
	if err != nil || saved.Version == was.Version {
		return err
	}
	f.report.Updated = append(f.report.Updated, saved.ID)
	f.s.o.Changed(saved.ID)
	f.s.o.Wake(saved.ID)
	return nil
}

// left pauses the connections that stood in the file and do not any more.
func (f *filing) left(ctx context.Context) error {
	var gone []string
	err := each(func(p atssync.Paging) (atssync.Page[atssync.Connection], error) {
		return f.s.o.Store.Connections(ctx, atssync.ConnectionQuery{Paging: p})
	}, func(c atssync.Connection) error {
		if c.ManagedBy == atssync.ManagedByFile && !f.stands[c.ID] {
			gone = append(gone, c.ID)
		}
		return nil
	})
	for _, id := range gone {
		if err != nil {
			return err
		}
		_, err = f.s.o.Store.UpdateConnection(ctx, id, 0, func(u *atssync.Connection) error {
			u.ManagedBy, u.State, u.PausedReason = atssync.ManagedByAPI, atssync.ConnectionPaused, leftFile
			return nil
		}, f.now)
		f.report.Paused = append(f.report.Paused, id)
		f.s.o.Changed(id)
	}
	return err
}

// links makes the links of the file so and removes those that left it.
func (f *filing) links(ctx context.Context, links []FileLink) error {
	type key struct{ connection, job string }
	stand := make(map[key]bool)
	for _, in := range links {
		at := fmt.Sprintf("job_links[%s, %s]", in.Connection, in.PlatformJob)
		k := key{in.Connection, in.PlatformJob}
		if stand[k] {
			f.problem(at, "this platform job is linked twice")
			continue
		}
		stand[k] = true
		if err := f.judge(at, f.link(ctx, at, in)); err != nil {
			return err
		}
	}
	var gone []atssync.JobLink
	err := each(func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
		return f.s.o.Store.JobLinks(ctx, atssync.LinkQuery{Paging: p})
	}, func(l atssync.JobLink) error {
		if l.ManagedBy == atssync.ManagedByFile && !stand[key{l.Connection, l.PlatformJob}] {
			gone = append(gone, l)
		}
		return nil
	})
	for _, l := range gone {
		if err != nil {
			return err
		}
		err = f.s.o.Store.RemoveJobLink(ctx, l.Connection, l.PlatformJob, 0, f.now)
		f.report.Unlinked++
	}
	return err
}

// link makes one link. The file has no answer to the backlog question: what waits stays held, and that is told.
func (f *filing) link(ctx context.Context, at string, in FileLink) error {
	if in.As == "" {
		in.As = sdk.AsCandidate
	}
	c, err := f.s.o.Store.Connection(ctx, in.Connection)
	if err != nil {
		return err
	}
	req := LinkRequest{
		Connection: c.ID, PlatformJob: in.PlatformJob, ATSJob: in.ATSJob, As: in.As, Pool: in.Pool, PoolStage: in.PoolStage,
	}
	var m *sdk.Manifest
	if known, err := f.s.o.Adapters.Manifest(c.Adapter); err == nil {
		m = &known
	}
	if problems := linkProblems(req, m); len(problems) > 0 {
		return invalid("the job link", problems)
	}
	was, err := f.s.o.Store.JobLink(ctx, c.ID, in.PlatformJob)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return err
	}
	put := atssync.PutJobLink{Link: atssync.JobLink{
		Connection: c.ID, PlatformJob: in.PlatformJob, ATSJob: in.ATSJob, As: in.As,
		PoolID: in.Pool, PoolStageID: in.PoolStage, ManagedBy: atssync.ManagedByFile,
	}}
	if same(was, put.Link) {
		return nil
	}
	_, _, err = f.s.o.Store.PutJobLink(ctx, put, f.s.policy.Load().ReleasePerMinute, f.now)
	if n, _, _ := f.s.o.Store.Backlog(ctx, c.ID, in.PlatformJob); atssync.CodeOf(err) == atssync.CodeConflict && n > 0 {
		put.Backlog = &atssync.Backlog{Mode: atssync.BacklogNone}
		_, _, err = f.s.o.Store.PutJobLink(ctx, put, f.s.policy.Load().ReleasePerMinute, f.now)
		if err == nil {
			f.problem(at, fmt.Sprintf("linked, and %d submissions that waited for it stay held; release them with: atssync submissions release --connection %s --reason %s --job %s",
				n, c.ID, atssync.HeldJobNotLinked, in.PlatformJob))
		}
	}
	if err != nil {
		return err
	}
	f.report.Linked++
	f.s.o.Wake(c.ID)
	return nil
}

// same reports whether a stored link is what the file says.
func same(a, b atssync.JobLink) bool {
	b.ID, b.Account, b.Version, b.CreatedAt, b.UpdatedAt = a.ID, a.Account, a.Version, a.CreatedAt, a.UpdatedAt
	return a == b
}
