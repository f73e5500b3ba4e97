package atssync_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestError_SaysWhatHappenedWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	e := atssync.Errorf(atssync.CodeInvalid, "the document of %s is refused", "app-1").WithRemedy("send it again")
	e.Fields = []atssync.FieldError{{Path: "job", Message: "is missing"}, {Message: "is too long"}}
	require.EqualError(t, e, "the document of app-1 is refused: job: is missing; is too long (send it again)")
}

func TestCodeOf_FindsTheCodeBehindWrapping(t *testing.T) {
	t.Parallel()
	e := atssync.Errorf(atssync.CodeNotFound, "there is none")
	require.Equal(t, atssync.CodeNotFound, atssync.CodeOf(fmt.Errorf("read: %w", errors.Join(errors.New("x"), e))))
	require.Equal(t, atssync.CodeInternal, atssync.CodeOf(errors.New("x")))
	require.Empty(t, atssync.CodeOf(nil))
}

func TestActor_OnlyAPersonsWorkIsAudited(t *testing.T) {
	t.Parallel()
	_, ok := atssync.ActorOf(context.Background())
	require.False(t, ok)
	a, ok := atssync.ActorOf(atssync.WithActor(context.Background(), atssync.Actor{Name: "ops"}))
	require.True(t, ok)
	require.Equal(t, "ops", a.Name)
}

func TestEventTypes_AreOneEachAndValid(t *testing.T) {
	t.Parallel()
	seen := map[atssync.EventType]bool{}
	for _, e := range atssync.EventTypes() {
		require.False(t, seen[e], e)
		seen[e] = true
		require.True(t, atssync.ValidEventType(e))
	}
	require.False(t, atssync.ValidEventType("submission.lost"))
	for _, s := range atssync.States() {
		if s == atssync.StateSending {
			continue // not told: it is under way
		}
		d := (&atssync.Submission{State: s}).StateEvent(now)
		require.True(t, atssync.ValidEventType(d.Type), "%s is told as %q", s, d.Type)
	}
}

func TestConnectionClone_SharesNothing(t *testing.T) {
	t.Parallel()
	c := atssync.Connection{
		Settings: map[string]string{"a": "b"}, Credentials: []byte("x"), IdentityKeys: []string{"k"},
		StatusOverrides: []atssync.StatusOverride{{RawStatus: "r"}},
	}
	d := c.Clone()
	require.Equal(t, c, d)
	d.Settings["a"], d.Credentials[0], d.IdentityKeys[0], d.StatusOverrides[0].RawStatus = "z", 'z', "z", "z"
	require.Equal(t, "b", c.Settings["a"])
	require.Equal(t, []byte("x"), c.Credentials)
	require.Equal(t, []string{"k"}, c.IdentityKeys)
	require.Equal(t, "r", c.StatusOverrides[0].RawStatus)
}
