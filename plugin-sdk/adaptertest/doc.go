// Package adaptertest holds what tests of adapters and of their callers need.
package adaptertest
