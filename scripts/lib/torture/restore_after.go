package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// statuses has a status pass begin, unless one is under way.
func (w *world) statuses(ctx context.Context) error {
	err := w.api.Call(ctx, http.MethodPost, "/v1/schedule/status/run", nil, nil)
	if refused, ok := errors.AsType[*rig.Refusal](err); ok && refused.Status == http.StatusConflict {
		return nil // the schedule's own, or one that a start made up for
	}
	return err
}

// statusesOf is statuses as a step of a restore.
func (w *world) statusesOf(ctx context.Context, _ string) error { return w.statuses(ctx) }

// sendAgain has the platform send everything that it ever sent, in the order in which it did, with atssync submit.
func (s *saved) sendAgain(ctx context.Context, when string) error {
	w := s.w
	var all bytes.Buffer
	begun, _ := w.sent.counts()
	in := json.NewEncoder(&all)
	for n := range w.sent.next.Load() {
		d, _ := w.document(n + 1)
		if s.gone[d.ExternalID] {
			continue
		}
		if n < heavy {
			d = lengthen(d)
		}
		if err := in.Encode(d); err != nil {
			return err
		}
	}
	out, err := w.cli(ctx, all.String(), "submit", "-", "--json")
	answers, refused := json.NewDecoder(bytes.NewReader(out)), ""
	n := 0
	w.sent.mu.Lock()
	defer w.sent.mu.Unlock()
	for err == nil {
		var a struct {
			Submission string          `json:"id"`
			ExternalID string          `json:"external_id"`
			Error      json.RawMessage `json:"error"`
		}
		if bad := answers.Decode(&a); errors.Is(bad, io.EOF) {
			break
		} else if bad != nil {
			return bad
		}
		n++
		if a.Error != nil {
			refused = fmt.Sprintf("%s: %s", a.ExternalID, a.Error)
			continue
		}
		w.sent.acked[a.ExternalID] = a.Submission
	}
	s.t.check("the platform sends everything again, and nothing is refused", err == nil && refused == "" && n == begun,
		"%s: %d of %d: %v %s", when, n, begun, err, refused)
	return nil
}

// reconcile gives the daemon the events that the platform received.
func (s *saved) reconcile(ctx context.Context, when string) error {
	out, err := s.w.cli(ctx, s.w.hooks.all(), "reconcile", "--from", "-", "--json")
	var got struct{ Read, Refused int }
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	s.t.check("the platform's own events are understood", err == nil && got.Refused == 0, "%s: %v %+v", when, err, got)
	return nil
}

// lookIntoATS is the person who looks into the ATS for what the platform was not told yet, before anything is released.
func (s *saved) lookIntoATS(ctx context.Context, when string) error {
	w := s.w
	held, err := everything[submission](ctx, w.api, "/v1/submissions?limit=500&state=held&held_reason=restored")
	if err != nil {
		return err
	}
	employers := make(map[string]*simulator.Employer)
	for _, t := range w.targets {
		employers[t.connection] = t.employer
	}
	var file strings.Builder
	n := 0
	for _, h := range held {
		there := employers[h.Connection].ByExternalID(h.ExternalID)
		if len(there) == 0 {
			continue
		}
		n++
		line, err := json.Marshal(map[string]string{"submission": h.ID, "action": "submitted", "profile_url": profileOf(there[0])})
		if err != nil {
			return err
		}
		file.Write(append(line, '\n'))
	}
	if n == 0 {
		return nil
	}
	out, err := w.cli(ctx, file.String(), "resolve", "--file", "-", "--json")
	var got struct {
		Settled int
		Errors  []json.RawMessage
	}
	err = errors.Join(err, json.Unmarshal(out, &got))
	s.t.check("what the ATS has and no event told is settled by atssync resolve while it is held", err == nil && got.Settled == n,
		"%s: %d, and %d settled: %v %s", when, n, got.Settled, err, got.Errors)
	return nil
}

// judge settles the rest and compares daemon, ATS and platform.
func (s *saved) judge(ctx context.Context, when string) error {
	w := s.w
	if !w.undoubled(when) {
		return errors.New("somebody was sent twice")
	}
	for range 2 {
		n, err := w.settle(ctx, when)
		if err != nil {
			return err
		}
		s.uncertain += n
		if err := w.arrived(ctx, 150*time.Second); err != nil {
			return err
		}
	}
	w.balanced(ctx, when)
	have, err := w.present(ctx, when)
	if err != nil {
		return err
	}
	begun, _ := w.sent.counts()
	s.t.check("the daemon has what the platform sent and nothing else", len(have) == begun, "%s: %d sent, %d there", when, begun, len(have))
	w.undoubled(when)
	w.stand(have, when)
	if s.ownAttempts {
		w.onePost(have, when)
	}
	feed, err := w.feed(ctx, when)
	if err != nil {
		return err
	}
	var missing []string
	err = rig.Until(ctx, time.Minute, 100*time.Millisecond, func() (bool, error) {
		missing = w.hooks.missing(feed)
		return len(missing) == 0, nil
	})
	s.t.check("every event came by webhook, none with another content, no number twice", err == nil, "%s: %v, such as %v", when, err, firstOf(missing))
	return nil
}

// cutOff ends a backup in its middle: the daemon's end, or the command's.
func (s *saved) cutOff(ctx context.Context, r *rand.Rand, when string) error {
	w := s.w
	before, err := s.files()
	if err != nil {
		return err
	}
	if r.IntN(2) == 0 {
		if err := s.cutCommand(ctx, r); err != nil {
			return err
		}
	}
	half, ended := w.killBackup(ctx, r, max(s.largest, 6<<20))
	w.gone(ctx, when)
	if err := w.start(ctx); err != nil {
		return err
	}
	w.balanced(ctx, when)
	if _, err := w.present(ctx, when); err != nil {
		return err
	}
	after, err := s.files()
	if err != nil {
		return err
	}
	s.t.check(promiseNoRest, strings.Join(before, " ") == strings.Join(after, " "), "%s: %v were there and now %v", when, before, after)
	s.t.check("a backup that was cut off does not look whole to who takes it", ended != nil, "%s: %d bytes", when, len(half))
	if ended != nil {
		return s.refuses(ctx, half, promiseHalf, when)
	}
	return nil
}

// cutCommand kills atssync backup at a random moment; the daemon goes on and makes another one at once.
func (s *saved) cutCommand(ctx context.Context, r *rand.Rand) error {
	cmd := exec.Command(filepath.Join(s.w.dir, "atssync"), "backup", filepath.Join(s.backupsDir(), "cut.backup"))
	cmd.Env = append(os.Environ(), "ATSSYNC_CONFIG="+s.w.config())
	p, err := rig.Start(cmd)
	if err != nil {
		return err
	}
	err = sleep(ctx, time.Duration(r.IntN(60))*time.Millisecond)
	p.Signal(syscall.SIGKILL)
	<-p.Done()
	_ = os.Remove(filepath.Join(s.backupsDir(), "cut.backup")) // it was faster
	return err
}

// killBackup kills the daemon once it has sent a random part of a backup, of which there are at most so many bytes, and
// returns that part, and what the receiver was told of it.
func (w *world) killBackup(ctx context.Context, r *rand.Rand, most int64) ([]byte, error) {
	defer w.kill()
	from, err := w.openBackup(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	var half bytes.Buffer
	if _, err := io.CopyN(&half, from, r.Int64N(most*2/3)); err != nil && !errors.Is(err, io.EOF) {
		return half.Bytes(), err
	}
	w.kill()
	_, err = io.Copy(&half, from) // what was on its way
	return half.Bytes(), err
}

// openBackup has a backup begin. One that was cut off a moment ago may still be under way, and is waited for.
func (w *world) openBackup(ctx context.Context) (io.ReadCloser, error) {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://atssync/v1/backup", http.NoBody)
		if err != nil {
			return nil, err
		}
		res, err := w.api.HTTP.Do(req)
		if err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusOK {
			return res.Body, nil
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusConflict {
			return nil, &rig.Refusal{What: "a backup", Status: res.StatusCode}
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// files are the names in the folder of the backups.
func (s *saved) files() (names []string, err error) {
	entries, err := os.ReadDir(s.backupsDir())
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// refuses checks that bytes that are no backup are refused by atssync restore, and that no data folder comes of it.
func (s *saved) refuses(ctx context.Context, content []byte, promise, when string) error {
	dir := filepath.Join(s.safe, "nothing")
	config := filepath.Join(s.safe, "nothing.toml")
	text, err := os.ReadFile(s.w.config())
	if err != nil {
		return err
	}
	text = bytes.Replace(text, fmt.Appendf(nil, "data_dir = %q", s.w.data), fmt.Appendf(nil, "data_dir = %q", dir), 1)
	file := filepath.Join(s.safe, "broken")
	if err := errors.Join(os.WriteFile(config, text, 0o600), os.WriteFile(file, content, 0o600)); err != nil {
		return err
	}
	_, err = command(ctx, "", nil, filepath.Join(s.w.dir, "atssync"), "restore", file, "--config", config)
	said := ""
	if err != nil {
		said = err.Error()
	}
	left, _ := os.ReadDir(dir)
	s.t.check(promise, strings.Contains(said, "exit status 1") && strings.Contains(said, "nothing was restored") && len(left) == 0, "%s: %s, and %v", when, said, left)
	return os.RemoveAll(dir)
}

// flips flips single bits of the last backup, and cuts it off in places.
func (s *saved) flips(ctx context.Context) error {
	bits := 40
	if s.t.long {
		bits = 500
	}
	good, err := os.ReadFile(s.last)
	if err != nil {
		return err
	}
	for i := range bits {
		r := s.t.random("backup bits", i)
		at, bit := r.IntN(len(good)), r.IntN(8)
		good[at] ^= 1 << bit
		err := s.refuses(ctx, good, "a backup with one bit flipped is refused, and nothing of it is restored", fmt.Sprintf("bit %d of byte %d of %d", bit, at, len(good)))
		good[at] ^= 1 << bit
		if err != nil {
			return err
		}
		if i%10 == 0 {
			cut := r.IntN(len(good))
			if err := s.refuses(ctx, good[:cut], promiseHalf, fmt.Sprintf("%d of %d bytes", cut, len(good))); err != nil {
				return err
			}
		}
	}
	s.t.note("%d bits of a backup of %d KiB flipped", bits, len(good)>>10)
	return nil
}
