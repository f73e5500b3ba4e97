//go:build bite_restore

package kv

// holdsRestored is broken in this build, which the crash programme makes to prove that it would notice; see guard_restore_on.go.
const holdsRestored = false
