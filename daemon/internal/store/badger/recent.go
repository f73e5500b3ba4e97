package badger

import (
	"bytes"
	"strings"
	"sync"
)

const (
	// maxRecentValue is above the records that steps read again and again, and below most documents.
	maxRecentValue = 4 << 10
	// recentBytes bounds each of the two generations of values that are kept.
	recentBytes = 2 << 20
)

// recent keeps checked values that were read lately, so that what every step reads (a connection, its lease, its
// ledger) and what the next step of a submission reads is not searched for in Badger's tables each time. It is always
// right: each commit changes what stands here before any reader can see that commit.
type recent struct {
	mu     sync.RWMutex
	commit uint64 // the newest commit that is in here
	bytes  int    // of young
	// When young is full it becomes old, and what was old and not read since is forgotten.
	young, old map[string]version
}

// version is the newest value of a key and the commit that wrote it.
type version struct {
	commit uint64
	body   []byte
}

// get returns the value of key for a reader of that commit, if it is known here.
func (r *recent) get(key []byte, commit uint64) ([]byte, bool) {
	r.mu.RLock()
	v, ok := r.young[string(key)]
	aged := false
	if !ok {
		v, aged = r.old[string(key)]
	}
	r.mu.RUnlock()
	if (!ok && !aged) || v.commit > commit {
		return nil, false
	}
	if aged {
		r.mu.Lock()
		if now, still := r.old[string(key)]; still {
			r.put(string(key), now)
		}
		r.mu.Unlock()
	}
	return v.body, true
}

// read notes what a reader of a commit found. It is passed over when a newer commit is in here already, which may
// have changed the key.
func (r *recent) read(key []byte, commit, written uint64, body []byte) {
	if len(body) > maxRecentValue {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if commit == r.commit {
		r.put(string(key), version{written, bytes.Clone(body)})
	}
}

// put adds a value. The caller holds mu.
func (r *recent) put(key string, v version) {
	if r.young == nil || r.bytes > recentBytes {
		r.old, r.young, r.bytes = r.young, make(map[string]version), 0
	}
	delete(r.old, key)
	was, again := r.young[key]
	if !again {
		r.bytes += len(key)
	}
	r.bytes += len(v.body) - len(was.body)
	r.young[key] = v
}

// committed takes over what a commit changed of the values that are here. It comes before published.
func (r *recent) committed(commit uint64, over *overlay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commit = commit
	for key, body := range over.values {
		_, young := r.young[key]
		_, old := r.old[key]
		switch {
		case !young && !old:
		case body == nil || len(body) > maxRecentValue:
			delete(r.young, key)
			delete(r.old, key)
		default:
			// A copy, because the keys of a group lie side by side in memory and this one would keep all of them.
			r.put(strings.Clone(key), version{commit, body})
		}
	}
}

// published forgets everything unless the commit that readers see from now on is the one that is in here.
func (r *recent) published(commit uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if commit != r.commit {
		r.commit, r.young, r.old, r.bytes = commit, nil, nil, 0
	}
}
