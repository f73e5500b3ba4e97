package hook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Prefix begins the path of every hook; route is how the log names all of them.
const (
	Prefix = atssync.HookPrefix
	route  = Prefix + "{connection}/{secret}"
)

const (
	maxBody = 1 << 20
	// timeout bounds the wait for an adapter: an ATS gives up on us after some seconds.
	timeout = 10 * time.Second
	// atOnce bounds the hooks under way, so that ATSes keep no place from the platform.
	atOnce = 128
	// retryAfter is when an ATS may send again what could not be taken, in seconds.
	retryAfter = "30"
)

// Store is what is asked of the store.
type Store interface {
	Connection(ctx context.Context, id string) (atssync.Connection, error)
	QueueHints(ctx context.Context, h atssync.Hook, now time.Time) (atssync.HookResult, error)
}

// Secrets opens what is sealed.
type Secrets interface {
	OpenConnection(c atssync.Connection) (sdk.Connection, error)
	// OpenHook returns the secret in a connection's address, "" when it has none.
	OpenHook(c atssync.Connection) (sdk.Secret, error)
}

// Adapters reaches the adapter processes; see package submit.
type Adapters interface {
	Manifest(adapter string) (sdk.Manifest, error)
	Reserve(ctx context.Context, adapter string, c sdk.Connection, p sdk.Power) (client sdk.Client, done func(), err error)
}

// Keys makes the HMACs by which the store knows things.
type Keys interface {
	ExternalKey(connection, externalID string) string
	EventKey(connection, event string) string
}

// Options are what a Handler is made of. Metrics may be nil.
type Options struct {
	Store    Store
	Secrets  Secrets
	Adapters Adapters
	Keys     Keys
	// Wake has what was queued for a connection read now.
	Wake    func(connection string)
	Log     *slog.Logger
	Metrics *Metrics
	// Timeout bounds the wait for an adapter; 0 is 10 s.
	Timeout time.Duration
}

// Handler serves everything below Prefix.
type Handler struct {
	o      Options
	places chan struct{}
}

// New returns a Handler.
func New(o Options) *Handler {
	if o.Timeout <= 0 {
		o.Timeout = timeout
	}
	return &Handler{o: o, places: make(chan struct{}, atOnce)}
}

// ServeHTTP takes one call of an ATS.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	web.SetRoute(r.Context(), route)
	c, ok := h.known(r)
	if !ok {
		h.o.Metrics.took("", resultUnknown)
		notFound(w, r)
		return
	}
	web.SetCaller(r.Context(), "ATS of "+c.ID)
	result, queued := h.take(w, r, c)
	h.o.Metrics.took(c.Adapter, result)
	h.o.Log.Debug("hook", "request_id", web.RequestID(r.Context()), "connection", c.ID, "result", string(result), "queued", queued)
}

// known finds the connection that a call is for, if it brings its secret. What is not there is compared as well, so that
// the time of an answer tells as little as its text.
func (h *Handler) known(r *http.Request) (atssync.Connection, bool) {
	id, secret, ok := parse(r.URL.Path)
	var c atssync.Connection
	var want sdk.Secret
	if ok {
		var err error
		if c, err = h.o.Store.Connection(r.Context(), id); err == nil && c.State != atssync.ConnectionRemoved {
			want, err = h.o.Secrets.OpenHook(c)
		}
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound && r.Context().Err() == nil {
			h.o.Log.Error("look for the connection of a hook", "request_id", web.RequestID(r.Context()), "err", err)
		}
	}
	a, b := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(want.Reveal()))
	same := subtle.ConstantTimeCompare(a[:], b[:]) == 1
	return c, ok && want != "" && same
}

// take shows a call to the adapter, queues what it touches, and answers.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, c atssync.Connection) (result, int) {
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		return h.later(w, r, c, resultBusy, nil), 0
	}
	m, err := h.o.Adapters.Manifest(c.Adapter)
	if err != nil {
		return h.later(w, r, c, resultUnavailable, err), 0
	}
	if !m.Has(sdk.PowerHandleWebhook) {
		notFound(w, r)
		return resultUnsupported, 0
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		broken(w, r, err)
		return resultRefused, 0
	}
	reply, err := h.ask(r, c, body)
	switch {
	case sdk.KindOf(err) == sdk.KindUnsupported:
		notFound(w, r)
		return resultUnsupported, 0
	case err != nil:
		return h.later(w, r, c, resultUnavailable, err), 0
	case reply.Status < 200 || reply.Status > 299:
		answer(w, reply)
		return resultRefused, 0
	}
	took, err := h.o.Store.QueueHints(r.Context(), h.read(c, reply), time.Now().UTC())
	switch code := atssync.CodeOf(err); {
	case code == atssync.CodeConflict: // removed meanwhile
		notFound(w, r)
		return resultUnknown, 0
	case code == atssync.CodeBusy:
		return h.later(w, r, c, resultFull, err), 0
	case err != nil:
		return h.later(w, r, c, resultUnavailable, err), 0
	}
	if took.Queued > 0 {
		h.o.Wake(c.ID)
	}
	answer(w, reply)
	switch {
	case took.Replayed:
		return resultReplayed, 0
	case took.Queued == 0:
		return resultNotOurs, 0
	}
	return resultQueued, took.Queued
}

// ask has the adapter judge a call. An adapter that is gone or does not answer in time is an error.
func (h *Handler) ask(r *http.Request, c atssync.Connection, body []byte) (sdk.WebhookReply, error) {
	sc, err := h.o.Secrets.OpenConnection(c)
	if err != nil {
		return sdk.WebhookReply{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.o.Timeout)
	defer cancel()
	client, done, err := h.o.Adapters.Reserve(ctx, c.Adapter, sc, sdk.PowerHandleWebhook)
	if err != nil {
		return sdk.WebhookReply{}, err
	}
	defer done()
	return client.HandleWebhook(ctx, sdk.WebhookRequest{
		Connection: sc, Method: r.Method, Header: r.Header, Query: r.URL.RawQuery, Body: body,
	})
}

// read puts keys in place of what an adapter read from a call.
func (h *Handler) read(c atssync.Connection, reply sdk.WebhookReply) atssync.Hook {
	out := atssync.Hook{Connection: c.ID, Touched: make([]atssync.Touch, len(reply.Touched))}
	if reply.EventID != "" {
		out.EventKey = h.o.Keys.EventKey(c.ID, reply.EventID)
	}
	for i, t := range reply.Touched {
		one := atssync.Touch{CandidateID: t.CandidateID, ApplicationID: t.ApplicationID}
		if t.ExternalID != "" {
			one.ExternalKey = h.o.Keys.ExternalKey(c.ID, t.ExternalID)
		}
		if rc := t.Receipt; rc != nil {
			one.Receipt = &atssync.Receipt{CandidateID: rc.CandidateID, ApplicationID: rc.ApplicationID, ProfileURL: rc.ProfileURL, Pending: rc.Pending}
			if one.CandidateID == "" {
				one.CandidateID = rc.CandidateID
			}
			if one.ApplicationID == "" {
				one.ApplicationID = rc.ApplicationID
			}
		}
		out.Touched[i] = one
	}
	return out
}

// later has the ATS send a call again.
func (h *Handler) later(w http.ResponseWriter, r *http.Request, c atssync.Connection, why result, err error) result {
	if r.Context().Err() == nil {
		level := slog.LevelWarn
		if errors.Is(err, sdk.ErrNotRunning) {
			level = slog.LevelDebug // whoever runs the adapters tells it
		}
		h.o.Log.Log(r.Context(), level, "a hook could not be taken; the ATS is told to send it again",
			"request_id", web.RequestID(r.Context()), "connection", c.ID, "adapter", c.Adapter, "result", string(why), "kind", string(sdk.KindOf(err)), "err", err)
	}
	w.Header().Set("Retry-After", retryAfter)
	web.WriteProblem(w, r, web.Problem{
		Status: http.StatusServiceUnavailable, Code: string(atssync.CodeUnavailable), Detail: "this cannot be taken now",
		Remedy: "send it again later",
	})
	return why
}

// notFound is the one answer to everybody who does not know a secret, and where nothing takes hooks.
func notFound(w http.ResponseWriter, r *http.Request) {
	web.WriteProblem(w, r, web.Problem{Status: http.StatusNotFound, Code: string(atssync.CodeNotFound), Detail: "there is nothing here"})
}

func broken(w http.ResponseWriter, r *http.Request, err error) {
	p := web.Problem{Status: http.StatusBadRequest, Code: string(atssync.CodeInvalid), Detail: "the body could not be read to its end"}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		p.Status, p.Detail = http.StatusRequestEntityTooLarge, "the body is too large"
	}
	web.WriteProblem(w, r, p)
}
