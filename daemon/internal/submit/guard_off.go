//go:build bite_writeahead

package submit

// writeAhead is broken in this build, which the crash programme makes to prove that it would notice; see guard_on.go.
const writeAhead = false
