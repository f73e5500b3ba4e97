//go:build !bite_sync

package badger

// syncs is the guard that a commit and its mark are on the disk before anybody is answered. Only a build of the crash
// programme is without it.
const syncs = true
