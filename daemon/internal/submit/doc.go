// Package submit works the lanes: a connection's next submissions go through its adapter into the ATS, and
// what became of them goes into the store. It stands between the store, which says what is queued, and the
// fleet, which owns the adapter processes and their limits.
//
// A lane is worked by one goroutine at a time, which ends when there is nothing to do: ten thousand idle
// connections cost nothing. A lane's step (Tick) reads its state, decides by the pure function next, and does
// one thing: probe, wait, or send. Before the first byte of a write leaves, its attempt is durable; before
// anything else is done for it, its end is.
package submit
