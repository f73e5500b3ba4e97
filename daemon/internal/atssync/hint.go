package atssync

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// HookPrefix begins the path that ATSes call.
const HookPrefix = "/hooks/"

// HookSecretLen is the length of the secret in such a path: 128 bits in hex.
const HookSecretLen = 2 * hookSecretBytes

const hookSecretBytes = 16

// NewHookSecret returns a new secret.
func NewHookSecret() sdk.Secret {
	var b [hookSecretBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return sdk.Secret(hex.EncodeToString(b[:]))
}

// HookPath is the path that an ATS calls for a connection.
func HookPath(connection string, secret sdk.Secret) string {
	return HookPrefix + connection + "/" + secret.Reveal()
}

const (
	// MaxHints bounds the hints of one connection that wait to be read.
	MaxHints = 10_000
	// MaxHintsOfHook bounds the submissions that one call of an ATS touches. What is beyond is read by the next pass.
	MaxHintsOfHook = 1_000
	// SeenHooks is how many of the last calls of an ATS are remembered for a connection.
	SeenHooks = 1_000
)

// Hook is a call that an ATS made, after its adapter found it genuine.
type Hook struct {
	Connection string
	// EventKey is a keyed form of the ATS's id of the call; "" when it has none.
	EventKey string
	Touched  []Touch
}

// Touch is one application that a Hook names, in whatever words the ATS has for it.
type Touch struct {
	ExternalKey                string // as Submission.ExternalKey; "" when the ATS does not tell our external id
	CandidateID, ApplicationID string
	Receipt                    *Receipt // the hook says that this is what the ATS made of our external id
}

// HookResult is what became of a Hook.
type HookResult struct {
	// Queued counts the submissions that wait to be read now.
	Queued int
	// Replayed says that the same call came before; nothing was done.
	Replayed bool
}

// Hint is a submission that an ATS hinted at and that is read for it. It says where to look and nothing else: what the
// ATS claimed is never taken for its state.
type Hint struct {
	Connection string `json:"connection"`
	Submission string `json:"submission"`
	// Number grows with each new hint of the connection; the lowest has waited longest.
	Number int64 `json:"number"`
	// Touches counts the hooks that came together in it.
	Touches int       `json:"touches"`
	At      time.Time `json:"at"`      // of the first one
	LastAt  time.Time `json:"last_at"` // of the last one
	// Claim is what the last one that told any ids said of them. Proved says that the ATS named our external id with it.
	Claim  Receipt `json:"claim"`
	Proved bool    `json:"proved,omitempty"`
}

// Take joins another hook to the hint.
func (h *Hint) Take(t Touch, now time.Time) {
	h.Touches++
	h.LastAt = now
	switch {
	case t.ExternalKey == "":
	case t.Receipt != nil:
		h.Claim, h.Proved = *t.Receipt, true
	case !h.Proved && (t.CandidateID != "" || t.ApplicationID != ""):
		h.Claim = Receipt{CandidateID: t.CandidateID, ApplicationID: t.ApplicationID}
	}
}

// HintBacklog is how many hints wait and since when the oldest of them does.
type HintBacklog struct {
	Waiting  int64
	OldestAt time.Time // zero: none waits
}

// Hints is the role of what takes in what ATSes say by themselves, and of what reads after them.
type Hints interface {
	// QueueHints remembers a hook and queues the submissions of ours that it touches, in one step: by external key, else
	// by application, else by candidate. Those that are queued already take it in. One whose EventKey was seen before is
	// Replayed. Who was never sent is not queued. A connection that is removed is CodeConflict; when its hints are too
	// many already, CodeBusy, and nothing is stored.
	QueueHints(ctx context.Context, h Hook, now time.Time) (HookResult, error)
	// NextHints only reads: a connection's hints with a Number above after, the oldest first, at most limit.
	NextHints(ctx context.Context, l Lease, after int64, limit int) ([]Hint, error)
	// FinishHints forgets hints that were worked off. One that was touched again since it was read stays.
	FinishHints(ctx context.Context, l Lease, done []Hint, now time.Time) error
	// HintBacklog tells how many hints of a connection wait; "" for all together.
	HintBacklog(ctx context.Context, connection string) (HintBacklog, error)
}
