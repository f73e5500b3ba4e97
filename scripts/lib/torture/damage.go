package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// damage flips single bits in each kind of file, empties and removes each file once, starts the daemon, and has the platform
// send everything again: either the start is refused with the reason, or nothing is lost, and nobody is sent twice.
func damage(ctx context.Context, t *trial) error {
	d, err := newDamaged(ctx, t)
	if err != nil {
		return err
	}
	defer d.w.end()
	if err := d.try(ctx, "nothing", "", func() error { return nil }); err != nil {
		return err
	}
	if d.refused > 0 {
		return errors.New("the store that is not damaged is refused")
	}
	t.total *= len(d.kinds())
	for _, kind := range d.kinds() {
		for i := range t.n {
			r := t.random(kind, i)
			files := d.byKind[kind]
			file := files[r.IntN(len(files))]
			at, bit, err := d.place(r, file)
			if err != nil {
				return err
			}
			what := fmt.Sprintf("bit %d of byte %d of %s flipped (%s %d)", bit, at, file, kind, i)
			if err := d.try(ctx, what, file, func() error { return flip(filepath.Join(d.w.data, file), at, bit) }); err != nil {
				return err
			}
			t.done(1)
		}
		t.note("%s: %d bits flipped, %d refused", kind, t.n, d.refused)
		d.refused = 0
	}
	for _, file := range d.files {
		path := filepath.Join(d.w.data, file)
		if err := d.try(ctx, file+" emptied", file, func() error { return os.Truncate(path, 0) }); err != nil {
			return err
		}
		if err := d.try(ctx, file+" removed", file, func() error { return os.Remove(path) }); err != nil {
			return err
		}
	}
	t.note("%d files emptied and removed, %d of %d refused", len(d.files), d.refused, 2*len(d.files))
	return nil
}

// damaged is a store to damage over and over again.
type damaged struct {
	t       *trial
	w       *world
	good    string   // a copy of the data folder after a kill
	files   []string // in it
	byKind  map[string][]string
	posts   map[string]int
	docs    []people.Document
	places  []int
	refused int
}

// newDamaged fills a store until it has tables and a log, and kills the daemon.
func newDamaged(ctx context.Context, t *trial) (*damaged, error) {
	w, err := newWorld(ctx, t, "d", options{connections: 4, noReceiver: true})
	if err != nil {
		return nil, err
	}
	d := &damaged{t: t, w: w, good: filepath.Join(t.root, "good"), byKind: make(map[string][]string)}
	const large, all = 70, 100
	for n := range uint64(all) {
		doc, i := w.document(n)
		if n < large { // several tables need some bytes
			for q := range 15 {
				doc.Answers = append(doc.Answers, people.Answer{Question: fmt.Sprintf("What else, %d?", q), Answer: strings.Repeat("Much. ", 1600), Private: true})
			}
		}
		d.docs, d.places = append(d.docs, doc), append(d.places, i)
		if err := w.deliver(ctx, doc, i); err != nil {
			return nil, err
		}
	}
	if err := w.arrived(ctx, time.Minute); err != nil {
		return nil, err
	}
	w.kill()
	if _, err := command(ctx, "", nil, "cp", "-a", "--sparse=always", w.data, d.good); err != nil {
		return nil, err
	}
	d.posts = w.posts()
	return d, filepath.WalkDir(d.good, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(d.good, path)
		d.files = append(d.files, name)
		kind := kindOf(name)
		if info, err := e.Info(); err != nil || info.Size() == 0 {
			return err
		}
		d.byKind[kind] = append(d.byKind[kind], name)
		return nil
	})
}

// kindOf is what a file of the data folder is; those that carry little are one kind.
func kindOf(name string) string {
	switch base, ext := filepath.Base(name), filepath.Ext(name); {
	case ext == ".mem" || ext == ".sst":
		return ext
	case base == "MANIFEST" || base == "MARK" || base == "seal.key":
		return base
	}
	return "others"
}

func (d *damaged) kinds() []string {
	var out []string
	for k := range d.byKind {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// place picks a bit of what a file holds: logs are made long and filled later.
func (d *damaged) place(r *rand.Rand, file string) (at int64, bit uint, err error) {
	b, err := os.ReadFile(filepath.Join(d.good, file))
	if err != nil {
		return 0, 0, err
	}
	n := len(b)
	for n > 1 && b[n-1] == 0 {
		n--
	}
	return r.Int64N(int64(n)), uint(r.IntN(8)), nil
}

func flip(path string, at int64, bit uint) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	if err == nil {
		b[0] ^= 1 << bit
		_, err = f.WriteAt(b, at)
	}
	return errors.Join(err, f.Close())
}

// try lays the good store down, damages it, starts the daemon and looks.
func (d *damaged) try(ctx context.Context, what, file string, harm func() error) error {
	w := d.w
	if err := os.RemoveAll(w.data); err != nil {
		return err
	}
	if _, err := command(ctx, "", nil, "cp", "-a", "--sparse=always", d.good, w.data); err != nil {
		return err
	}
	if err := harm(); err != nil {
		return err
	}
	if err := os.Truncate(w.log(), 0); err != nil {
		return err
	}
	err := w.start(ctx)
	defer w.kill()
	if errors.Is(err, rig.ErrEnded) {
		d.refused++
		said, _ := os.ReadFile(w.log())
		text := string(said)
		d.t.check(promiseNotSilent, w.daemon.Ended() == "exit status 1", "%s: it ended with %s: %s", what, w.daemon.Ended(), rig.Tail(w.log(), 4))
		named := strings.Contains(text, filepath.Base(file)) || strings.Contains(text, w.data)
		remedy := slices.ContainsFunc([]string{"restore the last good copy", "put it back", "put a copy of it back", "put back the folder", "put the right key file back"},
			func(words string) bool { return strings.Contains(text, words) })
		d.t.check("a refusal names file or folder and what to do", named && remedy, "%s: %s", what, rig.Tail(w.log(), 2))
		return nil
	}
	if err != nil {
		d.t.check(promiseNotSilent, false, "%s: %v", what, err)
		return nil
	}
	return d.compare(ctx, what)
}

// compare looks whether everything is there, sends everything again and looks whether anything came to the ATS.
func (d *damaged) compare(ctx context.Context, what string) error {
	w := d.w
	list, err := w.submissions(ctx, "")
	if err != nil {
		d.t.check(promiseNotSilent, false, "%s: the list: %v", what, err)
		return nil
	}
	submitted := 0
	for _, s := range list {
		if s.State == "submitted" && w.sent.acked[s.ExternalID] == s.ID {
			submitted++
		}
	}
	l, err := w.ledger(ctx, true)
	d.t.check(promiseNotSilent, err == nil && l.Total.OK && submitted == len(d.docs), "%s: started, and of %d applications %d are there; %v %+v", what, len(d.docs), submitted, err, l.Total)
	for i, doc := range d.docs {
		if err := w.deliver(ctx, doc, d.places[i]); err != nil {
			d.t.check("sent again, everything is known", false, "%s: %v", what, err)
			return nil
		}
	}
	if err := w.arrived(ctx, 20*time.Second); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	twice := ""
	for id, n := range w.posts() {
		if n != d.posts[id] {
			twice = id
		}
	}
	if !d.t.check("damage sends nobody a second time", twice == "", "%s: %s", what, twice) {
		d.posts = w.posts()
	}
	return nil
}
