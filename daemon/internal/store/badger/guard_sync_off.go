//go:build bite_sync

package badger

// syncs is broken in this build, which the crash programme makes to prove that it would notice; see guard_sync_on.go.
const syncs = false
