package manage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const fieldHook = "hook"

// Hook is the address that a connection's ATS calls. It is a secret as a whole, told to administrators only: it is sealed in
// the store rather than hashed, so that it can be told again to whoever enters it in the ATS.
type Hook struct {
	Connection string
	// Path is the address without its host; URL is empty while nobody said which host it is.
	Path, URL sdk.Secret
	CreatedAt time.Time
	// Notice says in a sentence why the address does not work yet; "" when nothing is known against it.
	Notice string
}

// Hook returns the address that the ATS of a connection calls. One that has none is CodeNotFound.
func (s *Service) Hook(ctx context.Context, connection string) (Hook, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return Hook{}, err
	}
	h, err := s.shownHook(c)
	if err == nil && h == nil {
		if _, err = s.hooked(ctx, c.ID); err != nil {
			return Hook{}, err // it takes none, and that is why
		}
		err = atssync.Errorf(atssync.CodeNotFound, "connection %s has no address that its ATS could call", c.ID).
			WithRemedy("make one: atssync connections hook %s --rotate", c.ID)
	}
	if err != nil {
		return Hook{}, err
	}
	return *h, nil
}

// RotateHook gives a connection a new address for its ATS to call, or its first one. The present one ends at once.
func (s *Service) RotateHook(ctx context.Context, connection string) (Hook, error) {
	c, err := s.hooked(ctx, connection)
	if err != nil {
		return Hook{}, err
	}
	now := time.Now().UTC()
	sealed, err := s.newHook(c.ID)
	if err != nil {
		return Hook{}, err
	}
	saved, err := s.o.Store.UpdateConnection(ctx, c.ID, 0, func(u *atssync.Connection) error {
		u.Hook, u.HookAt = slices.Clone(sealed), now
		return nil
	}, now)
	if err != nil {
		return Hook{}, err
	}
	h, err := s.shownHook(saved)
	if err != nil {
		return Hook{}, err
	}
	return *h, nil
}

// hooked returns a live connection whose adapter takes hooks. Those that stand in the configuration file have their address
// from here as well: it is none of what the file says.
func (s *Service) hooked(ctx context.Context, name string) (atssync.Connection, error) {
	c, err := s.find(ctx, name)
	if err != nil {
		return c, err
	}
	if c.State == atssync.ConnectionRemoved {
		return c, removed(c)
	}
	m, err := s.manifest(c.Adapter)
	if err == nil && !m.Has(sdk.PowerHandleWebhook) {
		err = atssync.Errorf(atssync.CodeConflict, "the adapter %s takes no calls of its ATS; statuses come back by polling alone", c.Adapter)
	}
	return c, err
}

// newHook returns a new secret, sealed for a connection.
func (s *Service) newHook(connection string) ([]byte, error) {
	sealed, err := s.o.Sealer.Seal([]byte(atssync.NewHookSecret().Reveal()), connection, recordConnection, fieldHook)
	if err != nil {
		return nil, fmt.Errorf("seal the secret of the hook of connection %s: %w", connection, err)
	}
	return sealed, nil
}

// giveHook gives a connection whose ID is final an address if its adapter takes hooks, as far as that is known.
func (s *Service) giveHook(c *atssync.Connection, now time.Time) error {
	m, err := s.o.Adapters.Manifest(c.Adapter)
	if err != nil || !m.Has(sdk.PowerHandleWebhook) {
		return nil //nolint:nilerr // an adapter that never ran here is asked for later, by RotateHook.
	}
	c.Hook, err = s.newHook(c.ID)
	c.HookAt = now
	return err
}

// OpenHook returns the secret in the address of a connection's hook, "" when it has none.
func (s *Service) OpenHook(c atssync.Connection) (sdk.Secret, error) {
	if len(c.Hook) == 0 || c.State == atssync.ConnectionRemoved {
		return "", nil
	}
	plain, err := s.o.Sealer.Open(c.Hook, c.ID, recordConnection, fieldHook)
	if err != nil {
		return "", fmt.Errorf("open the secret of the hook of connection %s: %w", c.ID, err)
	}
	return sdk.Secret(plain), nil
}

// shownHook is a connection's address, nil when it has none.
func (s *Service) shownHook(c atssync.Connection) (*Hook, error) {
	secret, err := s.OpenHook(c)
	if err != nil || secret == "" {
		return nil, err
	}
	path := atssync.HookPath(c.ID, secret)
	h := &Hook{Connection: c.ID, Path: sdk.Secret(path), CreatedAt: c.HookAt}
	switch {
	case s.o.Hooks.Closed:
		h.Notice = "nothing listens for the ATS: set listen and public_url of [http] in " + s.file()
	case s.o.Hooks.PublicURL == "":
		h.Notice = "the address of this daemon is not known: set public_url of [http] in " + s.file() + ", and the path goes behind it"
	}
	if s.o.Hooks.PublicURL != "" {
		h.URL = sdk.Secret(s.o.Hooks.PublicURL + path)
	}
	return h, nil
}
