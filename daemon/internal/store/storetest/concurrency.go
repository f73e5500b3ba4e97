package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// both runs functions at once and waits for them.
func both(fns ...func()) {
	var wg sync.WaitGroup
	for _, fn := range fns {
		wg.Go(fn)
	}
	wg.Wait()
}

var concurrencyTests = map[string]func(*world){
	"of many with one external id one is accepted": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		for round := range 10 {
			results := make([]atssync.Accepted, 8)
			errs := make([]error, len(results))
			var fns []func()
			for i := range results {
				in := w.document(c, fmt.Sprintf("app-%d", round), "job-1")
				fns = append(fns, func() {
					out, err := w.s.Accept(w.ctx, []atssync.NewSubmission{in}, w.now)
					errs[i] = err
					if err == nil {
						results[i] = out[0]
					}
				})
			}
			both(fns...)
			require.NoError(w.t, errors.Join(errs...))
			accepted := 0
			for _, r := range results {
				if r.Result == atssync.AcceptedNew {
					accepted++
				}
				require.Equal(w.t, results[0].Submission.ID, r.Submission.ID)
			}
			require.Equal(w.t, 1, accepted)
		}
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 10}, w.balanced(c))
	},
	"begun or cancelled, never both": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		for i := range 20 {
			s := w.submit(c, fmt.Sprintf("app-%d", i), "job-1")
			var begun []atssync.Attempt
			var beginErr, cancelErr error
			both(
				func() { begun, beginErr = w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{w.attempt(s)}, w.now) },
				func() { _, cancelErr = w.s.Act(w.ctx, s.ID, atssync.ActCancel, w.now) },
			)
			require.NoError(w.t, beginErr)
			if cancelErr == nil {
				require.Empty(w.t, begun)
				require.Equal(w.t, "cancelled", w.state(s.ID))
			} else {
				w.code(cancelErr, atssync.CodeConflict)
				require.Len(w.t, begun, 1)
				require.Equal(w.t, "sending", w.state(s.ID))
			}
		}
		w.balanced(c)
	},
	"one of two owners gets the lease": func(w *world) {
		c := w.connect("acme")
		w.beat("daemon-1", time.Hour)
		w.beat("daemon-2", time.Hour)
		got := make([][]atssync.Lease, 2)
		errs := make([]error, 2)
		both(
			func() { got[0], errs[0] = w.s.Acquire(w.ctx, "daemon-1", []string{c.ID}, w.now) },
			func() { got[1], errs[1] = w.s.Acquire(w.ctx, "daemon-2", []string{c.ID}, w.now) },
		)
		require.NoError(w.t, errors.Join(errs...))
		require.Equal(w.t, 1, len(got[0])+len(got[1]))
	},
	"the ledger adds up at every moment": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		stop := make(chan struct{})
		var wrong atssync.LedgerLine
		var recountErr error
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				line, err := w.s.Recount(w.ctx, c.ID)
				if err != nil || !line.OK {
					wrong, recountErr = line, err
					return
				}
			}
		})
		errs := make([]error, 4)
		var fns []func()
		for i := range errs {
			var in []atssync.NewSubmission
			for j := range 50 {
				in = append(in, w.document(c, fmt.Sprintf("app-%d-%d", i, j), []string{"job-1", "job-2"}[j%2]))
			}
			fns = append(fns, func() { errs[i] = w.churn(l, in) })
		}
		both(fns...)
		close(stop)
		wg.Wait()
		require.NoError(w.t, errors.Join(errs...))
		require.NoError(w.t, recountErr)
		require.Empty(w.t, wrong.Connection, "%+v", wrong)
		w.balanced(c)
		w.events(c)
	},
}

// churn accepts, begins, finishes and cancels; it uses nothing of the test but the store.
func (w *world) churn(l atssync.Lease, in []atssync.NewSubmission) error {
	for _, d := range in {
		out, err := w.s.Accept(w.ctx, []atssync.NewSubmission{d}, w.now)
		if err != nil {
			return err
		}
		s := out[0].Submission
		if s.State == atssync.StateHeld {
			if _, err := w.s.Act(w.ctx, s.ID, atssync.ActCancel, w.now); err != nil {
				return err
			}
			continue
		}
		begun, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{w.attempt(s)}, w.now)
		if err != nil || len(begun) != 1 {
			return errors.Join(err, fmt.Errorf("%d attempts begun", len(begun)))
		}
		if err := w.s.FinishAttempts(w.ctx, l, []atssync.Finish{w.arrived(s, begun[0])}, nil, w.now); err != nil {
			return err
		}
	}
	return nil
}
