package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/backup"
	"github.com/atssync/atssync/daemon/internal/journal"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// RestoreReport is what was restored, and what waits for whom.
type RestoreReport struct {
	Dir string `json:"dir"`
	VerifyReport
	Journal JournalReport `json:"journal"`
	// After is the ledger of all connections as it is now.
	After map[atssync.State]int64 `json:"after"`
	// Held are the connections that send nothing until they are released.
	Held []string `json:"held"`
	// Advice is what a person should do now, in order.
	Advice []string `json:"advice"`
}

// JournalReport is what the journal of attempts settled.
type JournalReport struct {
	Path string `json:"path,omitempty"`
	// Covers says that it is known to hold every attempt since the backup; Why says why not.
	Covers bool   `json:"covers"`
	Why    string `json:"why,omitempty"`
	// Settled were in the backup, and are in another state now. Remembered are not in it, and are recognised when the
	// platform sends them again.
	Settled    int `json:"settled"`
	Remembered int `json:"remembered"`
	// ErasedAgain are in the backup and were erased after it: they are erased once more, but for ErasuresPending, whose
	// outcome is waited for. ErasedUnknown are not in the backup, and answered as gone when they are sent again.
	ErasedAgain     int `json:"erased_again"`
	ErasuresPending int `json:"erasures_pending"`
	ErasedUnknown   int `json:"erased_unknown"`
	// Unknown are connections that were made after the backup; Changed were paused or removed after it.
	Unknown []string `json:"unknown_connections,omitempty"`
	Changed []string `json:"changed_connections,omitempty"`
}

// RestoreBackup makes a new store of a backup, in the data folder of the config, which is empty or missing. The backup is
// verified as a whole first. The store sends nothing until it is known what was sent after the backup: what the journal of
// attempts tells is settled at once, and where it tells everything, everything else goes on by itself.
func RestoreBackup(ctx context.Context, c *config.Config, o RestoreOptions) (RestoreReport, error) {
	out := RestoreReport{Dir: c.Store.Dir, Held: []string{}}
	if err := restorable(c); err != nil {
		return out, err
	}
	o.now = time.Now().UTC()
	tell := func(doing string) func(int64) {
		return func(n int64) {
			if o.Tell != nil {
				o.Tell(doing, n)
			}
		}
	}
	var err error
	if out.VerifyReport, err = VerifyBackup(ctx, c, o.Path, tell("verified")); err != nil {
		return out, fmt.Errorf("nothing was restored: %w", err)
	}
	if err := makeFolders(c.Daemon); err != nil {
		return out, err
	}
	r := restoring{c: c, o: o, out: &out}
	_, _, err = readBackup(o.Path, c.Store.KeyFile, tell("restored"), func(h backup.Header, stream io.Reader) error {
		if h != *out.Backup {
			return errors.New("it was changed while it was read")
		}
		_, err := badger.Load(ctx, engineOptions(c, slog.New(slog.DiscardHandler)), stream, badger.Loading{Value: kv.Renumber, Finish: r.finish})
		return err
	})
	if err != nil {
		return out, fmt.Errorf("nothing was restored: %w", err)
	}
	out.advise()
	return out, nil
}

// restorable refuses a config whose data folder holds something.
func restorable(c *config.Config) error {
	if c.Store.Engine == "memory" {
		return errors.New(`the config keeps the store in memory: set engine = "badger" in [store] and restore again`)
	}
	entries, err := os.ReadDir(c.Store.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look into the data folder: %w", err)
	}
	if badger.Exists(c.Store.Dir) && !badger.Unfinished(c.Store.Dir) {
		return fmt.Errorf("the folder %s holds a store, and a restore replaces none: stop the daemon, move the folder away (keep it, it may know what was sent), and restore again", c.Store.Dir)
	}
	if !badger.Exists(c.Store.Dir) && len(entries) > 0 && (len(entries) > 1 || entries[0].Name() != "LOCK") {
		return fmt.Errorf("the folder %s is not empty, and a restore replaces nothing: move away what is in it, or name another folder in [store]", c.Store.Dir)
	}
	return nil
}

// restoring is one restore.
type restoring struct {
	c   *config.Config
	o   RestoreOptions
	out *RestoreReport
}

// finish makes what was loaded a store that sends nothing, and then settles what the journal knows. Until it returns the
// folder cannot be opened.
func (r *restoring) finish(ctx context.Context, e *badger.Engine) error {
	if err := kv.Prepare(ctx, e); err != nil {
		return err
	}
	s := kv.New(e, kv.Options{SoleOwner: true})
	h := r.out.Backup
	if err := s.HoldRestored(ctx, atssync.Restore{Backup: h.ID, MadeAt: h.MadeAt, At: r.o.now}, r.o.now); err != nil {
		return err
	}
	if !r.o.NoJournal {
		if err := r.settle(ctx, s); err != nil {
			return fmt.Errorf("settle what the journal of attempts tells: %w", err)
		}
	} else {
		r.out.Journal.Why = "it was not asked"
	}
	rest, err := s.Restoration(ctx)
	if err != nil {
		return err
	}
	for _, x := range rest.Connections {
		if x.Held && x.Connection != "" {
			r.out.Held = append(r.out.Held, x.Connection)
		}
	}
	r.out.After = make(map[atssync.State]int64)
	q := atssync.LedgerQuery{Paging: atssync.Paging{Limit: 500}}
	for {
		page, err := s.Ledgers(ctx, q)
		if err != nil {
			return err
		}
		for _, l := range page.Items {
			for state, n := range l.States {
				r.out.After[state] += n
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

// settle applies the journal.
func (r *restoring) settle(ctx context.Context, s *kv.Store) error {
	path := r.c.Store.Journal
	if r.o.Journal != "" {
		path = r.o.Journal
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("the journal that was named cannot be read: %w", err)
		}
	}
	out := &r.out.Journal
	out.Path = path
	h := r.out.Backup
	whole, err := journal.Read(path, func(journal.Line) error { return nil })
	if err != nil {
		return err
	}
	at := uint64(0)
	if whole.ID == h.Journal {
		at = h.JournalAt
	}
	f := journal.NewFold(h.MadeAt, at)
	again, err := journal.Read(path, f.Add)
	if err != nil {
		return err
	}
	why := whole.Covers(h.Journal, h.JournalAt)
	if why == nil && again != whole {
		why = errors.New("the journal of attempts was changed while it was read")
	}
	if out.Covers = why == nil; !out.Covers {
		out.Why = why.Error()
	}
	for part := range slices.Chunk(f.Evidence(), kv.MaxItems) {
		got, err := s.Learn(ctx, part, r.o.now)
		if err != nil {
			return err
		}
		for _, l := range got {
			switch l {
			case atssync.LearnedSettled:
				out.Settled++
			case atssync.LearnedRemembered:
				out.Remembered++
			}
		}
	}
	if err := r.goOn(ctx, s, f.Connections()); err != nil {
		return err
	}
	return r.eraseAgain(ctx, s, f.Erased())
}

// eraseAgain erases once more what was erased after the backup. It comes after everything that is known was settled, so that
// it is known which employer holds a copy.
func (r *restoring) eraseAgain(ctx context.Context, s *kv.Store, erased []atssync.ErasedSubmission) error {
	out := &r.out.Journal
	var ids []string
	for part := range slices.Chunk(erased, kv.MaxItems) {
		got, err := s.EraseAgain(ctx, part, r.o.now)
		if err != nil {
			return err
		}
		for i, l := range got {
			switch l {
			case atssync.LearnedSettled:
				out.ErasedAgain++
				if !slices.Contains(ids, part[i].Erasure) {
					ids = append(ids, part[i].Erasure)
				}
			case atssync.LearnedRemembered:
				out.ErasedUnknown++
			}
		}
	}
	for _, id := range ids {
		if _, err := s.WorkErasure(ctx, id, r.o.now); err != nil {
			return err
		}
		e, err := s.Erasure(ctx, id)
		if err != nil {
			return err
		}
		out.ErasuresPending += len(e.Waiting)
	}
	rest, err := s.Restoration(ctx) // less than was learned: nothing is kept of what was erased
	out.Remembered = min(out.Remembered, rest.Remembered)
	return err
}

// goOn releases what the journal proves: that it tells of everything that was sent. A connection that a person stopped after
// the backup stays held, and the backup's own is not known to be wanted any more.
func (r *restoring) goOn(ctx context.Context, s *kv.Store, states map[string]atssync.ConnectionState) error {
	out := &r.out.Journal
	rest, err := s.Restoration(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(rest.Connections))
	for _, x := range rest.Connections {
		known[x.Connection] = true
		now, told := states[x.Connection]
		switch {
		case x.Connection == "" || !x.Held || !out.Covers:
		case told && now != atssync.ConnectionActive:
			out.Changed = append(out.Changed, x.Connection)
		default:
			if err := s.ReleaseRestored(ctx, x.Connection, 0, r.o.now); err != nil {
				return err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(states)) {
		if !known[id] && states[id] != atssync.ConnectionRemoved {
			out.Unknown = append(out.Unknown, id)
		}
	}
	if !out.Covers || len(out.Changed) > 0 {
		return nil
	}
	// The journal recognises what went in through connections that the backup does not know.
	if err := s.ReleaseRestored(ctx, "", 0, r.o.now); err != nil && atssync.CodeOf(err) != atssync.CodeConflict {
		return err
	}
	return nil
}

// folder is where the backup lies, as an argument that a shell takes as it is. A bare dot would be lost in the sentence around it.
func (r *RestoreReport) folder() string {
	if dir := filepath.Dir(r.Path); dir != "." {
		return dir
	}
	return "./"
}

// erasures says what is known of erasures where the journal does not tell of all.
func (r *RestoreReport) erasures() string {
	if n := r.Journal.ErasedAgain + r.Journal.ErasedUnknown; n > 0 {
		return fmt.Sprintf("%d were erased again by what the journal still tells, and it may not tell of all", n)
	}
	return "nothing is left here that tells of them"
}

// advise says what a person should do.
func (r *RestoreReport) advise() {
	say := func(format string, args ...any) { r.Advice = append(r.Advice, fmt.Sprintf(format, args...)) }
	made := r.Backup.MadeAt.Format(time.RFC3339)
	say("start the daemon, and have the platform send again everything that it submitted since %s: what is known is recognised, nothing of it is sent twice", made)
	if n := len(r.Journal.Unknown); n > 0 {
		say("connect again the employers that were connected since %s (%d connections), before the platform sends again for them", made, n)
	}
	if n := len(r.Journal.Changed); n > 0 {
		say("%d connections were paused or removed since %s and are as they were before: pause or remove them again, or release them", n, made)
	}
	if len(r.Held) > 0 {
		if !r.Journal.Covers {
			say("give the daemon the events that the platform received: atssync reconcile --from events.ndjson")
		}
		say("look into the ATS where you are not sure, then release: atssync connections release --all")
	}
	if n := r.After[atssync.StateUncertain]; n > 0 {
		say("settle the %d that nobody knows the outcome of: atssync submissions list --state uncertain", n)
	}
	if n := r.Journal.ErasuresPending; n > 0 {
		say("%d submissions that were erased since %s are erased once their outcome is known: atssync erasures list --pending", n, made)
	}
	if !r.Journal.Covers {
		say("erase again everybody who was erased since %s, the instant that the receipt of each erasure names: %s", made, r.erasures())
	}
	say("credentials that were changed and tokens that were revoked since %s are as they were before: do that again", made)
	say("make a new backup once everything runs, beside the one that was restored: atssync backup %s", r.folder())
}
