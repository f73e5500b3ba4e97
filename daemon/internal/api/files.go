package api

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/web"
)

// fileIdle is how long the sender of a file may be silent; while the records are worked through nobody sends anything.
const fileIdle = patience

// Files of records that are read as they come: platform jobs, resolutions, applications of an earlier integration. Each may be
// a JSON array, NDJSON or CSV, and tells what became of its records.
func (s *server) files(mux *web.Mux) {
	s.file(mux, post("/v1/platform-jobs/import", "import-platform-jobs", "Store the platform jobs of a file"),
		func(r *http.Request, in io.Reader, f manage.Format) (ImportReport, error) {
			return s.Manage.ImportPlatformJobs(r.Context(), in, f, r.URL.Query().Get("account"))
		})
	s.file(mux, post("/v1/submissions/resolve", "resolve-submissions", "Settle the uncertain submissions of a file"),
		func(r *http.Request, in io.Reader, f manage.Format) (ImportReport, error) {
			return s.Manage.ResolveFile(r.Context(), in, f, r.URL.Query().Get("connection"))
		})
	s.file(mux, post("/v1/connections/{connection}/applications/import", "import-applications", "Follow the applications of a file that are in the ATS already"),
		func(r *http.Request, in io.Reader, f manage.Format) (ImportReport, error) {
			return s.Manage.ImportApplications(r.Context(), r.PathValue("connection"), in, f)
		})
}

type readFile func(r *http.Request, in io.Reader, f manage.Format) (ImportReport, error)

func (s *server) file(mux *web.Mux, at route, read readFile) {
	mux.HandleFunc(at.method+" "+at.path, func(w http.ResponseWriter, r *http.Request) {
		format := manage.Format(r.URL.Query().Get("format"))
		switch format {
		case manage.FormatAuto, manage.FormatJSON, manage.FormatNDJSON, manage.FormatCSV:
		default:
			s.refuse(w, r, invalid("query.format", "it is json, ndjson or csv"))
			return
		}
		st := web.NewStream(w, r, fileIdle)
		defer st.Close()
		//nolint:contextcheck // It is the request's, without its end at a read that failed.
		report, err := read(r.WithContext(st.Context()), &extending{st, time.Now()}, format)
		st.Extend() // the work may have taken its time
		if err != nil {
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
	})
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
	return e.Stream.Read(p)
}

// ImportPlatformJobs stores the platform jobs of a file: a JSON array, NDJSON or CSV; format "" finds out which. Account is
// used for records without one.
func (c *Client) ImportPlatformJobs(ctx context.Context, file io.Reader, format, account string) (ImportReport, error) {
	return c.send(ctx, "/v1/platform-jobs/import", query{}.set("format", format).set("account", account), file)
}

// ResolveFile settles the uncertain submissions of a file: submission or external_id, action, profile_url. Connection is
// used for records without one.
func (c *Client) ResolveFile(ctx context.Context, file io.Reader, format, connection string) (ImportReport, error) {
	return c.send(ctx, "/v1/submissions/resolve", query{}.set("format", format).set("connection", connection), file)
}

// ImportApplications follows the applications of a file that an earlier integration put into the ATS.
func (c *Client) ImportApplications(ctx context.Context, connection string, file io.Reader, format string) (ImportReport, error) {
	return c.send(ctx, connectionPath(connection)+"/applications/import", query{}.set("format", format), file)
}

func (c *Client) send(ctx context.Context, path string, q query, file io.Reader) (ImportReport, error) {
	return call[ImportReport](ctx, c, request{
		method: http.MethodPost, path: path, query: q.all(), raw: io.NopCloser(file), media: "application/octet-stream",
	})
}
