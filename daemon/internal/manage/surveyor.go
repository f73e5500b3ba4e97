package manage

import (
	"context"
	"sync"
	"time"
)

// How old a survey may be. A look at ten thousand connections takes a second or so, one at ten takes none: a survey serves for
// twenty times as long as it took. What took long is made anew beside those who look, who see the last one with its age: nobody
// waits for it but the first of all. While nobody looks none is made.
const (
	surveyShare = 20
	surveyMost  = 5 * time.Second        // the oldest that is taken for new
	surveyQuick = 100 * time.Millisecond // a look that nobody minds waiting for
	surveyLimit = time.Minute            // of one look that nobody waits for
)

// surveyor keeps the last survey for all who look. The zero value is ready.
type surveyor struct {
	looking sync.Mutex // held while a survey is made

	mu   sync.Mutex // guards what follows
	last Survey
	took time.Duration
	busy bool // a survey is made beside those who look
	work sync.WaitGroup
	end  context.CancelFunc
	done bool
}

// get returns the last survey while it is good enough, else a new one.
func (v *surveyor) get(ctx context.Context, look func(context.Context) (Survey, error)) (Survey, error) {
	v.mu.Lock()
	last, took := v.last, v.took
	v.mu.Unlock()
	age := time.Since(last.At)
	switch {
	case last.At.IsZero():
	case age < min(surveyShare*took, surveyMost):
		return last, nil
	case took > surveyQuick:
		v.beside(ctx, look)
		return last, nil
	}
	v.looking.Lock()
	defer v.looking.Unlock()
	v.mu.Lock()
	last, took = v.last, v.took
	v.mu.Unlock()
	if !last.At.IsZero() && time.Since(last.At) < min(surveyShare*took, surveyMost) {
		return last, nil // made while this caller waited
	}
	return v.make(ctx, look)
}

// make makes a survey; looking is held.
func (v *surveyor) make(ctx context.Context, look func(context.Context) (Survey, error)) (Survey, error) {
	began := time.Now()
	made, err := look(ctx)
	if err != nil {
		return Survey{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last, v.took = made, time.Since(began)
	return made, nil
}

// beside makes a survey for those who come later, unless that is under way. The one who asked does not wait for it.
func (v *surveyor) beside(ctx context.Context, look func(context.Context) (Survey, error)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy || v.done {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), surveyLimit)
	v.busy, v.end = true, cancel
	v.work.Go(func() {
		defer cancel()
		v.looking.Lock()
		_, _ = v.make(ctx, look) // the next who looks tries again, and is told what fails
		v.looking.Unlock()
		v.mu.Lock()
		v.busy = false
		v.mu.Unlock()
	})
}

// stop ends what is made beside those who look, and waits for it.
func (v *surveyor) stop() {
	v.mu.Lock()
	v.done = true
	if v.end != nil {
		v.end()
	}
	v.mu.Unlock()
	v.work.Wait()
}
