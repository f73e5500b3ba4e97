package manage

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	// maxEventLine is longer than any event.
	maxEventLine = 256 << 10
	// maxReconciled bounds the submissions of one file, which are all kept in memory.
	maxReconciled = 2_000_000
	sourceEvents  = "events"
)

// ReconcileReport is what the platform's events settled after a restore.
type ReconcileReport struct {
	Read int `json:"read"`
	// Older are of before the backup, and Other says nothing about a submission that was sent.
	Older int `json:"older"`
	Other int `json:"other"`
	// Settled are in another state now, Remembered are recognised when the platform sends them again, Known said nothing new.
	Settled    int `json:"settled"`
	Remembered int `json:"remembered"`
	Known      int `json:"known"`
	// Lost are connections that the store does not know any more: connect them again, and read the file once more.
	Lost    []string    `json:"lost_connections,omitempty"`
	Refused int         `json:"refused"`
	Errors  []LineError `json:"errors,omitempty"` // the first 1,000
}

// Reconcile settles what the platform was told after the backup that the store was restored from: r holds the events that
// it received, one a line, in whatever order. What cannot be read is in the report, and the others go on. It releases
// nothing: what the platform was not told yet when the data was lost is in no file.
func (s *Service) Reconcile(ctx context.Context, r io.Reader) (ReconcileReport, error) {
	out := ReconcileReport{}
	if err := s.wholeOnly(); err != nil {
		return out, err
	}
	rest, err := s.o.Store.Restoration(ctx)
	if err != nil {
		return out, err
	}
	if len(rest.Restores) == 0 {
		return out, atssync.Errorf(atssync.CodeConflict, "this store was never restored from a backup: it knows itself what became of its submissions")
	}
	c := &reconciling{s: s, out: &out, last: make(map[string]int64), told: make(map[told]toldLast)}
	for _, x := range rest.Connections {
		c.last[x.Connection] = x.LastSequence
	}
	if err := eachLine(r, c.line); err != nil {
		return out, err
	}
	evidence, err := c.evidence(ctx)
	if err != nil {
		return out, err
	}
	for part := range slices.Chunk(evidence, maxShare) {
		got, err := s.o.Store.Learn(ctx, part, time.Now().UTC())
		if err != nil {
			return out, err
		}
		for _, l := range got {
			switch l {
			case atssync.LearnedSettled:
				out.Settled++
			case atssync.LearnedRemembered:
				out.Remembered++
			default:
				out.Known++
			}
		}
	}
	return out, nil
}

// told is what an event is about; toldLast the last that was told of it.
type told struct{ connection, externalID string }

type toldLast struct {
	sequence int64
	account  string
	job      string
	evidence atssync.Evidence
}

type reconciling struct {
	s    *Service
	out  *ReconcileReport
	last map[string]int64 // by connection: the last event of the backup
	told map[told]toldLast
}

// line takes one event.
func (c *reconciling) line(n int, text []byte, bad error) error {
	c.out.Read++
	var e atssync.Event
	if bad == nil {
		bad = json.Unmarshal(text, &e)
	}
	if bad == nil && (e.Connection == "" || e.Sequence <= 0 || e.Type == "") {
		bad = errors.New("it is no event: it has no connection, sequence or type")
	}
	if bad != nil {
		c.out.refuse(n, bad)
		return nil
	}
	if last, known := c.last[e.Connection]; known && e.Sequence <= last {
		c.out.Older++
		return nil
	}
	id, ev, err := evidenceOf(e)
	switch {
	case err != nil:
		c.out.refuse(n, err)
	case ev == nil:
		c.out.Other++
	default:
		k := told{e.Connection, id.externalID}
		if was, ok := c.told[k]; ok && !later(e.Sequence, *ev, was) {
			return nil
		}
		if len(c.told) >= maxReconciled {
			return atssync.Errorf(atssync.CodeInvalid, "the file is about more than %d submissions", maxReconciled).
				WithRemedy("give the events of fewer connections at a time")
		}
		c.told[k] = toldLast{sequence: e.Sequence, account: e.Account, job: id.job, evidence: *ev}
	}
	return nil
}

// later reports whether an event says more than the last one. That an application was read proves that it is there, and
// says nothing of what came later.
func later(sequence int64, e atssync.Evidence, was toldLast) bool {
	if sequence <= was.sequence {
		return e.Receipt != nil && was.evidence.Receipt == nil && was.evidence.State == atssync.StateUncertain
	}
	return e.Receipt != nil || was.evidence.Receipt == nil
}

type aboutSubmission struct{ externalID, job string }

// evidenceOf is what an event says of a submission, nil when that is nothing.
func evidenceOf(e atssync.Event) (aboutSubmission, *atssync.Evidence, error) {
	var data struct {
		Submission string             `json:"submission"`
		ExternalID string             `json:"external_id"`
		Job        string             `json:"job"`
		State      atssync.State      `json:"state"`
		HeldReason atssync.HeldReason `json:"held_reason"`
		Receipt    *atssync.Receipt   `json:"receipt"`
	}
	noun, _, _ := strings.Cut(string(e.Type), ".")
	if noun != "submission" && noun != "application" {
		return aboutSubmission{}, nil, nil
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return aboutSubmission{}, nil, errors.New("its data cannot be read")
	}
	if data.ExternalID == "" {
		return aboutSubmission{}, nil, nil // it was erased
	}
	if noun == "application" {
		data.State = atssync.StateSubmitted
	}
	if !slices.Contains(atssync.States(), data.State) {
		return aboutSubmission{}, nil, fmt.Errorf("it names the unknown state %q", data.State)
	}
	if r := data.Receipt; r != nil && *r == (atssync.Receipt{}) {
		data.Receipt = nil
	}
	return aboutSubmission{data.ExternalID, data.Job}, &atssync.Evidence{
		Connection: e.Connection, Submission: data.Submission, State: data.State, HeldReason: data.HeldReason, Receipt: data.Receipt,
		At: e.At, Source: sourceEvents,
	}, nil
}

// evidence is all that the file told, with the keys and jobs that events do not carry.
func (c *reconciling) evidence(ctx context.Context) ([]atssync.Evidence, error) {
	cons, err := c.connections(ctx)
	if err != nil {
		return nil, err
	}
	lost := make(map[string]bool)
	links := make(map[told]atssync.JobLink)
	out := make([]atssync.Evidence, 0, len(c.told))
	keys := slices.SortedFunc(maps.Keys(c.told), func(a, b told) int {
		return cmp.Or(cmp.Compare(a.connection, b.connection), cmp.Compare(a.externalID, b.externalID))
	})
	for _, k := range keys {
		t := c.told[k]
		e := t.evidence
		switch e.State {
		case atssync.StateQueued, atssync.StateHeld, atssync.StateSending:
			c.out.Other++ // what it waited for then says nothing of what came after
			continue
		}
		e.ExternalKey = c.s.o.Documents.ExternalKey(k.connection, k.externalID)
		if con, ok := cons.byID[k.connection]; ok {
			e.AccountKey = c.accountKey(con, k.externalID)
			if e.ATSJob, e.As, err = c.job(ctx, links, told{k.connection, t.job}); err != nil {
				return nil, err
			}
			out = append(out, e)
			continue
		}
		lost[k.connection] = true
		if len(cons.byAccount[t.account]) == 0 {
			out = append(out, e)
		}
		for _, con := range cons.byAccount[t.account] { // it may be that ATS: it is found from there then
			e.AccountKey = c.accountKey(con, k.externalID)
			out = append(out, e)
		}
	}
	c.out.Lost = slices.Sorted(maps.Keys(lost))
	return out, nil
}

func (c *reconciling) accountKey(con atssync.Connection, externalID string) string {
	return c.s.o.Keys.Index(atssync.KindExternalInATS, con.ExternalInATS(externalID))
}

// job is the ATS job that a platform job is linked to.
func (c *reconciling) job(ctx context.Context, links map[told]atssync.JobLink, k told) (string, sdk.As, error) {
	l, ok := links[k]
	if !ok && k.externalID != "" {
		var err error
		if l, err = c.s.o.Store.JobLink(ctx, k.connection, k.externalID); err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return "", "", err
		}
		links[k] = l
	}
	return l.ATSJob, l.As, nil
}

type knownConnections struct {
	byID      map[string]atssync.Connection
	byAccount map[string][]atssync.Connection
}

func (c *reconciling) connections(ctx context.Context) (knownConnections, error) {
	out := knownConnections{make(map[string]atssync.Connection), make(map[string][]atssync.Connection)}
	for _, state := range []atssync.ConnectionState{"", atssync.ConnectionRemoved} {
		q := atssync.ConnectionQuery{State: state, Paging: atssync.Paging{Limit: maxShare}}
		for {
			page, err := c.s.o.Store.Connections(ctx, q)
			if err != nil {
				return out, err
			}
			for _, con := range page.Items {
				out.byID[con.ID] = con
				if con.State != atssync.ConnectionRemoved {
					out.byAccount[con.Account] = append(out.byAccount[con.Account], con)
				}
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
	}
	return out, nil
}

func (r *ReconcileReport) refuse(line int, err error) {
	r.Refused++
	if len(r.Errors) < maxRecordErr {
		r.Errors = append(r.Errors, LineError{Line: line, Message: err.Error()})
	}
}

// eachLine calls fn for every line that is not empty; bad says that it is too long to be read.
func eachLine(in io.Reader, fn func(n int, text []byte, bad error) error) error {
	r := bufio.NewReaderSize(in, maxEventLine)
	for n := 1; ; n++ {
		text, err := r.ReadSlice('\n')
		var bad error
		for errors.Is(err, bufio.ErrBufferFull) {
			bad = fmt.Errorf("the line is longer than %d bytes", maxEventLine)
			_, err = r.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read line %d: %w", n, err)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 || bad != nil {
			if failed := fn(n, text, bad); failed != nil {
				return failed
			}
		}
		if err != nil {
			return nil
		}
	}
}
