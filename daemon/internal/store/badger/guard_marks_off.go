//go:build bite_marks

package badger

// marks is broken in this build, which the crash programme makes to prove that it would notice; see guard_marks_on.go.
const marks = false
