// Package wire is the border between the daemon's process and an adapter's: the code generated from
// proto/adapter.proto, the conversions between it and the Go contract, the go-plugin glue, and the two
// ends. It stands between host (which holds a Client) and serve (which holds a Server); nobody else
// imports it.
//
// Conversions come in pairs, thing ToWire and thing FromWire, each filling a destination that the caller
// owns, so that lists are converted into two allocations. Text that goes out is made valid UTF-8, because
// one bad byte from an ATS would otherwise lose the whole reply. What comes in is bounded: see bounds.go.
package wire
