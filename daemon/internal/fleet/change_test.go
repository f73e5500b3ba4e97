package fleet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
)

var fakeSpec = Spec{Name: "fake", Path: "/opt/fake"}

// change prepares and applies.
func (b *bundle) change(around Surroundings, specs ...Spec) *Change {
	b.t.Helper()
	c, err := b.f.Prepare(b.t.Context(), specs, around)
	require.NoError(b.t, err)
	c.Apply(b.t.Context())
	synctest.Wait()
	return c
}

func TestChange_WhatIsTheSameRunsOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		was := b.process()
		c := b.change(Surroundings{}, fakeSpec)
		require.Empty(t, c.Added)
		require.Empty(t, c.Replaced)
		require.Empty(t, c.Removed)
		require.Equal(t, 1, b.launcher.times())
		require.Zero(t, was.stops())
	})
}

func TestChange_AProcessIsRelievedOnceItsCallsAreOver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		around Surroundings
		spec   Spec
	}{
		{"another checksum", Surroundings{}, Spec{Name: "fake", Path: "/opt/fake", SHA256: "ab"}},
		{"another path", Surroundings{}, Spec{Name: "fake", Path: "/opt/other"}},
		{"another environment", Surroundings{Env: []string{"HTTPS_PROXY=http://proxy.example.com"}}, fakeSpec},
		{"another partner", Surroundings{PartnerName: "Planted"}, fakeSpec},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := started(t, sdk.Manifest{}, Limits{})
				was := b.process()
				client, done, err := b.f.Reserve(t.Context(), "fake", connection("c", "k"), sdk.PowerSubmit)
				require.NoError(t, err)

				c := b.change(tt.around, tt.spec)
				require.Equal(t, []string{"fake"}, c.Replaced)
				require.Equal(t, 2, b.launcher.times())
				require.NotSame(t, was, b.process())
				require.Zero(t, was.stops(), "a call was promised to it")
				_, err = client.Check(t.Context(), sdk.CheckRequest{})
				require.NoError(t, err)
				_, other, err := b.f.Reserve(t.Context(), "fake", connection("d", "k2"), "")
				require.NoError(t, err)
				done()
				synctest.Wait()
				require.Equal(t, 1, was.stops())
				require.Zero(t, b.process().stops())
				require.Equal(t, StateRunning, b.status().State)
				require.Zero(t, b.status().Restarts, "nothing crashed")
				other()
			})
		})
	}
}

func TestChange_AProgramThatWasReplacedRuns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fake")
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o600))
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		s := Spec{Name: "fake", Path: path}
		b.change(Surroundings{}, s)
		require.Equal(t, 2, b.launcher.times())
		b.change(Surroundings{}, s)
		require.Equal(t, 2, b.launcher.times(), "it is the same file")
		require.NoError(t, os.WriteFile(path+".new", []byte("another"), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
		require.Equal(t, []string{"fake"}, b.change(Surroundings{}, s).Replaced)
		require.Equal(t, 3, b.launcher.times())
	})
}

func TestChange_WhatCannotBeLaunchedLeavesEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		was := b.process()
		b.launcher.set(func(l *launcher) { l.refuse = func(context.Context) error { return errors.New("no such thing") } })
		_, err := b.f.Prepare(t.Context(), []Spec{{Name: "fake", Path: "/opt/other"}, {Name: "new", Path: "/opt/new"}}, Surroundings{})
		require.ErrorContains(t, err, "adapter fake: no such thing")
		require.ErrorContains(t, err, "adapter new: no such thing")
		require.Len(t, b.f.List(), 1)
		require.Same(t, was, b.process())
		require.Equal(t, "/opt/fake", b.status().Path)
	})
}

func TestChange_OneThatWasPreparedCanBeAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		was := b.process()
		c, err := b.f.Prepare(t.Context(), []Spec{{Name: "fake", Path: "/opt/other"}}, Surroundings{})
		require.NoError(t, err)
		next := b.process()
		require.NotSame(t, was, next)
		c.Abandon(t.Context())
		require.Equal(t, 1, next.stops())
		require.Zero(t, was.stops())
	})
}

func TestChange_AddsAndRemoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		was := b.process()
		_, done, err := b.f.Reserve(t.Context(), "fake", connection("c", "k"), sdk.PowerSubmit)
		require.NoError(t, err)
		b.launcher.set(func(l *launcher) { l.fake = &adaptertest.Fake{Manifest: sdk.Manifest{Name: "second"}} })

		c := b.change(Surroundings{}, Spec{Name: "second", Path: "/opt/second"})
		require.Equal(t, []string{"second"}, c.Added)
		require.Equal(t, []string{"fake"}, c.Removed)
		require.Zero(t, was.stops(), "a call is under way")
		_, _, err = b.f.Reserve(t.Context(), "fake", connection("c", "k"), "")
		require.ErrorIs(t, err, sdk.ErrNotRunning)
		require.NotEmpty(t, b.f.Gone("fake"))
		done()
		synctest.Wait()
		require.Equal(t, 1, was.stops())
		require.Len(t, b.f.List(), 1)
		require.Equal(t, "second", b.status().Name)
		require.Equal(t, StateRunning, b.status().State)
	})
}

func TestChange_BringsBackOneThatWasGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		b.launcher.set(func(l *launcher) { l.refuse = func(context.Context) error { return errors.New("out of luck") } })
		b.process().crash()
		b.after(deactivatedFor / 2)
		require.Equal(t, StateDeactivated, b.status().State)
		require.NoError(t, errPrepared(b), "it failed before in the same way, which is no reason to refuse the rest")
		b.launcher.set(func(l *launcher) { l.refuse = nil })
		require.Equal(t, []string{"fake"}, b.change(Surroundings{}, fakeSpec).Replaced)
		require.Equal(t, StateRunning, b.status().State)
	})
}

func errPrepared(b *bundle) error {
	c, err := b.f.Prepare(b.t.Context(), []Spec{fakeSpec}, Surroundings{})
	if err == nil {
		c.Abandon(b.t.Context())
	}
	return err
}

func TestChange_TheSecondOfTwoInARowRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		first, err := b.f.Prepare(t.Context(), []Spec{{Name: "fake", Path: "/opt/a"}}, Surroundings{})
		require.NoError(t, err)
		one := b.process()
		second, err := b.f.Prepare(t.Context(), []Spec{{Name: "fake", Path: "/opt/b"}}, Surroundings{})
		require.NoError(t, err)
		two := b.process()
		first.Apply(t.Context())
		second.Apply(t.Context())
		synctest.Wait()
		require.Equal(t, 1, one.stops())
		require.Zero(t, two.stops())
		require.Equal(t, "/opt/b", b.status().Path)
	})
}

func TestChange_AfterTheEndStartsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		c, err := b.f.Prepare(t.Context(), []Spec{{Name: "fake", Path: "/opt/other"}}, Surroundings{})
		require.NoError(t, err)
		next := b.process()
		b.f.Stop(t.Context())
		c.Apply(t.Context())
		require.Equal(t, 1, next.stops())
	})
}

func TestChange_OtherLimitsAreInForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{MaxInFlight: 1})
		_, done, err := b.f.Reserve(t.Context(), "fake", connection("c", "k"), "")
		require.NoError(t, err)
		defer done()
		b.change(Surroundings{}, Spec{Name: "fake", Path: "/opt/fake", Limits: Limits{MaxInFlight: 2}})
		require.Equal(t, 1, b.launcher.times(), "limits need no new process")
		_, second, err := b.f.Reserve(t.Context(), "fake", connection("d", "k"), "")
		require.NoError(t, err)
		second()
	})
}
