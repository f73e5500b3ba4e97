//go:build bite_lease

package kv

// asksAfterCrash is broken in this build, which the crash programme makes to prove that it would notice; see guard_on.go.
const asksAfterCrash = false
