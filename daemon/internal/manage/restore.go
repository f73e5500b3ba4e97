package manage

import (
	"context"
	"io"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Backup writes a backup of everything and puts that into the audit record, under the object "backup".
func (s *Service) Backup(ctx context.Context, w io.Writer) error {
	if err := s.wholeOnly(); err != nil {
		return err
	}
	if s.o.Backups == nil {
		return atssync.Errorf(atssync.CodeConflict, "this daemon makes no backups")
	}
	id, err := s.o.Backups.Backup(ctx, w)
	if err != nil {
		return err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		now := time.Now().UTC()
		return s.o.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "backup.make", Object: "backup", Detail: id,
		})
	}
	return nil
}

// BackupHealth is how the last backup went that was handed over whole.
type BackupHealth struct {
	// LastSuccess is the moment that it holds; zero when none was made.
	LastSuccess time.Time `json:"last_success,omitzero" doc:"the moment that the last whole backup holds; absent when none was made"`
	Bytes       int64     `json:"bytes,omitempty"`
	DurationMS  int64     `json:"duration_ms,omitempty"`
	// Restored is the last restore while no backup was made since: its backup is newer than any that the store itself knows of.
	Restored *atssync.Restore `json:"restored,omitempty" doc:"the last restore, while no backup was made since"`
}

// LastBackup returns the run that made the last whole backup; ok is false when there is none.
func LastBackup(ctx context.Context, s atssync.Runs) (run atssync.Run, ok bool, err error) {
	q := atssync.RunQuery{Pass: atssync.PassBackup, Paging: atssync.Paging{Limit: 100}}
	for {
		page, err := s.Runs(ctx, q)
		if err != nil {
			return atssync.Run{}, false, err
		}
		for _, r := range page.Items {
			if r.Error == "" {
				return r, true, nil
			}
		}
		if q.After = page.Next; q.After == "" {
			return atssync.Run{}, false, nil
		}
	}
}

// BackupHealth tells of the last backup, nil to a caller who is limited to a part.
func (s *Service) BackupHealth(ctx context.Context) (*BackupHealth, error) {
	if s.o.Backups == nil || !s.scope.Whole() {
		return nil, nil //nolint:nilnil // there is nothing to tell, and nothing went wrong.
	}
	out := new(BackupHealth)
	r, ok, err := LastBackup(ctx, s.o.Store)
	if err != nil {
		return out, err
	}
	if ok {
		*out = BackupHealth{LastSuccess: r.StartedAt, Bytes: r.Bytes, DurationMS: r.FinishedAt.Sub(r.StartedAt).Milliseconds()}
	}
	rest, err := s.o.Store.Restoration(ctx)
	if n := len(rest.Restores); n > 0 && rest.Restores[n-1].At.After(out.LastSuccess) {
		out.Restored = &rest.Restores[n-1]
	}
	return out, err
}

// wholeOnly refuses a caller who is limited to a part.
func (s *Service) wholeOnly() error {
	if s.scope.Whole() {
		return nil
	}
	return atssync.Errorf(atssync.CodeForbidden, "this caller is limited to some accounts or connections, and this is about the store as a whole").
		WithRemedy("use a token without such a limit")
}

// RestoreView is whether the store was restored from a backup, and what is held for that.
type RestoreView struct {
	Restores []atssync.Restore `json:"restores"` // the last one last
	// Held are the connections that send nothing until they are released.
	Held []HeldConnection `json:"held"`
	// NewHeld says that connections that are made now are held as well: they may be some that were lost.
	NewHeld bool `json:"new_held"`
	// Remembered are submissions of which it is known what became of them, and which the platform has to send again.
	Remembered int `json:"remembered"`
}

// HeldConnection is one connection that is held for a restore.
type HeldConnection struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"`
	// LastSequence is the last event that the backup knows.
	LastSequence int64 `json:"last_sequence"`
}

// Restoration tells whether the store was restored, and what is held for that.
func (s *Service) Restoration(ctx context.Context) (RestoreView, error) {
	if err := s.wholeOnly(); err != nil {
		return RestoreView{}, err
	}
	rest, err := s.o.Store.Restoration(ctx)
	out := RestoreView{Restores: append([]atssync.Restore{}, rest.Restores...), Held: []HeldConnection{}, Remembered: rest.Remembered}
	if err != nil {
		return out, err
	}
	for _, x := range rest.Connections {
		switch {
		case !x.Held:
		case x.Connection == "":
			out.NewHeld = true
		default:
			c, err := s.o.Store.Connection(ctx, x.Connection)
			if err != nil {
				return out, err
			}
			out.Held = append(out.Held, HeldConnection{ID: c.ID, Name: c.Name, Account: c.Account, LastSequence: x.LastSequence})
		}
	}
	return out, nil
}

// ReleaseRestoredRequest ends the hold of a restore.
type ReleaseRestoredRequest struct {
	// Connections are ids or names; All means every one that is held, and those that are made later.
	Connections []string `json:"connections,omitempty"`
	All         bool     `json:"all,omitempty"`
	PerMinute   int      `json:"per_minute,omitempty"` // 0 is the configured pace, ReleaseAtOnce no pace
}

// ReleaseRestored ends the hold of connections and returns the ids of those that it was ended for.
func (s *Service) ReleaseRestored(ctx context.Context, req ReleaseRestoredRequest) ([]string, error) {
	if err := s.wholeOnly(); err != nil {
		return nil, err
	}
	if req.All == (len(req.Connections) > 0) {
		return nil, invalid("the release", []atssync.FieldError{{Path: "connections", Message: "name connections, or say all"}})
	}
	if req.PerMinute < ReleaseAtOnce {
		return nil, invalid("the release", []atssync.FieldError{{Path: "per_minute", Message: "must be a number a minute, 0 for the configured pace, or -1 for at once"}})
	}
	switch req.PerMinute {
	case 0:
		req.PerMinute = s.policy.Load().ReleasePerMinute
	case ReleaseAtOnce:
		req.PerMinute = 0 // of a task
	}
	ids := []string{}
	for _, name := range req.Connections {
		c, err := s.find(ctx, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, c.ID)
	}
	if req.All {
		view, err := s.Restoration(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range view.Held {
			ids = append(ids, c.ID)
		}
	}
	released := []string{}
	for _, id := range ids {
		if err := s.o.Store.ReleaseRestored(ctx, id, req.PerMinute, time.Now().UTC()); err != nil {
			return released, err
		}
		released = append(released, id)
		s.o.Wake(id)
	}
	if req.All { // it is gone with the last one, and it is there alone where the backup knew no connection
		if err := s.o.Store.ReleaseRestored(ctx, "", 0, time.Now().UTC()); err != nil && atssync.CodeOf(err) != atssync.CodeConflict {
			return released, err
		}
	}
	return released, nil
}

// notHeldForRestore refuses a release of single submissions, or of a part, while the whole connection is held.
func (s *Service) notHeldForRestore(ctx context.Context, c atssync.Connection) error {
	lane, err := s.o.Store.Lane(ctx, c.ID)
	if err != nil || lane.HoldReason != atssync.HeldRestored {
		return err
	}
	_, remedy := atssync.HeldRestored.Remedy()
	return atssync.Errorf(atssync.CodeConflict, "connection %s (%s) is held as a whole because the data was restored from a backup", c.ID, c.Name).
		WithRemedy("%s", remedy)
}
