package web

import (
	"context"
	"sync"
	"time"
)

// lookAgainAt is how often a long request asks whether its caller is still let in.
const lookAgainAt = 500 * time.Millisecond

// Watch returns a context that ends when still refuses, with that as its cause. A request that is answered before the first
// look costs a timer.
func Watch(ctx context.Context, still func(context.Context) error) (context.Context, func()) {
	watched, cancel := context.WithCancelCause(ctx)
	var mu sync.Mutex // guards timer and ended, and is held while looking: after the end nothing looks any more
	ended := false
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(lookAgainAt, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		if err := still(watched); err != nil && watched.Err() == nil {
			cancel(err)
			return
		}
		timer.Reset(lookAgainAt)
	})
	return watched, func() {
		cancel(nil)
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
	}
}
