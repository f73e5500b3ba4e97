package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// usage is what the processes of a world have used since their start.
type usage struct {
	daemon, adapter, simulator time.Duration // processor time
	commitCount
}

// usage reads what was used so far.
func (w *world) usage(ctx context.Context) (u usage, err error) {
	adapter, err := w.adapterPID(ctx, "greenhouse")
	if err == nil && adapter == 0 {
		err = errors.New("the adapter is not running")
	}
	if err != nil {
		return u, err
	}
	for pid, t := range map[int]*time.Duration{w.daemon.PID(): &u.daemon, adapter: &u.adapter, w.simulator.PID(): &u.simulator} {
		if *t, err = rig.CPUTime(pid); err != nil {
			return u, err
		}
	}
	u.commitCount, err = w.commitCount(ctx)
	return u, err
}

// minus is what was used since an earlier usage.
func (u usage) minus(was usage) usage {
	return usage{
		u.daemon - was.daemon, u.adapter - was.adapter, u.simulator - was.simulator,
		commitCount{u.commits - was.commits, u.steps - was.steps, u.seconds - was.seconds, u.bytes - was.bytes},
	}
}

// by is the processor time of one of n things.
func (u usage) by(n float64) usage {
	each := func(d time.Duration) time.Duration { return time.Duration(float64(d) / n) }
	return usage{daemon: each(u.daemon), adapter: each(u.adapter), simulator: each(u.simulator)}
}

// commitCount is how many commits the daemon's store made, with how many steps and bytes, and how long they took, since
// its start.
type commitCount struct{ commits, steps, seconds, bytes float64 }

// commitCount reads the daemon's own metrics.
func (w *world) commitCount(ctx context.Context) (c commitCount, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.ops+"/metrics", http.NoBody)
	if err != nil {
		return c, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return c, err
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "atssync_store_commit_duration_seconds_count":
			c.commits = n
		case "atssync_store_commit_duration_seconds_sum":
			c.seconds = n
		case "atssync_store_commit_steps_sum":
			c.steps = n
		case "atssync_store_commit_bytes_total":
			c.bytes = n
		}
	}
	return c, lines.Err()
}

// since tells the mean commit after an earlier count.
func (c commitCount) since(was commitCount) string {
	n := max(c.commits-was.commits, 1)
	return fmt.Sprintf("a commit held %.0f steps and took %s", (c.steps-was.steps)/n, ms(time.Duration((c.seconds-was.seconds)/n*float64(time.Second))))
}
