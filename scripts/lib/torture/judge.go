package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// ledger is the daemon's own account.
type ledger struct {
	Connections []ledgerLine `json:"connections"`
	Total       ledgerLine   `json:"total"`
}

type ledgerLine struct {
	Connection string         `json:"connection"`
	Accepted   int            `json:"accepted"`
	States     map[string]int `json:"states"`
	OK         bool           `json:"ok"`
}

// waiting is how many are accepted and not decided, beside those that a person decides.
func (l ledgerLine) waiting() int { return l.States["queued"] + l.States["held"] + l.States["sending"] }

func (w *world) ledger(ctx context.Context, recount bool) (l ledger, err error) {
	return l, w.api.Call(ctx, http.MethodGet, fmt.Sprintf("/v1/ledger?recount=%t&limit=500", recount), nil, &l)
}

// balanced checks the ledger, counted anew.
func (w *world) balanced(ctx context.Context, when string) {
	l, err := w.ledger(ctx, true)
	w.t.check("the ledger balances", err == nil && l.Total.OK, "%s: %v %+v", when, err, l.Total)
}

// submission is what a list says of one.
type submission struct {
	ID         string `json:"id"`
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	State      string `json:"state"`
	HeldReason string `json:"held_reason"`
	Attempt    int    `json:"attempts"`
}

// submissions reads all of a state, or all.
func (w *world) submissions(ctx context.Context, state string) (out []submission, err error) {
	return everything[submission](ctx, w.api, "/v1/submissions?limit=500&state="+state)
}

// everything reads all pages of a list.
func everything[T any](ctx context.Context, api *rig.Client, path string) (out []T, err error) {
	after := ""
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		if err := api.Call(ctx, http.MethodGet, path+"&after="+url.QueryEscape(after), nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Next == "" || page.Next == after {
			return out, nil
		}
		after = page.Next
	}
}

// restoreStride is what numbers are rounded up to by a restore.
const restoreStride = 10_000_000_000

// feed reads all events of all connections, and checks the numbers of each connection.
func (w *world) feed(ctx context.Context, when string) (map[string]event, error) {
	out := make(map[string]event)
	last := make(map[string]int64)
	after, gap := "", ""
	for {
		var page struct {
			Items []event `json:"items"`
			Next  string  `json:"next"`
		}
		if err := w.api.Call(ctx, http.MethodGet, "/v1/events?limit=1000&after="+after, nil, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			if next := last[e.Connection] + 1; e.Sequence != next && (e.Sequence <= next || e.Sequence%restoreStride != 1) {
				gap = fmt.Sprintf("%s goes from %d to %d", e.Connection, last[e.Connection], e.Sequence)
			}
			last[e.Connection] = e.Sequence
			out[e.ID] = e
		}
		if len(page.Items) == 0 {
			break
		}
		after = page.Next
	}
	w.t.check("the feed is numbered without gaps", gap == "", "%s: %s", when, gap)
	return out, nil
}

// present checks that everything acknowledged is in the daemon, and that nothing else is.
func (w *world) present(ctx context.Context, when string) (map[string]submission, error) {
	acked := w.sent.acknowledged() // before the list is read: more may be accepted meanwhile
	list, err := w.submissions(ctx, "")
	if err != nil {
		return nil, err
	}
	have := make(map[string]submission, len(list))
	for _, s := range list {
		if s.ExternalID != "" { // else it was erased
			have[s.ExternalID] = s
		}
	}
	var lost []string
	for id := range acked {
		if _, ok := have[id]; !ok {
			lost = append(lost, id)
		}
	}
	w.t.check(promiseKept, len(lost) == 0, "%s: %d of %d, such as %v", when, len(lost), len(acked), firstOf(lost))
	return have, nil
}

func firstOf(list []string) []string { return list[:min(len(list), 3)] }

// undoubled checks that nobody stands twice in the ATS.
func (w *world) undoubled(when string) bool {
	var twice []string
	for _, e := range w.sim.Employers() {
		for id, n := range e.Doubled() {
			twice = append(twice, fmt.Sprintf("%s %s: %d", e.Name(), id, n))
		}
	}
	return w.t.check(promiseOnce, len(twice) == 0, "%s: %d, such as %v", when, len(twice), firstOf(twice))
}

// posts counts the POSTs of each external id that reached the ATS.
func (w *world) posts() map[string]int {
	out := make(map[string]int)
	for _, e := range w.sim.Employers() {
		for _, r := range e.Received() {
			var d struct {
				ExternalID string `json:"external_id"`
			}
			if strings.HasSuffix(r.Path, "/candidates") && json.Unmarshal(r.Body, &d) == nil {
				out[d.ExternalID]++
			}
		}
	}
	return out
}

// arrived waits until nothing is queued, held or being sent. It fails when nothing moves for a while.
func (w *world) arrived(ctx context.Context, patience time.Duration) error {
	last, since := -1, time.Now()
	return rig.Until(ctx, max(30*time.Minute, 2*patience), 50*time.Millisecond, func() (bool, error) {
		l, err := w.ledger(ctx, false)
		if err != nil {
			return false, err
		}
		left := l.Total.waiting()
		if left != last {
			last, since = left, time.Now()
		}
		if left > 0 && time.Since(since) > patience {
			return false, fmt.Errorf("nothing moved for %s: %v", patience, l.Total.States)
		}
		return left == 0, nil
	})
}

// profileOf is the address of a candidate's page, as a person copies it.
func profileOf(c simulator.Candidate) string {
	url := fmt.Sprintf("https://app.greenhouse.io/people/%d", c.ID)
	if len(c.Applications) > 0 {
		url += fmt.Sprintf("?application_id=%d", c.Applications[0].ID)
	}
	return url
}

// settle settles everything uncertain with atssync resolve, by what the ATS knows: there with its address, and what is not
// there by turns sent again and given up. It returns how many there were.
func (w *world) settle(ctx context.Context, when string) (int, error) {
	list, err := w.submissions(ctx, "uncertain")
	if err != nil || len(list) == 0 {
		return 0, err
	}
	employers := make(map[string]target)
	for _, t := range w.targets {
		employers[t.connection] = t
	}
	var file strings.Builder
	for i, s := range list {
		line := map[string]any{"submission": s.ID, "action": "send_again", "attempt": s.Attempt}
		switch there := employers[s.Connection].employer.ByExternalID(s.ExternalID); {
		case len(there) > 0:
			line["action"] = "submitted"
			line["profile_url"] = profileOf(there[0])
		case i%2 == 0:
			line["action"] = "give_up"
		}
		b, err := json.Marshal(line)
		if err != nil {
			return 0, err
		}
		file.Write(append(b, '\n'))
	}
	out, err := w.cli(ctx, file.String(), "resolve", "--file", "-", "--json")
	var got struct {
		Read, Settled, Refused int
		Errors                 []json.RawMessage
	}
	err = errors.Join(err, json.Unmarshal(out, &got))
	w.t.check("each uncertain one is listed and settled by atssync resolve", err == nil && got.Settled == len(list), "%s: %d listed, %d settled: %v %s", when, len(list), got.Settled, err, got.Errors)
	return len(list), nil
}
