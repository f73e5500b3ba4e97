//go:build !bite_marks

package badger

// marks is the guard that a store is not started that lacks a commit which was acknowledged. Only a build of the crash
// programme is without it.
const marks = true
