//go:build bite_replay

package rest

// sendsOnce is broken in this build, which the crash programme makes to prove that it would notice; see guard_on.go.
const sendsOnce = false
