package app

import (
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"slices"
)

const (
	// quietBytes is what may be allocated in a second that counts as quiet.
	quietBytes = 2 << 20
	// burstBytes is what is allocated in a burst that is worth a collection afterwards.
	burstBytes = 64 << 20
)

// quietSeconds are when memory is given back in a quiet time: soon, and once the store has let go of the memory in which
// it built tables, which it does step by step.
var quietSeconds = []int{3, 25}

// slack gives the memory back that a burst of work has left behind. Go by itself collects only as allocation goes on, so
// that after a burst the daemon would hold twice what it needs for minutes.
type slack struct {
	allocated func() uint64 // bytes ever
	giveBack  func()
	last      uint64
	burst     uint64 // bytes since the last quiet time
	quiet     int    // seconds
}

func newSlack() *slack {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	return &slack{giveBack: debug.FreeOSMemory, allocated: func() uint64 {
		runtimemetrics.Read(sample)
		return sample[0].Value.Uint64()
	}}
}

// look is called each second.
func (s *slack) look() {
	now := s.allocated()
	grown := now - s.last
	s.last = now
	if grown > quietBytes {
		s.quiet = 0
		s.burst += grown
		return
	}
	s.quiet++
	if s.burst < burstBytes || !slices.Contains(quietSeconds, s.quiet) {
		return
	}
	s.giveBack()
	if s.quiet == quietSeconds[len(quietSeconds)-1] {
		s.burst = 0
	}
}
