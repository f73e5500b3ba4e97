// Package collect reads from the ATSes: the status of every followed application, the job lists, the health
// of connections, and the first receipts on each job. It stands between the schedule, which says when a pass
// runs, and the store, which takes what changed, its events and the checkpoint in one commit.
//
// A pass walks the connections that this daemon holds, spread over an interval; a connection is walked by one
// pass at a time and resumes at its checkpoint. A reading that changes nothing writes nothing.
package collect
