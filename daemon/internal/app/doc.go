// Package app builds the daemon from its parts and gives it its life: it opens the store, starts the adapters,
// takes the leases, starts the workers and the listeners, and stops all of it in reverse order. It is the one
// package that knows every other; nothing of the product is decided here.
package app
