// Package journal is the journal of attempts: a file beside the store, best on another disk, that says of every attempt
// to put a submission into an ATS that it was begun, before its first byte leaves, and how it ended. It survives the loss of the
// store, and after a restore it tells what the backup cannot know: what was sent since, that nothing else was, and who was erased. Package app
// puts Store around the store for it, and reads the file again when a backup is restored.
//
// It holds no personal data: ids of ours and of the ATS, and keyed HMACs of the platform's ids.
package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Op is what a line is about.
type Op string

// The operations.
const (
	opOpen       Op = "open"       // the first line of every file
	OpBegin      Op = "begin"      // an attempt is about to be made
	OpVoid       Op = "void"       // the attempt was not made after all: nothing was begun
	OpEnd        Op = "end"        // how an attempt ended, or what was found out about it since
	OpDecide     Op = "decide"     // what a person or the platform decided about a submission that waits
	OpImport     Op = "import"     // an application that an earlier integration made is followed
	OpLearn      Op = "learn"      // what the platform's events told after a restore
	OpErase      Op = "erase"      // a submission is erased
	OpConnection Op = "connection" // a connection was made, paused, resumed or removed
)

// Line is one line of the journal. N numbers the lines without a gap.
type Line struct {
	N           uint64                  `json:"n"`
	Op          Op                      `json:"op"`
	At          time.Time               `json:"at"`
	Connection  string                  `json:"connection,omitempty"`
	Submission  string                  `json:"submission,omitempty"`
	ExternalKey string                  `json:"external_key,omitempty"`
	AccountKey  string                  `json:"account_key,omitempty"`
	Attempt     int                     `json:"attempt,omitempty"`
	ATSJob      string                  `json:"ats_job,omitempty"`
	As          sdk.As                  `json:"as,omitempty"`
	State       atssync.State           `json:"state,omitempty"`
	HeldReason  atssync.HeldReason      `json:"held_reason,omitempty"`
	Receipt     *atssync.Receipt        `json:"receipt,omitempty"`
	Is          atssync.ConnectionState `json:"is,omitempty"`
	Erasure     string                  `json:"erasure,omitempty"`
	By          atssync.ErasedBy        `json:"by,omitempty"`

	// With open: the journal's id, the sum that the lines go on from, and whether lines between may be missing.
	Journal string `json:"journal,omitempty"`
	Chain   uint32 `json:"chain,omitempty"`
	Broken  bool   `json:"broken,omitempty"`
}

// maxLine is longer than any line; a file with a longer one is damaged.
const maxLine = 16 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A line is JSON, a space, and eight digits of a sum over the sum of the line before it and the JSON, so that no line can be
// changed, taken out or moved without that being seen.
func appendLine(out []byte, l Line, chain uint32) ([]byte, uint32, error) {
	body, err := json.Marshal(l)
	if err != nil {
		return out, chain, fmt.Errorf("encode a line of the journal: %w", err)
	}
	sum := sumOf(chain, body)
	out = append(out, body...)
	out = append(out, ' ')
	out = hex.AppendEncode(out, binary.BigEndian.AppendUint32(nil, sum))
	return append(out, '\n'), sum, nil
}

func sumOf(chain uint32, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(binary.BigEndian.AppendUint32(nil, chain), castagnoli), castagnoli, body)
}

const sumDigits = 8

// parseLine reads one line without its end. The sum is checked by whoever knows the line before it.
func parseLine(text []byte) (l Line, body []byte, sum uint32, err error) {
	cut := len(text) - sumDigits - 1
	if cut < 2 || text[cut] != ' ' {
		return l, nil, 0, errors.New("it is too short or has no sum")
	}
	var raw [sumDigits / 2]byte
	digits := text[cut+1:]
	if _, err := hex.Decode(raw[:], digits); err != nil || !bytes.Equal(hex.AppendEncode(nil, raw[:]), digits) {
		return l, nil, 0, errors.New("its sum cannot be read")
	}
	body = text[:cut]
	if err := json.Unmarshal(body, &l); err != nil {
		return l, nil, 0, errors.New("it is not the JSON that was written")
	}
	return l, body, binary.BigEndian.Uint32(raw[:]), nil
}
