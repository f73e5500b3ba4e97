package kv

import (
	"fmt"
	"strings"
)

const (
	// smallStep is how many keys a step of few items writes at most.
	smallStep = 64
	// firstSlab and lastSlab bound the pieces of memory that keys are put into, each twice the one before.
	firstSlab, lastSlab = 512, 16 << 10
)

// Writes collects what one step sets and deletes, so that an engine applies all of it or nothing. The zero
// value is ready; it is for one goroutine.
type Writes struct {
	small, large list
	isLarge      bool
	keys         *strings.Builder // the newest slab; full ones belong to their keys
	bytes        int
	err          error
}

// list is the writes and where each key's one stands. There are two of them, so that a large step finds its memory again
// and a small one need not empty it.
type list struct {
	entries []Write
	index   map[string]int
}

func (l *list) add(e Write) {
	l.index[e.Key] = len(l.entries)
	l.entries = append(l.entries, e)
}

func (l *list) reset() {
	clear(l.entries)
	l.entries = l.entries[:0]
	clear(l.index)
}

// Write is one key of a step with its last value.
type Write struct {
	Key string
	// Value is nil for a deletion and empty, not nil, for an empty value.
	Value []byte
}

// Set notes a value; nil is stored as empty.
func (w *Writes) Set(key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	w.note(key, value)
}

// Delete notes a deletion.
func (w *Writes) Delete(key []byte) { w.note(key, nil) }

// Lookup returns the value that the step gave to key and whether it touched the key at all; a nil value
// that is known is a deletion.
func (w *Writes) Lookup(key []byte) (value []byte, known bool) {
	l := w.list()
	i, known := l.index[string(key)]
	if !known {
		return nil, false
	}
	return l.entries[i].Value, true
}

// All returns the writes, one for each key, in the order in which the keys were first touched. The slice is
// valid until Reset; the keys and values stay as they are.
func (w *Writes) All() []Write { return w.list().entries }

func (w *Writes) list() *list {
	if w.isLarge {
		return &w.large
	}
	return &w.small
}

// Err returns why the writes cannot be taken: ErrBadKey, ErrTooLarge or nil.
func (w *Writes) Err() error {
	switch n := len(w.All()); {
	case w.err != nil:
		return w.err
	case n > MaxStepKeys:
		return fmt.Errorf("%w: %d keys, at most %d", ErrTooLarge, n, MaxStepKeys)
	case w.bytes > MaxStepBytes:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, w.bytes, MaxStepBytes)
	}
	return nil
}

// Reset empties w for the next step. It keeps the memory.
func (w *Writes) Reset() {
	if len(w.large.entries) > MaxStepKeys {
		w.large = list{}
	}
	w.list().reset()
	w.isLarge, w.bytes, w.err = false, 0, nil
}

func (w *Writes) note(key, value []byte) {
	switch {
	case w.err != nil:
		return
	case len(key) == 0 || len(key) > MaxKey:
		w.err = fmt.Errorf("%w: %d bytes, at most %d", ErrBadKey, len(key), MaxKey)
		return
	case len(value) > MaxValue:
		w.err = fmt.Errorf("%w: a value of %d bytes, at most %d", ErrTooLarge, len(value), MaxValue)
		return
	}
	l := w.list()
	if i, known := l.index[string(key)]; known {
		w.bytes += len(value) - len(l.entries[i].Value)
		l.entries[i].Value = value
		return
	}
	if l.index == nil {
		l.index = make(map[string]int, 16)
	}
	if !w.isLarge && len(l.entries) == smallStep {
		l = w.grow()
	}
	l.add(Write{Key: w.own(key), Value: value})
	w.bytes += len(key) + len(value)
}

// grow goes over to the large list.
func (w *Writes) grow() *list {
	if w.large.index == nil {
		w.large.index = make(map[string]int, 8*smallStep)
	}
	for _, e := range w.small.entries {
		w.large.add(e)
	}
	w.small.reset()
	w.isLarge = true
	return &w.large
}

// own copies a key. Many keys share one piece of memory, which costs less than one each.
func (w *Writes) own(key []byte) string {
	if w.keys == nil || w.keys.Cap()-w.keys.Len() < len(key) {
		size := firstSlab
		if w.keys != nil {
			size = min(2*w.keys.Cap(), lastSlab)
		}
		w.keys = new(strings.Builder)
		w.keys.Grow(max(size, len(key)))
	}
	from := w.keys.Len()
	_, _ = w.keys.Write(key)
	return w.keys.String()[from:]
}
