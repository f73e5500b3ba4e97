package app

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	// stockFor is how long one look at the store serves scrapes at least.
	stockFor = 10 * time.Second
	// stockShare bounds what looks take, as a part of all time: one that took long, because much had changed, serves for longer,
	// though never for more than stockMost.
	stockShare = 500
	stockMost  = 5 * time.Minute
)

// stock tells what lies in the store: by state for all connections together, and for the worst connections
// one by one.
type stock struct {
	app  *App
	most int

	mu    sync.Mutex
	until time.Time // how long the last look serves
	at    time.Time // when that was
	seen  seen
}

// seen is what one look found.
type seen struct {
	states   map[atssync.State]int64
	oldest   map[atssync.State]time.Time
	health   map[atssync.HealthState]int
	troubled map[trouble]int
	jobs     int
	paused   int
	worst    []connectionStock
	moved    time.Time // the checkpoint of a status pass that did least lately; zero: there is none
}

// trouble is what does not work, and why.
type trouble struct {
	op    atssync.Operation
	cause string
}

type connectionStock struct {
	id        string
	unhealthy int // 0 ok, 1 failing, 2 stopped
	uncertain int64
	waiting   int64
	oldest    time.Time // zero: nothing waits
}

var stockGauges = describe("atssync_submissions", "atssync_submission_oldest_age_seconds", "atssync_connections", "atssync_connections_paused",
	"atssync_connections_troubled", "atssync_jobs_troubled", "atssync_ledger_unbalanced_connections", "atssync_ledger_checked_timestamp_seconds",
	"atssync_connection_health", "atssync_connection_uncertain", "atssync_connection_waiting", "atssync_connection_oldest_age_seconds",
	"atssync_checkpoint_oldest_age_seconds", "atssync_look_age_seconds")

// Describe implements prometheus.Collector.
func (*stock) Describe(ch chan<- *prometheus.Desc) { stockGauges.Describe(ch) }

// Collect implements prometheus.Collector.
func (s *stock) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if began := time.Now(); began.After(s.until) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		found, err := look(ctx, s.app, s.most)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(stockGauges["atssync_submissions"], err)
			return
		}
		s.seen, s.at = found, began
		s.until = began.Add(max(stockFor, min(stockShare*time.Since(began), stockMost)))
	}
	gauge := stockGauges.to(ch)
	gauge("atssync_look_age_seconds", time.Since(s.at).Seconds())
	gauge("atssync_ledger_unbalanced_connections", float64(s.app.upkeep.unbalanced.Load()))
	gauge("atssync_ledger_checked_timestamp_seconds", float64(s.app.upkeep.checkedAt.Load()))
	s.seen.tell(gauge, clock())
}

func (s *seen) tell(gauge func(name string, value float64, labels ...string), now time.Time) {
	for _, st := range atssync.States() {
		gauge("atssync_submissions", float64(s.states[st]), string(st))
		if st.Waiting() {
			gauge("atssync_submission_oldest_age_seconds", age(now, s.oldest[st]), string(st))
		}
	}
	for _, h := range []atssync.HealthState{atssync.HealthOK, atssync.HealthFailing, atssync.HealthStopped} {
		gauge("atssync_connections", float64(s.health[h]), string(h))
	}
	gauge("atssync_connections_paused", float64(s.paused))
	gauge("atssync_jobs_troubled", float64(s.jobs))
	for _, op := range atssync.Operations() {
		for _, cause := range causes {
			gauge("atssync_connections_troubled", float64(s.troubled[trouble{op, cause}]), string(op), cause)
		}
	}
	gauge("atssync_checkpoint_oldest_age_seconds", age(now, s.moved))
	for _, w := range s.worst {
		gauge("atssync_connection_health", float64(w.unhealthy), w.id)
		gauge("atssync_connection_uncertain", float64(w.uncertain), w.id)
		gauge("atssync_connection_waiting", float64(w.waiting), w.id)
		gauge("atssync_connection_oldest_age_seconds", age(now, w.oldest), w.id)
	}
}

func age(now, t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(now.Sub(t).Seconds(), 0)
}

// causes are why an operation may not work: the kinds of errors and our own words. Whatever else there is is "other".
var causes = func() []string {
	out := []string{
		atssync.CauseUncertain, atssync.CauseAdapterMissing, atssync.CauseMissingMany, atssync.CauseJobsVanished, atssync.CauseStalled,
		atssync.CannotRead, atssync.CauseUnreadable,
	}
	for _, k := range sdk.Kinds() {
		out = append(out, string(k))
	}
	return append(out, "other")
}()

// look reads counters, the heads of indexes, lanes and checkpoints, never a record of a submission.
func look(ctx context.Context, a *App, most int) (seen, error) {
	s := seen{
		oldest: make(map[atssync.State]time.Time), health: make(map[atssync.HealthState]int),
		troubled: make(map[trouble]int),
	}
	survey, err := a.manage.SurveyNow(ctx)
	if err != nil {
		return s, err
	}
	s.states = survey.Total.States
	for _, c := range survey.Connections {
		s.connection(&c)
	}
	slices.SortFunc(s.worst, worse)
	s.worst = slices.Clone(s.worst[:min(most, len(s.worst))])
	return s, nil
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// connection adds one connection of a survey.
func (s *seen) connection(c *manage.Surveyed) {
	one := connectionStock{id: c.ID, uncertain: c.Ledger.States[atssync.StateUncertain]}
	for st, n := range c.Ledger.States {
		if st.Waiting() {
			one.waiting += n
		}
	}
	for st, t := range c.Oldest {
		s.oldest[st] = earliest(s.oldest[st], t)
		one.oldest = earliest(one.oldest, t)
	}
	health := atssync.HealthOK
	for op, h := range c.Operations {
		if h.State != atssync.HealthDraining {
			s.troubled[trouble{op, causeOf(h)}]++
		}
		switch {
		case h.State == atssync.HealthStopped:
			health, one.unhealthy = atssync.HealthStopped, 2
		case one.unhealthy == 0:
			health, one.unhealthy = atssync.HealthFailing, 1
		}
	}
	s.health[health]++
	s.jobs += c.JobTroubles
	at, begun := c.Moved[atssync.OpRead]
	switch {
	case c.State == atssync.ConnectionPaused:
		s.paused++
	case begun && c.Operations[atssync.OpRead].State != atssync.HealthStopped:
		s.moved = earliest(s.moved, at)
	}
	// A connection that is well and has nothing to do has no series of its own: of ten thousand, most are.
	if one.unhealthy > 0 || one.waiting > 0 {
		s.worst = append(s.worst, one)
	}
}

func causeOf(h atssync.Health) string {
	if slices.Contains(causes, h.Cause) {
		return h.Cause
	}
	return "other"
}

// worse orders connections, the worst first.
func worse(a, b connectionStock) int {
	rank := func(c connectionStock) int { return int(bit(!c.oldest.IsZero())) }
	return cmp.Or(cmp.Compare(b.unhealthy, a.unhealthy), cmp.Compare(b.uncertain, a.uncertain), rank(b)-rank(a), a.oldest.Compare(b.oldest),
		cmp.Compare(a.id, b.id))
}
