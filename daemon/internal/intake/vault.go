package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Vault seals, opens and keys what belongs to submissions. A document is sealed for its connection and its external
// key, not for the submission's id: a revision keeps the first submission's id, which is not known before the
// store's commit, while the external key is known before and the same for all revisions. Notes and continuations
// are made once the id is known and are sealed for it.
type Vault struct {
	Keys   Keys
	Sealer Sealer
}

// Fields of associated data.
const (
	fieldDocument     = "document"
	fieldNote         = "note"
	fieldContinuation = "continuation"
)

// SealedAt returns the record and field that a value of a submission is sealed for.
func SealedAt(v atssync.SealedValue) (record, field string) {
	switch v.Kind {
	case atssync.SealedNote:
		return v.Record, fieldNote
	case atssync.SealedContinuation:
		return v.Record, fieldContinuation
	}
	return v.Record, fieldDocument
}

// ExternalKey is the one key of uniqueness of a submission.
func (v Vault) ExternalKey(connection, externalID string) string {
	return v.Keys.Index("external", connection+"\x00"+externalID)
}

// AccountKey is the key by which a submission is found from other connections of the account to the same ATS.
func (v Vault) AccountKey(c atssync.Connection, externalID string) string {
	return v.Keys.Index(atssync.KindExternalInATS, c.ExternalInATS(externalID))
}

// Fingerprint is the HMAC of what the document says, whatever its form: two documents with the same fingerprint are
// the same request. The connection and its external id are not in question where it is compared.
func (v Vault) Fingerprint(doc atssync.Document) string {
	return v.Keys.Index("document", string(canonical(make([]byte, 0, 2048), doc)))
}

// ResumeKey is the HMAC of a resume's whole address and its end, "" without one.
func (v Vault) ResumeKey(r *atssync.Resume) string {
	if r == nil {
		return ""
	}
	end := ""
	if r.ExpiresAt != nil {
		end = r.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return v.Keys.Index("resume", r.URL+"\x00"+end)
}

// PersonKeys are the keys by which an account's person is found without a payload: its id and its e-mail
// addresses in lower case.
func (v Vault) PersonKeys(account string, p atssync.Person) []string {
	keys := make([]string, 0, 1+len(p.Emails))
	if p.ID != "" {
		keys = append(keys, v.Keys.Index("person", account+"\x00"+p.ID))
	}
	add := func(address string) {
		if k := v.Keys.Index("email", account+"\x00"+strings.ToLower(address)); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, e := range p.Emails {
		add(e.Address)
		if sent := atssync.OneLine(e.Address); sent != e.Address {
			add(sent) // people look for what can be seen of it
		}
	}
	return keys
}

// SealDocument returns the payload of a document.
func (v Vault) SealDocument(connection, externalKey string, doc atssync.Document) (atssync.Payload, error) {
	plain, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	sealed, err := v.Sealer.Seal(plain, connection, externalKey, fieldDocument)
	if err != nil {
		return nil, fmt.Errorf("seal document: %w", err)
	}
	return sealed, nil
}

// OpenDocument opens a submission's payload. One without payload (an imported application, or after retention) is
// CodeNotFound.
func (v Vault) OpenDocument(s atssync.Submission, p atssync.Payload) (atssync.Document, error) {
	if len(p) == 0 {
		return atssync.Document{}, atssync.Errorf(atssync.CodeNotFound, "submission %s has no document", s.ID)
	}
	plain, err := v.Sealer.Open(p, s.Connection, s.ExternalKey, fieldDocument)
	if err != nil {
		return atssync.Document{}, fmt.Errorf("open the document of %s: %w", s.ID, err)
	}
	var doc atssync.Document
	if err := json.Unmarshal(plain, &doc); err != nil {
		return atssync.Document{}, fmt.Errorf("read the document of %s: %w", s.ID, err)
	}
	return doc, nil
}

// SealNote seals the text that goes with an attempt.
func (v Vault) SealNote(s atssync.Submission, text string) ([]byte, error) {
	return v.Sealer.Seal([]byte(text), s.Connection, s.ID, fieldNote)
}

// OpenNote opens what SealNote sealed; "" when there is none.
func (v Vault) OpenNote(s atssync.Submission, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	b, err := v.Sealer.Open(sealed, s.Connection, s.ID, fieldNote)
	if err != nil {
		return "", fmt.Errorf("open the note of %s: %w", s.ID, err)
	}
	return string(b), nil
}

// SealContinuation seals what the adapter needs for the next write of several.
func (v Vault) SealContinuation(s atssync.Submission, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	return v.Sealer.Seal(b, s.Connection, s.ID, fieldContinuation)
}

// OpenContinuation opens the submission's continuation, nil when it has none.
func (v Vault) OpenContinuation(s atssync.Submission) ([]byte, error) {
	if len(s.Continuation) == 0 {
		return nil, nil
	}
	b, err := v.Sealer.Open(s.Continuation, s.Connection, s.ID, fieldContinuation)
	if err != nil {
		return nil, fmt.Errorf("open the continuation of %s: %w", s.ID, err)
	}
	return b, nil
}
