package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Write writes a backup of what stream writes, and returns its manifest, whose counts are those that stream returns.
func Write(w io.Writer, s Sealer, h Header, stream func(io.Writer) (Manifest, error)) (Manifest, error) {
	h.Format = format
	head, err := json.Marshal(h)
	if err != nil {
		return Manifest{}, fmt.Errorf("encode the header of a backup: %w", err)
	}
	f := &frames{w: bufio.NewWriterSize(w, 64<<10), hash: sha256.New()}
	f.put([]byte(magic))
	f.frame(kindHeader, head)
	c := &chunker{f: f, s: s, place: placeOf(h, head), plain: make([]byte, 0, chunkSize)}
	m, err := stream(c)
	if err = errors.Join(err, c.flush()); err != nil {
		return Manifest{}, err
	}
	m.Chunks = c.sums
	body, err := json.Marshal(m)
	if err != nil {
		return Manifest{}, fmt.Errorf("encode the manifest of a backup: %w", err)
	}
	sealed, err := c.place.seal(s, fieldManifest, body)
	if err != nil {
		return Manifest{}, err
	}
	f.frame(kindManifest, sealed)
	f.frame(kindEnd, []byte(hex.EncodeToString(f.hash.Sum(nil))))
	if f.err == nil {
		f.err = f.w.Flush()
	}
	return m, f.err
}

// frames writes frames and sums up all that was written.
type frames struct {
	w    *bufio.Writer
	hash hash.Hash
	err  error
}

func (f *frames) put(b []byte) {
	f.hash.Write(b)
	if f.err == nil {
		_, f.err = f.w.Write(b)
	}
}

func (f *frames) frame(kind byte, payload []byte) {
	f.put(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))) //nolint:gosec // far below.
	f.put(payload)
}

const fieldManifest = "manifest"

// place is what every sealed part of one backup is bound to.
type place struct{ record string }

func placeOf(h Header, head []byte) place {
	sum := sha256.Sum256(head)
	return place{h.ID + "/" + hex.EncodeToString(sum[:])}
}

func (p place) seal(s Sealer, field string, plain []byte) ([]byte, error) {
	sealed, err := s.Seal(plain, connection, p.record, field)
	if err != nil {
		return nil, fmt.Errorf("seal a part of the backup: %w", err)
	}
	return sealed, nil
}

func chunkField(n int) string { return fmt.Sprintf("chunk %d", n) }

// chunker cuts the stream.
type chunker struct {
	f     *frames
	s     Sealer
	place place
	plain []byte
	sums  []string
}

// Write takes a part of the stream.
func (c *chunker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room := min(chunkSize-len(c.plain), len(p))
		c.plain = append(c.plain, p[:room]...)
		p = p[room:]
		if len(c.plain) == chunkSize {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (c *chunker) flush() error {
	if len(c.plain) == 0 {
		return c.f.err
	}
	sealed, err := c.place.seal(c.s, chunkField(len(c.sums)), c.plain)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(c.plain)
	c.sums = append(c.sums, hex.EncodeToString(sum[:]))
	c.plain = c.plain[:0]
	c.f.frame(kindChunk, sealed)
	return c.f.err
}
