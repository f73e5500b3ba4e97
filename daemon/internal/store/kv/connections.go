package kv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// CreateConnection stores a new connection or revives the removed one that shares an identity key.
func (s *Store) CreateConnection(ctx context.Context, c atssync.Connection, now time.Time) (atssync.Connection, error) {
	var out atssync.Connection
	if err := errors.Join(usableID("id", c.ID), usableID("account", c.Account)); err != nil {
		return out, err
	}
	err := s.update(ctx, now, func(st *step) error {
		next := c.Clone()
		if next.ID == "" {
			next.ID = atssync.NewID(atssync.PrefixConnection, now)
		}
		old, err := st.removedTwin(&next)
		if err != nil {
			return err
		}
		action := "connection.create"
		next.CreatedAt, next.Version = st.now, 1
		if old != nil {
			action = "connection.revive"
			next.ID, next.CreatedAt, next.Version = old.ID, old.CreatedAt, old.Version+1
			for _, k := range old.IdentityKeys {
				if !slices.Contains(next.IdentityKeys, k) {
					next.IdentityKeys = append(next.IdentityKeys, k)
				}
			}
		}
		next.RemovedAt, next.UpdatedAt = time.Time{}, st.now
		if next.State == "" || next.State == atssync.ConnectionRemoved {
			next.State = atssync.ConnectionActive
		}
		if err := st.notTaken(&next); err != nil {
			return err
		}
		st.saveConnection(old, &next)
		st.note(action, next.ID, next.Adapter)
		out = next.Clone()
		return st.holdNew(&next)
	})
	return out, err
}

// removedTwin finds the removed connection of the same account that a new one continues: by its id when it
// is given, else by an identity key, that of the acting user first.
func (st *step) removedTwin(c *atssync.Connection) (*atssync.Connection, error) {
	same, err := st.connection(c.ID)
	if err != nil {
		return nil, err
	}
	if same != nil {
		if same.State == atssync.ConnectionRemoved && same.Account == c.Account && same.Adapter == c.Adapter {
			return same, nil
		}
		return nil, atssync.Errorf(atssync.CodeExists, "there is a connection %s already", c.ID)
	}
	var twin *atssync.Connection
	err = st.twins(c, func(o *atssync.Connection) {
		if o.State != atssync.ConnectionRemoved || o.Account != c.Account || o.Adapter != c.Adapter {
			return
		}
		if twin == nil || c.Continues(*o, *twin) {
			twin = o
		}
	})
	return twin, err
}

// twins calls fn for every other connection that shares an identity key.
func (r reader) twins(c *atssync.Connection, fn func(*atssync.Connection)) error {
	var ids []string
	for _, k := range c.IdentityKeys {
		prefix := table(tabIdentity).text(k)
		if err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
			f := fieldsOf(k, len(prefix))
			ids = append(ids, f.text())
			return true
		}); err != nil {
			return err
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		o, err := r.connection(id)
		if err != nil {
			return err
		}
		if o != nil && o.ID != c.ID {
			fn(o)
		}
	}
	return nil
}

// notTaken refuses a connection whose identity or name a live one has. A connection of another account is
// not named: nobody is shown what is not theirs.
func (st *step) notTaken(c *atssync.Connection) error {
	var live *atssync.Connection
	if err := st.twins(c, func(o *atssync.Connection) {
		if o.State != atssync.ConnectionRemoved && (live == nil || o.Account == c.Account) {
			live = o
		}
	}); err != nil {
		return err
	}
	if live != nil && live.Account == c.Account {
		return atssync.Errorf(atssync.CodeExists, "this ATS account is connected already, with the same user or the same key, as %s (%s)", live.ID, live.Name).
			WithRemedy("give that connection the new credentials (atssync connections repair), or remove it first").About(live.ID)
	}
	if live != nil {
		return atssync.Errorf(atssync.CodeExists, "this ATS account is connected already, with the same user or the same key, for another account").
			WithRemedy("use another credential and user, or remove the other account's connection first")
	}
	if c.Name == "" {
		return nil
	}
	id, err := st.w.Value(keyConnName(c.Account, c.Name))
	if err != nil || id == nil || string(id) == c.ID {
		return err
	}
	return atssync.Errorf(atssync.CodeExists, "the account has a connection named %q already, %s", c.Name, id).
		WithRemedy("choose another name").About(string(id))
}

// saveConnection writes a connection and its indexes; was is nil when it is new.
func (st *step) saveConnection(was, c *atssync.Connection) {
	if was == nil {
		st.w.Set(keyAccountConn(c.Account, c.ID), []byte{})
	}
	if was != nil && was.State != atssync.ConnectionRemoved && (was.Name != c.Name || c.State == atssync.ConnectionRemoved) {
		st.w.Delete(keyConnName(was.Account, was.Name))
	}
	if c.State != atssync.ConnectionRemoved && c.Name != "" {
		st.w.Set(keyConnName(c.Account, c.Name), []byte(c.ID))
	}
	if was != nil {
		for _, k := range was.IdentityKeys {
			if !slices.Contains(c.IdentityKeys, k) {
				st.w.Delete(keyIdentity(k, c.ID))
			}
		}
	}
	for _, k := range c.IdentityKeys {
		st.w.Set(keyIdentity(k, c.ID), []byte{})
	}
	st.touch(c.ID)
	st.put(keyConnection(c.ID), c)
	if st.conns == nil {
		st.conns = make(map[string]*atssync.Connection, 4)
	}
	st.conns[c.ID] = c
	clear(st.verdicts)
}

// UpdateConnection changes a connection, with the task and the event that pausing and resuming bring.
func (s *Store) UpdateConnection(ctx context.Context, id string, version int64, change func(*atssync.Connection) error, now time.Time) (atssync.Connection, error) {
	var out atssync.Connection
	err := s.update(ctx, now, func(st *step) error {
		was, err := st.needConn(id)
		if err != nil {
			return err
		}
		if err := notRemoved(was); err != nil {
			return err
		}
		if version != 0 && version != was.Version {
			return changed("connection", id, was.Version)
		}
		next := was.Clone()
		if err := change(&next); err != nil {
			return err
		}
		if err := lawful(was, &next); err != nil {
			return err
		}
		fields := differences(was, &next)
		if len(fields) == 0 {
			out = next.Clone()
			return nil
		}
		if err := st.notTaken(&next); err != nil {
			return err
		}
		next.Version, next.UpdatedAt = was.Version+1, st.now
		st.saveConnection(was, &next)
		out = next.Clone()
		return st.stateChanged(was, &next, fields)
	})
	return out, err
}

func changed(noun, id string, version int64) error {
	return atssync.Errorf(atssync.CodeChanged, "%s %s was changed meanwhile, it is at version %d", noun, id, version).
		WithRemedy("read it again and decide anew")
}

// lawful refuses changes of what a connection is, as opposed to how it is set up.
func lawful(was, next *atssync.Connection) error {
	if next.ID != was.ID || next.Account != was.Account || next.Adapter != was.Adapter {
		return atssync.Errorf(atssync.CodeInvalid, "id, account and adapter of connection %s never change", was.ID).
			WithRemedy("make a new connection")
	}
	if next.State != atssync.ConnectionActive && next.State != atssync.ConnectionPaused {
		return atssync.Errorf(atssync.CodeInvalid, "connection %s cannot be made %q by a change", was.ID, next.State)
	}
	next.CreatedAt, next.Version, next.UpdatedAt, next.RemovedAt = was.CreatedAt, was.Version, was.UpdatedAt, was.RemovedAt
	return nil
}

// differences names the fields that differ, for the audit record: names only, a value may be secret.
func differences(a, b *atssync.Connection) []string {
	var out []string
	add := func(name string, same bool) {
		if !same {
			out = append(out, name)
		}
	}
	add("name", a.Name == b.Name)
	add("state", a.State == b.State && a.PausedReason == b.PausedReason)
	add("managed_by", a.ManagedBy == b.ManagedBy)
	add("settings", maps.Equal(a.Settings, b.Settings))
	add("credentials", string(a.Credentials) == string(b.Credentials))
	add("hook", string(a.Hook) == string(b.Hook) && a.HookAt.Equal(b.HookAt))
	add("identity", slices.Equal(a.IdentityKeys, b.IdentityKeys) && a.ActingUser == b.ActingUser && a.Host == b.Host && a.AccountName == b.AccountName && a.AccountID == b.AccountID)
	add("policy", a.OnUncertain == b.OnUncertain && a.ResumeCheck == b.ResumeCheck && a.LastNameFallback == b.LastNameFallback && a.NoteTemplate == b.NoteTemplate)
	add("status_overrides", slices.Equal(a.StatusOverrides, b.StatusOverrides))
	add("check", a.CheckedAt.Equal(b.CheckedAt) && a.JobsVisible == b.JobsVisible)
	if len(out) == 0 && !sameJSON(a, b) {
		out = append(out, "other")
	}
	return out
}

// sameJSON compares what would be written.
func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && bytes.Equal(x, y)
}

func (st *step) stateChanged(was, next *atssync.Connection, fields []string) error {
	detail := strings.Join(fields, ", ")
	if was.State == next.State {
		action := "connection.update"
		if detail == "hook" {
			action, detail = "connection.rotate_hook", ""
		}
		st.note(action, next.ID, detail)
		return nil
	}
	d := atssync.EventDraft{Type: atssync.EventConnectionResumed, At: st.now, Data: atssync.ConnectionEvent{State: "resumed"}}
	t := atssync.Task{Kind: atssync.TaskRelease, PerMinute: st.o.pace()}
	action := "connection.resume"
	if next.State == atssync.ConnectionPaused {
		d = atssync.EventDraft{
			Type: atssync.EventConnectionPaused, At: st.now,
			Data: atssync.ConnectionEvent{State: "paused", Cause: next.PausedReason, WhoseTurn: "operator", Remedy: "resume the connection"},
		}
		t, action = atssync.Task{Kind: atssync.TaskHold}, "connection.pause"
		detail = next.PausedReason
	}
	t.Connection, t.Reason = next.ID, atssync.HeldConnectionPaused
	if _, err := st.putTask(t); err != nil {
		return err
	}
	st.emit(next, d)
	st.note(action, next.ID, detail)
	return nil
}

// Connection returns one connection, a removed one too.
func (s *Store) Connection(ctx context.Context, id string) (atssync.Connection, error) {
	var out atssync.Connection
	err := s.view(ctx, func(r reader) error {
		c, err := r.connection(id)
		if err == nil && c == nil {
			err = missing("connection", id)
		}
		if err == nil {
			out = c.Clone()
		}
		return err
	})
	return out, err
}

// Connections lists connections in the order of their ids.
func (s *Store) Connections(ctx context.Context, q atssync.ConnectionQuery) (atssync.Page[atssync.Connection], error) {
	var out atssync.Page[atssync.Connection]
	err := s.view(ctx, func(r reader) error {
		l := listing[atssync.Connection]{
			spans: []span{{prefix: table(tabConnection)}},
			load: func(k, v []byte) (*atssync.Connection, error) {
				c, err := decode[atssync.Connection](k, v)
				if err != nil || !wantedConnection(q, c) {
					return nil, err
				}
				return c, nil
			},
		}
		if q.Account != "" {
			prefix := table(tabAccountConn).text(q.Account)
			l.spans = []span{{prefix: prefix}}
			l.load = func(k, _ []byte) (*atssync.Connection, error) {
				f := fieldsOf(k, len(prefix))
				c, err := record[atssync.Connection](r.r, keyConnection(f.text()))
				if err != nil || c == nil || !wantedConnection(q, c) {
					return nil, err
				}
				return c, nil
			}
		}
		var err error
		out, err = page(ctx, r.r, q.Paging, l)
		return err
	})
	return out, err
}

func wantedConnection(q atssync.ConnectionQuery, c *atssync.Connection) bool {
	if q.State == "" && c.State == atssync.ConnectionRemoved || q.State != "" && c.State != q.State {
		return false
	}
	return (q.Account == "" || c.Account == q.Account) && q.Within.Covers(c.Account, c.ID) && (q.Adapter == "" || c.Adapter == q.Adapter) &&
		(q.Name == "" || c.Name == q.Name)
}
