package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// RunEngine holds an engine to the contract of kv.Engine. open returns an empty engine that ends with t.
func RunEngine(t *testing.T, open func(t *testing.T) kv.Engine) {
	for name, test := range map[string]func(*testing.T, kv.Engine){
		"value":                                  engineValue,
		"empty value is not absent":              engineEmptyValue,
		"step sees its own writes":               engineOwnWrites,
		"scan bounds":                            engineScanBounds,
		"scan bounds against a model":            engineScanModel,
		"scan does not see the step's own":       engineScanOwnWrites,
		"scans can be nested":                    engineNestedScan,
		"refused step leaves nothing":            engineRefused,
		"panicking step harms nobody else":       enginePanic,
		"oversized step leaves nothing":          engineTooLarge,
		"bad key leaves nothing":                 engineBadKey,
		"largest step is taken":                  engineLargest,
		"view is a snapshot":                     engineSnapshot,
		"update is seen when it returns":         engineReadYourWrites,
		"cancelled before it began is not run":   engineCancelled,
		"cancelled while it runs is told truly":  engineCancelledWhileRunning,
		"counter loses no increment":             engineCounter,
		"one of many inserts of a key wins":      engineUnique,
		"refusal is never told before its cause": engineOrder,
		"views see whole steps only":             engineWholeSteps,
		"random steps against a model":           engineModel,
		"closed":                                 engineClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var errRefused = errors.New("refused")

func put(t *testing.T, e kv.Engine, pairs ...string) {
	t.Helper()
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		for i := 0; i < len(pairs); i += 2 {
			w.Set([]byte(pairs[i]), []byte(pairs[i+1]))
		}
		return nil
	}))
}

// dump returns all pairs as "key=value".
func dump(t *testing.T, e kv.Engine) []string {
	t.Helper()
	all := []string{}
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(nil, nil, func(k, v []byte) bool {
			all = append(all, string(k)+"="+string(v))
			return true
		})
	}))
	return all
}

func get(t *testing.T, e kv.Engine, key string) []byte {
	t.Helper()
	var value []byte
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		v, err := r.Value([]byte(key))
		value = bytes.Clone(v)
		return err
	}))
	return value
}

func engineValue(t *testing.T, e kv.Engine) {
	require.Nil(t, get(t, e, "a"))
	put(t, e, "a", "1", "b", "2")
	require.Equal(t, "1", string(get(t, e, "a")))
	put(t, e, "a", "3")
	require.Equal(t, []string{"a=3", "b=2"}, dump(t, e))
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		w.Delete([]byte("a"))
		w.Delete([]byte("never there"))
		return nil
	}))
	require.Nil(t, get(t, e, "a"))
	require.Equal(t, []string{"b=2"}, dump(t, e))
	put(t, e, "a", "4")
	require.Equal(t, []string{"a=4", "b=2"}, dump(t, e))
}

func engineEmptyValue(t *testing.T, e kv.Engine) {
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		w.Set([]byte("nil"), nil)
		w.Set([]byte("empty"), []byte{})
		v, err := w.Value([]byte("nil"))
		if v == nil {
			return errors.New("a nil value reads as absent inside its step")
		}
		return err
	}))
	for _, key := range []string{"nil", "empty"} {
		v := get(t, e, key)
		require.NotNil(t, v)
		require.Empty(t, v)
	}
	require.Equal(t, []string{"empty=", "nil="}, dump(t, e))
}

func engineOwnWrites(t *testing.T, e kv.Engine) {
	put(t, e, "old", "1", "gone", "1")
	var seen []string
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		w.Set([]byte("new"), []byte("2"))
		w.Set([]byte("old"), []byte("2"))
		w.Set([]byte("old"), []byte("3"))
		w.Delete([]byte("gone"))
		w.Set([]byte("brief"), []byte("x"))
		w.Delete([]byte("brief"))
		w.Delete([]byte("back"))
		w.Set([]byte("back"), []byte("y"))
		for _, key := range []string{"new", "old", "gone", "brief", "back"} {
			v, err := w.Value([]byte(key))
			if err != nil {
				return err
			}
			seen = append(seen, fmt.Sprintf("%s=%s", key, v))
		}
		return nil
	}))
	require.Equal(t, []string{"new=2", "old=3", "gone=", "brief=", "back=y"}, seen)
	require.Equal(t, []string{"back=y", "new=2", "old=3"}, dump(t, e))
}

func engineRefused(t *testing.T, e kv.Engine) {
	put(t, e, "kept", "1")
	err := e.Update(t.Context(), func(w kv.Writer) error {
		w.Set([]byte("left"), []byte("1"))
		w.Delete([]byte("kept"))
		return errRefused
	})
	require.Equal(t, errRefused, err, "the error of the step is returned as it is")
	require.Equal(t, []string{"kept=1"}, dump(t, e))
}

func enginePanic(t *testing.T, e kv.Engine) {
	err := e.Update(t.Context(), func(w kv.Writer) error {
		w.Set([]byte("left"), []byte("1"))
		panic("a step went wrong")
	})
	require.ErrorContains(t, err, "a step went wrong")
	put(t, e, "after", "1")
	require.Equal(t, []string{"after=1"}, dump(t, e))
}

func engineTooLarge(t *testing.T, e kv.Engine) {
	for name, step := range map[string]func(kv.Writer){
		"value": func(w kv.Writer) { w.Set([]byte("x"), make([]byte, kv.MaxValue+1)) },
		"bytes": func(w kv.Writer) {
			for i := range kv.MaxStepBytes/kv.MaxValue + 1 {
				w.Set([]byte{'x', byte(i)}, make([]byte, kv.MaxValue))
			}
		},
		"keys": func(w kv.Writer) {
			for i := range kv.MaxStepKeys + 1 {
				w.Delete(binary.BigEndian.AppendUint32(nil, uint32(i)))
			}
		},
	} {
		err := e.Update(t.Context(), func(w kv.Writer) error {
			w.Set([]byte("small"), []byte("1"))
			step(w)
			return nil
		})
		require.ErrorIs(t, err, kv.ErrTooLarge, name)
	}
	require.Empty(t, dump(t, e))
}

func engineBadKey(t *testing.T, e kv.Engine) {
	for _, key := range [][]byte{nil, {}, make([]byte, kv.MaxKey+1)} {
		for _, act := range []func(kv.Writer){
			func(w kv.Writer) { w.Set(key, []byte("1")) },
			func(w kv.Writer) { w.Delete(key) },
		} {
			err := e.Update(t.Context(), func(w kv.Writer) error {
				w.Set([]byte("good"), []byte("1"))
				act(w)
				return nil
			})
			require.ErrorIs(t, err, kv.ErrBadKey, "%d bytes", len(key))
		}
	}
	require.Empty(t, dump(t, e))
}

func engineLargest(t *testing.T, e kv.Engine) {
	key := func(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		for i := range kv.MaxStepKeys {
			w.Set(key(i), make([]byte, kv.MaxStepBytes/kv.MaxStepKeys-4))
		}
		return nil
	}))
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		w.Set(make([]byte, kv.MaxKey), make([]byte, kv.MaxValue))
		return nil
	}))
	require.Len(t, dump(t, e), kv.MaxStepKeys+1)
	require.Len(t, get(t, e, string(make([]byte, kv.MaxKey))), kv.MaxValue)
}

func engineSnapshot(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "1")
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		changed := make(chan error)
		go func() {
			changed <- e.Update(context.WithoutCancel(t.Context()), func(w kv.Writer) error {
				w.Set([]byte("a"), []byte("2"))
				w.Delete([]byte("b"))
				w.Set([]byte("c"), []byte("2"))
				return nil
			})
		}()
		if err := <-changed; err != nil {
			return err
		}
		var all []string
		err := r.Scan(nil, nil, func(k, v []byte) bool {
			all = append(all, string(k)+"="+string(v))
			return true
		})
		v, verr := r.Value([]byte("a"))
		if strings.Join(all, " ") != "a=1 b=1" || string(v) != "1" {
			err = fmt.Errorf("the view changed under its reader: %v, a=%s", all, v)
		}
		return errors.Join(err, verr)
	}))
	require.Equal(t, []string{"a=2", "c=2"}, dump(t, e))
}

func engineReadYourWrites(t *testing.T, e kv.Engine) {
	var group sync.WaitGroup
	errs := make(chan error, 8)
	for g := range 8 {
		group.Go(func() {
			key := []byte{'k', byte(g)}
			for i := range 30 {
				err := e.Update(t.Context(), func(w kv.Writer) error { w.Set(key, []byte{byte(i)}); return nil })
				err = errors.Join(err, e.View(t.Context(), func(r kv.Reader) error {
					v, err := r.Value(key)
					if err == nil && !bytes.Equal(v, []byte{byte(i)}) {
						err = fmt.Errorf("wrote %d and read %v", i, v)
					}
					return err
				}))
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	require.NoError(t, <-errs)
}

func engineCancelled(t *testing.T, e kv.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	require.ErrorIs(t, e.Update(ctx, func(kv.Writer) error { ran = true; return nil }), context.Canceled)
	require.ErrorIs(t, e.View(ctx, func(kv.Reader) error { ran = true; return nil }), context.Canceled)
	require.False(t, ran)

	// A step that waits behind another one is taken back when its ctx ends.
	holding, release := make(chan struct{}), make(chan struct{})
	held := make(chan error, 1)
	go func() {
		held <- e.Update(context.WithoutCancel(t.Context()), func(w kv.Writer) error {
			close(holding)
			<-release
			w.Set([]byte("held"), []byte("1"))
			return nil
		})
	}()
	<-holding
	ctx, cancel = context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		waiting <- e.Update(ctx, func(w kv.Writer) error { w.Set([]byte("late"), []byte("1")); return nil })
	}()
	cancel()
	close(release)
	require.NoError(t, <-held)
	err := <-waiting
	if err == nil { // It won the race and began before it was cancelled.
		require.Equal(t, []string{"held=1", "late=1"}, dump(t, e))
		return
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"held=1"}, dump(t, e))
}

func engineCancelledWhileRunning(t *testing.T, e kv.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, e.Update(ctx, func(w kv.Writer) error {
		cancel()
		w.Set([]byte("a"), []byte("1"))
		return nil
	}))
	require.Equal(t, []string{"a=1"}, dump(t, e))
	ctx, cancel = context.WithCancel(t.Context())
	require.Equal(t, errRefused, e.Update(ctx, func(kv.Writer) error { cancel(); return errRefused }))
}
