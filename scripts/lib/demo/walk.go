package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
)

func (d *demo) connect(ctx context.Context) error {
	for _, e := range d.ats.Employers {
		file, err := d.write(e.Name+".json", map[string]string{"api_key": e.Key, "on_behalf_of": e.SiteAdmin})
		if err != nil {
			return err
		}
		if err := d.show(ctx, "connect", "--adapter", "greenhouse", "--account", e.Name, "--name", e.Name, "--from-file", file); err != nil {
			return err
		}
		d.cons = append(d.cons, e.Name)
	}
	return nil
}

func (d *demo) connectWrongly(ctx context.Context) error {
	e := d.ats.Employers[0]
	file, err := d.write("wrong.json", map[string]string{"api_key": "not-the-key", "on_behalf_of": e.SiteAdmin})
	if err != nil {
		return err
	}
	if err := d.show(ctx, "connect", "--adapter", "greenhouse", "--account", e.Name, "--name", "second", "--from-file", file); err == nil {
		return errors.New("a wrong key was accepted")
	}
	return nil
}

// link makes platform jobs: some that carry the ATS job's id as their requisition, some with the same title, some
// with a similar one.
func (d *demo) link(ctx context.Context) error {
	type job struct {
		ID            string `json:"id"`
		Account       string `json:"account"`
		Title         string `json:"title"`
		RequisitionID string `json:"requisition_id,omitempty"`
		Open          bool   `json:"open"`
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for _, e := range d.ats.Employers {
		for i, j := range e.Jobs[:min(5, len(e.Jobs))] {
			p := job{ID: fmt.Sprintf("%s-%d", e.Name, i+1), Account: e.Name, Title: j.Name, Open: true}
			switch i {
			case 0, 1, 2:
				p.ID = fmt.Sprint(j.ID) // the platform was told the employer's own number
			case 4:
				p.Title = strings.ToUpper(j.Name) + " (m/f/d)"
			}
			if err := enc.Encode(p); err != nil {
				return err
			}
		}
	}
	path := filepath.Join(d.dir, "jobs.ndjson")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		return err
	}
	if err := d.show(ctx, "platform-jobs", "import", path); err != nil {
		return err
	}
	for i, c := range d.cons {
		args := [][]string{{"link", "--suggest", c}, {"link", "--suggest", c, "--all"}, {"link", "--suggest", c, "--all", "--yes-titles"}}
		if i > 0 {
			args = args[2:]
		}
		for _, a := range args {
			if err := d.show(ctx, a...); err != nil {
				return err
			}
		}
	}
	return nil
}

// applications writes the file with everybody who applies.
func (d *demo) applications(ctx context.Context) (string, error) {
	var page struct {
		Items []struct {
			Connection  string `json:"connection"`
			PlatformJob string `json:"platform_job"`
		} `json:"items"`
	}
	if err := d.ask(ctx, &page, "links", "--limit", "500"); err != nil {
		return "", err
	}
	if len(page.Items) == 0 {
		return "", errors.New("no job is linked")
	}
	path := filepath.Join(d.dir, "applications.ndjson")
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	now := time.Now()
	for n := range d.people {
		l := page.Items[n%len(page.Items)]
		doc := people.Invent(1, uint64(n), l.Connection, l.PlatformJob, now)
		if err := enc.Encode(doc); err != nil {
			return "", err
		}
	}
	return path, os.WriteFile(path, lines.Bytes(), 0o600)
}

func (d *demo) submit(ctx context.Context) error {
	path, err := d.applications(ctx)
	if err != nil {
		return err
	}
	if err := d.show(ctx, "submit", path); err != nil {
		return err
	}
	if err := d.settled(ctx); err != nil {
		return err
	}
	return d.inATS(ctx)
}

func (d *demo) submitAgain(ctx context.Context) error {
	if err := d.show(ctx, "submit", filepath.Join(d.dir, "applications.ndjson")); err != nil {
		return err
	}
	if err := d.settled(ctx); err != nil {
		return err
	}
	return d.inATS(ctx)
}

// total is the sum line of the ledger.
type total struct {
	Total struct {
		Accepted int            `json:"accepted"`
		States   map[string]int `json:"states"`
	} `json:"total"`
}

// settled waits until nothing is on its way any more.
func (d *demo) settled(ctx context.Context) error {
	return d.until(ctx, 2*time.Minute, "submissions are still under way", func() (bool, error) {
		var t total
		if err := d.ask(ctx, &t, "ledger"); err != nil {
			return false, err
		}
		return t.Total.Accepted > 0 && t.Total.States["queued"]+t.Total.States["sending"] == 0, nil
	})
}

// inATS asks the simulator what it was sent.
func (d *demo) inATS(ctx context.Context) error {
	var state struct {
		Total map[string]int `json:"total"`
	}
	if err := d.control(ctx, http.MethodGet, "/state", nil, &state); err != nil {
		return err
	}
	fmt.Printf("  In the ATS: %d people, %d of them twice.\n", state.Total["candidates"], state.Total["doubled"])
	if state.Total["candidates"] != d.people || state.Total["doubled"] != 0 {
		return fmt.Errorf("%d applied", d.people)
	}
	return nil
}

func (d *demo) move(ctx context.Context) error {
	var list struct {
		Items []struct {
			ExternalID string `json:"external_id"`
			Account    string `json:"account"`
		} `json:"items"`
	}
	if err := d.ask(ctx, &list, "submissions", "list", "--state", "submitted", "--limit", "500"); err != nil {
		return err
	}
	const moves = 20
	if step := len(list.Items) / moves; step > 1 { // some of every employer
		for i := range moves {
			list.Items[i] = list.Items[i*step]
		}
		list.Items = list.Items[:moves]
	}
	before, err := d.readOnce(ctx)
	if err != nil {
		return err
	}
	for i, s := range list.Items {
		act, body := "advance", map[string]string{"external_id": s.ExternalID}
		switch i % 5 {
		case 3:
			act = "reject"
		case 4:
			act = "hire"
		}
		if err := d.control(ctx, http.MethodPost, "/employers/"+s.Account+"/"+act, body, nil); err != nil {
			return err
		}
	}
	if err := d.show(ctx, "schedule", "run", "status"); err != nil {
		return err
	}
	moved := make(map[string]bool, len(list.Items))
	for _, s := range list.Items {
		moved[s.ExternalID] = true
	}
	if err := d.until(ctx, time.Minute, "the statuses did not come back", func() (bool, error) {
		told := make(map[string]bool)
		events, err := d.events(ctx, "--types", "application.status_changed")
		for _, e := range events {
			if moved[e.Data.ExternalID] && e.Data.Revision > 1 {
				told[e.Data.ExternalID] = true
			}
		}
		return len(told) == len(moved), err
	}); err != nil {
		return err
	}
	for i, c := range d.cons {
		if err := d.show(ctx, "events", "--connection", c, "--after", fmt.Sprint(before[i])); err != nil {
			return err
		}
	}
	return nil
}

// readOnce has the status of everybody read once, and returns the last sequence number of each connection.
func (d *demo) readOnce(ctx context.Context) ([]int64, error) {
	if err := d.command(ctx, "schedule", "run", "status").Run(); err != nil {
		return nil, err
	}
	if err := d.until(ctx, time.Minute, "the first pass did not end", func() (bool, error) {
		events, err := d.events(ctx, "--types", "application.status_changed")
		return len(events) >= d.people, err
	}); err != nil {
		return nil, err
	}
	last := make([]int64, len(d.cons))
	for i, c := range d.cons {
		events, err := d.events(ctx, "--connection", c)
		if err != nil {
			return nil, err
		}
		for n, e := range events {
			if e.Sequence != int64(n)+1 {
				return nil, fmt.Errorf("event %d of %s has the sequence %d", n+1, c, e.Sequence)
			}
		}
		last[i] = int64(len(events))
	}
	return last, nil
}

// event is what the demo looks at of an event.
type event struct {
	Sequence int64 `json:"sequence"`
	Data     struct {
		ExternalID string `json:"external_id"`
		Revision   int    `json:"revision"`
	} `json:"data"`
}

// events reads events, one JSON document a line.
func (d *demo) events(ctx context.Context, args ...string) ([]event, error) {
	out, err := d.command(ctx, append([]string{"events", "--all", "--json"}, args...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("atssync events: %w", err)
	}
	var list []event
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var e event
		if err := dec.Decode(&e); err != nil {
			return nil, fmt.Errorf("atssync events: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

func (d *demo) ledger(ctx context.Context) error {
	if err := d.show(ctx, "ledger", "--recount"); err != nil {
		return err
	}
	var t total
	if err := d.ask(ctx, &t, "ledger"); err != nil {
		return err
	}
	if t.Total.Accepted != d.people || t.Total.States["submitted"] != d.people {
		return fmt.Errorf("%d were accepted and %d submitted, of %d", t.Total.Accepted, t.Total.States["submitted"], d.people)
	}
	return nil
}

func (d *demo) write(name string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	path := filepath.Join(d.dir, name)
	return path, os.WriteFile(path, b, 0o600)
}
