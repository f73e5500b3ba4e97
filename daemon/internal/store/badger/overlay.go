package badger

import "github.com/tidwall/btree"

// overlay is what the steps of a group wrote so far: keys without their space byte, nil for deleted. Most groups only look
// keys up; the order of keys is made for the first step that scans, and kept from then on.
type overlay struct {
	values map[string][]byte
	order  *btree.Map[string, []byte]
	most   int // keys of a group lately, which values is large enough for
}

// Get returns the value of a key and whether it was written at all.
func (o *overlay) Get(key []byte) (body []byte, known bool) {
	body, known = o.values[string(key)]
	return body, known
}

// Set notes a value.
func (o *overlay) Set(key string, body []byte) {
	if o.values == nil {
		o.values = make(map[string][]byte, o.most)
	}
	o.values[key] = body
	if o.order != nil {
		o.order.Set(key, body)
	}
}

// Len returns how many keys were written.
func (o *overlay) Len() int { return len(o.values) }

// ordered returns the pairs in the order of their keys.
func (o *overlay) ordered() *btree.Map[string, []byte] {
	if o.order == nil {
		o.order = new(btree.Map[string, []byte])
		for key, body := range o.values {
			o.order.Set(key, body)
		}
	}
	return o.order
}

// reset empties the overlay for the next group. Its memory is kept as long as groups need it: emptying a large map for a
// group of one step would cost more than the step.
func (o *overlay) reset() {
	o.most = max(len(o.values), o.most/2)
	if len(o.values) >= o.most/4 {
		clear(o.values)
	} else {
		o.values = nil
	}
	o.order = nil
}
