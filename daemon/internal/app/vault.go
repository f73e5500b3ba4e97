package app

import (
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/seal"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// keys gives package seal the shape that intake and manage ask for.
type keys struct{ k *seal.Keys }

func (k keys) Index(kind, value string) string { return k.k.IndexText(kind, value) }

// ExternalKey is the key by which a submission is found.
func (k keys) ExternalKey(connection, externalID string) string {
	return intake.Vault{Keys: k}.ExternalKey(connection, externalID)
}

// EventKey is the key by which a call of an ATS is known again.
func (k keys) EventKey(connection, event string) string {
	return k.Index("hook", connection+"\x00"+event)
}

func (k keys) Seal(plain []byte, connection, record, field string) ([]byte, error) {
	return k.k.Seal(plain, seal.AAD{Connection: connection, Record: record, Field: field})
}

func (k keys) Open(sealed []byte, connection, record, field string) ([]byte, error) {
	return k.k.Open(sealed, seal.AAD{Connection: connection, Record: record, Field: field})
}

// vault is what the workers open and seal with.
type vault struct {
	intake.Vault
	open func(c atssync.Connection) (sdk.Connection, error)
}

func (v vault) OpenConnection(c atssync.Connection) (sdk.Connection, error) { return v.open(c) }
