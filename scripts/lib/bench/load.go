package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// warmUp is load before the clock starts: connections, caches and the first table of the store.
const warmUp = time.Second

// load is what callers did in a time.
type load struct {
	count     int64 // documents
	took      time.Duration
	latencies []time.Duration // of requests, in order of size
}

func (l load) rate() float64 { return float64(l.count) / l.took.Seconds() }

// percentile is the latency that p of 100 requests did not exceed.
func (l load) percentile(p int) time.Duration {
	if len(l.latencies) == 0 {
		return 0
	}
	return l.latencies[min(len(l.latencies)-1, len(l.latencies)*p/100)]
}

// caller makes one request and says how many documents it carried.
type caller func(ctx context.Context) (int, error)

// drive lets callers call without a pause, for a warm-up and then for d, which alone counts.
func drive(ctx context.Context, d time.Duration, callers []caller) (load, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var counting, over atomic.Bool
	each := make([]load, len(callers))
	failed := make(chan error, len(callers))
	var group sync.WaitGroup
	for i, call := range callers {
		group.Go(func() {
			for !over.Load() && ctx.Err() == nil {
				began := time.Now()
				counts := counting.Load()
				n, err := call(ctx)
				if err != nil {
					failed <- err
					cancel()
					return
				}
				if counts && !over.Load() {
					each[i].count += int64(n)
					each[i].latencies = append(each[i].latencies, time.Since(began))
				}
			}
		})
	}
	wait(ctx, warmUp)
	counting.Store(true)
	began := time.Now()
	wait(ctx, d)
	over.Store(true)
	all := load{took: time.Since(began)}
	group.Wait()
	select {
	case err := <-failed:
		return all, err
	default:
	}
	for _, l := range each {
		all.count += l.count
		all.latencies = append(all.latencies, l.latencies...)
	}
	slices.Sort(all.latencies)
	return all, ctx.Err()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
