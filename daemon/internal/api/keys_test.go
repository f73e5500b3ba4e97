package api

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// ring plays the daemon's sealing keys: an exchange is under way once it was asked for.
type ring struct {
	mu      sync.Mutex
	rotated bool
}

func (r *ring) Keys(context.Context) (manage.KeysView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := manage.KeysView{File: "/etc/atssync/seal.key", Keys: []manage.SealingKey{{ID: "00000001", Use: "seals", Records: 3}}}
	if r.rotated {
		v.Keys = append([]manage.SealingKey{{ID: "00000002", Use: "seals"}}, v.Keys...)
		v.Keys[1].Use, v.Rotation = "opens", &manage.Rotation{}
	}
	return v, nil
}

func (r *ring) Rotate(ctx context.Context) (manage.KeysView, error) {
	r.mu.Lock()
	was := r.rotated
	r.rotated = true
	r.mu.Unlock()
	if was {
		return manage.KeysView{}, atssync.Errorf(atssync.CodeConflict, "the keys are being exchanged")
	}
	return r.Keys(ctx)
}

func TestKeys_AreListedAndExchangedOnceAtATime(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	v, err := w.Keys(ctx)
	require.NoError(t, err)
	require.Equal(t, 3, v.Keys[0].Records)
	v, err = w.RotateKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, "opens", v.Keys[1].Use)
	require.NotNil(t, v.Rotation)
	_, err = w.RotateKeys(ctx)
	requireCode(t, err, atssync.CodeConflict)
	audit, err := w.Audit(ctx, v.Keys[0].ID, "", 0)
	require.NoError(t, err)
	require.Len(t, audit.Items, 1)
	require.Equal(t, "keys.rotate", audit.Items[0].Action)
}
