package manage

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Credentials are sealed for their connection under these words.
const (
	recordConnection = "connection"
	fieldCredentials = "credentials"
)

// SealedAt returns the record and field that credentials, and the secrets of webhooks and hooks, are sealed for.
func SealedAt(v atssync.SealedValue) (record, field string) {
	switch v.Kind {
	case atssync.SealedSecret:
		return recordWebhook, fieldSecret
	case atssync.SealedHook:
		return recordConnection, fieldHook
	}
	return recordConnection, fieldCredentials
}

// OpenConnection returns the connection as an adapter's call carries it: credentials opened, the operator's
// settings of the adapter filled in. The workers call it before each call; it reads nothing from the store.
func (s *Service) OpenConnection(c atssync.Connection) (sdk.Connection, error) {
	v, err := s.open(c)
	if err != nil {
		return sdk.Connection{}, err
	}
	return s.merged(c.ID, c.Adapter, v), nil
}

// open returns the connection's own values.
func (s *Service) open(c atssync.Connection) (values, error) {
	if c.State == atssync.ConnectionRemoved {
		return values{}, removed(c)
	}
	v := newValues()
	maps.Copy(v.settings, c.Settings)
	if len(c.Credentials) == 0 {
		return v, nil
	}
	plain, err := s.o.Sealer.Open(c.Credentials, c.ID, recordConnection, fieldCredentials)
	if err != nil {
		return values{}, fmt.Errorf("open the credentials of connection %s: %w", c.ID, err)
	}
	if err := json.Unmarshal(plain, &v.credentials); err != nil {
		return values{}, fmt.Errorf("read the credentials of connection %s: not what was sealed", c.ID)
	}
	return v, nil
}

// seal puts the values into a connection whose ID is final.
func (s *Service) seal(c *atssync.Connection, v values) error {
	revealed := make(map[string]string, len(v.credentials))
	for name, value := range v.credentials {
		revealed[name] = value.Reveal()
	}
	plain, err := json.Marshal(revealed)
	if err != nil {
		return fmt.Errorf("encode the credentials of connection %s: %w", c.ID, err)
	}
	sealed, err := s.o.Sealer.Seal(plain, c.ID, recordConnection, fieldCredentials)
	if err != nil {
		return fmt.Errorf("seal the credentials of connection %s: %w", c.ID, err)
	}
	c.Credentials, c.Settings = sealed, v.settings
	return nil
}

func removed(c atssync.Connection) *atssync.Error {
	return atssync.Errorf(atssync.CodeConflict, "connection %s was removed", c.ID).
		WithRemedy("connect the account again; it gets the same id back")
}
