package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sort"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// together runs fn in n goroutines and returns their errors joined.
func together(n int, fn func(g int) error) error {
	var group sync.WaitGroup
	errs := make([]error, n)
	for g := range n {
		group.Go(func() { errs[g] = fn(g) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func number(v []byte) uint64 {
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

func engineCounter(t *testing.T, e kv.Engine) {
	key := []byte("counter")
	const workers, each = 16, 40
	require.NoError(t, together(workers, func(g int) error {
		for i := range each {
			err := e.Update(t.Context(), func(w kv.Writer) error {
				v, err := w.Value(key)
				if err != nil {
					return err
				}
				w.Set(key, binary.BigEndian.AppendUint64(nil, number(v)+1))
				w.Set(fmt.Appendf(nil, "step/%d/%d", g, number(v)), nil)
				if i%4 == 3 {
					return errRefused
				}
				return nil
			})
			if i%4 == 3 && errors.Is(err, errRefused) {
				err = nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, uint64(workers*each*3/4), number(get(t, e, "counter")))
	require.Len(t, dump(t, e), 1+workers*each*3/4, "a step that was refused left something")
}

func engineUnique(t *testing.T, e kv.Engine) {
	for round := range 20 {
		key := fmt.Appendf(nil, "unique/%d", round)
		var mu sync.Mutex
		won := 0
		require.NoError(t, together(16, func(int) error {
			err := e.Update(t.Context(), func(w kv.Writer) error {
				v, err := w.Value(key)
				if err == nil && v != nil {
					err = errRefused
				}
				w.Set(key, []byte("1"))
				return err
			})
			if err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			} else if !errors.Is(err, errRefused) {
				return err
			}
			return nil
		}))
		require.Equal(t, 1, won)
	}
}

// engineOrder checks that who was refused because of a write finds that write when told so.
func engineOrder(t *testing.T, e kv.Engine) {
	require.NoError(t, together(16, func(g int) error {
		for i := range 30 {
			key := fmt.Appendf(nil, "claim/%d", i)
			err := e.Update(t.Context(), func(w kv.Writer) error {
				v, err := w.Value(key)
				if err != nil {
					return err
				}
				if v != nil {
					return errRefused
				}
				w.Set(key, fmt.Appendf(nil, "%d", g))
				return nil
			})
			if err != nil && !errors.Is(err, errRefused) {
				return err
			}
			err = e.View(t.Context(), func(r kv.Reader) error {
				v, err := r.Value(key)
				if err == nil && v == nil {
					err = errors.New("answered before the write that the answer rests on could be read")
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func engineWholeSteps(t *testing.T, e kv.Engine) {
	const accounts, total = 10, 1000
	key := func(i int) []byte { return []byte{'a', byte(i)} }
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		for i := range accounts {
			w.Set(key(i), binary.BigEndian.AppendUint64(nil, total/accounts))
		}
		return nil
	}))
	sum := func(r kv.Reader) error {
		var n, got uint64
		err := r.Scan([]byte("a"), nil, func(_, v []byte) bool { n++; got += number(v); return true })
		if err == nil && (n != accounts || got != total) {
			err = fmt.Errorf("%d accounts hold %d", n, got)
		}
		return err
	}
	require.NoError(t, together(8, func(g int) error {
		rnd := rand.New(rand.NewPCG(uint64(g), 7))
		for range 50 {
			if g%2 == 0 {
				if err := e.View(t.Context(), sum); err != nil {
					return err
				}
				continue
			}
			err := e.Update(t.Context(), func(w kv.Writer) error {
				if err := sum(w); err != nil {
					return err
				}
				from, to := key(rnd.IntN(accounts)), key(rnd.IntN(accounts))
				v, err := w.Value(from)
				if err != nil || number(v) == 0 {
					return err
				}
				w.Set(from, binary.BigEndian.AppendUint64(nil, number(v)-1))
				v, err = w.Value(to)
				w.Set(to, binary.BigEndian.AppendUint64(nil, number(v)+1))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, e.View(t.Context(), sum))
}

// engineModel lets concurrent workers, each with keys of its own, compare what they read with what they
// wrote, in and between steps.
func engineModel(t *testing.T, e kv.Engine) {
	require.NoError(t, together(6, func(g int) error {
		rnd := rand.New(rand.NewPCG(uint64(g), 3))
		model := map[string]string{}
		prefix := []byte{'m', byte('0' + g), '/'}
		for range 40 {
			next := map[string]string{}
			refuse := rnd.IntN(4) == 0
			err := e.Update(t.Context(), func(w kv.Writer) error {
				if err := equals(w, prefix, model); err != nil {
					return err
				}
				clear(next)
				maps.Copy(next, model)
				for range rnd.IntN(6) {
					k := fmt.Sprintf("%s%02d", prefix, rnd.IntN(20))
					if rnd.IntN(3) == 0 {
						delete(next, k)
						w.Delete([]byte(k))
						continue
					}
					next[k] = fmt.Sprint(rnd.IntN(1000))
					w.Set([]byte(k), []byte(next[k]))
				}
				if refuse {
					return errRefused
				}
				return nil
			})
			switch {
			case err == nil:
				model = next
			case !errors.Is(err, errRefused):
				return err
			}
			if err := e.View(t.Context(), func(r kv.Reader) error { return equals(r, prefix, model) }); err != nil {
				return err
			}
		}
		return nil
	}))
}

func equals(r kv.Reader, prefix []byte, model map[string]string) error {
	var keys []string
	for k, want := range model {
		v, err := r.Value([]byte(k))
		if err != nil {
			return err
		}
		if v == nil || string(v) != want {
			return fmt.Errorf("%q is %q, want %q", k, v, want)
		}
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var up, down []string
	err := r.Scan(prefix, nil, func(k, _ []byte) bool { up = append(up, string(k)); return true })
	err = errors.Join(err, r.ScanBack(prefix, nil, func(k, _ []byte) bool { down = append(down, string(k)); return true }))
	if err == nil && (fmt.Sprint(up) != fmt.Sprint(keys) || fmt.Sprint(reversed(down)) != fmt.Sprint(keys)) {
		err = fmt.Errorf("scanned %q and back %q, want %q", up, down, keys)
	}
	return err
}

func engineClosed(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1")
	require.NoError(t, e.Close())
	require.NoError(t, e.Close(), "closing twice is no error")
	nothing := func(kv.Reader) error { return errors.New("ran") }
	require.ErrorIs(t, e.View(t.Context(), nothing), kv.ErrClosed)
	require.ErrorIs(t, e.Update(t.Context(), func(kv.Writer) error { return errors.New("ran") }), kv.ErrClosed)
}
