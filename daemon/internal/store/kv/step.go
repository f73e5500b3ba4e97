package kv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// reader reads records.
type reader struct {
	r      Reader
	caches *caches
}

// record reads one record, nil when there is none.
func record[T any](r Reader, k key) (*T, error) {
	v, err := r.Value(k)
	if err != nil || v == nil {
		return nil, err
	}
	return decode[T](k, v)
}

// connection reads a connection. The record is shared: change a clone.
func (r reader) connection(id string) (*atssync.Connection, error) {
	return r.caches.connections.record(r.r, keyConnection(id))
}

func (r reader) submission(id string) (*atssync.Submission, error) {
	s, err := r.caches.submissions.record(r.r, keySubmission(id))
	if err != nil || s == nil {
		return nil, err
	}
	return ownSubmission(s), nil
}

func (r reader) application(connection, id string) (*atssync.Application, error) {
	return record[atssync.Application](r.r, keyApplication(connection, id))
}

// fenced is ErrFenced unless the lease is the one that is held.
func (r reader) fenced(l atssync.Lease) error {
	rec, err := r.caches.leases.record(r.r, keyLease(l.Connection))
	if err != nil {
		return err
	}
	if rec == nil || l.Owner == "" || rec.Owner != l.Owner || rec.Epoch != l.Epoch {
		return atssync.ErrFenced
	}
	return nil
}

func missing(noun, id string) error {
	return atssync.Errorf(atssync.CodeNotFound, "there is no %s %s", noun, id)
}

// jobKey names a job on a connection, in the caches of a step.
type jobKey struct{ connection, job string }

// step is one atomic step: what it read, what it counted and what it will have told. Records that several
// items share are read once; counters are written once, by flush.
type step struct {
	reader
	w      Writer
	now    time.Time
	o      Options
	actor  atssync.Actor
	person bool
	err    error // the first value that could not be encoded

	conns     map[string]*atssync.Connection
	lanes     map[string]*laneState
	verdicts  map[jobKey]verdict
	owned     map[jobKey]error
	ledgers   map[string]*atssync.Ledger
	sequences map[string]int64
	touched   map[string]struct{} // connections; see Options.Touched
	position  int64
	numbered  bool
	tasks     map[string][]atssync.Task
	restores  *[]atssync.Restore // nil: not read yet
}

type laneState struct {
	lane atssync.Lane
	raw  []byte
}

type verdict struct {
	state  atssync.State
	reason atssync.HeldReason
}

// put writes a record and returns its bytes, which are the writer's; a value that cannot be encoded fails the step
// before anything is written.
func (st *step) put(k key, v any) []byte {
	b, err := encode(k, v)
	if err != nil {
		if st.err == nil {
			st.err = err
		}
		return nil
	}
	st.w.Set(k, b)
	return b
}

// touch notes that something of a connection is written that surveys show.
func (st *step) touch(connection string) {
	if st.touched == nil {
		st.touched = make(map[string]struct{}, 1)
	}
	st.touched[connection] = struct{}{}
}

// flush writes the counters that the step moved.
func (st *step) flush() error {
	for c, l := range st.ledgers {
		st.touch(c)
		k := keyLedger(c)
		if raw := st.put(k, l); raw != nil {
			st.caches.ledgers.keep(k, raw, l)
		}
	}
	for c, n := range st.sequences {
		st.w.Set(keySequence(c), key{}.num(n))
	}
	if st.numbered {
		st.w.Set(keyPosition(), key{}.num(st.position))
	}
	return st.err
}

// conn reads a connection once a step; nil when there is none. The record is shared: change a clone.
func (st *step) conn(id string) (*atssync.Connection, error) {
	if c, ok := st.conns[id]; ok {
		return c, nil
	}
	c, err := st.connection(id)
	if err != nil {
		return nil, err
	}
	if st.conns == nil {
		st.conns = make(map[string]*atssync.Connection, 4)
	}
	st.conns[id] = c
	return c, nil
}

// needConn is conn with CodeNotFound instead of nil.
func (st *step) needConn(id string) (*atssync.Connection, error) {
	c, err := st.conn(id)
	if err == nil && c == nil {
		err = missing("connection", id)
	}
	return c, err
}

// lane reads a connection's lane once a step.
func (st *step) lane(connection string) (*atssync.Lane, error) {
	if l, ok := st.lanes[connection]; ok {
		return &l.lane, nil
	}
	raw, err := st.w.Value(keyLane(connection))
	if err != nil {
		return nil, err
	}
	s := &laneState{lane: atssync.Lane{Connection: connection}, raw: raw}
	if raw != nil {
		l, err := decode[atssync.Lane](keyLane(connection), raw)
		if err != nil {
			return nil, err
		}
		s.lane = *l
	}
	if st.lanes == nil {
		st.lanes = make(map[string]*laneState, 4)
	}
	st.lanes[connection] = s
	return &s.lane, nil
}

// changeLane applies a change and writes the lane when it differs, and tells what the change tells.
func (st *step) changeLane(c *atssync.Connection, change atssync.LaneChange) error {
	l, err := st.lane(c.ID)
	if err != nil {
		return err
	}
	st.emit(c, change(l)...)
	s := st.lanes[c.ID]
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write lane: %w", err)
	}
	if !bytes.Equal(b, s.raw) {
		s.raw = b
		st.touch(c.ID)
		st.w.Set(keyLane(c.ID), slices.Clone(b))
	}
	clear(st.verdicts)
	return nil
}

// judge says where a submission of a platform job goes now.
func (st *step) judge(c *atssync.Connection, platformJob string) (atssync.State, atssync.HeldReason, error) {
	k := jobKey{c.ID, platformJob}
	if v, ok := st.verdicts[k]; ok {
		return v.state, v.reason, nil
	}
	lane, err := st.lane(c.ID)
	if err != nil {
		return "", "", err
	}
	link, job, err := st.linked(c.ID, platformJob)
	if err != nil {
		return "", "", err
	}
	var v verdict
	v.state, v.reason = atssync.Judge(*c, *lane, link, job)
	if st.verdicts == nil {
		st.verdicts = make(map[jobKey]verdict, 8)
	}
	st.verdicts[k] = v
	return v.state, v.reason, nil
}

// linked reads the link of a platform job and the ATS job that it leads to; either may be nil, and both are
// shared.
func (r reader) linked(connection, platformJob string) (*atssync.JobLink, *atssync.ATSJob, error) {
	link, err := r.caches.links.record(r.r, keyLink(connection, platformJob))
	if err != nil || link == nil || link.ATSJob == "" {
		return link, nil, err
	}
	job, err := r.caches.jobs.record(r.r, keyATSJob(connection, link.ATSJob))
	return link, job, err
}

// count moves a connection's counters; from is "" for what was just accepted.
func (st *step) count(connection string, from, to atssync.State) error {
	l, ok := st.ledgers[connection]
	if !ok {
		shared, err := st.caches.ledgers.record(st.w, keyLedger(connection))
		if err != nil {
			return err
		}
		if l = (&atssync.Ledger{Connection: connection}); shared != nil {
			l = ownLedger(shared)
		}
		if st.ledgers == nil {
			st.ledgers = make(map[string]*atssync.Ledger, 4)
		}
		st.ledgers[connection] = l
	}
	l.Count(from, to)
	return nil
}

// emit numbers events and writes them.
func (st *step) emit(c *atssync.Connection, drafts ...atssync.EventDraft) {
	for _, d := range drafts {
		st.emitOne(c, d)
	}
}

func (st *step) emitOne(c *atssync.Connection, d atssync.EventDraft) {
	data, err := json.Marshal(d.Data)
	if err == nil && !st.numbered {
		var v []byte
		v, err = st.w.Value(keyPosition())
		st.position, st.numbered = number(v), err == nil
	}
	sequence, ok := st.sequences[c.ID]
	if err == nil && !ok {
		var v []byte
		v, err = st.w.Value(keySequence(c.ID))
		sequence = number(v)
	}
	if err != nil {
		if st.err == nil {
			st.err = fmt.Errorf("number event %s: %w", d.Type, err)
		}
		return
	}
	if st.sequences == nil {
		st.sequences = make(map[string]int64, 4)
	}
	st.position++
	sequence++
	st.sequences[c.ID] = sequence
	e := &eventRecord{
		Event: atssync.Event{
			ID: atssync.NewID(atssync.PrefixEvent, st.now), Type: d.Type, Connection: c.ID, Account: c.Account,
			Sequence: sequence, At: d.At.UTC(), Data: data,
		},
		Position: st.position, Subject: d.Subject,
	}
	if d.At.IsZero() {
		e.At = st.now
	}
	st.put(keyEvent(c.ID, sequence), e)
	p := pointer(e)
	st.w.Set(keyEventAt(st.position), p)
	if d.Subject != "" {
		st.w.Set(keyEventOf(d.Subject, st.position), slices.Clone(p))
	}
}

// note writes the audit record of a person's act; the daemon's own work is not audited.
func (st *step) note(action, object, detail string) {
	if !st.person {
		return
	}
	st.putAudit(atssync.Audit{
		ID: atssync.NewID(atssync.PrefixAudit, st.now), At: st.now, Actor: st.actor,
		Action: action, Object: object, Detail: detail,
	})
}

func (st *step) putAudit(a atssync.Audit) {
	st.put(keyAudit(a.At, a.ID), a)
	st.w.Set(keyAuditOf(a.Object, a.At, a.ID), []byte{})
}
