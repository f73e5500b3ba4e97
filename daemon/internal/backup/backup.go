// Package backup is the file that a backup lies in: a stream of the store, cut into chunks that are encrypted and
// authenticated under the key that seals the store's records, with a manifest at its end. A backup that was cut off,
// changed by a single bit, or put together from two is refused. What the stream holds is the store's matter; app puts the
// two together, with the daemon running for a backup and without it for verify and restore.
//
// The file is a line that names its format and frames: a header (H, in plain text, so that anybody can see which key a
// backup needs), chunks (C) and the manifest (M), both sealed, and the end (E). A frame is its kind (1 byte), the length
// of its payload (4) and the payload. Every sealed part is bound to its place: to the backup's id, to its number and to the
// header. The end is the SHA-256 of all before it in plain text, so that a copy can be checked without the key.
package backup

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

const (
	magic  = "atssync sealed backup 1\n"
	format = 1

	kindHeader   = 'H'
	kindChunk    = 'C'
	kindManifest = 'M'
	kindEnd      = 'E'

	// chunkSize is how much of the stream one chunk holds.
	chunkSize = 1 << 20
	// maxChunk is a chunk with what sealing adds.
	maxChunk = chunkSize + 256
	// maxHeader and maxManifest bound what is read into memory; a manifest has 67 bytes for each chunk.
	maxHeader   = 64 << 10
	maxManifest = 64 << 20

	connection = "backup" // of the associated data; no connection has this id, as ids begin with con_ or stand in the config
	// Suffix is how the name of a backup's file ends by default.
	Suffix = ".backup"
)

// ErrDamaged says that a backup is not what was written. Match with errors.Is; the error says what was found.
var ErrDamaged = errors.New("the backup is damaged or incomplete, and nothing of it was used")

// Header stands at the beginning, in plain text. It is authenticated with every chunk.
type Header struct {
	Format int       `json:"format"`
	ID     string    `json:"id"`
	MadeAt time.Time `json:"made_at"`
	// Version is the daemon's that made it.
	Version string `json:"version"`
	// StoreID and StoreFormat are the store's own.
	StoreID     string `json:"store_id"`
	StoreFormat int    `json:"store_format"`
	// Key is the fingerprint of the key file that the backup needs. The key file itself is not in it.
	Key string `json:"key"`
	// Journal is the journal of attempts that goes on from this backup, and how far it was when the backup began.
	Journal   string `json:"journal,omitempty"`
	JournalAt uint64 `json:"journal_at,omitempty"`
}

// Manifest stands at the end, sealed: what was written.
type Manifest struct {
	// Commit is the last commit that is in the backup.
	Commit uint64 `json:"commit"`
	// Records and Bytes count the pairs of the store; Stream is the SHA-256 that the store's own stream ends with.
	Records uint64 `json:"records"`
	Bytes   uint64 `json:"bytes"`
	Stream  string `json:"stream_sha256"`
	// Chunks holds the SHA-256 of each chunk's content, in order.
	Chunks []string `json:"chunks"`
}

// Sealer encrypts and decrypts, authenticated, for one place.
type Sealer interface {
	Seal(plain []byte, connection, record, field string) ([]byte, error)
	Open(sealed []byte, connection, record, field string) ([]byte, error)
}

// NewID returns the id of a new backup.
func NewID(at time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return at.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}

// FileName is the name that a backup gets in a folder.
func FileName(at time.Time) string {
	return strings.Join([]string{"atssync", at.UTC().Format("20060102T150405Z")}, "-") + Suffix
}
