package manage

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// KeyRing is the daemon's sealing keys.
type KeyRing interface {
	// Keys lists the keys and counts what is sealed with each, by looking at every record there is.
	Keys(ctx context.Context) (KeysView, error)
	// Rotate makes a new key, seals with it from now on, and has everything else sealed anew in the background. It is
	// CodeConflict while that is under way.
	Rotate(ctx context.Context) (KeysView, error)
}

// KeysView is the sealing keys. Nothing in it opens anything.
type KeysView struct {
	File string       `json:"file" doc:"the key file; keep a copy of it apart from the data"`
	Keys []SealingKey `json:"keys" doc:"the one that seals first, those that were removed last"`
	// Rotation tells of the sealing anew that is under way.
	Rotation *Rotation `json:"rotation,omitempty"`
}

// SealingKey is what is told of one key.
type SealingKey struct {
	ID        string    `json:"id"`
	Use       string    `json:"use" enum:"seals,opens,removed"`
	MadeAt    time.Time `json:"made_at,omitzero" doc:"absent for a key that is older than this is written down"`
	RemovedAt time.Time `json:"removed_at,omitzero" doc:"a backup made before needs a copy of the key file that has the key"`
	Records   int       `json:"records" doc:"how many values are sealed with it"`
}

// Rotation is how far the sealing anew came.
type Rotation struct {
	StartedAt time.Time `json:"started_at"`
	Resealed  int       `json:"resealed" doc:"since the daemon started"`
	Error     string    `json:"error,omitempty" doc:"why it does not go on; it is tried again"`
}

func (s *Service) ring() (KeyRing, error) {
	if s.o.KeyRing == nil {
		return nil, atssync.Errorf(atssync.CodeUnavailable, "this daemon seals nothing")
	}
	return s.o.KeyRing, nil
}

// SealingKeys lists the sealing keys.
func (s *Service) SealingKeys(ctx context.Context) (KeysView, error) {
	r, err := s.ring()
	if err != nil {
		return KeysView{}, err
	}
	return r.Keys(ctx)
}

// RotateKeys exchanges the key that seals.
func (s *Service) RotateKeys(ctx context.Context) (KeysView, error) {
	r, err := s.ring()
	if err != nil {
		return KeysView{}, err
	}
	v, err := r.Rotate(ctx)
	if err != nil {
		return KeysView{}, err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		now := time.Now().UTC()
		err = s.o.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "keys.rotate", Object: v.Keys[0].ID,
		})
	}
	return v, err
}
