package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Every key of the store is made here. A key is a table's two letters and then fields: ids and enums as
// text, times and numbers as eight bytes that sort by value. Nothing personal is ever in a key: external
// ids and e-mails arrive as HMACs. A text field ends with a zero byte and is escaped so that no content can
// reach into the next field and the order of keys is the order of fields. Ids of ours and HMACs, which most keys
// consist of, stand in their short form: after the mark that no escaped text holds, and without an end.
const (
	tabConnection      = "c/" // id → Connection
	tabAccountConn     = "ca" // account, id
	tabIdentity        = "ci" // identity key, id
	tabConnName        = "cn" // account, name → id; live ones only
	tabPlatformJob     = "p/" // account, id → PlatformJob
	tabPlatformOwner   = "pa" // id, account
	tabATSJob          = "j/" // connection, id → ATSJob
	tabLink            = "l/" // connection, platform job → JobLink
	tabLinkByATSJob    = "la" // connection, ATS job, platform job
	tabLinkByJob       = "lp" // platform job, connection
	tabSubmission      = "s/" // id → Submission
	tabPayload         = "sp" // id → Payload
	tabAttempt         = "sn" // id, number → Attempt
	tabNote            = "sm" // id, number → sealed note of the attempt
	tabExternal        = "sx" // external key → id
	tabAccountKey      = "sy" // account key → id of the submission that has it now
	tabSubByConn       = "sa" // connection, accepted, id → platform job
	tabSubByState      = "ss" // connection, state, accepted, id → held reason, platform job
	tabQueue           = "sq" // connection, due, id → expires
	tabHeld            = "sh" // connection, reason, platform job, accepted, id → expires
	tabPerson          = "sk" // person key, id
	tabReceipt         = "sr" // connection, kind of id, id of the ATS, id
	tabTask            = "t/" // id → Task
	tabTaskByConn      = "tc" // connection, id
	tabLane            = "n/" // connection → Lane
	tabLease           = "o/" // connection → leaseRecord
	tabLeaseByOwner    = "oo" // owner, connection
	tabOwner           = "ow" // owner → ownerRecord
	tabApplication     = "a/" // connection, id → Application
	tabQuestion        = "aq" // connection, id; those whose question is open
	tabCheckpoint      = "k/" // connection, operation → Checkpoint
	tabEvent           = "e/" // connection, sequence → eventRecord
	tabEventAt         = "ep" // position → eventPointer
	tabEventOf         = "es" // subject, position → eventPointer
	tabSequence        = "eq" // connection → last sequence
	tabPosition        = "eg" // → last position
	tabLedger          = "g/" // connection → Ledger
	tabRun             = "r/" // started, id → Run
	tabRunByPass       = "rp" // pass, started, id
	tabRunID           = "ri" // id → the key's pass and start
	tabAudit           = "u/" // time, id → Audit
	tabAuditOf         = "uo" // object, time, id
	tabEndpoint        = "w/" // id → Endpoint
	tabEndpointWork    = "ww" // id → EndpointWork
	tabDelivery        = "d/" // endpoint, sequence → Delivery
	tabDeliveryHead    = "dh" // endpoint, ordering key → first pending sequence, number of pending ones
	tabDeliveryBehind  = "dk" // endpoint, ordering key, sequence; pending ones behind the head
	tabDeliveryDue     = "dq" // endpoint, due, sequence; heads
	tabDeliveryState   = "ds" // endpoint, state, sequence; pending and dead ones
	tabDeliveryOf      = "de" // event id, endpoint → sequence
	tabHint            = "h/" // connection, number → Hint
	tabHintOf          = "hs" // connection, submission → number
	tabHookSeen        = "he" // connection, event key → number
	tabHookSeenAt      = "ha" // connection, number → event key
	tabHookState       = "hc" // connection → hookState
	tabToken           = "x/" // id → Token
	tabTokenName       = "xn" // name → id; those that are not revoked
	tabConnectLink     = "xc" // id → ConnectLink
	tabRestore         = "y/" // → the restores of this store
	tabRestored        = "yc" // connection → RestoredConnection
	tabRestoredHeld    = "yh" // connection; those that are held for a restore, "" for new ones
	tabEvidence        = "ye" // external key → Evidence of what the store has not
	tabEvidenceOf      = "ya" // account key → external key
	tabErasedBefore    = "yg" // external or account key → erasedBefore
	tabEventDropped    = "ef" // connection or "" → last sequence or position that is not in the feed any more
	tabErasure         = "z/" // id → Erasure
	tabErasureWaiting  = "zp" // id; those that wait
	tabFormat          = "f/" // → format version
	receiptCandidate   = "c"
	receiptApplication = "a"
)

// key builds one key; each method adds a field.
type key []byte

func table(t string) key { return append(make(key, 0, 96), t...) }

// maxText is the longest text of ours or the platform's that goes into a key as it is, in bytes. Longer
// ones, which only an ATS could give, are cut and end in their hash.
const maxText = 300

// mark stands before the bytes of a short form: at the start of a field for a HMAC, after its prefix for an id.
const mark = 2

// hash adds a field that is a HMAC.
func (k key) hash(s string) key {
	if out := appendShort(append(k, mark), s); len(out) == len(k)+1+hmacShort {
		return out
	}
	return k.text(s)
}

// text adds a field of text.
func (k key) text(s string) key {
	var room [idShort]byte
	if short := appendID(room[:0], s); len(short) == idShort {
		return append(append(append(k, short[:4]...), mark), short[4:]...)
	}
	if len(s) > maxText {
		sum := sha256.Sum256([]byte(s))
		s = s[:maxText-2*len(sum)] + hex.EncodeToString(sum[:])
	}
	for i := range len(s) {
		if b := s[i]; b <= mark {
			k = append(k, 1, b+1)
		} else {
			k = append(k, b)
		}
	}
	return append(k, 0)
}

// at adds an instant, to the microsecond; the zero time and all before 1970 sort first.
func (k key) at(t time.Time) key {
	return k.num(max(t.UnixMicro(), 0))
}

// num adds a number that is not negative.
func (k key) num(n int64) key {
	return binary.BigEndian.AppendUint64(k, uint64(n)) //nolint:gosec // never negative.
}

// fields reads the fields of a key after its table's letters, in the order they were added.
type fields struct {
	rest []byte
	bad  bool
}

func fieldsOf(key []byte, skip int) fields {
	if len(key) < skip {
		return fields{bad: true}
	}
	return fields{rest: key[skip:]}
}

func (f *fields) text() string {
	for i, b := range f.rest {
		switch b {
		case mark:
			return f.short(i)
		case 1:
			return f.escaped()
		case 0:
			s := string(f.rest[:i])
			f.rest = f.rest[i+1:]
			return s
		}
	}
	f.bad, f.rest = true, nil
	return ""
}

// short reads a field with the mark at i.
func (f *fields) short(i int) string {
	b := f.rest
	switch {
	case i == 0 && len(b) > hmacShort:
		f.rest = b[1+hmacShort:]
		return hmacs.EncodeToString(b[1 : 1+hmacShort])
	case i == 4 && len(b) > idShort:
		f.rest = b[1+idShort:]
		return longID(append(append(make([]byte, 0, idShort), b[:4]...), b[5:1+idShort]...))
	}
	f.bad, f.rest = true, nil
	return ""
}

func (f *fields) escaped() string {
	var out []byte
	for i := 0; i < len(f.rest); i++ {
		switch b := f.rest[i]; {
		case b == 0:
			f.rest = f.rest[i+1:]
			return string(out)
		case b == 1 && i+1 < len(f.rest):
			i++
			out = append(out, f.rest[i]-1)
		default:
			out = append(out, b)
		}
	}
	f.bad, f.rest = true, nil
	return ""
}

func (f *fields) num() int64 {
	if len(f.rest) < 8 {
		f.bad, f.rest = true, nil
		return 0
	}
	n := binary.BigEndian.Uint64(f.rest)
	f.rest = f.rest[8:]
	return int64(n) //nolint:gosec // it was written from an int64.
}

func (f *fields) at() time.Time { return time.UnixMicro(f.num()).UTC() }

// submissionOf reads the id of the submission that an entry of one of its indexes leads to.
func submissionOf(k []byte) string {
	f := fieldsOf(k, 2)
	switch string(k[:2]) {
	case tabSubByConn, tabQueue:
		_, _ = f.text(), f.num()
	case tabSubByState:
		_, _, _ = f.text(), f.text(), f.num()
	case tabHeld:
		_, _, _, _ = f.text(), f.text(), f.text(), f.num()
	case tabPerson:
		_ = f.text()
	case tabReceipt:
		_, _, _ = f.text(), f.text(), f.text()
	}
	return f.text()
}

func keyConnection(id string) key           { return table(tabConnection).text(id) }
func keyAccountConn(account, id string) key { return table(tabAccountConn).text(account).text(id) }
func keyIdentity(k, id string) key          { return table(tabIdentity).text(k).text(id) }
func keyConnName(account, name string) key  { return table(tabConnName).text(account).text(name) }

func keyPlatformJob(account, id string) key { return table(tabPlatformJob).text(account).text(id) }

func keyPlatformOwner(id, account string) key { return table(tabPlatformOwner).text(id).text(account) }
func keyATSJob(connection, id string) key     { return table(tabATSJob).text(connection).text(id) }

func keyLink(connection, platformJob string) key {
	return table(tabLink).text(connection).text(platformJob)
}

func keyLinkByATSJob(l *atssync.JobLink) key {
	return table(tabLinkByATSJob).text(l.Connection).text(l.ATSJob).text(l.PlatformJob)
}

func keyLinkByJob(l *atssync.JobLink) key {
	return table(tabLinkByJob).text(l.PlatformJob).text(l.Connection)
}

func keySubmission(id string) key        { return table(tabSubmission).text(id) }
func keyPayload(id string) key           { return table(tabPayload).text(id) }
func keyAttempt(id string, n int) key    { return table(tabAttempt).text(id).num(int64(n)) }
func keyNote(id string, n int) key       { return table(tabNote).text(id).num(int64(n)) }
func keyExternal(externalKey string) key { return table(tabExternal).hash(externalKey) }
func keyAccountKey(k string) key         { return table(tabAccountKey).hash(k) }
func keyPerson(personKey, id string) key { return table(tabPerson).hash(personKey).text(id) }
func keyReceipt(c, kind, ats, id string) key {
	return table(tabReceipt).text(c).text(kind).text(ats).text(id)
}

func keySubByConn(s *atssync.Submission) key {
	return table(tabSubByConn).text(s.Connection).at(s.AcceptedAt).text(s.ID)
}

func keySubByState(s *atssync.Submission) key {
	return table(tabSubByState).text(s.Connection).text(string(s.State)).at(s.AcceptedAt).text(s.ID)
}

func keyQueue(s *atssync.Submission) key {
	return table(tabQueue).text(s.Connection).at(s.NextAt).text(s.ID)
}

func keyHeld(s *atssync.Submission) key {
	return table(tabHeld).text(s.Connection).text(string(s.HeldReason)).text(s.PlatformJob).at(s.AcceptedAt).text(s.ID)
}

func keyTask(id string) key                   { return table(tabTask).text(id) }
func keyTaskByConn(connection, id string) key { return table(tabTaskByConn).text(connection).text(id) }
func keyLane(connection string) key           { return table(tabLane).text(connection) }
func keyLease(connection string) key          { return table(tabLease).text(connection) }
func keyOwner(owner string) key               { return table(tabOwner).text(owner) }
func keyLeaseByOwner(owner, connection string) key {
	return table(tabLeaseByOwner).text(owner).text(connection)
}

func keyApplication(connection, id string) key {
	return table(tabApplication).text(connection).text(id)
}

func keyQuestion(connection, id string) key { return table(tabQuestion).text(connection).text(id) }

func keyCheckpoint(connection string, op atssync.Operation) key {
	return table(tabCheckpoint).text(connection).text(string(op))
}

func keyEvent(connection string, sequence int64) key {
	return table(tabEvent).text(connection).num(sequence)
}
func keyEventAt(position int64) key { return table(tabEventAt).num(position) }
func keyEventOf(subject string, position int64) key {
	return table(tabEventOf).text(subject).num(position)
}
func keySequence(connection string) key { return table(tabSequence).text(connection) }
func keyPosition() key                  { return table(tabPosition) }
func keyLedger(connection string) key   { return table(tabLedger).text(connection) }

func keyRun(started time.Time, id string) key { return table(tabRun).at(started).text(id) }
func keyRunByPass(pass string, started time.Time, id string) key {
	return table(tabRunByPass).text(pass).at(started).text(id)
}
func keyRunID(id string) key               { return table(tabRunID).text(id) }
func keyAudit(at time.Time, id string) key { return table(tabAudit).at(at).text(id) }
func keyAuditOf(object string, at time.Time, id string) key {
	return table(tabAuditOf).text(object).at(at).text(id)
}
func keyRestore() key                       { return table(tabRestore) }
func keyRestored(connection string) key     { return table(tabRestored).text(connection) }
func keyRestoredHeld(connection string) key { return table(tabRestoredHeld).text(connection) }
func keyEvidence(externalKey string) key    { return table(tabEvidence).hash(externalKey) }
func keyEvidenceOf(accountKey string) key   { return table(tabEvidenceOf).hash(accountKey) }
func keyErasedBefore(k string) key          { return table(tabErasedBefore).hash(k) }
func keyEventDropped(connection string) key { return table(tabEventDropped).text(connection) }
func keyErasure(id string) key              { return table(tabErasure).text(id) }
func keyErasureWaiting(id string) key       { return table(tabErasureWaiting).text(id) }

func keyFormat() key               { return table(tabFormat) }
func keyBinding() key              { return table(tabFormat).text("seal") }
func keySealKeys() key             { return table(tabFormat).text("keys") }
func keyToken(id string) key       { return table(tabToken).text(id) }
func keyTokenName(name string) key { return table(tabTokenName).text(name) }
func keyConnectLink(id string) key { return table(tabConnectLink).text(id) }

func keyEndpoint(id string) key     { return table(tabEndpoint).text(id) }
func keyEndpointWork(id string) key { return table(tabEndpointWork).text(id) }
func keyDelivery(endpoint string, sequence int64) key {
	return table(tabDelivery).text(endpoint).num(sequence)
}

func keyDeliveryHead(endpoint, ordering string) key {
	return table(tabDeliveryHead).text(endpoint).text(ordering)
}

func keyDeliveryBehind(endpoint, ordering string, sequence int64) key {
	return table(tabDeliveryBehind).text(endpoint).text(ordering).num(sequence)
}

func keyDeliveryDue(d *atssync.Delivery) key {
	return table(tabDeliveryDue).text(d.Endpoint).at(d.NextAt).num(d.Sequence)
}

func keyDeliveryState(d *atssync.Delivery) key {
	return table(tabDeliveryState).text(d.Endpoint).text(string(d.State)).num(d.Sequence)
}

func keyDeliveryOf(event, endpoint string) key {
	return table(tabDeliveryOf).text(event).text(endpoint)
}

func keyHint(connection string, number int64) key {
	return table(tabHint).text(connection).num(number)
}

func keyHintOf(connection, submission string) key {
	return table(tabHintOf).text(connection).text(submission)
}

func keyHookSeen(connection, event string) key {
	return table(tabHookSeen).text(connection).text(event)
}

func keyHookSeenAt(connection string, number int64) key {
	return table(tabHookSeenAt).text(connection).num(number)
}

func keyHookState(connection string) key { return table(tabHookState).text(connection) }

// KindOf names the table of a key, for errors: it tells nothing of the record.
func KindOf(k []byte) string { return string(k[:min(2, len(k))]) }
