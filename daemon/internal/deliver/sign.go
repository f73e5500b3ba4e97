package deliver

import (
	"fmt"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// signer is one opened secret.
type signer struct {
	hook   *standardwebhooks.Webhook
	secret atssync.EndpointSecret
}

// signers are the opened secrets of an endpoint as it was at a version, and where it was.
type signers struct {
	version int64
	url     string
	all     []signer
}

// load opens the secrets of an endpoint where they are not open already. Without one that signs now it is an error:
// nothing is sent unsigned.
func (s *signers) load(e atssync.Endpoint, vault Secrets, now time.Time) error {
	if s.version != e.Version || len(s.all) == 0 {
		if err := s.open(e, vault); err != nil {
			return err
		}
	}
	if len(s.valid(now)) == 0 {
		return fmt.Errorf("webhook %s has no secret to sign with; rotate it", e.ID)
	}
	return nil
}

func (s *signers) open(e atssync.Endpoint, vault Secrets) error {
	fresh := signers{version: e.Version, url: e.URL}
	for _, sealed := range e.Secrets {
		secret, err := vault.OpenWebhookSecret(e.ID, sealed.Sealed)
		if err != nil {
			return fmt.Errorf("open a secret of webhook %s: %w", e.ID, err)
		}
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return fmt.Errorf("a secret of webhook %s is not whsec_ and base64", e.ID) // the library's text may show it
		}
		fresh.all = append(fresh.all, signer{hook, sealed})
	}
	*s = fresh
	return nil
}

// valid returns those that sign at an instant, the newest first.
func (s *signers) valid(now time.Time) []signer {
	out := make([]signer, 0, len(s.all))
	for _, k := range s.all {
		if k.secret.Valid(now) {
			out = append(out, k)
		}
	}
	return out
}
