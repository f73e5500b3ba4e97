package kv

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	// walkRecords and walkFound bound one share of a walk over everything.
	walkRecords = 5_000
	walkFound   = 100
)

// ErrMissingKey says that values may be sealed with keys that are not at hand.
var ErrMissingKey = errors.New("the key file lacks keys of this data")

// BindKeys refuses a set of keys that lacks one which the data needs, and notes the set otherwise.
func BindKeys(ctx context.Context, engine Engine, ids []string) error {
	return engine.Update(ctx, func(w Writer) error {
		v, err := w.Value(keySealKeys())
		if err != nil {
			return fmt.Errorf("read which keys the store needs: %w", err)
		}
		var need, missing []string
		if v != nil && json.Unmarshal(v, &need) != nil {
			return fmt.Errorf("read which keys the store needs: %w", ErrCorrupt)
		}
		for _, id := range need {
			if !slices.Contains(ids, id) {
				missing = append(missing, id)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("%w: %s", ErrMissingKey, strings.Join(missing, ", "))
		}
		return needKeys(w, ids)
	})
}

func needKeys(w Writer, ids []string) error {
	b, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("write which keys the store needs: %w", err)
	}
	w.Set(keySealKeys(), b)
	return nil
}

// NeedKeys notes which keys the data cannot be read without.
func (s *Store) NeedKeys(ctx context.Context, ids []string, now time.Time) error {
	return s.update(ctx, now, func(st *step) error { return needKeys(st.w, ids) })
}

// marks finds sealed values by how they begin: as they are where a value is one or a packed record holds one, and within
// another record as JSON writes bytes.
type marks struct{ raw, text [][]byte }

func marksOf(in [][]byte) marks {
	m := marks{raw: in}
	for _, mark := range in {
		whole := mark[:len(mark)/3*3] // as much as base64 writes in the same way whatever follows
		m.text = append(m.text, append([]byte{'"'}, base64.StdEncoding.EncodeToString(whole)...))
	}
	return m
}

// count adds to found how often each mark is in a value, and reports whether any is.
func (m marks) count(value []byte, found []int) bool {
	marked := false
	for i := range m.raw {
		n := 0
		switch {
		case bytes.HasPrefix(value, m.raw[i]):
			n = 1
		case len(value) > 0 && value[0] == packedVersion:
			n = bytes.Count(value, m.raw[i])
		default:
			n = bytes.Count(value, m.text[i])
		}
		if n > 0 {
			marked = true
			if found != nil {
				found[i] += n
			}
		}
	}
	return marked
}

// WalkSealed looks through the next share of all records.
func (s *Store) WalkSealed(ctx context.Context, q atssync.SealedQuery, now time.Time) (atssync.SealedShare, error) {
	share := atssync.SealedShare{Found: make([]int, len(q.Marks))}
	m := marksOf(q.Marks)
	var anew []resealed
	err := s.view(ctx, func(r reader) error {
		var from []byte
		if q.After != "" {
			k, err := base64.RawURLEncoding.DecodeString(q.After)
			if err != nil {
				return atssync.Errorf(atssync.CodeInvalid, "the marker is none that a share gave")
			}
			from = append(k, 0)
		}
		var failed error
		err := r.r.Scan(nil, from, func(k, v []byte) bool {
			if share.Looked == walkRecords || len(anew) == walkFound {
				return false
			}
			share.Looked++
			share.Next = base64.RawURLEncoding.EncodeToString(k)
			if !m.count(v, share.Found) || q.Reseal == nil {
				return true
			}
			next, err := r.reseal(k, v, m, q.Reseal)
			if err != nil {
				failed = err
				return false
			}
			anew = append(anew, resealed{bytes.Clone(k), bytes.Clone(v), next})
			return true
		})
		return errors.Join(err, failed)
	})
	if err != nil {
		return atssync.SealedShare{}, err
	}
	if share.Looked < walkRecords && len(anew) < walkFound {
		share.Next = ""
	}
	share.Resealed, err = s.storeResealed(ctx, anew, now)
	return share, err
}

// resealed is a record with a value sealed anew.
type resealed struct{ key, was, next []byte }

// storeResealed stores records that are still as they were read.
func (s *Store) storeResealed(ctx context.Context, in []resealed, now time.Time) (int, error) {
	total := 0
	err := inParts(len(in), walkFound, func(from, to int) error {
		n := 0
		err := s.update(ctx, now, func(st *step) error {
			n = 0
			for _, x := range in[from:to] {
				v, err := st.w.Value(x.key)
				if err != nil {
					return err
				}
				if bytes.Equal(v, x.was) {
					st.w.Set(x.key, x.next)
					n++
				}
			}
			return nil
		})
		if err == nil {
			total += n
		}
		return err
	})
	return total, err
}

// reseal returns a record with what is sealed in it sealed anew.
func (r reader) reseal(k, v []byte, m marks, do func(atssync.SealedValue) ([]byte, error)) ([]byte, error) {
	f := fieldsOf(k, 2)
	switch string(k[:2]) {
	case tabPayload, tabNote:
		s, err := r.needSubmission(f.text())
		if err != nil {
			return nil, fmt.Errorf("seal a value of a submission anew: %w", err)
		}
		x := atssync.SealedValue{Kind: atssync.SealedDocument, Connection: s.Connection, Record: s.ExternalKey, Sealed: bytes.Clone(v)}
		if string(k[:2]) == tabNote {
			x.Kind, x.Record = atssync.SealedNote, s.ID
		}
		return do(x)
	case tabSubmission:
		return resealIn(k, v, func(s *atssync.Submission) (err error) {
			s.Continuation, err = do(atssync.SealedValue{Kind: atssync.SealedContinuation, Connection: s.Connection, Record: s.ID, Sealed: s.Continuation})
			return err
		})
	case tabConnection:
		return resealIn(k, v, func(c *atssync.Connection) (err error) {
			if m.count(c.Credentials, nil) {
				c.Credentials, err = do(atssync.SealedValue{Kind: atssync.SealedCredentials, Connection: c.ID, Sealed: c.Credentials})
			}
			if err == nil && m.count(c.Hook, nil) {
				c.Hook, err = do(atssync.SealedValue{Kind: atssync.SealedHook, Connection: c.ID, Sealed: c.Hook})
			}
			return err
		})
	case tabEndpoint:
		return resealIn(k, v, func(e *atssync.Endpoint) error {
			for i, secret := range e.Secrets {
				if !m.count(secret.Sealed, nil) {
					continue
				}
				sealed, err := do(atssync.SealedValue{Kind: atssync.SealedSecret, Connection: e.ID, Sealed: secret.Sealed})
				if err != nil {
					return err
				}
				e.Secrets[i].Sealed = sealed
			}
			return nil
		})
	}
	return nil, fmt.Errorf("a record of table %q holds a sealed value that nothing knows to seal anew", KindOf(k))
}

// resealIn changes the sealed values of a record.
func resealIn[T any](k, v []byte, change func(*T) error) ([]byte, error) {
	x, err := decode[T](k, v)
	if err != nil {
		return nil, err
	}
	if err := change(x); err != nil {
		return nil, err
	}
	return encode(k, x)
}

// RefuseSealed has steps refused that store a value with one of the marks: it was sealed before the keys were exchanged, and
// nobody would find it any more before its key is dropped.
func (s *Store) RefuseSealed(in [][]byte) {
	m := marksOf(in)
	s.refused.Store(&m)
}

// watched notices values that must not be stored any more.
type watched struct {
	Writer
	refused *marks
	hit     bool
}

// Set implements Writer.
func (w *watched) Set(key, value []byte) {
	w.hit = w.hit || w.refused.count(value, nil)
	w.Writer.Set(key, value)
}

func (w *watched) err() error {
	if !w.hit {
		return nil
	}
	return atssync.Errorf(atssync.CodeUnavailable, "the sealing key was exchanged while this was under way; nothing was stored").
		WithRemedy("do it again")
}
