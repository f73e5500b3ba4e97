package kv

import (
	"bytes"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// maxLooked bounds the index entries that one share of a task passes over, so that no step is long.
const maxLooked = 5_000

// share is the next part of a task's submissions.
type share struct {
	ids    []string
	cursor string
	end    bool // nothing is left behind the cursor
}

// share finds the task's next submissions behind its cursor.
func (r reader) share(t *atssync.Task, limit int) (share, error) {
	spans := taskSpans(t)
	out := share{end: true}
	after, err := afterCursor(spans[0], t.Cursor)
	if err != nil {
		return out, err
	}
	looked := 0
	for _, prefix := range spans {
		var from key
		if after != nil {
			if bytes.HasPrefix(after, prefix) {
				from = append(after.clone(), 0)
			} else if bytes.Compare(after, prefix) > 0 {
				continue
			}
		}
		if err := r.r.Scan(prefix, from, func(k, v []byte) bool {
			if len(out.ids) == limit || looked == maxLooked {
				out.end = false
				return false
			}
			looked++
			out.cursor = cursorOf(k)
			if id, ok := taskWants(t, k, v); ok {
				out.ids = append(out.ids, id)
			}
			return true
		}); err != nil {
			return out, err
		}
		if !out.end {
			break
		}
	}
	return out, nil
}

// taskSpans are the index entries that a task works through, in ascending order.
func taskSpans(t *atssync.Task) []key {
	state := func(s atssync.State) key { return table(tabSubByState).text(t.Connection).text(string(s)) }
	switch t.Kind {
	case atssync.TaskRelease:
		k := table(tabHeld).text(t.Connection).text(string(t.Reason))
		if t.PlatformJob != "" {
			k = k.text(t.PlatformJob)
		}
		return []key{k}
	case atssync.TaskHold:
		return []key{state(atssync.StateQueued)}
	}
	return []key{state(atssync.StateHeld), state(atssync.StateQueued)}
}

// taskWants tells from the index entry alone whether the submission is the task's.
func taskWants(t *atssync.Task, k, v []byte) (string, bool) {
	f := fieldsOf(k, 2)
	_, _ = f.text(), f.text() // connection; reason or state
	job := ""
	if string(k[:2]) == tabHeld {
		job = f.text()
	} else {
		_, job = whyOf(v)
	}
	at, id := f.at(), f.text()
	if t.PlatformJob != "" && job != t.PlatformJob || !t.Since.IsZero() && at.Before(t.Since.Truncate(time.Microsecond)) {
		return "", false
	}
	return id, true
}
