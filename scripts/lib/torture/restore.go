package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/people"
)

const (
	// restoreLife is how many losses one world lives through: everything is sent again after each of them.
	restoreLife        = 5
	restoreConnections = 10
	// heavy is how many long documents a world begins with.
	heavy = 40
)

// The promises of backups.
const (
	promiseWhole    = "a backup holds what was acknowledged before it began, as it was or later"
	promiseHeld     = "a restored store sends nothing until somebody knows what was sent"
	promiseBackedUp = "a backup under load is whole, and atssync backup verify says so"
	promiseHalf     = "half a backup is refused, and nothing of it is restored"
	promiseNoRest   = "a backup that was cut off leaves no file"
)

// restores makes backups under load, kills daemons and commands in the middle of some, loses the data folder, restores it,
// and has the platform send everything again.
func restores(ctx context.Context, t *trial) error {
	var sum saved
	for from := 0; from < t.n; from += restoreLife {
		s, err := newSaved(ctx, t, from)
		if err != nil {
			return fmt.Errorf("restores from %d: %w", from, err)
		}
		for i := from; i < min(from+restoreLife, t.n); i++ {
			if err := s.lose(ctx, i); err != nil {
				return fmt.Errorf("restore %d: %w", i, err)
			}
			t.done(1)
		}
		if from == 0 {
			if err := s.flips(ctx); err != nil {
				return fmt.Errorf("bits of a backup: %w", err)
			}
		}
		sum.add(s)
		s.w.vanish()
	}
	t.note("%d data folders lost and restored; %d applications, %d of them accepted or sent after the backup; %d backups of up to %d KiB; %d uncertain, all settled",
		t.n, sum.applications, sum.after, sum.backups, sum.largest>>10, sum.uncertain)
	return nil
}

// saved is one world whose key, journal and backups lie apart from its data.
type saved struct {
	t    *trial
	w    *world
	safe string
	last string // the last backup

	erased []person        // after the last backup
	gone   map[string]bool // whom the platform does not have any more

	ownAttempts bool // the daemon knows of every attempt: no loss without the journal so far

	applications, after, backups, uncertain int
	largest                                 int64
}

func (s *saved) add(o *saved) {
	_, n := o.w.sent.counts()
	s.applications += n
	s.after += o.after
	s.backups += o.backups
	s.uncertain += o.uncertain
	s.largest = max(s.largest, o.largest)
}

func newSaved(ctx context.Context, t *trial, from int) (*saved, error) {
	s := &saved{t: t, safe: filepath.Join(t.root, fmt.Sprintf("safe%d", from)), ownAttempts: true, gone: make(map[string]bool)}
	if err := os.MkdirAll(s.backupsDir(), 0o700); err != nil {
		return nil, err
	}
	w, err := newWorld(ctx, t, fmt.Sprintf("r%d", from), options{connections: restoreConnections, store: fmt.Sprintf(
		"ballast = \"0B\"\nmin_free = \"64MiB\"\nkey_file = %q\njournal = %q\n", filepath.Join(s.safe, "seal.key"), s.journal(),
	)})
	if err != nil {
		return nil, err
	}
	s.w = w
	for _, f := range []simulator.Fault{
		{Kind: simulator.FaultLatency, Method: http.MethodPost, Delay: simulator.Duration(2 * time.Millisecond)},
		{Kind: simulator.FaultLatencyAfter, Method: http.MethodPost, Delay: simulator.Duration(6 * time.Millisecond)},
	} {
		if _, err := w.sim.AddFault(f); err != nil {
			return nil, err
		}
	}
	return s, s.weigh(ctx)
}

func (s *saved) backupsDir() string { return filepath.Join(s.safe, "backups") }
func (s *saved) journal() string    { return filepath.Join(s.safe, "attempts.log") }

// weigh sends some long documents, so that a backup has several parts and takes a while.
func (s *saved) weigh(ctx context.Context) error {
	for range heavy {
		doc, i := s.w.document(s.w.sent.next.Add(1))
		if err := s.w.deliver(ctx, lengthen(doc), i); err != nil {
			return err
		}
	}
	return nil
}

// lengthen makes a document of some 150 KiB.
func lengthen(d people.Document) people.Document {
	for q := range 15 {
		d.Answers = append(d.Answers, people.Answer{Question: fmt.Sprintf("What else, %d?", q), Answer: strings.Repeat("Much. ", 1600), Private: true})
	}
	return d
}

// snapshot is what a caller saw just before a backup began.
type snapshot struct {
	acked map[string]string
	list  map[string]submission
	feed  map[string]event
}

func (s *saved) look(ctx context.Context, when string) (snapshot, error) {
	acked := s.w.sent.acknowledged()
	list, err := s.w.present(ctx, when)
	if err != nil {
		return snapshot{}, err
	}
	feed, err := s.w.feed(ctx, when)
	return snapshot{acked, list, feed}, err
}

// lose lives through one loss: backups under load, some of them cut off, the end of daemon and data, the restore, and
// everything once more.
func (s *saved) lose(ctx context.Context, i int) error {
	w, r, when := s.w, s.t.random("restore", i), fmt.Sprintf("restore %d", i)
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := w.stream(sending, 8, 8*time.Millisecond)
	if err := s.pass(ctx, r); err != nil {
		return err
	}
	if err := s.cutOff(ctx, r, when); err != nil {
		return err
	}
	var before snapshot
	var err error
	for range 1 + r.IntN(2) {
		if err := s.pass(ctx, r); err != nil {
			return err
		}
		if before, err = s.look(ctx, when); err != nil {
			return err
		}
		if err := s.backup(ctx, before, when); err != nil {
			return err
		}
	}
	_, atBackup := w.sent.counts()
	if err := sleep(ctx, time.Duration(200+r.IntN(1200))*time.Millisecond); err != nil {
		return err
	}
	if err := s.erase(ctx, before, when); err != nil {
		return err
	}
	w.kill()
	cancel()
	_ = stop() // what was not acknowledged is sent again with everything else
	_, acked := w.sent.counts()
	s.after += acked - atBackup
	w.gone(ctx, when)
	if err := os.RemoveAll(w.data); err != nil {
		return err
	}
	if i%2 == 0 {
		err = s.withJournal(ctx, before, when)
	} else {
		err = s.withoutJournal(ctx, before, i, when)
	}
	if err == nil {
		err = s.stayErased(ctx, when)
	}
	if err != nil {
		return err
	}
	return s.judge(ctx, when)
}

// pass lets a random moment pass in which the ATS moves on and statuses are read.
func (s *saved) pass(ctx context.Context, r *rand.Rand) error {
	s.w.sim.MoveRandom(10)
	if err := s.w.statuses(ctx); err != nil {
		return err
	}
	return sleep(ctx, time.Duration(r.IntN(400))*time.Millisecond)
}

// backup makes one with atssync backup and verifies it.
func (s *saved) backup(ctx context.Context, before snapshot, when string) error {
	w := s.w
	out, err := w.cli(ctx, "", "backup", filepath.Join(s.backupsDir(), fmt.Sprintf("%d.backup", s.backups)), "--json")
	var made struct {
		Path string
		Size int64
	}
	if err == nil {
		err = json.Unmarshal(out, &made)
	}
	if err != nil {
		return fmt.Errorf("a backup under load: %w", err)
	}
	s.last, s.backups, s.largest = made.Path, s.backups+1, max(s.largest, made.Size)
	out, err = w.cli(ctx, "", "backup", "verify", made.Path, "--json")
	var got struct {
		Submissions int
		Ledger      ledgerLine
	}
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	s.t.check(promiseBackedUp, err == nil && got.Submissions >= len(before.acked) && got.Ledger.Accepted == got.Submissions,
		"%s: %d acknowledged before: %v %+v", when, len(before.acked), err, got)
	return nil
}

// withJournal restores where the journal of attempts was not lost.
func (s *saved) withJournal(ctx context.Context, before snapshot, when string) error {
	w := s.w
	out, err := w.cli(ctx, "", "restore", s.last, "--json")
	var got struct {
		Journal struct {
			Covers bool
			Why    string
		}
		Held []string
	}
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err != nil {
		return err
	}
	s.t.check("the journal of attempts tells of everything since the backup, and releases it", got.Journal.Covers && len(got.Held) == 0, "%s: %+v", when, got)
	if err := w.start(ctx); err != nil {
		return err
	}
	if err := s.compare(ctx, before, when); err != nil {
		return err
	}
	return s.sendAgain(ctx, when)
}

// withoutJournal restores where the journal was lost with the data: the platform's events and a person who looks into the
// ATS say what was sent, before or after the platform sends everything again.
func (s *saved) withoutJournal(ctx context.Context, before snapshot, i int, when string) error {
	w := s.w
	s.ownAttempts = false
	left, err := filepath.Glob(s.journal() + "*")
	if err != nil {
		return err
	}
	for _, file := range left {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	if _, err := w.cli(ctx, "", "restore", s.last, "--json"); err != nil {
		return err
	}
	reached := total(w.posts())
	if err := w.start(ctx); err != nil {
		return err
	}
	if err := s.compare(ctx, before, when); err != nil {
		return err
	}
	steps := []func(context.Context, string) error{s.sendAgain, s.reconcile}
	if i%4 == 1 {
		slices.Reverse(steps)
	}
	steps = append(steps, s.eraseAgain)
	for _, step := range append(steps, w.statusesOf, s.lookIntoATS) {
		if err := step(ctx, when); err != nil {
			return err
		}
	}
	n := total(w.posts())
	s.t.check(promiseHeld, n == reached, "%s: %d applications came to the ATS", when, n-reached)
	_, err = w.cli(ctx, "", "connections", "release", "--all", "--per-minute", "-1")
	return err
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// compare holds what was seen before the backup against the restored store.
func (s *saved) compare(ctx context.Context, before snapshot, when string) error {
	w := s.w
	w.balanced(ctx, when)
	have, err := w.submissions(ctx, "")
	if err != nil {
		return err
	}
	now := make(map[string]submission, len(have))
	for _, x := range have {
		now[x.ExternalID] = x
	}
	var wrong []string
	for external, id := range before.acked {
		if got := now[external]; got.ID != id && !s.gone[external] {
			wrong = append(wrong, fmt.Sprintf("%s is %q", id, got.ID))
		}
	}
	for external, was := range before.list {
		got := now[external]
		ended := was.State == "submitted" || was.State == "already_applied" || was.State == "refused" || was.State == "cancelled"
		if s.gone[external] {
			continue
		}
		if got.ID != was.ID || ended && got.State != was.State || got.Attempt < was.Attempt {
			wrong = append(wrong, fmt.Sprintf("%+v was %+v", got, was))
		}
	}
	s.t.check(promiseWhole, len(wrong) == 0, "%s: %d, such as %v", when, len(wrong), firstOf(wrong))
	feed, err := w.feed(ctx, when)
	if err != nil {
		return err
	}
	missing := ""
	for id, e := range before.feed {
		if got, ok := feed[id]; !ok || !same(got, e) && !got.erased() {
			missing = id
		}
	}
	s.t.check("a backup holds every event of before it, with the same number and content", missing == "", "%s: event %s", when, missing)
	return nil
}
