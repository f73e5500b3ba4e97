package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// promiseErased is what a restore owes people who were erased after the backup.
const promiseErased = "who was erased after the backup is not brought back, and gone when sent again"

// person is one whom the platform has erased, and whether the backup knows them.
type person struct {
	submission
	inBackup bool // else they may be in it
}

// erase has people erased after the backup: two that it knows, and one who came later.
func (s *saved) erase(ctx context.Context, before snapshot, when string) error {
	w := s.w
	list, err := w.submissions(ctx, "submitted")
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b submission) int { return len(a.ExternalID) - len(b.ExternalID) })
	s.erased = nil
	known, later := 0, 0
	for _, x := range list {
		was, inBackup := before.list[x.ExternalID]
		_, acked := w.sent.acknowledged()[x.ExternalID]
		switch {
		case !acked:
			continue
		case inBackup && was.State == "submitted" && known < 2:
			known++
		case !inBackup && later < 1:
			later++
		default:
			continue
		}
		out, err := w.cli(ctx, "", "erase", "--external-id", x.ExternalID, "--connection", x.Connection, "--yes", "--json")
		var got struct{ State string }
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		s.t.check("a person is erased while everything goes on", err == nil && got.State == "done", "%s: %v %+v", when, err, got)
		s.erased = append(s.erased, person{x, inBackup})
		w.sent.forget(x.ExternalID)
		s.gone[x.ExternalID] = true
	}
	return nil
}

// eraseAgain is what an operator does who has the receipts and no journal.
func (s *saved) eraseAgain(ctx context.Context, _ string) error {
	known := s.erased[:0]
	for _, p := range s.erased {
		_, err := s.w.cli(ctx, "", "erase", "--external-id", p.ExternalID, "--connection", p.Connection, "--yes")
		switch {
		case err == nil:
			known = append(known, p)
		case p.inBackup || !strings.Contains(err.Error(), "no submission was ever accepted"):
			return err
		} // else they came after the backup, and nobody here knows them
	}
	s.erased = known
	return nil
}

// stayErased looks that nobody came back, and sends one of them once more.
func (s *saved) stayErased(ctx context.Context, when string) error {
	w := s.w
	list, err := w.submissions(ctx, "")
	if err != nil {
		return err
	}
	for _, p := range s.erased {
		back := slices.ContainsFunc(list, func(x submission) bool { return x.ExternalID == p.ExternalID })
		d, _ := w.document(numberOf(p.ExternalID))
		body, err := json.Marshal(d)
		if err != nil {
			return err
		}
		status, _, err := w.post(ctx, body)
		s.t.check(promiseErased, err == nil && d.ExternalID == p.ExternalID && !back && status == http.StatusGone, "%s: %s (in the backup: %t): there: %t, %d %v", when, p.ExternalID, p.inBackup, back, status, err)
	}
	return nil
}

// forget takes a document out of what the platform has.
func (s *sent) forget(external string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.begun, external)
	delete(s.acked, external)
}
