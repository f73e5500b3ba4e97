// Package simulator is the applicant tracking system that the reference adapter speaks to: a small one in
// memory, behind JSON over HTTP. It stands on the far side of the adapter, in place of an ATS, for tests,
// demonstrations and as the pattern for other simulators.
//
// Three doors: /v1 is the ATS itself (api.go), /control lets a test or a person move candidates and break
// things (control.go), and /adaptertest is what the conformance suite asks for (conformance.go).
package simulator

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Options shape a simulator; the zero value is one employer with three jobs.
type Options struct {
	// Employers and Jobs count the accounts and the jobs of each that are open.
	Employers, Jobs int
	// Latency delays every answer of the ATS.
	Latency time.Duration
}

// Simulator is the ATS. It is an http.Handler and safe for concurrent use.
type Simulator struct {
	opts     Options
	mux      *http.ServeMux
	accounts []*account
	byKey    map[string]*account // never changes
	faults   faults
	background
}

// New returns a simulator with its employers, keys and jobs. The first employer's key is Key(1). Close ends what it runs.
func New(o Options) *Simulator {
	o.Employers, o.Jobs = max(1, o.Employers), max(0, o.Jobs)
	if o.Jobs == 0 {
		o.Jobs = 3
	}
	s := &Simulator{opts: o, mux: http.NewServeMux(), byKey: map[string]*account{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for i := range o.Employers {
		a := newAccount(i+1, o.Jobs)
		s.accounts = append(s.accounts, a)
		s.byKey[a.Key] = a
	}
	s.routes()
	return s
}

// Key returns the API key of the nth employer, from 1.
func Key(n int) string { return fmt.Sprintf("reference-key-%04d", n) }

// WebhookSecret returns what the nth employer signs its webhooks with.
func WebhookSecret(n int) string { return fmt.Sprintf("reference-webhook-%04d", n) }

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Simulator) routes() {
	s.mux.Handle("GET /v1/account", s.ats(getAccount))
	s.mux.Handle("GET /v1/jobs", s.ats(listJobs))
	s.mux.Handle("GET /v1/pools", s.ats(listPools))
	s.mux.Handle("GET /v1/words", s.ats(listWords))
	s.mux.Handle("GET /v1/applications", s.ats(readApplications))
	s.mux.Handle("GET /v1/changes", s.ats(listChanges))
	s.mux.Handle("GET /v1/people", s.ats(findPeople))
	s.mux.Handle("POST /v1/people", s.ats(createPerson))
	s.mux.Handle("POST /v1/applications", s.ats(createApplications))

	s.mux.HandleFunc("GET /control/state", s.showState)
	s.mux.HandleFunc("POST /control/faults", s.setFault)
	s.mux.HandleFunc("DELETE /control/faults", s.clearFaults)
	s.mux.HandleFunc("POST /control/move", s.move)
	s.mux.HandleFunc("POST /control/job", s.setJob)
	s.mux.HandleFunc("POST /control/revoke", s.revoke)
	s.mux.HandleFunc("POST /control/webhook", s.signWebhook)
	s.mux.HandleFunc("POST /control/hooks", s.setHooks)
	s.mux.HandleFunc("GET /control/hooks", s.listHooks)

	s.mux.HandleFunc("GET /adaptertest", s.offerConnection)
	s.mux.HandleFunc("GET /adaptertest/people", s.countPeople)
	s.mux.HandleFunc("POST /adaptertest/fault", s.setSuiteFault)
}
