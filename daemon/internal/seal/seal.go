// Package seal keeps what is personal or secret unreadable on disk: credentials, payloads and notes are encrypted
// before any store sees them, and what must be found again is keyed by HMAC. It stands between intake, manage and the
// workers on one side and the store on the other; app opens the one key file and hands out the Keys.
package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	// ErrWrongKey says that something was sealed, or a data folder made, with keys that this key file does not hold.
	ErrWrongKey = errors.New("the key file does not hold the key of this data")
	// ErrDamaged says that a sealed value was changed, cut short, or stands in another place than it was sealed for.
	ErrDamaged = errors.New("the sealed value is damaged or not in its own place")
)

const (
	version      = 1 // the first byte of every sealed value
	tinkStart    = 1 // how tink begins, before the number of the key
	tinkPrefix   = 5 // that byte and the number
	indexKeySize = 32
)

// What the index key is used for; the byte keeps the uses apart.
const (
	useIndex byte = 1
	useCheck byte = 2
)

// Keys seal, open and key values. They are safe for concurrent use and never print.
type Keys struct {
	set    atomic.Pointer[set]
	hashes sync.Pool // of hash.Hash: HMACs under the index key
	check  string

	file     string     // where they were loaded from
	changing sync.Mutex // one change of the file at a time
}

// set is the sealing keys: the primary one and older ones.
type set struct {
	aead    tink.AEAD
	known   map[uint32]bool // by number
	primary uint32
	handle  *keyset.Handle
	dates   []keyDates
	removed []keyDates
}

// AAD is the place of a sealed value. A value opens in its own place only, so that nobody who can write to the data
// can move one candidate's payload to another.
type AAD struct {
	Connection string
	Record     string // id of the record, such as a submission's
	Field      string // payload, note, credentials …
}

// bytes writes the parts with their lengths, so that no two places read the same.
func (a AAD) bytes() []byte {
	b := make([]byte, 0, 3*binary.MaxVarintLen16+len(a.Connection)+len(a.Record)+len(a.Field))
	for _, part := range [...]string{a.Connection, a.Record, a.Field} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// newKeys makes Keys of a keyset and an index key. The primitive is built once for a set, as that is the slow part.
func newKeys(sealing *keyset.Handle, indexKey []byte) (*Keys, error) {
	if len(indexKey) != indexKeySize {
		return nil, fmt.Errorf("the index key has %d bytes and not %d", len(indexKey), indexKeySize)
	}
	s, err := newSet(sealing)
	if err != nil {
		return nil, err
	}
	k := &Keys{}
	k.set.Store(s)
	k.hashes.New = func() any { return hmac.New(sha256.New, indexKey) }
	sum := k.sum(useCheck, "", "")
	k.check = hex.EncodeToString(sum[:8])
	return k, nil
}

func newSet(sealing *keyset.Handle) (*set, error) {
	primitive, err := aead.New(sealing)
	if err != nil {
		return nil, fmt.Errorf("making the sealing primitive: %w", err)
	}
	primary, err := sealing.Primary()
	if err != nil {
		return nil, fmt.Errorf("reading the sealing keys: %w", err)
	}
	s := &set{aead: primitive, known: map[uint32]bool{}, primary: primary.KeyID(), handle: sealing}
	for i := range sealing.Len() {
		entry, err := sealing.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("reading the sealing keys: %w", err)
		}
		s.known[entry.KeyID()] = true
	}
	return s, nil
}

// Seal encrypts plain for one place, with the primary key. The result is about 46 bytes longer.
func (k *Keys) Seal(plain []byte, at AAD) ([]byte, error) {
	sealed, err := k.set.Load().aead.Encrypt(plain, at.bytes())
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", at.Field, err)
	}
	return append([]byte{version}, sealed...), nil
}

// Open decrypts what Seal made for the same place, with whichever key of the set it was sealed. The errors are
// ErrWrongKey and ErrDamaged.
func (k *Keys) Open(sealed []byte, at AAD) ([]byte, error) {
	if len(sealed) < 1+tinkPrefix || sealed[0] != version {
		return nil, fmt.Errorf("opening %s: %w", at.Field, ErrDamaged)
	}
	s := k.set.Load()
	if key := binary.BigEndian.Uint32(sealed[2:]); !s.known[key] {
		return nil, fmt.Errorf("opening %s: %w", at.Field, ErrWrongKey)
	}
	plain, err := s.aead.Decrypt(sealed[1:], at.bytes())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", at.Field, ErrDamaged)
	}
	return plain, nil
}

// Index returns the HMAC by which a value is found without being readable. The kind keeps the values of different
// fields apart. The key of it is not rotated: the same kind and value have the same index for ever.
func (k *Keys) Index(kind, value string) [32]byte { return k.sum(useIndex, kind, value) }

// IndexText is Index as 43 characters that are safe in a key, a URL and a file name.
func (k *Keys) IndexText(kind, value string) string {
	sum := k.sum(useIndex, kind, value)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// CheckValue names these keys without telling anything about them: 16 hex digits to keep beside the data.
func (k *Keys) CheckValue() string { return k.check }

// Recognise compares the check value that was kept beside the data. The error is ErrWrongKey.
func (k *Keys) Recognise(checkValue string) error {
	if subtle.ConstantTimeCompare([]byte(checkValue), []byte(k.check)) == 1 {
		return nil
	}
	return fmt.Errorf("%w: the data was made with the keys %s and this file holds %s; put the right key file back", ErrWrongKey, checkValue, k.check)
}

func (k *Keys) sum(use byte, kind, value string) (sum [32]byte) {
	h := k.hashes.Get().(hash.Hash)
	defer k.hashes.Put(h)
	h.Reset()
	head := make([]byte, 0, 80)
	head = append(head, use)
	head = binary.AppendUvarint(head, uint64(len(kind)))
	head = append(head, kind...)
	_, _ = h.Write(head)
	_, _ = io.WriteString(h, value)
	h.Sum(sum[:0])
	return sum
}

// Format prints *** for every verb.
func (k *Keys) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "***") }

// MarshalText returns ***.
func (k *Keys) MarshalText() ([]byte, error) { return []byte("***"), nil }
