package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

func damagedf(text string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(text, args...))
}

// Read reads a backup with its key. use gets the stream and reads it to its end: io.EOF comes only once everything, the
// manifest too, was found to be what was written; until then nothing of it may be relied upon.
func Read(r io.Reader, s Sealer, use func(h Header, stream io.Reader) error) (Header, Manifest, error) {
	in, err := begin(r)
	if err != nil {
		return Header{}, Manifest{}, err
	}
	d := &dechunker{in: in, s: s, place: placeOf(in.header, in.head)}
	if err := use(in.header, d); err != nil {
		return in.header, Manifest{}, err
	}
	if _, err := io.Copy(io.Discard, d); err != nil {
		return in.header, Manifest{}, err
	}
	return in.header, d.manifest, nil
}

// Peek reads the header alone, and tells nothing of the rest.
func Peek(r io.Reader) (Header, error) {
	in, err := begin(r)
	if err != nil {
		return Header{}, err
	}
	return in.header, nil
}

// Check reads a backup without its key and returns how long it is. It tells whether the file is the one that was
// written, and not who wrote it: that takes the key.
func Check(r io.Reader) (Header, int64, error) {
	in, err := begin(r)
	if err != nil {
		return Header{}, 0, err
	}
	for {
		kind, _, err := in.frame(maxManifest)
		if err != nil {
			return in.header, 0, err
		}
		switch kind {
		case kindChunk:
		case kindManifest:
			return in.header, in.read, in.end()
		default:
			return in.header, 0, damagedf("there is a part of the unknown kind %q", kind)
		}
	}
}

// unframer reads frames and sums up all that was read.
type unframer struct {
	r      *bufio.Reader
	hash   hash.Hash
	before []byte // the sum of all before the last frame
	read   int64
	header Header
	head   []byte
}

func begin(r io.Reader) (*unframer, error) {
	in := &unframer{r: bufio.NewReaderSize(r, 64<<10), hash: sha256.New()}
	first := make([]byte, len(magic))
	if _, err := io.ReadFull(in.r, first); err != nil || string(first) != magic {
		return nil, damagedf("it does not begin as a backup of atssync does, or a newer atssync made it")
	}
	in.hash.Write(first)
	in.read = int64(len(first))
	kind, head, err := in.frame(maxHeader)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(head))
	d.DisallowUnknownFields()
	if kind != kindHeader || d.Decode(&in.header) != nil || in.header.Format != format || in.header.ID == "" {
		return nil, damagedf("its header cannot be read")
	}
	in.head = head
	return in, nil
}

// frame returns the next frame.
func (in *unframer) frame(limit int64) (kind byte, payload []byte, err error) {
	in.before = in.hash.Sum(nil)
	head := make([]byte, 5)
	if _, err := io.ReadFull(in.r, head); err != nil {
		return 0, nil, cut(err)
	}
	size := int64(binary.BigEndian.Uint32(head[1:]))
	if size > limit {
		return 0, nil, damagedf("a part claims to be %d bytes long", size)
	}
	var body bytes.Buffer // It grows with what is there, whatever the length claims.
	if _, err := io.CopyN(&body, in.r, size); err != nil {
		return 0, nil, cut(err)
	}
	in.hash.Write(head)
	in.hash.Write(body.Bytes())
	in.read += int64(len(head)) + size
	return head[0], body.Bytes(), nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damagedf("it is cut off")
	}
	return fmt.Errorf("read the backup: %w", err)
}

// end reads the last frame, and that nothing follows it.
func (in *unframer) end() error {
	kind, sum, err := in.frame(maxHeader)
	if err != nil {
		return err
	}
	if kind != kindEnd || string(sum) != hex.EncodeToString(in.before) {
		return damagedf("the checksum at its end is not that of what it holds")
	}
	switch _, err := in.r.ReadByte(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return cut(err)
	}
	return damagedf("something follows its end")
}

// dechunker is the stream of a backup.
type dechunker struct {
	in       *unframer
	s        Sealer
	place    place
	plain    []byte // what was not given out yet
	sums     []string
	manifest Manifest
	err      error // sticky
}

// Read gives out the stream.
func (d *dechunker) Read(p []byte) (int, error) {
	for len(d.plain) == 0 {
		if d.err == nil {
			d.err = d.next()
		}
		if d.err != nil {
			return 0, d.err
		}
	}
	n := copy(p, d.plain)
	d.plain = d.plain[n:]
	return n, nil
}

// next opens the next chunk, or ends with io.EOF behind a manifest that tells the truth.
func (d *dechunker) next() error {
	limit := int64(maxManifest)
	kind, payload, err := d.in.frame(limit)
	if err != nil {
		return err
	}
	switch kind {
	case kindChunk:
		if len(payload) > maxChunk {
			return damagedf("chunk %d is too long", len(d.sums))
		}
		plain, err := d.open(payload, chunkField(len(d.sums)))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		d.sums, d.plain = append(d.sums, hex.EncodeToString(sum[:])), plain
		return nil
	case kindManifest:
		return d.last(payload)
	}
	return damagedf("there is a part of the unknown kind %q", kind)
}

func (d *dechunker) open(sealed []byte, field string) ([]byte, error) {
	plain, err := d.s.Open(sealed, connection, d.place.record, field)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, field, err)
	}
	return plain, nil
}

func (d *dechunker) last(sealed []byte) error {
	body, err := d.open(sealed, fieldManifest)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &d.manifest); err != nil {
		return damagedf("its manifest cannot be read")
	}
	if len(d.sums) != len(d.manifest.Chunks) {
		return damagedf("its manifest lists %d chunks and there are %d", len(d.manifest.Chunks), len(d.sums))
	}
	for i, sum := range d.sums {
		if sum != d.manifest.Chunks[i] {
			return damagedf("chunk %d is not the one that its manifest lists", i)
		}
	}
	if err := d.in.end(); err != nil {
		return err
	}
	return io.EOF
}
