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
