package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

const (
	// freshEmployers is how many employers of each ATS are watched, and freshEach how many applications each has.
	freshEmployers, freshEach = 10, 20
	// polledEvery is how often statuses are read, and askedEvery how often in the quick form, in which bench asks for it: the
	// schedule takes no less than half a minute.
	polledEvery, askedEvery = 30 * time.Second, 2 * time.Second
	// afterPoll is how long after the ATS was read a change may take to be told.
	afterPoll = 2 * time.Second
)

// freshness measures how long a change takes from an ATS that calls to the platform's webhook.
func freshness(ctx context.Context, b *bench) (result, error) {
	f, err := b.awaiting(ctx)
	if err != nil {
		return result{}, err
	}
	got, err := f.changes(ctx, f.events, change{from: 0, to: f.hooked, over: b.seconds, patience: 30 * time.Second, do: f.stage})
	if err != nil {
		return result{}, err
	}
	direct := &arrivals{came: make(map[string]time.Time), of: hookOf}
	srv := httptest.NewServer(direct)
	defer srv.Close()
	if err := f.tell(ctx, slices.Repeat([]string{srv.URL}, f.hooked)); err != nil {
		return result{}, err
	}
	floor, err := f.changes(ctx, direct, change{from: 0, to: f.hooked, over: b.seconds / 3, patience: 30 * time.Second, do: f.stage})
	if err != nil {
		return result{}, fmt.Errorf("straight to a receiver: %w", err)
	}
	return result{
		Target:   "p95 ≤ 1 s",
		Measured: fmt.Sprintf("p50 %s, p95 %s, at most %s", ms(got.percentile(50)), ms(got.percentile(95)), ms(got.percentile(100))),
		Met:      got.percentile(95) <= time.Second, Floor: "p50 " + ms(floor.percentile(50)),
		How: fmt.Sprintf("%d changes at random moments, in an ATS that calls, until the platform's webhook came; the daemon waits a tenth of a second for "+
			"further calls, reads, and delivers; floor: the ATS calls the receiver itself", got.count),
		Numbers: map[string]float64{
			"changes": float64(got.count), "p50": got.percentile(50).Seconds(), "p95": got.percentile(95).Seconds(), "max": got.percentile(100).Seconds(),
			"floor_p50": floor.percentile(50).Seconds(),
		},
	}, nil
}

// freshnessPolled measures the same where the ATS is only read from time to time.
func freshnessPolled(ctx context.Context, b *bench) (result, error) {
	f, err := b.awaiting(ctx)
	if err != nil {
		return result{}, err
	}
	every, over := polledEvery, polledEvery
	if b.quick {
		every, over = askedEvery, b.seconds
		stop := f.keepAsking(ctx, every)
		defer stop()
	}
	got, err := f.changes(ctx, f.events, change{from: f.hooked, to: len(f.targets), over: over, patience: every + 30*time.Second, do: f.advance})
	if err != nil {
		return result{}, err
	}
	most := every + afterPoll
	return result{
		Target:   fmt.Sprintf("p95 ≤ %s + %s", every, afterPoll),
		Measured: fmt.Sprintf("p50 %.1f s, p95 %.1f s, at most %.1f s", got.percentile(50).Seconds(), got.percentile(95).Seconds(), got.percentile(100).Seconds()),
		Met:      got.percentile(95) <= most, Floor: fmt.Sprintf("p50 %.1f s", every.Seconds()/2),
		How: fmt.Sprintf("%d changes at random moments, in an ATS that is read every %s, until the platform's webhook came; floor: half of that time",
			got.count, every),
		Numbers: map[string]float64{
			"changes": float64(got.count), "p50": got.percentile(50).Seconds(), "p95": got.percentile(95).Seconds(), "max": got.percentile(100).Seconds(),
			"interval": every.Seconds(),
		},
	}, nil
}

// change is a series of changes: of the applications of the targets between from and to, at random moments.
type change struct {
	from, to       int
	over, patience time.Duration
	do             func(ctx context.Context, externalID string) error
}

// changes makes a series of changes and waits until each was heard of.
func (f *fresh) changes(ctx context.Context, in *arrivals, c change) (load, error) {
	const least, most = 20 * time.Millisecond, 280 * time.Millisecond
	made := make(map[string]time.Time)
	began := time.Now()
	for time.Since(began) < c.over && ctx.Err() == nil && len(made) < (c.to-c.from)*freshEach/3 {
		id := f.application(c.from, c.to)
		made[id] = time.Now()
		if err := c.do(ctx, id); err != nil {
			return load{}, err
		}
		pause := least + rand.N(most-least)
		if c.over > polledEvery/2 {
			pause *= 4 // so that they reach over the whole time
		}
		wait(ctx, pause)
	}
	got := load{count: int64(len(made)), took: time.Since(began)}
	err := rig.Until(ctx, c.patience, 10*time.Millisecond, func() (bool, error) {
		for id := range made {
			if _, ok := in.at(id); !ok {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return got, fmt.Errorf("not every change of %d was told: %w", len(made), err)
	}
	for id, began := range made {
		came, _ := in.at(id)
		got.latencies = append(got.latencies, came.Sub(began))
	}
	slices.Sort(got.latencies)
	return got, ctx.Err()
}

// application is one that was not changed yet, of the targets between from and to in turns.
func (f *fresh) application(from, to int) string {
	n := from + f.next%(to-from) + f.next/(to-from)*len(f.targets)
	f.next++
	if n == 0 {
		n = len(f.targets) * freshEach // numbers begin with 1
	}
	return "app-" + f.targets[n%len(f.targets)].job + "-" + strconv.Itoa(firstNumber+n)
}

// stage moves an application of the ATS that calls, and advance one of the other.
func (f *fresh) stage(ctx context.Context, externalID string) error {
	return f.moves.Call(ctx, http.MethodPost, "/move", map[string]string{"external_id": externalID, "stage": "Interview"}, nil)
}

func (f *fresh) advance(ctx context.Context, externalID string) error {
	return f.control.Call(ctx, http.MethodPost, "/do/advance", map[string]string{"external_id": externalID}, nil)
}

// keepAsking asks for a pass every so often, until the function that it returns is called.
func (f *fresh) keepAsking(ctx context.Context, every time.Duration) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for t := time.NewTicker(every); ctx.Err() == nil; {
			select {
			case <-ctx.Done():
				t.Stop()
			case <-t.C:
				// One that is refused because the one before still runs is a change told late, which is measured.
				_ = f.api.Call(ctx, http.MethodPost, "/v1/schedule/status/run", nil, nil)
			}
		}
	}()
	return func() { cancel(); <-done }
}
