package atssync

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// Prefixes of ids, before the underscore.
const (
	PrefixConnection = "con"
	PrefixSubmission = "sub"
	PrefixJobLink    = "lnk"
	PrefixEvent      = "evt"
	PrefixRun        = "run"
	PrefixTask       = "tsk"
	PrefixAudit      = "aud"
	PrefixWebhook    = "whk"
)

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns prefix_ and a UUIDv7 as 26 lower-case Crockford characters: ids of one prefix sort by the
// time they were made, to the millisecond.
func NewID(prefix string, now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(now.UnixMilli(), 0))<<16)
	copy(b[:6], ms[:6])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return prefix + "_" + crockford.EncodeToString(b[:])
}

// FirstID returns the id that sorts before every id of the prefix that is made at that time or later.
func FirstID(prefix string, at time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(at.UnixMilli(), 0))<<16)
	return prefix + "_" + crockford.EncodeToString(b[:])
}

// ValidID reports whether id is one that NewID makes for prefix.
func ValidID(prefix, id string) bool {
	body, ok := strings.CutPrefix(id, prefix+"_")
	if !ok || len(body) != 26 {
		return false
	}
	_, err := crockford.DecodeString(body)
	return err == nil
}
