package badger

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// The mark is the number of the last commit that was acknowledged, kept where Badger cannot lose it. Two
// slots in different blocks take turns, so that a write that is torn leaves the other; each is 36 bytes:
// magic (4), version (1), three zeros, store id (16), commit (8), CRC-32C (4) over all before it.
const (
	markMagic   = "ATSm"
	markVersion = 1
	markSlot    = 4 + 1 + 3 + 16 + 8 + 4
	markStride  = 4096
	markSize    = 2 * markStride
)

// mark is the open mark file.
type mark struct {
	file *os.File
	id   [16]byte
}

// createMark writes a new mark file with both slots at 0: nothing was acknowledged.
func createMark(path, id string) error {
	m := mark{id: idBytes(id)}
	data := make([]byte, markSize)
	copy(data, m.slot(0))
	copy(data[markStride:], m.slot(0))
	return replaceFile(path, data)
}

// openMark opens the mark file of the store with that id and returns what it says.
func openMark(path, id string) (*mark, markState, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, markState{}, err
	}
	data, err := io.ReadAll(io.LimitReader(file, markSize+1))
	if err == nil && len(data) != markSize {
		err = fmt.Errorf("it has %d bytes instead of %d", len(data), markSize)
	}
	var state markState
	if err == nil {
		state, err = decodeMark(data, idBytes(id))
	}
	if err != nil {
		return nil, markState{}, errors.Join(err, file.Close())
	}
	return &mark{file: file, id: idBytes(id)}, state, nil
}

// markState is what a mark file says.
type markState struct {
	commit uint64
	// one says that only one of the two slots could be read: the other may have held the next commit.
	one bool
}

// decodeMark reads both slots; it fails when neither is good.
func decodeMark(data []byte, id [16]byte) (markState, error) {
	if len(data) != markSize {
		return markState{}, fmt.Errorf("it has %d bytes instead of %d", len(data), markSize)
	}
	first, errFirst := decodeSlot(data, id)
	second, errSecond := decodeSlot(data[markStride:], id)
	switch {
	case errFirst == nil && errSecond == nil:
		return markState{commit: max(first, second)}, nil
	case errFirst == nil:
		return markState{commit: first, one: true}, nil
	case errSecond == nil:
		return markState{commit: second, one: true}, nil
	}
	return markState{}, fmt.Errorf("both of its slots are bad: %w; %w", errFirst, errSecond)
}

func decodeSlot(data []byte, id [16]byte) (uint64, error) {
	data = data[:markSlot]
	end := markSlot - 4
	switch {
	case binary.BigEndian.Uint32(data[end:]) != crc32.Checksum(data[:end], castagnoli) || string(data[:4]) != markMagic:
		return 0, errors.New("the checksum does not match")
	case data[4] != markVersion:
		return 0, fmt.Errorf("version %d is unknown", data[4])
	case !bytes.Equal(data[8:24], id[:]):
		return 0, errors.New("it belongs to another store")
	}
	return binary.BigEndian.Uint64(data[24:]), nil
}

func (m *mark) slot(commit uint64) []byte {
	out := make([]byte, 0, markSlot)
	out = append(out, markMagic...)
	out = append(out, markVersion, 0, 0, 0)
	out = append(out, m.id[:]...)
	out = binary.BigEndian.AppendUint64(out, commit)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// write makes commit the mark; it is on the disk when write returns.
func (m *mark) write(commit uint64) error {
	if _, err := m.file.WriteAt(m.slot(commit), int64(commit%2)*markStride); err != nil {
		return err
	}
	if !syncs {
		return nil
	}
	for {
		if err := unix.Fdatasync(int(m.file.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (m *mark) close() error { return m.file.Close() }

func idBytes(id string) (raw [16]byte) {
	b, _ := hex.DecodeString(id) // decodeFormat has checked it.
	copy(raw[:], b)
	return raw
}
