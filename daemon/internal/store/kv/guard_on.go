//go:build !bite_lease

package kv

// asksAfterCrash is the guard that what was being sent when a lease's holder died is uncertain, and not sent again. Only a
// build of the crash programme is without it.
const asksAfterCrash = true
