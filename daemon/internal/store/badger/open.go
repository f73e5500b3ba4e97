package badger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// Defaults of Options.
const (
	DefaultMinFree        = 512 << 20
	DefaultMinFreePercent = 5
	DefaultReadOnlyFree   = 256 << 20
	DefaultBallast        = 64 << 20
)

const (
	// memTableSize decides how large a transaction may be, 15 % of it, and how much memory Badger takes: up
	// to three of them and as much again while they become tables.
	memTableSize = 8 << 20
	// tableSize is the size of the tables that merges write.
	tableSize = 2 << 20
	// valueThreshold is above kv.MaxValue: no value goes to Badger's value log, whose failed syncs are only
	// logged and whose garbage collection is where deleted keys came back.
	valueThreshold = 1 << 20
	// openReserve is the room that a start needs beside the write-ahead logs that it turns into tables.
	openReserve = 32 << 20
	// closeReserve is the room for the tables that an end writes.
	closeReserve = 4 * memTableSize
)

// Options say where the store is and what it asks of the disk. Zero values stand for the defaults.
type Options struct {
	// Dir is the data folder; it is made when it is missing.
	Dir    string
	Logger *slog.Logger
	// MinFree bytes or MinFreePercent of the disk, whichever is more, must be free for intake.
	MinFree        uint64
	MinFreePercent float64
	// ReadOnlyFree bytes must be free for any step that writes.
	ReadOnlyFree uint64
	// Ballast is the size of the file that can be given back on a full disk; negative for none.
	Ballast int64
	// Scratch is a folder in memory, the daemon's runtime folder say, for files that carry nothing: Badger
	// syncs its value log with each commit although nothing is ever written to it, and in memory that costs
	// nothing. By default they are in Dir, and a commit costs three syncs instead of two.
	Scratch string
	// KindOf names the kind of a key in errors and logs; by default it is the key's first two bytes, the
	// letters of its table.
	KindOf func(key []byte) string
	// OnCommit, when set, is called after each commit by the goroutine that writes: it returns at once.
	OnCommit func(Commit)
	// Statfs measures the disk of a folder in bytes; by default it asks the system.
	Statfs func(dir string) (free, total uint64, err error)
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MinFree == 0 {
		o.MinFree = DefaultMinFree
	}
	if o.MinFreePercent == 0 {
		o.MinFreePercent = DefaultMinFreePercent
	}
	if o.ReadOnlyFree == 0 {
		o.ReadOnlyFree = DefaultReadOnlyFree
	}
	if o.Ballast == 0 {
		o.Ballast = DefaultBallast
	}
	if o.KindOf == nil {
		o.KindOf = kindOf
	}
	if o.Statfs == nil {
		o.Statfs = statfs
	}
	return o
}

func (o Options) watch(dir string) *spaceWatch {
	return &spaceWatch{dir: dir, statfs: o.Statfs, log: o.Logger, low: o.MinFree, percent: o.MinFreePercent, critical: o.ReadOnlyFree}
}

func kindOf(key []byte) string {
	return fmt.Sprintf("%q", key[:min(len(key), 2)])
}

// Open opens the store in o.Dir, or makes one when the folder is empty or missing. Everything that could
// mean loss is refused with an error that names the folder or file, says what was found and what to do; a
// folder that is not a store is refused and left as it is. errors.Is(err, kv.ErrLowSpace) when the disk is
// too full to start, errors.Is(err, kv.ErrCorrupt) when data is missing or damaged.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o = o.withDefaults()
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	e, err := open(ctx, o, lock)
	if err != nil {
		return nil, errors.Join(err, dropLock(lock))
	}
	return e, nil
}

// Exists reports whether a store lies in the folder, damaged or not. A folder that is missing, empty or not ours is none.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, formatFile))
	return err == nil
}

// Unfinished reports whether the folder holds a Load or a first start that did not end: nothing was acknowledged in it.
func Unfinished(dir string) bool {
	f, found, err := readFormat(dir)
	return err == nil && found && f.state != stateReady
}

func open(ctx context.Context, o Options, lock *os.File) (*Engine, error) {
	f, found, err := readFormat(o.Dir)
	switch {
	case err != nil:
		return nil, err
	case found && f.state == stateRestoring:
		return nil, fmt.Errorf("a backup was being loaded into %s and that did not end: load it again into an empty folder", o.Dir)
	case found && f.state == stateReady:
		return start(ctx, o, lock, f)
	case found && f.state != stateCreating:
		return nil, fmt.Errorf("the file %s names the unknown state %q", filepath.Join(o.Dir, formatFile), f.state)
	}
	e, err := create(ctx, o, lock, stateCreating)
	if err != nil {
		return nil, err
	}
	return e, e.ready()
}

// create makes a new store. It begins in a state in which nothing was acknowledged, so that an interrupted
// one can be begun again.
func create(ctx context.Context, o Options, lock *os.File, state string) (*Engine, error) {
	if err := clearFolder(o.Dir); err != nil {
		return nil, fmt.Errorf("clearing %s, where a store was begun and nothing is kept: %w", o.Dir, err)
	}
	f := newFormat(state)
	err := f.write(o.Dir)
	if err == nil {
		err = os.Mkdir(filepath.Join(o.Dir, badgerDir), 0o700)
	}
	if err == nil {
		err = createMark(filepath.Join(o.Dir, markFile), f.id)
	}
	if err == nil {
		err = syncDir(filepath.Dir(filepath.Clean(o.Dir)))
	}
	if err != nil {
		return nil, fmt.Errorf("making a store in %s: %w", o.Dir, err)
	}
	return start(ctx, o, lock, f)
}

// clearFolder removes what an interrupted create left.
func clearFolder(dir string) error {
	return errors.Join(
		os.RemoveAll(filepath.Join(dir, badgerDir)),
		os.RemoveAll(filepath.Join(dir, markFile)),
		os.RemoveAll(filepath.Join(dir, formatFile+newSuffix)),
		os.RemoveAll(filepath.Join(dir, markFile+newSuffix)),
	)
}

// ready says on disk that the store may hold acknowledged steps from now on.
func (e *Engine) ready() error {
	e.format.state = stateReady
	if err := e.format.write(e.opts.Dir); err != nil {
		return errors.Join(err, e.Close())
	}
	return nil
}

// start opens a store that is there: room first, then a look at the files that Badger would crash on or
// silently do without, then Badger, then whether all acknowledged commits are there.
func start(ctx context.Context, o Options, lock *os.File, f format) (*Engine, error) {
	e := &Engine{
		opts: o, lock: lock, format: f, failed: make(chan struct{}),
		ballast: ballast{path: filepath.Join(o.Dir, ballastFile), size: max(o.Ballast, 0)},
		space:   o.watch(o.Dir),
		queue:   queue{wake: make(chan struct{}, 1)},
	}
	e.snapshots.init()
	if err := e.roomToStart(); err != nil {
		return nil, err
	}
	m, state, err := openMark(filepath.Join(o.Dir, markFile), f.id)
	if err != nil {
		return nil, e.damage(fmt.Sprintf("the file %s cannot be used: %v", filepath.Join(o.Dir, markFile), err))
	}
	e.mark = m
	if err := e.startBadger(ctx, state); err != nil {
		return nil, errors.Join(err, m.close())
	}
	if err := e.fillBallast(); err != nil {
		e.opts.Logger.Warn("there is no ballast", "error", err)
	}
	go e.writer.run()
	return e, nil
}

// roomToStart refuses to go on with less room than Badger needs to start, after giving the ballast back.
func (e *Engine) roomToStart() error {
	need := uint64(openReserve)
	logs, _ := filepath.Glob(filepath.Join(e.opts.Dir, badgerDir, "*.mem"))
	for _, name := range logs {
		if info, err := os.Stat(name); err == nil {
			need += uint64(realSize(info))
		}
	}
	space, err := e.space.fresh()
	if err != nil || space.Free >= need {
		return err
	}
	freed, err := e.ballast.free()
	if err != nil {
		return err
	}
	if freed > 0 {
		e.opts.Logger.Warn("the ballast was given back because the disk is full", "folder", e.opts.Dir, "bytes", freed)
	}
	if space, err = e.space.fresh(); err != nil || space.Free >= need {
		return err
	}
	return fmt.Errorf("%w: %s are free for %s and %s are needed to start; nothing was opened or changed: free some space and start again",
		kv.ErrLowSpace, bytesText(space.Free), e.opts.Dir, bytesText(need))
}

// startBadger opens Badger and compares what it found with the mark.
func (e *Engine) startBadger(ctx context.Context, m markState) error {
	dir := filepath.Join(e.opts.Dir, badgerDir)
	log := &bridge{log: e.opts.Logger}
	if e.format.state == stateReady {
		if err := inspect(ctx, dir, log); err != nil {
			return e.damage(err.Error())
		}
	}
	kept, err := keepLogs(e.opts.Dir, e.space)
	if err != nil {
		return err
	}
	if err := e.clearScratch(); err != nil {
		return err
	}
	e.db, err = openBadger(dir, e.scratch(), log)
	if err != nil {
		return e.damage(fmt.Sprintf("Badger does not open %s: %v", dir, err), kept.keep())
	}
	t, err := readTrail(e.db)
	if err == nil && marks {
		err = m.compare(t.last())
	}
	if err == nil {
		err = log.arm(func(err error) { _ = e.fail(err) })
	}
	if err == nil {
		err = e.mark.write(t.last())
	}
	if err != nil {
		return errors.Join(e.damage(err.Error(), kept.keep()), e.db.Close())
	}
	e.published(t.last())
	e.discard()
	e.writer = &writer{e: e, trail: t, maxKeys: e.db.MaxBatchCount(), maxBytes: e.db.MaxBatchSize(), stopped: make(chan struct{})}
	return kept.drop()
}

// scratch is the store's own folder in Options.Scratch, "" when there is none.
func (e *Engine) scratch() string {
	if e.opts.Scratch == "" {
		return ""
	}
	return filepath.Join(e.opts.Scratch, "store-"+e.format.id)
}

// clearScratch removes what an earlier process left there.
func (e *Engine) clearScratch() error {
	if dir := e.scratch(); dir != "" {
		return os.RemoveAll(dir)
	}
	return nil
}

// damage is the refusal to start with data that is missing or not what was written.
func (e *Engine) damage(found string, notes ...string) error {
	text := strings.Join(slices.DeleteFunc(append([]string{found}, notes...), func(s string) bool { return s == "" }), "; ")
	return fmt.Errorf("%w: the data folder %s is not started: %s; %s",
		kv.ErrCorrupt, e.opts.Dir, text, remedy)
}

// openBadger opens Badger with the small memory profile. It is managed: the number of our commit is
// Badger's version, so that views never wait for a commit that is under way.
func openBadger(dir, scratch string, log *bridge) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	o := badgerOptions(dir, log)
	if scratch != "" {
		o = o.WithValueDir(scratch)
	}
	return badger.OpenManaged(o)
}

func badgerOptions(dir string, log *bridge) badger.Options {
	o := badger.DefaultOptions(dir).
		WithLogger(log).
		WithSyncWrites(syncs).
		WithMemTableSize(memTableSize).
		WithNumMemtables(1).
		// Every compaction writes a part of the store anew. Small tables that are merged early, as Badger's
		// defaults have it for this size, wrote each byte eight times and took most of the processor.
		WithNumLevelZeroTables(8).
		WithNumLevelZeroTablesStall(16).
		WithBaseLevelSize(64 << 20).
		// A merge holds a dozen tables in memory at once, in buffers of twice their size each.
		WithBaseTableSize(tableSize).
		WithNumCompactors(2).
		// Documents arrive sealed and do not compress; uncompressed blocks are read where they are mapped
		// and need no cache.
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithValueLogFileSize(16 << 20).
		WithValueThreshold(valueThreshold).
		// What OnTableRead would check is checked by inspect: Badger ends the process on some damage, and
		// would map each page of each table for good.
		WithChecksumVerificationMode(options.NoVerification).
		WithDetectConflicts(false). // There is one writer.
		WithMetricsEnabled(false).
		WithBypassLockGuard(true). // The folder above is locked.
		WithExternalMagic(formatVersion)
	o.TableSizeMultiplier = 1 // Else the tables of each level, and those buffers, are twice as large as those above.
	return o
}

// compare says what is wrong when last is the last commit that was found.
func (m markState) compare(last uint64) error {
	behind := uint64(1) // A commit becomes durable before its mark.
	if m.one {
		behind = 2
	}
	switch {
	case m.commit > last:
		return fmt.Errorf("commit %d was acknowledged and the last one that is there is %d: the writes of %d commits are lost", m.commit, last, m.commit-last)
	case last > m.commit+behind:
		return fmt.Errorf("commit %d is there and the mark is at %d: the mark is from another copy of the data", last, m.commit)
	}
	return nil
}

// lockFolder makes the folder if need be and takes the lock, which is held until the file is closed.
func lockFolder(dir string) (*os.File, error) {
	if dir == "" {
		return nil, errors.New("no data folder is named")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	if _, _, err := readFormat(dir); err != nil {
		return nil, err // Nothing is written into a folder that is not ours.
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(dir, 0o700)
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	return takeLock(filepath.Join(dir, lockFile), dir)
}
