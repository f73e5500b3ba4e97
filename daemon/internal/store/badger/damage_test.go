package badger_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// image is a data folder as kill -9 leaves it, and what was acknowledged in it.
type image struct {
	dir  string
	want map[string]string
	// older is its mark file from some commits before, newer from some after.
	older, newer []byte
}

// newImage makes an image with tables of several flushes and a write-ahead log.
func newImage(t *testing.T) image {
	t.Helper()
	live := filepath.Join(t.TempDir(), "live")
	img := image{dir: filepath.Join(t.TempDir(), "image"), want: map[string]string{}}
	for cycle := range 4 {
		e := openAt(t, live)
		for i := range 25 {
			img.step(t, e, cycle*25+i)
		}
		if cycle < 3 {
			require.NoError(t, e.Close())
			continue
		}
		img.older = readFile(t, filepath.Join(live, "MARK"))
		img.step(t, e, 1000)
		img.step(t, e, 1001)
		img.step(t, e, 1002)
		copyTree(t, img.dir, live)
		last := len(img.want)
		e2 := image{want: map[string]string{}}
		e2.step(t, e, 2000)
		e2.step(t, e, 2001)
		img.newer = readFile(t, filepath.Join(live, "MARK"))
		require.Len(t, img.want, last)
		require.NoError(t, e.Close())
	}
	return img
}

// step writes a few pairs, changes an old one and deletes another.
func (img image) step(t *testing.T, e *badger.Engine, n int) {
	t.Helper()
	pairs := map[string]string{
		fmt.Sprintf("sub/%06d", n):   strings.Repeat(fmt.Sprintf("document %d ", n), 100),
		fmt.Sprintf("idx/%06d/a", n): fmt.Sprint(n),
		fmt.Sprintf("cnt/%02d", n%7): fmt.Sprint(n),
	}
	gone := fmt.Sprintf("idx/%06d/a", n-5)
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		for k, v := range pairs {
			w.Set([]byte(k), []byte(v))
		}
		w.Delete([]byte(gone))
		return nil
	}))
	maps.Copy(img.want, pairs)
	delete(img.want, gone)
}

// verdict says how a start of the image in dir went: nil when everything is there and a step can be written,
// the refusal when it was refused. Silent loss fails the test.
func (img image) verdict(t *testing.T, dir string) error {
	t.Helper()
	e, err := tryOpen(t, dir)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	got := map[string]string{}
	err = e.View(t.Context(), func(r kv.Reader) error {
		for k, want := range img.want {
			v, err := r.Value([]byte(k))
			if err != nil {
				return err
			}
			if string(v) != want {
				return fmt.Errorf("silent loss: %s is %.20q", k, v)
			}
		}
		return r.Scan(nil, nil, func(k, v []byte) bool { got[string(k)] = string(v); return true })
	})
	if errors.Is(err, kv.ErrCorrupt) {
		return err
	}
	require.NoError(t, err)
	require.Equal(t, img.want, got, "silent loss or resurrection")
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error { w.Set([]byte("after"), nil); return nil }))
	return nil
}

// copyOf returns a fresh copy of the image.
func (img image) copyOf(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	copyTree(t, dir, img.dir)
	return dir
}

// TestDamage damages copies of one data folder in every way and holds each start to: refused, or all there.
func TestDamage(t *testing.T) {
	t.Parallel()
	img := newImage(t)
	for name, test := range map[string]func(*testing.T, image){
		"undamaged image opens":                             damageUndamagedImageOpens,
		"flipped bit is never silent":                       damageFlippedBitIsNeverSilent,
		"missing and empty files":                           damageMissingAndEmptyFiles,
		"truncated files are never silent":                  damageTruncatedFilesAreNeverSilent,
		"mark ahead of the data is refused with the remedy": markAheadOfTheDataIsRefusedWithTheRemedy,
		"mark from another time or store is refused":        markFromAnotherTimeOrStoreIsRefused,
		"one bad slot of the mark is enough, two are not":   markOneBadSlotIsEnoughTwoAreNot,
		"hole below the newest commit is refused":           trailHoleBelowTheNewestCommitIsRefused,
		"empty logs that a crash leaves are harmless":       crashEmptyLogsThatACrashLeavesAreHarmless,
	} {
		t.Run(name, func(t *testing.T) { test(t, img) })
	}
}

func damageUndamagedImageOpens(t *testing.T, img image) {
	t.Parallel()
	for kind, least := range map[string]int{"*.mem": 1, "*.sst": 2, "MANIFEST": 1, "*.vlog": 1} {
		found, err := filepath.Glob(filepath.Join(img.dir, "badger", kind))
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(found), least, kind)
	}
	dir := img.copyOf(t)
	require.NoError(t, img.verdict(t, dir))
	img.want = maps.Clone(img.want)
	img.want["after"] = ""
	require.NoError(t, img.verdict(t, dir), "and once more")
	require.NoDirExists(t, filepath.Join(dir, "salvage"))
}

// A flipped bit is refused or harmless, whatever file it is in; never silent.
func damageFlippedBitIsNeverSilent(t *testing.T, img image) {
	t.Parallel()
	for _, test := range []struct {
		kind   string
		trials int
		least  int // refused
	}{
		{"badger/*.mem", 40, 30},
		{"badger/*.sst", 60, 50},
		{"badger/MANIFEST", 40, 40},
		{"badger/KEYREGISTRY", 4, 0},
		{"badger/*.vlog", 6, 0},
		{"badger/DISCARD", 3, 0},
		{"MARK", 30, 0},
		{"FORMAT", 30, 30},
	} {
		t.Run(filepath.Base(test.kind), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(42, uint64(test.trials)))
			refused := 0
			for range test.trials {
				dir := img.copyOf(t)
				files, err := filepath.Glob(filepath.Join(dir, test.kind))
				require.NoError(t, err)
				path := files[rnd.IntN(len(files))]
				at := flip(t, path, rnd)
				if err := img.verdict(t, dir); err != nil {
					refused++
					require.Contains(t, err.Error(), dir, "the folder is named")
					if strings.HasSuffix(path, ".sst") {
						require.Contains(t, err.Error(), path, "the file is named, byte %d", at)
					}
					require.Error(t, img.verdict(t, dir), "a second start is refused as well")
				}
				require.NoError(t, os.RemoveAll(dir))
			}
			require.GreaterOrEqual(t, refused, test.least)
		})
	}
}

// flip turns one bit among the bytes of a file up to the last one that is not zero.
func flip(t *testing.T, path string, rnd *rand.Rand) int {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	data, err := io.ReadAll(io.LimitReader(file, 512<<10)) // The logs are a hole from there on.
	require.NoError(t, err)
	at := rnd.IntN(max(1, len(bytes.TrimRight(data, "\x00"))))
	_, err = file.WriteAt([]byte{data[at] ^ 1<<rnd.IntN(8)}, int64(at))
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return at
}

// Each file once missing and once emptied: refused with a word about what is missing, or harmless.
func damageMissingAndEmptyFiles(t *testing.T, img image) {
	t.Parallel()
	for _, test := range []struct {
		kind    string
		refused bool
		word    string
	}{
		{"FORMAT", true, "FORMAT"},
		{"MARK", true, "MARK"},
		{"LOCK", false, ""},
		{"badger/MANIFEST", true, "MANIFEST"},
		{"badger/*.mem", true, "lost"},
		{"badger/*.sst", true, ".sst"},
		{"badger/*.vlog", false, ""},
		{"badger/KEYREGISTRY", false, ""},
		{"badger/DISCARD", false, ""},
	} {
		for act, damage := range map[string]func(string) error{
			"missing": os.Remove,
			"empty":   func(path string) error { return os.Truncate(path, 0) },
		} {
			t.Run(filepath.Base(test.kind)+" "+act, func(t *testing.T) {
				t.Parallel()
				files, err := filepath.Glob(filepath.Join(img.dir, test.kind))
				require.NoError(t, err)
				require.NotEmpty(t, files)
				for _, file := range files {
					dir := img.copyOf(t)
					name, err := filepath.Rel(img.dir, file)
					require.NoError(t, err)
					require.NoError(t, damage(filepath.Join(dir, name)))
					err = img.verdict(t, dir)
					if !test.refused {
						require.NoError(t, err)
						continue
					}
					require.ErrorContains(t, err, test.word)
					require.ErrorContains(t, err, dir)
					require.ErrorContains(t, err, "restore")
				}
			})
		}
	}
}

// Cutting a file off anywhere is refused as well.
func damageTruncatedFilesAreNeverSilent(t *testing.T, img image) {
	t.Parallel()
	for _, kind := range []string{"badger/*.mem", "badger/*.sst", "badger/MANIFEST", "MARK", "FORMAT"} {
		t.Run(filepath.Base(kind), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(9, 9))
			for range 12 {
				dir := img.copyOf(t)
				files, err := filepath.Glob(filepath.Join(dir, kind))
				require.NoError(t, err)
				path := files[rnd.IntN(len(files))]
				info, err := os.Stat(path)
				require.NoError(t, err)
				size := min(info.Size(), 100_000) // The logs are mostly a hole.
				require.NoError(t, os.Truncate(path, rnd.Int64N(size)))
				if err := img.verdict(t, dir); err == nil {
					require.Contains(t, path, ".mem", "only what follows the last record may go")
				}
			}
		})
	}
}

func markAheadOfTheDataIsRefusedWithTheRemedy(t *testing.T, img image) {
	t.Parallel()
	dir := img.copyOf(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), img.newer, 0o600))
	for range 2 {
		_, err := tryOpen(t, dir)
		require.ErrorIs(t, err, kv.ErrCorrupt)
		require.ErrorContains(t, err, dir)
		require.ErrorContains(t, err, "the writes of 2 commits are lost")
		require.ErrorContains(t, err, "restore the last good copy")
	}
	logs, err := filepath.Glob(filepath.Join(dir, "salvage", "*.mem"))
	require.NoError(t, err)
	require.NotEmpty(t, logs, "the write-ahead logs are kept as they were")
	require.ErrorContains(t, func() error {
		d := img.copyOf(t)
		require.NoError(t, os.WriteFile(filepath.Join(d, "MARK"), img.newer, 0o600))
		_, err := tryOpen(t, d)
		return err
	}(), "salvage")
}

func markFromAnotherTimeOrStoreIsRefused(t *testing.T, img image) {
	t.Parallel()
	dir := img.copyOf(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), img.older, 0o600))
	_, err := tryOpen(t, dir)
	require.ErrorContains(t, err, "another copy")

	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, openAt(t, other).Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), readFile(t, filepath.Join(other, "MARK")), 0o600))
	_, err = tryOpen(t, dir)
	require.ErrorContains(t, err, "another store")
}

func markOneBadSlotIsEnoughTwoAreNot(t *testing.T, img image) {
	t.Parallel()
	for slot := range 2 {
		dir := img.copyOf(t)
		data := readFile(t, filepath.Join(dir, "MARK"))
		data[slot*4096+30] ^= 1
		require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), data, 0o600))
		require.NoError(t, img.verdict(t, dir), "slot %d", slot)

		data[(1-slot)*4096+30] ^= 1
		dir = img.copyOf(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), data, 0o600))
		_, err := tryOpen(t, dir)
		require.ErrorContains(t, err, "both of its slots are bad")
		require.ErrorContains(t, err, filepath.Join(dir, "MARK"))
	}
}

// A hole in the row of commits is found even when what is newest is there: an older write-ahead log lost.
func trailHoleBelowTheNewestCommitIsRefused(t *testing.T, img image) {
	t.Parallel()
	dir := img.copyOf(t)
	tables, err := filepath.Glob(filepath.Join(dir, "badger", "*.sst"))
	require.NoError(t, err)
	// Badger itself, told to open a folder whose MANIFEST is gone, deletes the tables and keeps the log.
	require.NoError(t, os.Remove(filepath.Join(dir, "badger", "MANIFEST")))
	blank := filepath.Join(t.TempDir(), "blank")
	require.NoError(t, openAt(t, blank).Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "badger", "MANIFEST"), readFile(t, filepath.Join(blank, "badger", "MANIFEST")), 0o600))
	_, err = tryOpen(t, dir)
	require.ErrorIs(t, err, kv.ErrCorrupt)
	require.ErrorContains(t, err, "are missing")
	require.NotEmpty(t, tables)
}

func crashEmptyLogsThatACrashLeavesAreHarmless(t *testing.T, img image) {
	t.Parallel()
	for _, name := range []string{"00099.mem", "000099.vlog"} {
		dir := img.copyOf(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "badger", name), nil, 0o600))
		require.NoError(t, img.verdict(t, dir), name)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// copyTree copies a folder and leaves the holes of its files.
func copyTree(t *testing.T, target, source string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(target, name), 0o700)
		}
		return copyFile(filepath.Join(target, name), path)
	}))
}

func copyFile(target, source string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	err = out.Truncate(info.Size())
	for at := int64(0); err == nil; {
		var from, to int64
		if from, err = unix.Seek(int(in.Fd()), at, unix.SEEK_DATA); err != nil {
			break
		}
		if to, err = unix.Seek(int(in.Fd()), from, unix.SEEK_HOLE); err == nil {
			_, err = io.Copy(io.NewOffsetWriter(out, from), io.NewSectionReader(in, from, to-from))
			at = to
		}
	}
	if errors.Is(err, unix.ENXIO) {
		err = nil
	}
	return errors.Join(err, out.Close())
}
