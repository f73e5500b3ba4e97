//go:build !bite_restore

package kv

// holdsRestored is the guard that a restored store sends nothing, neither what it has nor what comes in, until it is known
// what was sent after the backup. Only a build of the crash programme is without it.
const holdsRestored = true
