package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/web"
)

// fileIdle is how long the sender of a file may be silent; while the records are worked through nobody sends anything.
const fileIdle = patience

// recordFile is a file of records that is read as it comes: a JSON array, NDJSON or CSV. It tells what became of its records.
type recordFile struct {
	usual, about string // the query parameter whose value is taken for records that leave it out
	read         func(ctx context.Context, in io.Reader, f manage.Format, usual string) (ImportReport, error)
}

func (s *server) files(mux *web.Mux) {
	s.file(mux, post("/v1/platform-jobs:import", "import-platform-jobs", "Store the platform jobs of a file").by(admins), recordFile{
		"account", "the account of records that name none",
		func(ctx context.Context, in io.Reader, f manage.Format, account string) (ImportReport, error) {
			return s.manage(ctx).ImportPlatformJobs(ctx, in, f, account)
		},
	})
	s.file(mux, post("/v1/submissions:resolve", "resolve-submissions", "Settle the uncertain submissions of a file").by(admins), recordFile{
		"connection", "the connection of records that name none",
		func(ctx context.Context, in io.Reader, f manage.Format, connection string) (ImportReport, error) {
			return s.manage(ctx).ResolveFile(ctx, in, f, connection)
		},
	})
	s.file(mux, post("/v1/applications:import", "import-applications", "Follow the applications of a file that are in the ATS already").by(admins), recordFile{
		"connection", "the connection of records that name none",
		func(ctx context.Context, in io.Reader, f manage.Format, connection string) (ImportReport, error) {
			return s.manage(ctx).ImportApplications(ctx, connection, in, f)
		},
	})
}

func (s *server) file(mux *web.Mux, at route, f recordFile) {
	s.handle(mux, at, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		format := manage.Format(q.Get("format"))
		if err := f.check(q, format); err != nil {
			s.refuse(w, r, err)
			return
		}
		st := web.NewStream(w, r, fileIdle)
		defer st.Close()
		//nolint:contextcheck // It is the request's, without its end at a read that failed.
		report, err := f.read(st.Context(), &extending{st, time.Now()}, format, q.Get(f.usual))
		st.Extend() // the work may have taken its time
		if err != nil {
			st.Refuse(w.Header())
			s.refuse(w, r, streamEnd(err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = jsonTo(w, report) // the caller is gone; what was stored stays so
	})
	op := s.document(at, media{"application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		media{"application/json", s.schema(reflect.TypeFor[ImportReport]())})
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: "format", In: "query", Description: "how the file is written; told by its first character when left out",
		Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"json", "ndjson", "csv"}},
	}, &huma.Param{Name: f.usual, In: "query", Description: f.about, Schema: &huma.Schema{Type: huma.TypeString}})
}

func (f recordFile) check(q url.Values, format manage.Format) error {
	for name := range q {
		if name != "format" && name != f.usual {
			return invalid("query."+name, "unknown query parameter")
		}
	}
	switch format {
	case manage.FormatAuto, manage.FormatJSON, manage.FormatNDJSON, manage.FormatCSV:
		return nil
	}
	return invalid("query.format", "it is json, ndjson or csv")
}

// extending keeps a stream open while its body is read.
type extending struct {
	*web.Stream
	last time.Time
}

// Read reads on, and puts the deadline off once a second at most.
func (e *extending) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(e.last) > time.Second {
		e.Extend()
		e.last = now
	}
	n, err := e.Stream.Read(p)
	return n, broken(err)
}

// ImportPlatformJobs stores the platform jobs of a file: a JSON array, NDJSON or CSV; format "" finds out which. Account is
// used for records without one.
func (c *Client) ImportPlatformJobs(ctx context.Context, file io.Reader, format, account string) (ImportReport, error) {
	return c.send(ctx, "/v1/platform-jobs:import", query{}.set("format", format).set("account", account), file)
}

// ResolveFile settles the uncertain submissions of a file: submission or external_id, action, profile_url, attempt. Connection is
// used for records without one.
func (c *Client) ResolveFile(ctx context.Context, file io.Reader, format, connection string) (ImportReport, error) {
	return c.send(ctx, "/v1/submissions:resolve", query{}.set("format", format).set("connection", connection), file)
}

// ImportApplications follows the applications of a file that an earlier integration put into the ATS. Connection is used
// for records without one.
func (c *Client) ImportApplications(ctx context.Context, connection string, file io.Reader, format string) (ImportReport, error) {
	return c.send(ctx, "/v1/applications:import", query{}.set("format", format).set("connection", connection), file)
}

func (c *Client) send(ctx context.Context, path string, q query, file io.Reader) (ImportReport, error) {
	return call[ImportReport](ctx, c, request{
		method: http.MethodPost, path: path, query: q.all(), raw: io.NopCloser(file), media: "application/octet-stream",
	})
}
