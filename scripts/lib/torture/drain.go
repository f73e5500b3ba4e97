package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
)

// drains ends the daemon in order, again and again, while applications are accepted and sent: it takes nothing new, lets the
// calls in flight end, and leaves nothing of which it could have known the outcome.
func drains(ctx context.Context, t *trial) error {
	w, err := newWorld(ctx, t, "d", options{connections: killConnections})
	if err != nil {
		return err
	}
	defer w.vanish()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of what is still being sent when something went wrong
	if _, err := w.sim.AddFault(simulator.Fault{Kind: simulator.FaultLatencyAfter, Method: http.MethodPost, Delay: simulator.Duration(40 * time.Millisecond)}); err != nil {
		return err
	}
	stop := w.stream(ctx, 8, 20*time.Millisecond)
	var longest time.Duration
	for i := range t.n {
		r := t.random("drain", i)
		if err := sleep(ctx, time.Duration(50+r.IntN(200))*time.Millisecond); err != nil {
			return err
		}
		when, began := fmt.Sprintf("drain %d", i), time.Now()
		w.daemon.Stop()
		longest = max(longest, time.Since(began))
		t.check("an end in order ends without an error", w.daemon.Ended() == "exit status 0", "%s: %s", when, w.daemon.Ended())
		w.gone(ctx, when)
		if err := w.start(ctx); err != nil {
			return err
		}
		w.balanced(ctx, when)
		t.done(1)
	}
	if err := stop(); err != nil {
		return err
	}
	if err := w.arrived(ctx, 150*time.Second); err != nil {
		return err
	}
	have, err := w.present(ctx, "after the drains")
	if err != nil {
		return err
	}
	events, err := w.feed(ctx, "after the drains")
	if err != nil {
		return err
	}
	uncertain := 0
	for _, e := range events {
		if e.Type == "submission.uncertain" {
			uncertain++
		}
	}
	t.check("an end in order leaves nothing uncertain", uncertain == 0, "%d are", uncertain)
	begun, _ := w.sent.counts()
	t.check("the daemon has what the platform sent and nothing else", len(have) == begun, "%d sent, %d there", begun, len(have))
	w.undoubled("after the drains")
	w.agrees(have, "after the drains")
	t.note("%d ends in order, the longest took %d ms; %d applications, %d uncertain", t.n, longest.Milliseconds(), len(have), uncertain)
	return nil
}
