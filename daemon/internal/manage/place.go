package manage

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
)

const (
	placeNonce = 8
	placeBytes = 8
	placeTag   = 16
)

// SealPlace writes a place among the events of all connections so that it tells nothing, differently each time: a number
// would tell a caller who sees a part of them how many others there are. It is made with the index key, which is never
// exchanged: a reader may come back with a place that is older than the sealing key.
func (s *Service) SealPlace(after int64) (string, error) {
	out := make([]byte, placeNonce, placeNonce+placeBytes+placeTag)
	_, _ = rand.Read(out)                                      // never fails: crypto/rand ends the process instead
	place := binary.BigEndian.AppendUint64(nil, uint64(after)) //nolint:gosec // It is turned back as it was.
	out = append(out, s.masked(out, place)...)
	out = append(out, s.placeSum("place", out)[:placeTag]...)
	return base64.RawURLEncoding.EncodeToString(out), nil
}

// OpenPlace reads what SealPlace wrote.
func (s *Service) OpenPlace(text string) (int64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	const body = placeNonce + placeBytes
	if err != nil || len(text) != base64.RawURLEncoding.EncodedLen(body+placeTag) || len(b) != body+placeTag {
		return 0, errors.New("a place among the events has another form")
	}
	if subtle.ConstantTimeCompare(s.placeSum("place", b[:body])[:placeTag], b[body:]) != 1 {
		return 0, errors.New("a place among the events was changed, or is of other data")
	}
	place := s.masked(b[:placeNonce], b[placeNonce:body])
	return int64(binary.BigEndian.Uint64(place) & math.MaxInt64), nil
}

// masked turns a place into something that tells nothing, and back.
func (s *Service) masked(nonce, place []byte) []byte {
	mask := s.placeSum("place mask", nonce)
	out := make([]byte, len(place))
	for i := range place {
		out[i] = place[i] ^ mask[i]
	}
	return out
}

// placeSum is a keyed sum of bytes for one use.
func (s *Service) placeSum(use string, b []byte) []byte {
	sum := sha256.Sum256([]byte(s.o.Keys.Index(use, string(b))))
	return sum[:]
}
