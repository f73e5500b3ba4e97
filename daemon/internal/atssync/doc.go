// Package atssync is the domain: connections, job links, submissions, applications, events, the ledger, and
// the rules by which they move. It knows no technology: stores, HTTP, plugin processes and clocks are around
// it and ask it. Everything that decides is a method or function of values and an instant, so that each
// decision can be tested, replayed and read in one place.
//
// The flow: intake makes a Submission; the submit worker begins and finishes its attempts; what the ATS
// took becomes an Application; the collect worker turns readings into changes; every change tells itself as
// an Event, numbered by the store in the same commit.
package atssync
