package kv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// MaxItems bounds the items of one call.
const MaxItems = 500

// partItems is how many items of a few kilobytes fit one commit of any engine with room to spare.
const partItems = 200

// Options are what the steps need to know beyond the engine.
type Options struct {
	// ReleasePerMinute is the pace at which held submissions are released when a connection is resumed or
	// a job is back; 0, and nil, is at once.
	ReleasePerMinute func() int
	// SoleOwner says that the engine is held by this process alone, so that every owner of a lease that did
	// not register with this Store is dead, whatever its heartbeat promised.
	SoleOwner bool
	// Told is called after every commit that told the platform something; nil is nobody. It must not block.
	Told func()
	// Touched is called after every commit with the connections whose record, lane, counters or checkpoints it wrote; nil is
	// nobody. It must not block.
	Touched func(connections []string)
}

// Store is atssync.Store over an ordered key space.
type Store struct {
	engine Engine
	o      Options
	caches caches

	// refused are the marks of sealed values that no step may store any more.
	refused atomic.Pointer[marks]

	mu     sync.Mutex
	owners map[string]bool // registered with this Store
}

var _ atssync.Store = (*Store)(nil)

// New returns the store over an engine that Prepare has accepted. Close closes the engine.
func New(engine Engine, o Options) *Store {
	return &Store{engine: engine, o: o, owners: make(map[string]bool)}
}

// pace is how many held submissions are released a minute; 0 is at once.
func (o Options) pace() int {
	if o.ReleasePerMinute == nil {
		return 0
	}
	return o.ReleasePerMinute()
}

// ErrOtherKey says that the records were sealed with another key than the one at hand.
var ErrOtherKey = errors.New("the data was sealed with another key")

// BindKey writes into a new store which key seals its records, by the key's check value, and refuses every other
// key from then on, before anything is sealed or opened with it.
func BindKey(ctx context.Context, engine Engine, check string) error {
	return engine.Update(ctx, func(w Writer) error {
		v, err := w.Value(keyBinding())
		switch {
		case err != nil:
			return fmt.Errorf("read which key seals the store: %w", err)
		case v == nil:
			w.Set(keyBinding(), []byte(check))
		case string(v) != check:
			return ErrOtherKey
		}
		return nil
	})
}

// Close closes the engine; it may be called twice.
func (s *Store) Close() error { return s.engine.Close() }

// view runs fn on a snapshot.
func (s *Store) view(ctx context.Context, fn func(reader) error) error {
	return s.engine.View(ctx, func(r Reader) error { return fn(reader{r, &s.caches}) })
}

// update runs fn as one step. What fn hands out must be made anew by each run of it.
func (s *Store) update(ctx context.Context, now time.Time, fn func(*step) error) error {
	actor, person := atssync.ActorOf(ctx)
	told := false
	var touched map[string]struct{}
	err := s.engine.Update(ctx, func(w Writer) error {
		watch := &watched{Writer: w, refused: s.refused.Load()}
		if watch.refused != nil {
			w = watch
		}
		st := &step{reader: reader{w, &s.caches}, w: w, now: now.UTC().Round(0), o: s.o, actor: actor, person: person}
		if err := fn(st); err != nil {
			return err
		}
		told = st.numbered
		if err := st.flush(); err != nil {
			return err
		}
		touched = st.touched
		return watch.err()
	})
	if told && err == nil && s.o.Told != nil {
		s.o.Told()
	}
	if len(touched) > 0 && err == nil && s.o.Touched != nil {
		s.o.Touched(slices.Collect(maps.Keys(touched)))
	}
	return err
}

func tooMany(n int) error {
	if n <= MaxItems {
		return nil
	}
	return atssync.Errorf(atssync.CodeInvalid, "%d items are more than one step takes", n).
		WithRemedy("send at most %d at a time", MaxItems)
}

// inParts does n items in commits of at most size, and of less where they turn out to be too much for one.
// Items of one part are stored together; a failure leaves the parts before it stored.
func inParts(n, size int, do func(from, to int) error) error {
	for from := 0; from < n; {
		to := min(from+size, n)
		err := do(from, to)
		if errors.Is(err, ErrTooLarge) && to-from > 1 {
			size = (to - from + 1) / 2
			continue
		}
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}

// shrinking does up to n items in one commit, and fewer where they turn out to be too much for one.
func shrinking(n int, do func(n int) error) error {
	for {
		err := do(n)
		if n <= 1 || !errors.Is(err, ErrTooLarge) {
			return err
		}
		n = (n + 1) / 2
	}
}

// usableID refuses an id that no key can hold as it is; what names the field.
func usableID(what, id string) error {
	if len(id) <= maxText && utf8.ValidString(id) {
		return nil
	}
	e := atssync.Errorf(atssync.CodeInvalid, "the id cannot be used")
	e.Fields = []atssync.FieldError{{Path: what, Message: fmt.Sprintf("an id is text in UTF-8 of at most %d bytes", maxText)}}
	return e
}
