// Package storetest is what every store has to pass: RunEngine for an engine below package kv, Run for the
// whole store as the contract in package atssync describes it, RunRecovery for one that is closed and opened
// again. A store's own test calls these and adds nothing.
package storetest

import (
	"testing"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Run holds a store to the contract of package atssync. open returns an empty store that ends with t. Every
// test stands alone and gets a store of its own.
func Run(t *testing.T, open func(t *testing.T) atssync.Store) {
	t.Helper()
	for role, tests := range map[string]map[string]func(*world){
		"connections":   connectionTests,
		"jobs":          jobTests,
		"job list":      listingTests,
		"job links":     linkTests,
		"intake":        intakeTests,
		"elsewhere":     elsewhereTests,
		"submissions":   submissionTests,
		"acts":          actTests,
		"newest":        newestTests,
		"parts":         partTests,
		"held":          heldTests,
		"look again":    relookTests,
		"clock":         clockTests,
		"tasks":         taskTests,
		"lane":          laneTests,
		"collect":       collectTests,
		"questions":     questionTests,
		"hints":         hintTests,
		"leases":        leaseTests,
		"events":        eventTests,
		"webhooks":      webhookTests,
		"deliveries":    deliveryTests,
		"runs":          runTests,
		"ledger":        ledgerTests,
		"audit":         auditTests,
		"tokens":        tokenTests,
		"connect links": connectLinkTests,
		"retention":     retentionTests,
		"erasure":       erasureTests,
		"sealed":        sealedTests,
		"scopes":        scopeTests,
		"restore":       restoreTests,
		"erase again":   restoreErasureTests,
		"evidence":      evidenceTests,
		"many at once":  concurrencyTests,
		"model":         modelTests,
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(newWorld(t, open(t)))
				})
			}
		})
	}
}
