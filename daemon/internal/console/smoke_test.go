package console

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

func TestSmoke(t *testing.T) {
	s, err := page.New(page.Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, err = New(Options{Manage: manage.New(manage.Options{}), Site: s, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
}
