package fleet

import (
	"context"
	"fmt"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Reserve waits until a call of that power may be made for the connection ("" for Check), and returns the
// client to make it with. done frees the place and must be called once the call is over. The deadline of the
// call begins with the call and not with the waiting. A process that is not there is sdk.ErrNotRunning, at once.
func (f *Fleet) Reserve(ctx context.Context, name string, c sdk.Connection, p sdk.Power) (sdk.Client, func(), error) {
	a, ok := f.adapter(name)
	if !ok {
		return nil, nil, fmt.Errorf("adapter %s is not in the config: %w", name, sdk.ErrNotRunning)
	}
	limits, err := a.limits()
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	ls, free, err := limits.acquire(ctx, c, p)
	if waited := time.Since(began); waited > 0 {
		f.o.Metrics.waited(name, waited)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("wait for the limits of adapter %s: %w", name, err)
	}
	process, timeout, done, err := a.client() // it may have gone while we waited
	if err != nil {
		free()
		return nil, nil, err
	}
	return &guarded{Client: process.Client(), adapter: name, timeout: timeout, limiters: ls, metrics: f.o.Metrics}, func() { done(); free() }, nil
}
