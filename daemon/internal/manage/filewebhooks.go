package manage

import (
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// FileWebhook is a webhook that stands in the configuration file.
type FileWebhook struct {
	ID, URL           string
	Secret, OldSecret sdk.Secret // OldSecret may be empty
	Types             []atssync.EventType
	Accounts          []string
	Connections       []string
	Paused            bool
}

// ApplyFileWebhooks makes the webhooks of the configuration file so, like ApplyFile does with connections. One that is
// disabled stays so until a person resumes it or its URL changes. One that left the file is paused, and from then on managed
// like one made at run time. A new one is sent what comes from now on.
func (s *Service) ApplyFileWebhooks(ctx context.Context, in []FileWebhook) (FileReport, error) {
	o, err := s.webhooks()
	if err != nil {
		return FileReport{}, err
	}
	f := &filing{s: s, now: time.Now().UTC(), stands: make(map[string]bool)}
	ctx = atssync.WithActor(ctx, atssync.Actor{Name: "file", Via: "config"})
	for _, w := range in {
		key := "webhooks[" + w.ID + "]"
		if f.stands[w.ID] {
			f.problem(key, "the id is given twice")
			continue
		}
		f.stands[w.ID] = true
		if err := f.judge(key, f.webhook(ctx, w)); err != nil {
			return f.report, err
		}
	}
	var gone []string
	err = each(func(p atssync.Paging) (atssync.Page[atssync.Endpoint], error) {
		return o.Store.Endpoints(ctx, atssync.EndpointQuery{Paging: p})
	}, func(e atssync.Endpoint) error {
		if e.ManagedBy == atssync.ManagedByFile && !f.stands[e.ID] {
			gone = append(gone, e.ID)
		}
		return nil
	})
	for _, id := range gone {
		if err != nil {
			break
		}
		_, err = s.changeWebhook(ctx, id, 0, func(e *atssync.Endpoint) error {
			e.ManagedBy, e.State, e.Reason = atssync.ManagedByAPI, atssync.EndpointPaused, leftFile
			return nil
		})
		f.report.Paused = append(f.report.Paused, id)
	}
	return f.report, err
}

func (f *filing) webhook(ctx context.Context, in FileWebhook) error {
	o := f.s.o.Webhooks
	next := atssync.Endpoint{
		ID: in.ID, URL: in.URL, Types: in.Types, Accounts: in.Accounts, Connections: in.Connections,
		State: atssync.EndpointActive, ManagedBy: atssync.ManagedByFile,
	}
	if in.Paused {
		next.State, next.Reason = atssync.EndpointPaused, pausedInFile
	}
	problems := f.s.webhookProblems(next)
	if !fileID.MatchString(in.ID) {
		problems = append(problems, atssync.FieldError{Path: "id", Message: "must be 1 to 64 characters of a-z 0-9 _ -"})
	}
	if len(problems) > 0 {
		return invalid("the webhook", problems)
	}
	was, err := o.Store.Endpoint(ctx, in.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return err
	}
	if next.Secrets, err = f.secrets(was, in); err != nil {
		return err
	}
	if was.ID == "" {
		after, err := o.Store.LastEvent(ctx, "")
		if err != nil {
			return err
		}
		saved, err := o.Store.CreateEndpoint(ctx, next, after, f.now)
		if err != nil {
			return err
		}
		f.report.Created = append(f.report.Created, saved.ID)
		o.Deliver.Changed(saved.ID)
		return nil
	}
	saved, err := o.Store.UpdateEndpoint(ctx, in.ID, 0, func(e *atssync.Endpoint) error {
		state, reason := next.State, next.Reason
		if e.State == atssync.EndpointDisabled && e.URL == next.URL && !in.Paused {
			state, reason = e.State, e.Reason
		}
		e.URL, e.Types, e.Accounts, e.Connections = next.URL, next.Types, next.Accounts, next.Connections
		e.State, e.Reason, e.ManagedBy, e.Secrets = state, reason, next.ManagedBy, next.Secrets
		return nil
	}, f.now)
	if err != nil || saved.Version == was.Version {
		return err
	}
	f.report.Updated = append(f.report.Updated, saved.ID)
	o.Deliver.Changed(saved.ID)
	return nil
}

// secrets returns the sealed secrets of the file: those of the endpoint where they are the same.
func (f *filing) secrets(was atssync.Endpoint, in FileWebhook) ([]atssync.EndpointSecret, error) {
	want := []string{in.Secret.Reveal()}
	if old := in.OldSecret.Reveal(); old != "" {
		want = append(want, old)
	}
	var have []string
	for _, k := range was.Secrets {
		plain, err := f.s.OpenWebhookSecret(was.ID, k.Sealed)
		if err != nil || !k.NotAfter.IsZero() {
			have = nil
			break
		}
		have = append(have, plain)
	}
	if slices.Equal(want, have) {
		return was.Secrets, nil
	}
	out := make([]atssync.EndpointSecret, len(want))
	for i, secret := range want {
		sealed, err := f.s.sealSecret(in.ID, secret)
		if err != nil {
			return nil, err
		}
		out[i] = atssync.EndpointSecret{Sealed: sealed, CreatedAt: f.now}
	}
	return out, nil
}
