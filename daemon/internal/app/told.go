package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// tellEvery is how often the log is brought up to date with the events.
const tellEvery = time.Second

// teller writes into the log what an operator has to know of what the platform is told: what is unhealthy or
// uncertain, and that it is well again. It reads the events from where they stood before the leases were taken, so
// that what a crash left uncertain is in the log of the start after it.
type teller struct {
	events atssync.Events
	log    *slog.Logger
	after  int64

	cancel context.CancelFunc
	done   chan struct{}
}

// newTeller begins after the last event.
func newTeller(ctx context.Context, events atssync.Events, log *slog.Logger) (*teller, error) {
	last, err := events.LastEvent(ctx, "")
	return &teller{events: events, log: log, after: last}, err
}

func (t *teller) start(ctx context.Context) {
	ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.done = make(chan struct{})
	go func() {
		defer close(t.done)
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for {
			if err := t.tell(ctx); err != nil && ctx.Err() == nil {
				t.log.Error("read events for the log", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
}

func (t *teller) stop() {
	if t.cancel != nil {
		t.cancel()
		<-t.done
	}
}

// tell logs what is new.
func (t *teller) tell(ctx context.Context) error {
	for {
		events, after, err := t.events.Events(ctx, atssync.EventQuery{
			After: t.after, Limit: 500, Types: []atssync.EventType{
				atssync.EventUncertain, atssync.EventConnectionUnhealthy, atssync.EventConnectionHealthy,
				atssync.EventLinkBroken, atssync.EventExpired,
			},
		})
		if err != nil {
			return err
		}
		for _, e := range events {
			t.one(ctx, e)
		}
		if after == t.after {
			return nil
		}
		t.after = after
	}
}

func (t *teller) one(ctx context.Context, e atssync.Event) {
	level := slog.LevelWarn
	if e.Type == atssync.EventConnectionHealthy {
		level = slog.LevelInfo
	}
	args := []any{"type", string(e.Type), "connection", e.Connection, "sequence", e.Sequence}
	var d struct {
		Submission string `json:"submission"`
		Operation  string `json:"operation"`
		Cause      string `json:"cause"`
		WhoseTurn  string `json:"whose_turn"`
		Reason     string `json:"reason"`
		ATSJob     string `json:"ats_job"`
	}
	if json.Unmarshal(e.Data, &d) == nil {
		for _, f := range [][2]string{
			{"submission", d.Submission},
			{"operation", d.Operation},
			{"cause", d.Cause},
			{"whose_turn", d.WhoseTurn},
			{"reason", d.Reason},
			{"ats_job", d.ATSJob},
		} {
			if f[1] != "" {
				args = append(args, f[0], f[1])
			}
		}
	}
	t.log.Log(ctx, level, "told the platform", args...)
}
