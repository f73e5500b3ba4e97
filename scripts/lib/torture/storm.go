package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// storms has some employers answer with 429, 5xx or not at all, while the others' applications have to arrive as if nothing
// were.
func storms(ctx context.Context, t *trial) error {
	w, err := newWorld(ctx, t, "s", options{connections: 20, limits: "call_timeout = \"2s\""})
	if err != nil {
		return err
	}
	defer w.end()
	// Writes that nobody knows the outcome of stop the whole ATS once there are three connections with one: that is not
	// the point here, and so there are two.
	kinds := []simulator.Fault{
		{Kind: simulator.FaultHang},
		{Kind: simulator.FaultErrorBefore, Status: http.StatusBadGateway},
		{Kind: simulator.FaultRateLimited, RetryAfter: simulator.Duration(2 * time.Second)},
		{Kind: simulator.FaultRateLimited, RetryAfter: simulator.Duration(2 * time.Second)},
		{Kind: simulator.FaultRateLimited, RetryAfter: simulator.Duration(2 * time.Second)},
	}
	stormy := make(map[string]bool)
	for i, f := range kinds {
		f.Employer, f.Method = w.targets[i].employer.Name(), http.MethodPost
		stormy[w.targets[i].connection] = true
		if _, err := w.sim.AddFault(f); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := w.fill(ctx, 600); err != nil {
		return err
	}
	var left int
	err = rig.Until(ctx, 20*time.Second, 20*time.Millisecond, func() (bool, error) {
		l, err := w.ledger(ctx, false)
		left = 0
		for _, c := range l.Connections {
			if !stormy[c.Connection] {
				left += c.Accepted - c.States["submitted"]
			}
		}
		return left == 0, err
	})
	took := time.Since(began)
	t.check("a storm at some employers does not delay the others", err == nil, "after %s %d of the others were not submitted: %v", took, left, err)
	early := ""
	for _, tg := range w.targets[2:5] {
		last := time.Time{}
		for _, r := range tg.employer.Received() {
			if !last.IsZero() && r.At.Sub(last) < 1900*time.Millisecond {
				early = fmt.Sprintf("%s was asked again after %s", tg.employer.Name(), r.At.Sub(last))
			}
			last = r.At
		}
	}
	t.check("nobody is asked again before Retry-After", early == "", "%s", early)
	w.sim.ClearFaults()
	for range 2 {
		if _, err := w.settle(ctx, "storm"); err != nil {
			return err
		}
		if err := w.arrived(ctx, 150*time.Second); err != nil {
			return err
		}
	}
	have, err := w.present(ctx, "storm")
	if err != nil {
		return err
	}
	w.undoubled("storm")
	w.agrees(have, "storm")
	t.note("600 applications, 5 of 20 employers in a storm: the others' were submitted after %.1f s", took.Seconds())
	return nil
}

// refusedKey has one employer's key refused for a while.
func refusedKey(ctx context.Context, t *trial) error {
	const applications, pace = 30, 300
	w, err := newWorld(ctx, t, "k", options{connections: 2, pace: pace})
	if err != nil {
		return err
	}
	defer w.end()
	refused := w.targets[0]
	if _, err := w.sim.AddFault(simulator.Fault{Kind: simulator.FaultKeyRevoked, Employer: refused.employer.Name()}); err != nil {
		return err
	}
	if err := w.fill(ctx, 2*applications); err != nil {
		return err
	}
	if err := sleep(ctx, t.refusal()); err != nil {
		return err
	}
	if err := w.documents(ctx, refused.connection, "a refused key"); err != nil {
		return err
	}
	l, err := w.ledger(ctx, true)
	if err != nil {
		return err
	}
	for _, c := range l.Connections {
		kept := c.States["queued"] + c.States["held"]
		if c.Connection == refused.connection {
			t.check("a refused key refuses nobody", kept == c.Accepted && kept == applications, "%v", c.States)
		} else {
			t.check("a storm at some employers does not delay the others", c.States["submitted"] == c.Accepted, "beside a refused key: %v", c.States)
		}
	}
	posts := len(refused.employer.Received())
	t.check("a refused key stops the writes", posts <= 2, "%d POSTs", posts)
	feed, err := w.feed(ctx, "refused key")
	if err != nil {
		return err
	}
	told := 0
	for _, e := range feed {
		if e.Type == "connection.unhealthy" && e.Connection == refused.connection {
			told++
		}
	}
	t.check("a refused key is told once", told == 1, "%d events", told)
	w.sim.ClearFaults()
	return w.drained(ctx, refused, applications, pace)
}

// drained waits until the key that is accepted again was found, and looks at when each application came: the canary, and
// the others at the pace.
func (w *world) drained(ctx context.Context, of target, applications, pace int) error {
	t := w.t
	if err := w.arrived(ctx, 150*time.Second+t.refusal()/2); err != nil { // the next look comes more seldom after an hour
		return err
	}
	var came []time.Time
	for _, r := range of.employer.Received() {
		if r.Applied {
			came = append(came, r.At)
		}
	}
	slices.SortFunc(came, time.Time.Compare)
	if !t.check("after a refused key everybody arrives", len(came) == applications, "%d of %d", len(came), applications) {
		return nil
	}
	took, least := came[len(came)-1].Sub(came[0]), time.Duration(applications-1)*time.Minute/time.Duration(pace)
	t.check("after a refused key the queue drains at the set pace", took >= least*9/10, "%d came within %s, at %d a minute that is %s", applications, took, pace, least)
	t.check("after a refused key one goes ahead and the others follow", len(came) > 1 && came[1].Sub(came[0]) >= time.Minute/time.Duration(pace)/2, "the second came %s after the first", came[1].Sub(came[0]))
	w.undoubled("refused key")
	return nil
}

// oneJob closes one job of an employer: its applications wait, those for the other one go on.
func oneJob(ctx context.Context, t *trial) error {
	w, err := newWorld(ctx, t, "j", options{connections: 1, jobs: 2})
	if err != nil {
		return err
	}
	defer w.end()
	e := w.targets[0].employer
	closed := simulator.JobRef{ID: e.Jobs()[0].ID}
	if err := e.CloseJob(closed); err != nil {
		return err
	}
	if err := w.fill(ctx, 40); err != nil {
		return err
	}
	states := make(map[string]int)
	err = rig.Until(ctx, 15*time.Second, 50*time.Millisecond, func() (bool, error) {
		list, err := w.submissions(ctx, "")
		clear(states)
		for _, s := range list {
			i := w.sent.begun[s.ExternalID]
			states[fmt.Sprintf("%s %s", w.targets[i].job, s.State)]++
		}
		return states[w.targets[1].job+" submitted"] == 20 && states[w.targets[0].job+" queued"] == 0 && states[w.targets[0].job+" sending"] == 0, err
	})
	t.check("one failing job leaves the other alone", err == nil, "%v: %v", err, states)
	t.check("a failing job's applications are held", states[w.targets[0].job+" held"] == 20, "%v", states)
	return nil
}
