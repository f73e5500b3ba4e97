package badger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// A backup is a line that names its format and frames: a header (H), records (R) and an end (E). A frame is
// its kind (1 byte), the length of its payload (4), the payload and the CRC-32C (4) of all before it in the
// frame. The end holds the counts and the SHA-256 of all bytes before its frame, so that a backup that is
// cut off, changed, or put together from two is refused.
const (
	backupMagic = "atssync backup 1\n"
	frameHeader = 'H'
	frameRecord = 'R'
	frameEnd    = 'E'
	// frameFill is when a frame of records is written; the last record may make it larger.
	frameFill = 256 << 10
	frameMax  = frameFill + kv.MaxKey + kv.MaxValue + 64
)

// Info is what a backup says of itself.
type Info struct {
	// StoreID names the store for life; a restored store gets an id of its own.
	StoreID string `json:"store_id"`
	// Commit is the last commit that is in the backup.
	Commit uint64 `json:"commit"`
	// Records and Bytes count the pairs, and their keys and values.
	Records uint64 `json:"records"`
	Bytes   uint64 `json:"bytes"`
	// SHA256 is of everything before the end of the backup, in hexadecimal digits.
	SHA256 string `json:"sha256"`
}

// ID names the store for life.
func (e *Engine) ID() string { return e.format.id }

// FormatVersion is the version of what the engine writes.
func FormatVersion() int { return formatVersion }

// Backup writes all pairs as of the last commit to w, while steps and views go on, and returns what it
// wrote. Every value is checked on the way: a damaged one ends the backup with kv.ErrCorrupt.
func (e *Engine) Backup(ctx context.Context, w io.Writer) (Info, error) {
	commit, err := e.snapshots.acquire()
	if err != nil {
		return Info{}, err
	}
	defer e.snapshots.release(commit)
	r := e.reader(ctx, commit)
	defer r.txn.Discard()
	info := Info{StoreID: e.format.id, Commit: commit}
	out := newFrameWriter(w)
	header, err := json.Marshal(Info{StoreID: info.StoreID, Commit: commit})
	if err == nil {
		err = out.frame(frameHeader, header)
	}
	if err == nil {
		err = out.records(r, &info)
	}
	if r.err != nil {
		_ = e.fail(r.err)
	}
	if err == nil {
		err = out.end(&info)
	}
	if err != nil {
		return Info{}, fmt.Errorf("writing a backup: %w", err)
	}
	return info, nil
}

type frameWriter struct {
	w    *bufio.Writer
	hash hash.Hash
	err  error
}

func newFrameWriter(w io.Writer) *frameWriter {
	f := &frameWriter{w: bufio.NewWriterSize(w, 64<<10), hash: sha256.New()}
	f.put([]byte(backupMagic))
	return f
}

func (f *frameWriter) put(data []byte) {
	f.hash.Write(data)
	if f.err == nil {
		_, f.err = f.w.Write(data)
	}
}

func (f *frameWriter) frame(kind byte, payload []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	f.put(head)
	f.put(payload)
	f.put(binary.BigEndian.AppendUint32(nil, sum(head, payload)))
	return f.err
}

// records writes all pairs and counts them in info.
func (f *frameWriter) records(r *reader, info *Info) error {
	var payload []byte
	err := r.Scan(nil, nil, func(key, value []byte) bool {
		payload = appendRecord(payload, key, value)
		info.Records++
		info.Bytes += uint64(len(key) + len(value))
		if len(payload) >= frameFill {
			_ = f.frame(frameRecord, payload)
			payload = payload[:0]
		}
		return f.err == nil
	})
	if err == nil && len(payload) > 0 {
		err = f.frame(frameRecord, payload)
	}
	return errors.Join(err, f.err)
}

// end writes the last frame with the sum of what stands before it.
func (f *frameWriter) end(info *Info) error {
	info.SHA256 = hex.EncodeToString(f.hash.Sum(nil))
	payload, err := json.Marshal(info)
	if err == nil {
		err = f.frame(frameEnd, payload)
	}
	if err == nil {
		err = f.w.Flush()
	}
	return err
}

func appendRecord(payload, key, value []byte) []byte {
	payload = binary.AppendUvarint(payload, uint64(len(key)))
	payload = append(payload, key...)
	payload = binary.AppendUvarint(payload, uint64(len(value)))
	return append(payload, value...)
}

// cutRecord takes the first pair off payload.
func cutRecord(payload []byte) (key, value, rest []byte, err error) {
	for _, part := range []*[]byte{&key, &value} {
		size, n := binary.Uvarint(payload)
		if n <= 0 || size > uint64(len(payload)-n) {
			return nil, nil, nil, errors.New("a record is cut off")
		}
		*part, payload = payload[n:n+int(size):n+int(size)], payload[n+int(size):]
	}
	if len(key) == 0 || len(key) > kv.MaxKey || len(value) > kv.MaxValue {
		return nil, nil, nil, errors.New("a record is too large or has no key")
	}
	return key, value, payload, nil
}

// ReadBackup checks a whole backup and calls fn with each pair, which is valid until fn returns. What fn
// was given is only known to be good when ReadBackup has returned nil; an error of fn ends it.
func ReadBackup(ctx context.Context, r io.Reader, fn func(key, value []byte) error) (Info, error) {
	in := &frameReader{r: bufio.NewReaderSize(r, 64<<10), hash: sha256.New()}
	info, err := in.all(ctx, fn)
	if err != nil {
		return Info{}, fmt.Errorf("reading a backup: %w", err)
	}
	return info, nil
}

type frameReader struct {
	r    *bufio.Reader
	hash hash.Hash
	sum  []byte // of all before the last frame that was read
}

func (f *frameReader) all(ctx context.Context, fn func(key, value []byte) error) (Info, error) {
	magic := make([]byte, len(backupMagic))
	if _, err := io.ReadFull(f.r, magic); err != nil {
		return Info{}, cutOff(err)
	}
	if string(magic) != backupMagic {
		return Info{}, errors.New("it is not a backup of atssync, or of a newer version")
	}
	f.hash.Write(magic)
	kind, payload, err := f.frame()
	var header, got, want Info
	if err == nil && kind != frameHeader {
		err = errors.New("it does not begin with its header")
	}
	if err == nil {
		err = json.Unmarshal(payload, &header)
	}
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		if kind, payload, err = f.frame(); err != nil || kind == frameEnd {
			break
		}
		if kind != frameRecord {
			err = fmt.Errorf("a part of the unknown kind %q", kind)
			break
		}
		err = eachRecord(payload, func(key, value []byte) error {
			got.Records++
			got.Bytes += uint64(len(key) + len(value))
			return fn(key, value)
		})
	}
	if err != nil {
		return Info{}, err
	}
	if err := json.Unmarshal(payload, &want); err != nil {
		return Info{}, err
	}
	got.StoreID, got.Commit, got.SHA256 = header.StoreID, header.Commit, hex.EncodeToString(f.sum)
	if got != want {
		return Info{}, fmt.Errorf("its end says %+v and it holds %+v", want, got)
	}
	switch _, err := f.r.ReadByte(); {
	case errors.Is(err, io.EOF):
		return got, nil
	case err != nil:
		return Info{}, err // a reader that checks what it gave out only at its end
	}
	return Info{}, errors.New("something follows its end")
}

// cutOff tells an end that came too early from an error of whoever reads.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it is cut off: %w", err)
	}
	return err
}

// frame returns the next frame once its checksum matches.
func (f *frameReader) frame() (kind byte, payload []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(f.r, head); err != nil {
		return 0, nil, cutOff(err)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > frameMax {
		return 0, nil, fmt.Errorf("a part claims %d bytes", size)
	}
	var body bytes.Buffer // Grows with what is there, whatever the length claims.
	if _, err := io.CopyN(&body, f.r, int64(size)+4); err != nil {
		return 0, nil, cutOff(err)
	}
	payload, want := body.Bytes()[:size], body.Bytes()[size:]
	if sum(head, payload) != binary.BigEndian.Uint32(want) {
		return 0, nil, errors.New("a part of it is damaged: the checksum does not match")
	}
	f.sum = f.hash.Sum(nil)
	f.hash.Write(head)
	f.hash.Write(body.Bytes())
	return head[0], payload, nil
}

func eachRecord(payload []byte, fn func(key, value []byte) error) error {
	for len(payload) > 0 {
		key, value, rest, err := cutRecord(payload)
		if err == nil {
			err = fn(key, value)
		}
		if err != nil {
			return err
		}
		payload = rest
	}
	return nil
}

// Loading is what is done to a backup on its way into a new store. Both may be nil.
type Loading struct {
	// Value returns what is written for a pair of the backup.
	Value func(key, value []byte) ([]byte, error)
	// Finish does what has to be done before the store can be opened, once everything is loaded and checked.
	Finish func(ctx context.Context, e *Engine) error
}

// Load makes a new store in o.Dir, which is empty or missing or holds a Load that did not end, from a
// backup. Until the last byte is checked and Finish is done the folder cannot be opened; on an error it is left empty.
func Load(ctx context.Context, o Options, r io.Reader, how Loading) (Info, error) {
	o = o.withDefaults()
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return Info{}, err
	}
	info, err := load(ctx, o, lock, r, how)
	if err != nil {
		return Info{}, fmt.Errorf("restoring into %s: %w", o.Dir, err)
	}
	return info, nil
}

func load(ctx context.Context, o Options, lock *os.File, r io.Reader, how Loading) (Info, error) {
	f, found, err := readFormat(o.Dir)
	if err == nil && found && f.state == stateReady {
		err = errors.New("the folder holds a store already and was left as it is: name an empty folder, or move the store away")
	}
	if err != nil {
		return Info{}, errors.Join(err, dropLock(lock))
	}
	e, err := create(ctx, o, lock, stateRestoring)
	if err != nil {
		return Info{}, errors.Join(err, dropLock(lock))
	}
	l := loader{ctx: ctx, e: e, value: how.Value}
	info, err := ReadBackup(ctx, r, l.add)
	if err == nil {
		err = l.flush()
	}
	if err == nil && how.Finish != nil {
		err = how.Finish(ctx, e)
	}
	if err == nil {
		if err = e.ready(); err == nil {
			return info, e.Close()
		}
	}
	err = errors.Join(err, e.Close())
	return Info{}, errors.Join(err, clearFolder(o.Dir), os.RemoveAll(filepath.Join(o.Dir, ballastFile)), os.RemoveAll(filepath.Join(o.Dir, formatFile)))
}

// loader gathers pairs into steps.
type loader struct {
	ctx   context.Context
	e     *Engine
	value func(key, value []byte) ([]byte, error)
	pairs []kv.Write
	bytes int
}

func (l *loader) add(key, value []byte) error {
	if l.value != nil {
		var err error
		if value, err = l.value(key, value); err != nil {
			return err
		}
	}
	l.pairs = append(l.pairs, kv.Write{Key: string(key), Value: bytes.Clone(value)})
	l.bytes += len(key) + len(value)
	if l.bytes < frameFill && len(l.pairs) < kv.MaxStepKeys/2 {
		return nil
	}
	return l.flush()
}

func (l *loader) flush() error {
	err := l.e.Update(l.ctx, func(w kv.Writer) error {
		for _, p := range l.pairs {
			w.Set([]byte(p.Key), p.Value)
		}
		return nil
	})
	l.pairs, l.bytes = l.pairs[:0], 0
	return err
}
