//go:build !bite_replay

package rest

// sendsOnce is the guard that net/http does not send a write again whose connection died. Only a build of the crash
// programme is without it.
const sendsOnce = true
