package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// scriptPulse is how often lines are looked at that wait for a candidate to arrive.
const scriptPulse = 50 * time.Millisecond

// scriptRun is a script under way.
type scriptRun struct {
	server *Server
	log    *slog.Logger
	start  time.Time

	mu       sync.Mutex
	lines    []*liveLine
	ran      int
	failed   int
	failures []string
}

// liveLine is a line with how far it is.
type liveLine struct {
	scriptLine
	due  time.Time
	done bool
	ran  int
	// seen counts, per organisation, the candidates that an each line has dealt with.
	seen map[*Employer]int
}

// ScriptStatus tells how far a script is; failures are the last twenty.
type ScriptStatus struct {
	Running  bool     `json:"running"`
	Lines    int      `json:"lines"`
	Open     int      `json:"open"`
	Ran      int      `json:"ran"`
	Failed   int      `json:"failed"`
	Failures []string `json:"failures,omitempty"`
}

// RunScript plays a script until ctx ends or nothing is left to do. What a line cannot do is logged and counted, and the script
// goes on. Lines that name an unknown employer are refused before anything runs.
func (s *Server) RunScript(ctx context.Context, script *Script, log *slog.Logger) error {
	now := time.Now()
	run := &scriptRun{server: s, log: log, start: now}
	for _, l := range script.lines {
		if l.employer != "" && s.Employer(l.employer) == nil {
			return inputErrorf("$.employer", "line %d: there is no employer %q%s", l.number, l.employer, suggestion(l.employer, s.names()))
		}
		live := &liveLine{scriptLine: l, due: now.Add(l.delay)}
		if l.when == whenEach {
			live.due, live.seen = now, make(map[*Employer]int)
		}
		run.lines = append(run.lines, live)
	}
	s.script.Store(run)
	for {
		next, open := run.step(time.Now())
		if !open {
			return nil
		}
		t := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-s.life.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// step does everything that is due, in the order of the lines, and says when to come again.
func (r *scriptRun) step(now time.Time) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, open := now.Add(time.Hour), false
	for _, l := range r.lines {
		// A line that is late, as after a pause of the machine, catches up one by one.
		for !l.done && !l.due.After(now) {
			if !r.play(l, now) {
				break
			}
		}
		if !l.done {
			open = true
			if l.due.Before(next) {
				next = l.due
			}
		}
	}
	return next, open
}

// play runs a line once and sets when it is due again; false when the line has to wait for a candidate.
func (r *scriptRun) play(l *liveLine, now time.Time) bool {
	switch l.when {
	case whenEach:
		for _, e := range r.server.Employers() {
			if l.employer == "" || l.employer == e.name {
				r.playEach(l, e, now)
			}
		}
		l.due = now.Add(scriptPulse)
		return false
	case whenEvery:
		r.settle(l, r.perform(l, l.employer, l.arguments()))
		l.due = l.due.Add(l.delay)
		l.done = l.times > 0 && l.ran >= l.times
		return true
	default:
		err := r.perform(l, l.employer, l.arguments())
		if _, absent := errors.AsType[*notThere](err); absent {
			l.due = now.Add(scriptPulse)
			return false
		}
		r.settle(l, err)
		l.done = true
		return true
	}
}

// playEach deals with the candidates that arrived long enough ago, each once.
func (r *scriptRun) playEach(l *liveLine, e *Employer, now time.Time) {
	for _, id := range e.arrivedBefore(l.seen[e], now.Add(-l.delay)) {
		l.seen[e]++
		args := maps.Clone(l.arguments())
		args["candidate_id"] = mustJSON(id)
		r.settle(l, r.perform(l, e.name, args))
	}
}

// arrivedBefore gives the ids of the candidates from a place in the order on, as far as they arrived before t.
func (e *Employer) arrivedBefore(from int, t time.Time) []int64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var ids []int64
	for _, c := range e.order[min(from, len(e.order)):] {
		if c.created.After(t) {
			break
		}
		ids = append(ids, c.id)
	}
	return ids
}

func (r *scriptRun) perform(l *liveLine, employer string, args map[string]json.RawMessage) error {
	_, err := r.server.Do(l.action.Name, employer, mustJSON(args))
	return err
}

func (r *scriptRun) settle(l *liveLine, err error) {
	l.ran++
	r.ran++
	if err == nil {
		return
	}
	r.failed++
	text := err.Error()
	r.failures = append(r.failures, text)
	if len(r.failures) > 20 {
		r.failures = r.failures[1:]
	}
	r.log.Warn("script line could not be done", "line", l.number, "action", l.action.Name, "error", text)
}

func (r *scriptRun) status() ScriptStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := ScriptStatus{Running: true, Lines: len(r.lines), Ran: r.ran, Failed: r.failed, Failures: append([]string(nil), r.failures...)}
	for _, l := range r.lines {
		if !l.done {
			st.Open++
		}
	}
	st.Running = st.Open > 0
	return st
}
