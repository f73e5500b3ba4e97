//go:build !bite_writeahead

package submit

// writeAhead is the guard that an attempt is durable before its first byte leaves: a crash between the two never finds
// an application that was sent and looks as if it were not. Only a build of the crash programme is without it.
const writeAhead = true
