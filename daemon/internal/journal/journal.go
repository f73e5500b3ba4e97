package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Options say where a journal lies and how much of it is kept.
type Options struct {
	Path string
	// MaxSize bounds the files of the journal in bytes; the oldest lines go first.
	MaxSize int64
	Log     *slog.Logger
}

// DefaultMaxSize holds some 700,000 attempts.
const DefaultMaxSize = 256 << 20

// files is in how many files a journal is kept, so that the oldest can be dropped.
const files = 4

// jump is what the numbers of lines are moved on by when nobody knows how many are missing.
const jump = 1 << 32

// Journal is an open journal. Lines that are added at the same time share one write and one sync.
type Journal struct {
	o  Options
	id string

	mu     sync.Mutex
	batch  *batch               // what waits to be written
	n      uint64               // the number of the last line that was written
	under  map[*uint64]struct{} // of each step under way, what n was when it began
	chain  uint32
	closed bool
	err    error // why the last batch was not written; the next one tries in a file of its own

	file  *os.File
	size  int64
	first uint64 // number of the file's first line
	kick  chan struct{}
	done  chan struct{}
}

// batch is lines that are written together.
type batch struct {
	lines   []Line
	durable bool // somebody waits for the sync
	done    chan struct{}
	err     error
}

// wait returns once the lines are on disk.
func (b *batch) wait() error {
	<-b.done
	return b.err
}

// Open opens a journal and goes on at its end, or makes a new one. What an interrupted write left at its end is cut off; a
// journal that is damaged is kept as it is, and goes on in a new file that says so.
func Open(o Options) (*Journal, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the journal of attempts: %w", err)
	}
	if o.MaxSize <= 0 {
		o.MaxSize = DefaultMaxSize
	}
	j := &Journal{o: o, kick: make(chan struct{}, 1), done: make(chan struct{}), under: make(map[*uint64]struct{})}
	if err := j.resume(); err != nil {
		return nil, err
	}
	go j.run()
	return j, nil
}

// resume takes up what is there.
func (j *Journal) resume() error {
	all, err := segments(j.o.Path)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		j.id = rand.Text()
		return j.begin(false)
	}
	last := all[len(all)-1]
	r := reader{fn: func(Line) error { return nil }}
	if err := r.file(last, true); err != nil {
		return err
	}
	if r.c.ID == "" || r.c.Damage != "" {
		return j.afterDamage(all, r.c)
	}
	j.id, j.n, j.chain, j.first = r.c.ID, r.c.Last, r.chain, r.c.First
	if last != j.o.Path {
		return j.begin(false) // it was being rotated
	}
	f, err := os.OpenFile(last, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the journal of attempts: %w", err)
	}
	if err := errors.Join(f.Truncate(r.good), f.Sync()); err != nil {
		return errors.Join(fmt.Errorf("cut off the end of the journal of attempts: %w", err), f.Close())
	}
	j.file, j.size = f, r.good
	return nil
}

// afterDamage puts a damaged file aside and begins a new one.
func (j *Journal) afterDamage(all []string, c Contents) error {
	j.o.Log.Error("the journal of attempts is damaged; it goes on in a new file, and a backup that is older than this moment "+
		"cannot be settled by it alone after a restore", "damage", c.Damage)
	whole, err := Read(j.o.Path, func(Line) error { return nil })
	if err != nil {
		return err
	}
	j.id = whole.ID
	if j.id == "" {
		j.id = rand.Text()
	}
	j.n = max(whole.Last, c.Last) + jump
	if all[len(all)-1] == j.o.Path {
		if err := os.Rename(j.o.Path, segmentName(j.o.Path, j.n)); err != nil {
			return fmt.Errorf("put the damaged journal of attempts aside: %w", err)
		}
	}
	j.chain = 0
	return j.begin(true)
}

// begin makes a new file with its first line, safely on disk.
func (j *Journal) begin(broken bool) error {
	f, err := os.OpenFile(j.o.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("make the journal of attempts: %w", err)
	}
	n := j.n + 1
	text, chain, err := appendLine(nil, Line{N: n, Op: opOpen, At: time.Now().UTC(), Journal: j.id, Chain: j.chain, Broken: broken}, j.chain)
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = errors.Join(f.Sync(), syncDir(filepath.Dir(j.o.Path)))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the journal of attempts: %w", err), f.Close(), os.Remove(j.o.Path))
	}
	j.file, j.size, j.first, j.chain = f, int64(len(text)), n, chain
	j.reached(n)
	return nil
}

// reached notes the last line that was written.
func (j *Journal) reached(n uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n = n
}

// enter begins a step of the store whose lines may be written before the store has it; the step ends with what it returns.
func (j *Journal) enter() func() {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.n
	j.under[&n] = struct{}{}
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.under, &n)
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ErrClosed refuses lines after Close.
var ErrClosed = errors.New("the journal of attempts is closed")

// add puts lines into the next write.
func (j *Journal) add(durable bool, lines ...Line) *batch {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		b := &batch{done: make(chan struct{}), err: ErrClosed}
		close(b.done)
		return b
	}
	if j.batch == nil {
		j.batch = &batch{done: make(chan struct{})}
	}
	b := j.batch
	b.lines = append(b.lines, lines...)
	b.durable = b.durable || durable
	select {
	case j.kick <- struct{}{}:
	default:
	}
	return b
}

// run writes batches until the journal is closed.
func (j *Journal) run() {
	defer close(j.done)
	for range j.kick {
		runtime.Gosched() // Let those in who are about to add.
		j.flush()
	}
	j.flush()
}

func (j *Journal) flush() {
	j.mu.Lock()
	b := j.batch
	j.batch = nil
	j.mu.Unlock()
	if b == nil {
		return
	}
	b.err = j.write(b)
	j.mu.Lock()
	if b.err != nil && j.err == nil {
		j.o.Log.Error("the journal of attempts cannot be written: nothing is sent until it can", "err", b.err)
	}
	j.err = b.err
	j.mu.Unlock()
	close(b.done)
}

// write brings one batch to disk. After a failure nobody knows what is in the file: the next batch begins a new one.
func (j *Journal) write(b *batch) error {
	if j.file == nil {
		if err := j.again(); err != nil {
			return err
		}
	}
	if err := j.rotate(); err != nil {
		return err
	}
	var text []byte
	n, chain := j.n, j.chain
	for _, l := range b.lines {
		n++
		l.N = n
		var err error
		if text, chain, err = appendLine(text, l, chain); err != nil {
			return err
		}
	}
	_, err := j.file.Write(text)
	if err == nil && b.durable {
		err = fdatasync(j.file)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("write the journal of attempts %s: %w", j.o.Path, err), j.file.Close())
		j.file = nil
		return err
	}
	j.size += int64(len(text))
	j.chain = chain
	j.reached(n)
	return nil
}

// again begins a new file after a failure.
func (j *Journal) again() error {
	if _, err := os.Lstat(j.o.Path); err == nil {
		if err := os.Rename(j.o.Path, segmentName(j.o.Path, j.n+jump)); err != nil {
			return fmt.Errorf("put the journal of attempts aside that could not be written: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for the journal of attempts: %w", err)
	}
	j.reached(j.n + jump)
	j.chain = 0
	return j.begin(true)
}

// rotate begins a new file when this one is long enough, and drops the oldest.
func (j *Journal) rotate() error {
	if j.size < j.o.MaxSize/files {
		return nil
	}
	err := errors.Join(fdatasync(j.file), j.file.Close())
	j.file = nil
	if err == nil {
		err = os.Rename(j.o.Path, segmentName(j.o.Path, j.first))
	}
	if err != nil {
		return fmt.Errorf("rotate the journal of attempts: %w", err)
	}
	if err := j.begin(false); err != nil {
		return err
	}
	all, err := segments(j.o.Path)
	if err != nil {
		return err
	}
	for len(all) > files {
		if err := os.Remove(all[0]); err != nil {
			return fmt.Errorf("drop the oldest of the journal of attempts: %w", err)
		}
		all = all[1:]
	}
	return nil
}

func fdatasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Position is the journal's id and a line, for a backup that begins now: the store has all that lines up to that one tell.
func (j *Journal) Position() (id string, n uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n = j.n
	for at := range j.under {
		n = min(n, *at)
	}
	return j.id, n
}

// Err says why nothing can be written just now, nil when the last write went well.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Close writes what waits and ends the journal; it may be called twice.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		<-j.done
		return nil
	}
	j.closed = true
	close(j.kick)
	j.mu.Unlock()
	<-j.done
	if j.file == nil {
		return nil
	}
	return errors.Join(j.file.Sync(), j.file.Close())
}
