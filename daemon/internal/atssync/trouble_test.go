package atssync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestTroubleOf_AlwaysNamesWhoseTurnItIsAndWhatToDo(t *testing.T) {
	t.Parallel()
	for _, k := range append(sdk.Kinds(), "of a newer contract") {
		got := atssync.TroubleOf(&sdk.Error{Kind: k, Message: "it failed"})
		require.NotEmpty(t, got.Turn, "kind %s", k)
		require.NotEmpty(t, got.Remedy, "kind %s", k)
		own := atssync.TroubleOf(&sdk.Error{Kind: k, Turn: sdk.TurnATS, Remedy: "as the adapter says"})
		require.Equal(t, sdk.TurnATS, own.Turn)
		require.Equal(t, "as the adapter says", own.Remedy)
	}
}
