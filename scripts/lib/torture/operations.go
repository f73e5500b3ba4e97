package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// refusal is how long a key stays refused.
func (t *trial) refusal() time.Duration {
	if t.long {
		return time.Hour
	}
	return 3 * time.Second
}

// healthLine is what the daemon says of one operation that does not work.
type healthLine struct {
	Connection string `json:"connection"`
	Operation  string `json:"operation"`
	State      string `json:"state"`
	WhoseTurn  string `json:"whose_turn"`
	Remedy     string `json:"remedy"`
}

// oneOperation has one employer's statuses unreadable: applications go on to everybody, and the others' statuses are read.
func oneOperation(ctx context.Context, t *trial) error {
	w, err := newWorld(ctx, t, "o", options{connections: 2})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.fill(ctx, 40); err != nil {
		return err
	}
	if err := w.arrived(ctx, time.Minute); err != nil {
		return err
	}
	blind := w.targets[0]
	if _, err := w.sim.AddFault(simulator.Fault{
		Kind: simulator.FaultErrorBefore, Employer: blind.employer.Name(), Endpoint: "candidates", Method: http.MethodGet, Status: http.StatusForbidden,
	}); err != nil {
		return err
	}
	var lines []healthLine
	err = rig.Until(ctx, time.Minute, 200*time.Millisecond, func() (bool, error) {
		if err := w.statuses(ctx); err != nil {
			return false, err
		}
		lines, err = everything[healthLine](ctx, w.api, "/v1/health?limit=100")
		return len(lines) > 0, err
	})
	named := err == nil && len(lines) == 1 && lines[0].Connection == blind.connection && lines[0].Operation == "read" && lines[0].Remedy != ""
	t.check("one failing operation is named with whose turn it is, and no other one", named, "%v: %+v", err, lines)

	if err := w.fill(ctx, 40); err != nil {
		return err
	}
	err = w.arrived(ctx, 30*time.Second)
	w.sim.MoveRandom(10_000)
	moved := make(map[string]bool)
	err2 := rig.Until(ctx, 30*time.Second, 200*time.Millisecond, func() (bool, error) {
		if err := w.statuses(ctx); err != nil {
			return false, err
		}
		feed, err := w.feed(ctx, "one operation")
		for _, e := range feed {
			moved[e.Connection] = moved[e.Connection] || e.Type == "application.status_changed"
		}
		return moved[w.targets[1].connection], err
	})
	t.check("one failing operation leaves the others alone", err == nil && err2 == nil && !moved[blind.connection], "%v, %v: statuses of %v", err, err2, moved)

	w.sim.ClearFaults()
	err = rig.Until(ctx, 90*time.Second, 500*time.Millisecond, func() (bool, error) {
		if err := w.statuses(ctx); err != nil {
			return false, err
		}
		lines, err = everything[healthLine](ctx, w.api, "/v1/health?limit=100")
		return !slices.ContainsFunc(lines, func(l healthLine) bool { return l.State == "failing" || l.State == "stopped" }), err
	})
	t.check("an operation that works again is well by itself", err == nil, "%v: %+v", err, lines)
	w.undoubled("one operation")
	return nil
}

// documents checks that the daemon still has the document of everybody who waits on a connection, as it was sent.
func (w *world) documents(ctx context.Context, connection, when string) error {
	list, err := w.submissions(ctx, "")
	if err != nil {
		return err
	}
	without, n := "", 0
	for _, s := range list {
		if s.Connection != connection {
			continue
		}
		var got struct {
			Document struct {
				Person json.RawMessage `json:"person"`
			} `json:"document"`
		}
		if err := w.api.Call(ctx, http.MethodGet, "/v1/submissions/"+s.ID+"?document=true", nil, &got); err != nil {
			return err
		}
		d, _ := w.document(numberOf(s.ExternalID))
		if n++; !strings.Contains(string(got.Document.Person), fmt.Sprintf("%q", d.Person.Emails[0].Address)) {
			without = s.ID
		}
	}
	w.t.check("who waits keeps the document", without == "" && n > 0, "%s: %s of %d", when, without, n)
	return nil
}

// numberOf is the number of the document with that external id; people.Invent puts it at the end.
func numberOf(externalID string) (n uint64) {
	_, _ = fmt.Sscanf(externalID[strings.LastIndexByte(externalID, '-')+1:], "%d", &n)
	return n
}
