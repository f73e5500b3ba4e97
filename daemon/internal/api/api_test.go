package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
)

func TestDescription_NamesEveryRouteOnce(t *testing.T) {
	t.Parallel()
	h, err := New(Options{
		Manage: manage.New(manage.Options{}), Intake: intake.New(intake.Options{}), Logger: slog.New(slog.DiscardHandler), Version: "1.2.3",
		Authenticate: func(*http.Request) (Caller, error) { return Caller{Actor: atssync.Actor{Name: "test"}}, nil },
	})
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/openapi.json", nil))
	require.Equal(t, http.StatusOK, rec.Code)
	var doc struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Responses   map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Equal(t, "1.2.3", doc.Info.Version)
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			require.NotEmpty(t, op.Summary, "%s %s", method, path)
			require.Contains(t, op.Responses, "default", "%s %s says nothing of problems", method, path)
			require.False(t, ids[op.OperationID], "%s stands twice", op.OperationID)
			ids[op.OperationID] = true
		}
	}
	require.Greater(t, len(ids), 45)
}
