package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func opened(t *testing.T, path string, maxSize int64) *Journal {
	t.Helper()
	j, err := Open(Options{Path: path, MaxSize: maxSize})
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func lines(t *testing.T, path string) ([]Line, Contents) {
	t.Helper()
	var out []Line
	c, err := Read(path, func(l Line) error { out = append(out, l); return nil })
	require.NoError(t, err)
	return out, c
}

func begin(n int) Line {
	return Line{
		Op: OpBegin, At: noon, Connection: "con_1", Submission: fmt.Sprint("sub_", n), ExternalKey: fmt.Sprint("key ", n),
		AccountKey: fmt.Sprint("account ", n), Attempt: 1, ATSJob: "7", As: sdk.AsCandidate,
	}
}

func ended(n int, to atssync.State) Line {
	l := Line{Op: OpEnd, At: noon, Submission: fmt.Sprint("sub_", n), Attempt: 1, State: to}
	if to == atssync.StateSubmitted {
		l.Receipt = &atssync.Receipt{CandidateID: fmt.Sprint(n), ProfileURL: "https://ats.example.com/people/" + fmt.Sprint(n)}
	}
	return l
}

func TestJournal_ManyAtOnceAreAllThereInOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "attempts.log")
	j := opened(t, path, 0)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if j.add(true, begin(i)).wait() == nil {
				j.add(false, ended(i, atssync.StateSubmitted))
			}
		})
	}
	wg.Wait()
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	require.ErrorIs(t, j.add(true, begin(1)).wait(), ErrClosed)
	got, c := lines(t, path)
	require.Len(t, got, 401)
	require.Equal(t, Contents{ID: j.id, First: 1, Last: 401}, c)
	f := NewFold(noon, 0)
	for i, l := range got {
		require.EqualValues(t, i+1, l.N)
		require.NoError(t, f.Add(l))
	}
	require.Len(t, f.Evidence(), 200)
	for _, e := range f.Evidence() {
		require.Equal(t, atssync.StateSubmitted, e.State)
		require.NotEmpty(t, e.ExternalKey)
		require.Equal(t, "7", e.ATSJob)
		require.NotNil(t, e.Receipt)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestJournal_GoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "attempts.log")
	var id string
	for i := range 3 {
		j := opened(t, path, 0)
		require.NoError(t, j.add(true, begin(i)).wait())
		at := uint64(0)
		if id, at = j.Position(); at != uint64(i+2) {
			t.Fatalf("position %d after %d lines", at, i+2)
		}
		require.NoError(t, j.Close())
	}
	_, c := lines(t, path)
	require.Equal(t, Contents{ID: id, First: 1, Last: 4}, c)
}

// What a crash leaves at the end was never acknowledged: it is passed over, and cut off at the next start.
func TestJournal_TornEndIsNoDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "attempts.log")
	j := opened(t, path, 0)
	require.NoError(t, j.add(true, begin(1), begin(2), begin(3)).wait())
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	third := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := third; cut < len(whole); cut += 7 {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		got, c := lines(t, path)
		require.Empty(t, c.Damage, cut)
		require.Len(t, got, 3)
		again := opened(t, path, 0)
		require.NoError(t, again.add(true, begin(4)).wait())
		require.NoError(t, again.Close())
		got, c = lines(t, path)
		require.Empty(t, c.Damage)
		require.Equal(t, "sub_4", got[3].Submission)
		require.EqualValues(t, 4, c.Last)
	}
}

// Every flipped bit is seen, and nothing that was changed is ever handed out.
func TestJournal_AnyChangeIsTold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "attempts.log")
	j := opened(t, path, 0)
	for i := range 10 {
		require.NoError(t, j.add(true, begin(i), ended(i, atssync.StateSubmitted)).wait())
	}
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	want, _ := lines(t, path)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		at, bit := rnd.IntN(len(whole)-1), rnd.IntN(8)
		changed := bytes.Clone(whole)
		if changed[at] ^= 1 << bit; changed[at] == 0 {
			continue
		}
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		got, c := lines(t, path)
		require.NotEmpty(t, c.Damage, "bit %d of byte %d", bit, at)
		require.Error(t, c.Covers(j.id, 1))
		require.LessOrEqual(t, len(got), len(want))
		require.Equal(t, want[:len(got)], append([]Line{}, got...))
	}
	parts := bytes.SplitAfter(whole, []byte{'\n'})
	for i := 1; i < len(parts)-2; i++ {
		require.NoError(t, os.WriteFile(path, bytes.Join(append(append([][]byte{}, parts[:i]...), parts[i+1:]...), nil), 0o600))
		_, c := lines(t, path)
		require.NotEmpty(t, c.Damage, "line %d was taken out", i)
	}
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, c := lines(t, path)
	require.NotEmpty(t, c.Damage)
}

// A damaged journal is put aside and goes on: a backup that is made then is covered again.
func TestJournal_GoesOnAfterDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "attempts.log")
	j := opened(t, path, 0)
	require.NoError(t, j.add(true, begin(1), begin(2), begin(3)).wait())
	id, before := j.Position()
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	whole[len(whole)/2] ^= 1
	require.NoError(t, os.WriteFile(path, whole, 0o600))

	j = opened(t, path, 0)
	require.NoError(t, j.add(true, begin(4)).wait())
	same, after := j.Position()
	require.Equal(t, id, same)
	require.NoError(t, j.add(true, begin(5)).wait())
	require.NoError(t, j.Close())
	_, c := lines(t, path)
	require.NoError(t, c.Covers(id, after))
	require.ErrorContains(t, c.Covers(id, before), "does not reach back")
}

func TestJournal_RotatesAndIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "attempts.log")
	const most = 64 << 10
	j := opened(t, path, most)
	for i := range 1000 {
		require.NoError(t, j.add(true, begin(i)).wait())
		if i%100 == 0 {
			require.NoError(t, j.Close())
			j = opened(t, path, most)
		}
	}
	id, at := j.Position()
	require.NoError(t, j.Close())
	files, err := segments(path)
	require.NoError(t, err)
	require.Len(t, files, 4)
	var size int64
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		size += info.Size()
	}
	require.Less(t, size, int64(most+4096))
	got, c := lines(t, path)
	require.Empty(t, c.Damage)
	require.EqualValues(t, at, c.Last)
	require.EqualValues(t, c.Last-c.First+1, len(got))
	require.NoError(t, c.Covers(id, c.First))
	require.NoError(t, c.Covers(id, c.First-1))
	require.ErrorContains(t, c.Covers(id, c.First-2), "journal_size")
	require.ErrorContains(t, c.Covers(id, at+1), "old copy")
	require.ErrorContains(t, c.Covers("other", at), "not the one")
	require.ErrorContains(t, c.Covers("", 0), "without a journal")

	require.NoError(t, os.Remove(files[1]))
	_, c = lines(t, path)
	require.ErrorContains(t, c.Covers(id, at), "lines are missing")
}

// A journal that cannot be written says so to who waits, and goes on in a new file as soon as it can.
func TestJournal_FailureIsToldAndOver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "attempts.log")
	j := opened(t, path, 0)
	require.NoError(t, j.add(true, begin(1)).wait())
	require.NoError(t, j.file.Close())
	err := j.add(true, begin(2)).wait()
	require.ErrorContains(t, err, path)
	require.Error(t, j.Err())
	require.NoError(t, j.add(true, begin(3)).wait())
	require.NoError(t, j.Err())
	id, at := j.Position()
	require.NoError(t, j.Close())
	got, c := lines(t, path)
	require.NoError(t, c.Covers(id, at))
	require.Error(t, c.Covers(id, 2))
	require.Equal(t, "sub_3", got[len(got)-1].Submission)
}

func TestRead_NothingIsNoError(t *testing.T) {
	t.Parallel()
	_, c := lines(t, filepath.Join(t.TempDir(), "none", "attempts.log"))
	require.ErrorContains(t, c.Covers("id", 0), "there is no journal")
	stop := errors.New("stop")
	path := filepath.Join(t.TempDir(), "attempts.log")
	require.NoError(t, opened(t, path, 0).Close())
	_, err := Read(path, func(Line) error { return stop })
	require.ErrorIs(t, err, stop)
}

func FuzzRead(f *testing.F) {
	text, chain, err := appendLine(nil, Line{N: 1, Op: opOpen, Journal: "id"}, 0)
	require.NoError(f, err)
	text, _, err = appendLine(text, Line{N: 2, Op: OpBegin, Submission: "sub_1"}, chain)
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte("{} 00000000\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "attempts.log")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		var all []Line
		c, err := Read(path, func(l Line) error { all = append(all, l); return nil })
		require.NoError(t, err)
		if c.Damage == "" && c.ID != "" {
			require.EqualValues(t, len(all), c.Last-c.First+1)
		}
		j, err := Open(Options{Path: path})
		require.NoError(t, err)
		require.NoError(t, j.add(true, begin(1)).wait())
		id, at := j.Position()
		require.NoError(t, j.Close())
		_, c = lines(t, path)
		require.NoError(t, c.Covers(id, at))
	})
}
