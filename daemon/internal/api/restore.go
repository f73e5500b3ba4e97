package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

func (s *server) restores(mux *web.Mux) {
	register(s, get("/v1/restore", "read-restore", "Read whether the data was restored from a backup, and what is held for that").
		slowly().by(readsAll), s.readRestore)
	register(s, post("/v1/restore/release", "release-restored", "Release connections that are held for a restore").
		slowly().by(adminsAll), s.releaseRestored)

	whole := post("/v1/backup", "make-backup", "Make a backup of everything while the daemon runs").by(adminsAll).plainly()
	s.handle(mux, whole, s.backup)
	op := s.operation(whole)
	op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: media{
		"application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary"},
	}.content()}
	s.api.OpenAPI().AddOperation(&op)

	from := post("/v1/restore/reconcile", "reconcile-restored", "Settle after a restore what the platform was told").by(adminsAll).plainly()
	s.handle(mux, from, s.reconcile)
	s.document(from, media{ndjson, s.schema(reflect.TypeFor[Event]())}, media{"application/json", s.schema(reflect.TypeFor[ReconcileReport]())})
}

func (s *server) readRestore(ctx context.Context, _ *struct{}) (*body[RestoreView], error) {
	return answer(s.manage(ctx).Restoration(ctx))
}

type releaseRestoredBody struct {
	Connections []string `json:"connections,omitempty" maxItems:"500" doc:"ids or names"`
	All         bool     `json:"all,omitempty" doc:"every connection that is held, and those that are made later"`
	PerMinute   int      `json:"per_minute,omitempty" minimum:"-1" maximum:"100000" doc:"how many a minute; 0 is the configured pace, -1 at once"`
}

type releaseRestoredInput struct{ Body releaseRestoredBody }

// Released lists the connections whose hold was ended.
type Released struct {
	Released []string `json:"released"`
}

func (s *server) releaseRestored(ctx context.Context, in *releaseRestoredInput) (*body[Released], error) {
	ids, err := s.manage(ctx).ReleaseRestored(ctx, ReleaseRestoredRequest{
		Connections: in.Body.Connections, All: in.Body.All, PerMinute: in.Body.PerMinute,
	})
	return answer(Released{ids}, err)
}

// backup streams a backup. Once it has begun, an error can only cut it off: what is cut off is no backup.
func (s *server) backup(w http.ResponseWriter, r *http.Request) {
	st := web.NewStream(w, r, fileIdle)
	defer st.Close()
	out := &backupWriter{w: w, st: st}
	err := s.manage(r.Context()).Backup(st.Context(), out) //nolint:contextcheck // It is the request's, without its end at a read that failed.
	switch {
	case err == nil:
	case !out.begun:
		s.refuse(w, r, err)
	default:
		if r.Context().Err() == nil {
			s.log.Error("a backup was cut off", "request_id", web.RequestID(r.Context()), "err", err)
		}
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	}
}

// backupWriter puts the deadline off while the backup is taken.
type backupWriter struct {
	w     http.ResponseWriter
	st    *web.Stream
	begun bool
	last  time.Time
}

// Write writes on.
func (b *backupWriter) Write(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		b.w.Header().Set("Content-Type", "application/octet-stream")
	}
	if now := time.Now(); now.Sub(b.last) > time.Second {
		b.st.Extend()
		b.last = now
	}
	return b.w.Write(p)
}

func (s *server) reconcile(w http.ResponseWriter, r *http.Request) {
	st := web.NewStream(w, r, fileIdle)
	defer st.Close()
	report, err := s.manage(r.Context()).Reconcile(st.Context(), &extending{st, time.Now()}) //nolint:contextcheck // As in backup.
	st.Extend()                                                                              // the work may have taken its time
	if err != nil {
		st.Refuse(w.Header())
		s.refuse(w, r, streamEnd(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = jsonTo(w, report) // the caller is gone; what was settled stays so
}

// Backup has the daemon make a backup and writes it to w.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	res, err := c.do(ctx, request{method: http.MethodPost, path: "/v1/backup"})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	in := &daemonReader{r: res.Body}
	if _, err := io.Copy(w, in); err != nil {
		if in.err != nil {
			return errors.Join(atssync.Errorf(atssync.CodeUnavailable, "the daemon cut the backup off").WithRemedy("see what it says: journalctl -u atssync"), err)
		}
		return err
	}
	return nil
}

// daemonReader tells an error of the daemon from one of whoever writes.
type daemonReader struct {
	r   io.Reader
	err error
}

// Read reads on.
func (d *daemonReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return n, err
}

// Restoration tells whether the data was restored from a backup, and what is held for that.
func (c *Client) Restoration(ctx context.Context) (RestoreView, error) {
	return call[RestoreView](ctx, c, request{path: "/v1/restore"})
}

// ReleaseRestored ends the hold of connections that are held for a restore.
func (c *Client) ReleaseRestored(ctx context.Context, r ReleaseRestoredRequest) (Released, error) {
	return call[Released](ctx, c, request{method: http.MethodPost, path: "/v1/restore/release", json: releaseRestoredBody{
		Connections: r.Connections, All: r.All, PerMinute: r.PerMinute,
	}})
}

// Reconcile settles after a restore what the platform was told: events, one a line.
func (c *Client) Reconcile(ctx context.Context, events io.Reader) (ReconcileReport, error) {
	return call[ReconcileReport](ctx, c, request{method: http.MethodPost, path: "/v1/restore/reconcile", raw: io.NopCloser(events), media: ndjson})
}
