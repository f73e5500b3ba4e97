package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/metric"
)

// StockStore is what a Stock reads.
type StockStore interface {
	Endpoints(ctx context.Context, q atssync.EndpointQuery) (atssync.Page[atssync.Endpoint], error)
	EndpointBacklog(ctx context.Context, endpoint string) (atssync.EndpointBacklog, error)
}

// stockFor is how long one look at the store serves scrapes.
const stockFor = 10 * time.Second

// Stock tells what lies in the store for webhook endpoints, over all of them.
type Stock struct {
	store StockStore

	mu              sync.Mutex
	at              time.Time
	states          map[atssync.EndpointState]int
	open            int
	pending, behind int64
	dead            int64
	oldest          time.Time
}

// NewStock returns a collector to register.
func NewStock(store StockStore) *Stock { return &Stock{store: store} }

var (
	descEndpoints = metric.Desc("atssync_webhook_endpoints")
	descOpen      = metric.Desc("atssync_webhook_endpoints_failing")
	descPending   = metric.Desc("atssync_webhook_pending")
	descBehind    = metric.Desc("atssync_webhook_behind_events")
	descDead      = metric.Desc("atssync_webhook_dead")
	descOldest    = metric.Desc("atssync_webhook_oldest_pending_age_seconds")
)

// Describe implements prometheus.Collector.
func (*Stock) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descEndpoints, descOpen, descPending, descBehind, descDead, descOldest} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Stock) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.at.IsZero() || now.Sub(s.at) > stockFor {
		if err := s.look(); err != nil {
			ch <- prometheus.NewInvalidMetric(descEndpoints, err)
			return
		}
		s.at = now
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, state := range atssync.EndpointStates() {
		gauge(descEndpoints, float64(s.states[state]), string(state))
	}
	gauge(descOpen, float64(s.open))
	gauge(descPending, float64(s.pending))
	gauge(descBehind, float64(s.behind))
	gauge(descDead, float64(s.dead))
	age := 0.0
	if !s.oldest.IsZero() {
		age = max(now.Sub(s.oldest).Seconds(), 0)
	}
	gauge(descOldest, age)
}

func (s *Stock) look() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.states, s.open, s.pending, s.behind, s.dead, s.oldest = make(map[atssync.EndpointState]int), 0, 0, 0, 0, time.Time{}
	p := atssync.Paging{Limit: 500}
	for {
		page, err := s.store.Endpoints(ctx, atssync.EndpointQuery{Paging: p})
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			b, err := s.store.EndpointBacklog(ctx, e.ID)
			if atssync.CodeOf(err) == atssync.CodeNotFound {
				continue // removed meanwhile
			}
			if err != nil {
				return err
			}
			s.states[e.State]++
			if e.State == atssync.EndpointActive && b.Work.Breaker.Open() {
				s.open++
			}
			s.pending, s.behind, s.dead = s.pending+b.Work.Pending, max(s.behind, b.Behind), s.dead+b.Work.Dead
			if !b.OldestAt.IsZero() && (s.oldest.IsZero() || b.OldestAt.Before(s.oldest)) {
				s.oldest = b.OldestAt
			}
		}
		if page.Next == "" {
			return nil
		}
		p.After = page.Next
	}
}
