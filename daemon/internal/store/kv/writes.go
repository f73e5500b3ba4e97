package kv

import "fmt"

// Writes collects what one step sets and deletes, so that an engine applies all of it or nothing. The zero
// value is ready; it is for one goroutine.
type Writes struct {
	entries []Write
	index   map[string]int
	bytes   int
	err     error
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
	i, known := w.index[string(key)]
	if !known {
		return nil, false
	}
	return w.entries[i].Value, true
}

// All returns the writes, one for each key, in the order in which the keys were first touched. The slice is
// valid until Reset.
func (w *Writes) All() []Write { return w.entries }

// Err returns why the writes cannot be taken: ErrBadKey, ErrTooLarge or nil.
func (w *Writes) Err() error {
	switch {
	case w.err != nil:
		return w.err
	case len(w.entries) > MaxStepKeys:
		return fmt.Errorf("%w: %d keys, at most %d", ErrTooLarge, len(w.entries), MaxStepKeys)
	case w.bytes > MaxStepBytes:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, w.bytes, MaxStepBytes)
	}
	return nil
}

// Reset empties w for the next step. It keeps the memory of a small one.
func (w *Writes) Reset() {
	if len(w.entries) > 64 {
		*w = Writes{}
		return
	}
	clear(w.entries)
	w.entries = w.entries[:0]
	clear(w.index)
	w.bytes, w.err = 0, nil
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
	if i, known := w.index[string(key)]; known {
		w.bytes += len(value) - len(w.entries[i].Value)
		w.entries[i].Value = value
		return
	}
	if w.index == nil {
		w.index = make(map[string]int, 8)
	}
	owned := string(key)
	w.index[owned] = len(w.entries)
	w.entries = append(w.entries, Write{Key: owned, Value: value})
	w.bytes += len(key) + len(value)
}
