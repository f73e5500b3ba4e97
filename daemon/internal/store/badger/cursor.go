package badger

import (
	"bytes"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/tidwall/btree"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// cursor stands on one pair of a source, in one direction.
type cursor interface {
	// peek returns the key it stands on, nil at the end; it is valid until move.
	peek() []byte
	// value returns the value of that key, nil when the key is deleted.
	value() ([]byte, error)
	move()
}

type noCursor struct{}

func (noCursor) peek() []byte           { return nil }
func (noCursor) value() ([]byte, error) { return nil, nil }
func (noCursor) move()                  {}

// tableCursor walks Badger.
type tableCursor struct {
	r      *reader
	it     *badger.Iterator
	prefix []byte // with the space byte
	err    error
}

func newTableCursor(r *reader, prefix, start []byte, back bool) (c *tableCursor) {
	c = &tableCursor{r: r, prefix: append([]byte{stepSpace}, prefix...)}
	defer r.damaged(&c.err, prefix)
	opts := badger.IteratorOptions{Reverse: back}
	if !back {
		opts.Prefix = c.prefix
		c.it = r.txn.NewIterator(opts)
		c.it.Seek(append([]byte{stepSpace}, start...))
		return c
	}
	c.it = r.txn.NewIterator(opts)
	end := kv.PrefixEnd(c.prefix)
	if start != nil {
		if from := append([]byte{stepSpace}, start...); bytes.Compare(from, end) < 0 {
			c.it.Seek(from)
			return c
		}
	}
	c.it.Seek(end)
	if c.it.Valid() && bytes.Equal(c.it.Item().Key(), end) {
		c.it.Next()
	}
	return c
}

func (c *tableCursor) peek() []byte {
	if c.err != nil || !c.it.ValidForPrefix(c.prefix) {
		return nil
	}
	return c.it.Item().Key()[1:]
}

func (c *tableCursor) value() (body []byte, err error) {
	defer c.r.damaged(&err, c.prefix[1:])
	item := c.it.Item()
	return c.r.body(item.Key(), item)
}

func (c *tableCursor) move() {
	defer c.r.damaged(&c.err, c.prefix[1:])
	c.it.Next()
}

func (c *tableCursor) close() {
	if c.it != nil {
		c.it.Close()
	}
}

// overlayCursor walks an overlay.
type overlayCursor struct {
	it     btree.MapIter[string, []byte]
	prefix string
	back   bool
	ok     bool
}

func newOverlayCursor(over *overlay, prefix, start []byte, back bool) *overlayCursor {
	c := &overlayCursor{it: over.ordered().Iter(), prefix: string(prefix), back: back}
	if !back {
		c.ok = c.it.Seek(string(start))
		return c
	}
	limit := kv.PrefixEnd(prefix)
	if start != nil && (limit == nil || bytes.Compare(start, limit) < 0) {
		limit = append(bytes.Clone(start), 0) // start itself is the last one below it.
	}
	switch {
	case limit == nil:
		c.ok = c.it.Last()
	case c.it.Seek(string(limit)):
		c.ok = c.it.Prev()
	default:
		c.ok = c.it.Last()
	}
	return c
}

func (c *overlayCursor) peek() []byte {
	if !c.ok || !strings.HasPrefix(c.it.Key(), c.prefix) {
		return nil
	}
	return []byte(c.it.Key())
}

func (c *overlayCursor) value() ([]byte, error) { return c.it.Value(), nil }

func (c *overlayCursor) move() {
	if c.back {
		c.ok = c.it.Prev()
	} else {
		c.ok = c.it.Next()
	}
}
