package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

func engineScanBounds(t *testing.T, e kv.Engine) {
	keys := []string{"\x00", "a", "a\x00", "a/1", "a/2", "a/3", "a0", "b", "\xfe", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}
	for _, k := range keys {
		put(t, e, k, "v"+k)
	}
	type bounds struct{ prefix, from string }
	const none = "\x01none"
	for _, test := range []struct {
		bounds
		up, down []string
	}{
		{bounds{"", none}, keys, reversed(keys)},
		{bounds{"a/", none}, []string{"a/1", "a/2", "a/3"}, []string{"a/3", "a/2", "a/1"}},
		{bounds{"a/", "a/2"}, []string{"a/2", "a/3"}, []string{"a/2", "a/1"}},
		{bounds{"a/", "a/22"}, []string{"a/3"}, []string{"a/2", "a/1"}},
		{bounds{"a/", "a/2\x00"}, []string{"a/3"}, []string{"a/2", "a/1"}},
		{bounds{"a/", ""}, []string{"a/1", "a/2", "a/3"}, nil},
		{bounds{"a/", "a"}, []string{"a/1", "a/2", "a/3"}, nil},
		{bounds{"a/", "a0"}, nil, []string{"a/3", "a/2", "a/1"}},
		{bounds{"a/", "zzz"}, nil, []string{"a/3", "a/2", "a/1"}},
		{bounds{"a", "a"}, []string{"a", "a\x00", "a/1", "a/2", "a/3", "a0"}, []string{"a"}},
		{bounds{"none/", none}, nil, nil},
		{bounds{"\xff", none}, []string{"\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}, []string{"\xff\xff\xff", "\xff\xff", "\xff\x00", "\xff"}},
		{bounds{"\xff\xff", none}, []string{"\xff\xff", "\xff\xff\xff"}, []string{"\xff\xff\xff", "\xff\xff"}},
		{bounds{"\xff\xff", "\xff\xff"}, []string{"\xff\xff", "\xff\xff\xff"}, []string{"\xff\xff"}},
		{bounds{"\xff\xff", "\xff\xff\xff\xff"}, nil, []string{"\xff\xff\xff", "\xff\xff"}},
		{bounds{"\xff\xff\xff\xff", none}, nil, nil},
		{bounds{"\xfe", none}, []string{"\xfe"}, []string{"\xfe"}},
		{bounds{"\x00", none}, []string{"\x00"}, []string{"\x00"}},
		{bounds{"", "\xff\xff\xff\xff"}, nil, reversed(keys)},
		{bounds{"", "\x00"}, keys, []string{"\x00"}},
	} {
		var from []byte
		if test.from != none {
			from = []byte(test.from)
		}
		require.Equal(t, test.up, scan(t, e, test.prefix, from, 0, false), "%q from %q", test.prefix, from)
		require.Equal(t, test.down, scan(t, e, test.prefix, from, 0, true), "%q back from %q", test.prefix, from)
	}
	require.Equal(t, []string{"a/1"}, scan(t, e, "a/", nil, 1, false))
	require.Equal(t, []string{"a/3"}, scan(t, e, "a/", nil, 1, true))
}

func reversed(keys []string) []string {
	back := slices.Clone(keys)
	slices.Reverse(back)
	return back
}

// scan returns the keys of a scan, at most limit when it is not 0, and checks that each has its value.
func scan(t *testing.T, e kv.Engine, prefix string, from []byte, limit int, back bool) []string { //nolint:revive // the arguments of Scan itself.
	t.Helper()
	var keys []string
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		walk := r.Scan
		if back {
			walk = r.ScanBack
		}
		var bad error
		err := walk([]byte(prefix), from, func(k, v []byte) bool {
			if string(v) != "v"+string(k) {
				bad = fmt.Errorf("key %q came with value %q", k, v)
			}
			keys = append(keys, string(k))
			return len(keys) != limit
		})
		return errors.Join(err, bad)
	}))
	return keys
}

func engineScanModel(t *testing.T, e kv.Engine) {
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 1+rnd.IntN(4))
		for i := range b {
			b[i] = "\x00\x01ab\xfe\xff"[rnd.IntN(6)]
		}
		return string(b)
	}
	model := map[string]bool{}
	for range 20 {
		require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
			for range 10 {
				k := word()
				if model[k] = rnd.IntN(4) > 0; model[k] {
					w.Set([]byte(k), []byte("v"+k))
				} else {
					w.Delete([]byte(k))
				}
			}
			return nil
		}))
	}
	var all []string
	for k, there := range model {
		if there {
			all = append(all, k)
		}
	}
	sort.Strings(all)
	for range 300 {
		prefix, from, fromSet := word()[1:], word(), rnd.IntN(3) > 0
		var up, down []string
		for _, k := range all {
			if !strings.HasPrefix(k, prefix) {
				continue
			}
			if !fromSet || k >= from {
				up = append(up, k)
			}
			if !fromSet || k <= from {
				down = append(down, k)
			}
		}
		slices.Reverse(down)
		var start []byte
		if fromSet {
			start = []byte(from)
		}
		require.Equal(t, up, scan(t, e, prefix, start, 0, false), "%q from %q", prefix, start)
		require.Equal(t, down, scan(t, e, prefix, start, 0, true), "%q back from %q", prefix, start)
	}
}

func engineScanOwnWrites(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "c", "1")
	var during []string
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		return w.Scan(nil, nil, func(k, _ []byte) bool {
			during = append(during, string(k))
			w.Set([]byte("b"), []byte("2"))
			w.Delete([]byte("c"))
			return true
		})
	}))
	require.Equal(t, []string{"a", "c"}, during)
	require.Equal(t, []string{"a=1", "b=2"}, dump(t, e))
}

func engineNestedScan(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2", "c", "3")
	walk := func(r kv.Reader) (pairs []string, err error) {
		var inner error
		err = r.Scan(nil, nil, func(k, _ []byte) bool {
			inner = errors.Join(inner, r.ScanBack(nil, k, func(k2, v2 []byte) bool {
				v, err := r.Value(k2)
				inner = errors.Join(inner, err)
				pairs = append(pairs, fmt.Sprintf("%s%s%s%s", k, k2, v, v2))
				return true
			}))
			return true
		})
		return pairs, errors.Join(err, inner)
	}
	want := []string{"aa11", "bb22", "ba11", "cc33", "cb22", "ca11"}
	var viewed, updated []string
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) (err error) { viewed, err = walk(r); return err }))
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) (err error) { updated, err = walk(w); return err }))
	require.Equal(t, want, viewed)
	require.Equal(t, want, updated)
}
