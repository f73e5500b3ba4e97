package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// lossy is a world whose key and journal lie apart from its data, with one connection and two linked jobs.
type lossy struct {
	*world
	c    api.Connection
	safe string // where key, journal and backups are
}

func newLossy(t *testing.T, s *ats) *lossy {
	t.Helper()
	safe := t.TempDir()
	w := newWorld(t, s, "[submissions]\nrelease_pace = 100000\nresume_check = \"off\"\n")
	text, err := os.ReadFile(w.config)
	require.NoError(t, err)
	text = bytes.Replace(text, []byte("[store]\n"), fmt.Appendf(nil, "[store]\nkey_file = %q\njournal = %q\n",
		filepath.Join(safe, "seal.key"), filepath.Join(safe, "attempts.log")), 1)
	require.NoError(t, os.WriteFile(w.config, text, 0o600))
	l := &lossy{world: w, safe: safe}
	l.start()
	l.c = l.connect(0, "")
	l.link(l.c, "job-a", s.Employers[0].Jobs[0].ID)
	return l
}

func (l *lossy) backup() string {
	l.t.Helper()
	f, err := SaveBackup(filepath.Join(l.safe, fmt.Sprintf("%d.backup", time.Now().UnixNano())), func(w io.Writer) error {
		return l.client.Backup(l.t.Context(), w)
	})
	require.NoError(l.t, err)
	info, err := os.Stat(f.Path)
	require.NoError(l.t, err)
	require.EqualValues(l.t, 0o600, info.Mode().Perm())
	require.Equal(l.t, info.Size(), f.Size)
	return f.Path
}

// lose kills the daemon and takes its data folder away.
func (l *lossy) lose() {
	l.t.Helper()
	l.kill()
	require.NoError(l.t, os.RemoveAll(filepath.Join(l.dir, "data")))
}

func (l *lossy) restore(path string, change func(*RestoreOptions)) (RestoreReport, error) {
	l.t.Helper()
	conf, err := LoadConfig(l.config)
	require.NoError(l.t, err)
	o := RestoreOptions{Path: path}
	if change != nil {
		change(&o)
	}
	return RestoreBackup(l.t.Context(), conf, o)
}

// resend has the platform send everything again.
func (l *lossy) resend(n int) {
	l.t.Helper()
	l.submit(l.c.ID, "job-a", 0, n)
}

// allEvents are all events, as the platform received them.
func (l *lossy) allEvents() []api.Event {
	l.t.Helper()
	var out []api.Event
	after := int64(0)
	for {
		page, err := l.client.Events(l.t.Context(), api.EventQuery{Connection: l.c.ID, After: fmt.Sprint(after), Limit: 1000})
		require.NoError(l.t, err)
		if len(page.Items) == 0 {
			return out
		}
		out = append(out, page.Items...)
		after = page.Items[len(page.Items)-1].Sequence
	}
}

// numbersOnce holds that no number of before the loss stands for something else now.
func (l *lossy) numbersOnce(before []api.Event) {
	l.t.Helper()
	was := make(map[int64]string, len(before))
	for _, e := range before {
		was[e.Sequence] = e.ID
	}
	for _, e := range l.allEvents() {
		if id, ok := was[e.Sequence]; ok {
			require.Equal(l.t, id, e.ID, "sequence %d", e.Sequence)
		}
	}
}

// A store that is lost after its backup is settled by the journal alone: the platform sends everything again, and nobody is in
// the ATS twice.
func TestRestore_WithTheJournalEverythingSettlesByItself(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	l := newLossy(t, s)
	l.submit(l.c.ID, "job-a", 0, 30)
	l.settled(30 * time.Second)
	l.submit(l.c.ID, "job-none", 0, 5) // held
	path := l.backup()
	l.submit(l.c.ID, "job-a", 30, 40)
	l.settled(30 * time.Second)
	require.Equal(t, 70, s.candidates())
	told := l.allEvents()
	l.lose()

	report, err := l.restore(path, nil)
	require.NoError(t, err)
	require.True(t, report.Journal.Covers, report.Journal.Why)
	require.Equal(t, 40, report.Journal.Remembered)
	require.Empty(t, report.Held)
	require.EqualValues(t, 30, report.After[atssync.StateSubmitted])
	_, err = l.restore(path, nil)
	require.ErrorContains(t, err, "a restore replaces none")

	l.start()
	l.resend(100) // thirty more than ever were
	total := l.settled(time.Minute)
	require.EqualValues(t, 100, total.States[atssync.StateSubmitted], "%+v", total.States)
	require.EqualValues(t, 5, total.States[atssync.StateHeld])
	require.Equal(t, 100, s.candidates())
	require.Empty(t, s.doubled())
	l.numbersOnce(told)
	held, err := l.client.Submissions(t.Context(), api.SubmissionQuery{Connection: l.c.ID, State: "held"})
	require.NoError(t, err)
	for _, x := range held.Items {
		require.Equal(t, atssync.HeldJobNotLinked, x.HeldReason)
	}
	first := told[len(told)-1]
	var data struct{ Submission string }
	require.NoError(t, json.Unmarshal(first.Data, &data))
	sub, err := l.client.Submission(t.Context(), data.Submission, false)
	require.NoError(t, err, "what was sent keeps its id")
	require.NotNil(t, sub.Application, "it is followed")
}

// An attempt that was under way when the data was lost is uncertain, and what waited is sent.
func TestRestore_AttemptsUnderWayAreUncertain(t *testing.T) {
	t.Parallel()
	s := newATS(t, "--latency", "20ms")
	l := newLossy(t, s)
	path := l.backup()
	l.submit(l.c.ID, "job-a", 0, 60)
	l.eventually(20*time.Second, func() bool { return s.candidates() >= 10 }, "nothing is sent")
	l.lose()
	report, err := l.restore(path, nil)
	require.NoError(t, err)
	require.True(t, report.Journal.Covers, report.Journal.Why)
	l.start()
	l.resend(60)
	total := l.settled(time.Minute)
	// One that was being sent, and one whose beginning was written while the one before it ended.
	require.LessOrEqual(t, total.States[atssync.StateUncertain], int64(2))
	require.EqualValues(t, 60, total.States[atssync.StateUncertain]+total.States[atssync.StateSubmitted])
	require.Empty(t, s.doubled())
	resolveAll(t, l.world, s, []api.Connection{l.c})
	l.settled(30 * time.Second)
	require.Equal(t, 60, s.candidates())
	require.Empty(t, s.doubled())
}

// Without the journal everything waits for a person, or for what the platform was told.
func TestRestore_WithoutTheJournalEverythingWaits(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	l := newLossy(t, s)
	l.submit(l.c.ID, "job-a", 0, 20)
	l.settled(30 * time.Second)
	path := l.backup()
	l.submit(l.c.ID, "job-a", 20, 25)
	l.settled(30 * time.Second)
	told := l.allEvents()
	l.lose()
	require.NoError(t, os.Remove(filepath.Join(l.safe, "attempts.log")))

	report, err := l.restore(path, nil)
	require.NoError(t, err)
	require.False(t, report.Journal.Covers)
	require.Contains(t, report.Journal.Why, "there is no journal")
	require.Equal(t, []string{l.c.ID}, report.Held)
	l.start()
	l.resend(50)
	total := l.settled(30 * time.Second)
	require.EqualValues(t, 30, total.States[atssync.StateHeld])
	require.Equal(t, 45, s.candidates(), "nothing is sent")
	held, err := l.client.Submissions(t.Context(), api.SubmissionQuery{Connection: l.c.ID, State: "held", HeldReason: "restored"})
	require.NoError(t, err)
	require.Len(t, held.Items, 30)
	for _, x := range held.Items {
		require.EqualValues(t, "operator", x.WhoseTurn)
		require.Contains(t, x.Remedy, "atssync reconcile")
		require.Contains(t, x.Remedy, "atssync connections release")
	}
	_, err = l.client.Release(t.Context(), api.ReleaseRequest{Connection: l.c.ID, Reason: atssync.HeldRestored})
	require.ErrorContains(t, err, "held as a whole")

	var events bytes.Buffer
	for _, e := range told {
		require.NoError(t, json.NewEncoder(&events).Encode(e))
	}
	events.WriteString("no event\n")
	settled, err := l.client.Reconcile(t.Context(), &events)
	require.NoError(t, err)
	require.Equal(t, 25, settled.Settled, "%+v", settled)
	require.Equal(t, 20, settled.Older)
	require.Equal(t, 1, settled.Refused)
	total = l.ledger()
	require.EqualValues(t, 45, total.States[atssync.StateSubmitted])
	require.EqualValues(t, 5, total.States[atssync.StateHeld])

	view, err := l.client.Restoration(t.Context())
	require.NoError(t, err)
	require.Len(t, view.Held, 1)
	health, err := l.client.Health(t.Context(), api.HealthQuery{})
	require.NoError(t, err)
	require.Equal(t, view.Restores[0], *health.Backup.Restored, "no backup was made since")
	l.backup()
	health, err = l.client.Health(t.Context(), api.HealthQuery{})
	require.NoError(t, err)
	require.Nil(t, health.Backup.Restored)
	got, err := l.client.ReleaseRestored(t.Context(), api.ReleaseRestoredRequest{All: true})
	require.NoError(t, err)
	require.Equal(t, []string{l.c.ID}, got.Released)
	l.eventually(30*time.Second, func() bool { return s.candidates() == 50 }, "what was never sent is not sent")
	total = l.settled(30 * time.Second)
	require.EqualValues(t, 50, total.States[atssync.StateSubmitted])
	require.Empty(t, s.doubled())
	l.numbersOnce(told)
	view, err = l.client.Restoration(t.Context())
	require.NoError(t, err)
	require.Empty(t, view.Held)
	require.False(t, view.NewHeld)
}

// A damaged journal releases nobody; what it still tells is used.
func TestRestore_DamagedJournalReleasesNobody(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	l := newLossy(t, s)
	path := l.backup()
	l.submit(l.c.ID, "job-a", 0, 20)
	l.settled(30 * time.Second)
	l.lose()
	file := filepath.Join(l.safe, "attempts.log")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(file, text, 0o600))
	report, err := l.restore(path, nil)
	require.NoError(t, err)
	require.False(t, report.Journal.Covers)
	require.Contains(t, report.Journal.Why, "damaged")
	require.Positive(t, report.Journal.Remembered)
	require.Less(t, report.Journal.Remembered, 20)
	require.Equal(t, []string{l.c.ID}, report.Held)
	l.start()
	l.resend(20)
	total := l.settled(30 * time.Second)
	require.Positive(t, total.States[atssync.StateHeld])
	require.Equal(t, 20, s.candidates())
	require.Empty(t, s.doubled())
}

// What was accepted before a backup began is in it, whatever goes on meanwhile.
func TestBackup_UnderLoadHoldsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	l := newLossy(t, s)
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			var body bytes.Buffer
			for range 20 {
				body.Write(document(l.c.ID, "job-b", n))
				n++
			}
			if err := l.client.SubmitBatch(t.Context(), &body, func(api.SubmitResult) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	}()
	var path string
	var before []api.Submission
	for i := range 4 {
		l.submit(l.c.ID, "job-a", i*50, 50)
		before = l.submissions()
		path = l.backup()
	}
	close(stop)
	<-done
	l.lose()
	conf, err := LoadConfig(l.config)
	require.NoError(t, err)
	verified, err := VerifyBackup(t.Context(), conf, path, nil)
	require.NoError(t, err)
	require.True(t, verified.Ledger.OK)
	require.GreaterOrEqual(t, verified.Submissions, int64(len(before)))
	_, err = l.restore(path, func(o *RestoreOptions) { o.NoJournal = true })
	require.NoError(t, err)
	again, err := VerifyStore(t.Context(), conf, nil)
	require.NoError(t, err)
	require.Equal(t, verified.Submissions, again.Submissions)
	l.start()
	l.ledger()
	now := make(map[string]api.Submission)
	for _, x := range l.submissions() {
		now[x.ID] = x
	}
	for _, x := range before {
		got, ok := now[x.ID]
		require.True(t, ok, "%s was acknowledged before the backup", x.ExternalID)
		require.Equal(t, x.ExternalID, got.ExternalID)
		require.Equal(t, x.AcceptedAt, got.AcceptedAt)
		require.Equal(t, x.PlatformJob, got.PlatformJob)
		if x.Receipt != nil {
			require.Equal(t, x.Receipt, got.Receipt)
		}
		if got.State == atssync.StateHeld {
			require.Equal(t, atssync.HeldRestored, got.HeldReason)
		}
	}
}

func (l *lossy) submissions() []api.Submission {
	l.t.Helper()
	var out []api.Submission
	for x, err := range api.All("", func(after string) (api.Page[api.Submission], error) {
		return l.client.Submissions(l.t.Context(), api.SubmissionQuery{Connection: l.c.ID, After: after, Limit: 500})
	}) {
		require.NoError(l.t, err)
		out = append(out, x)
	}
	return out
}

// Every flipped bit of a backup is refused with a sentence, and leaves nothing behind.
func TestBackup_FlippedBitsAreRefused(t *testing.T) {
	t.Parallel()
	l := newLossy(t, newATS(t))
	l.submit(l.c.ID, "job-a", 0, 5)
	l.settled(30 * time.Second)
	path := l.backup()
	l.lose()
	conf, err := LoadConfig(l.config)
	require.NoError(t, err)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(22, 22))
	bad := filepath.Join(l.safe, "bad.backup")
	for range 200 {
		at, bit := rnd.IntN(len(whole)), rnd.IntN(8)
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << bit
		require.NoError(t, os.WriteFile(bad, changed, 0o600))
		_, err := VerifyBackup(t.Context(), conf, bad, nil)
		require.ErrorContains(t, err, bad, "bit %d of byte %d", bit, at)
		_, err = l.restore(bad, nil)
		require.ErrorContains(t, err, "nothing was restored")
		require.NoDirExists(t, conf.Store.Dir)
	}
	require.NoError(t, os.Rename(filepath.Join(l.safe, "seal.key"), filepath.Join(l.safe, "kept.key")))
	_, err = l.restore(path, nil)
	require.ErrorContains(t, err, "needs the key file with the fingerprint")
	require.NoError(t, os.Rename(filepath.Join(l.safe, "kept.key"), filepath.Join(l.safe, "seal.key")))
	_, err = l.restore(path, nil)
	require.NoError(t, err)
}
