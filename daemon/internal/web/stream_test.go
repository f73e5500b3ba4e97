package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deadlines counts the deadlines that are set on a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	mu  sync.Mutex
	set int
}

func (d *deadlines) SetReadDeadline(time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set++
	return nil
}

func TestStream_LeavesItsConnectionAloneOnceItIsClosed(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	st := NewStream(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil), time.Minute)
	st.Close()
	before := w.set
	end() // as net/http does when the handler returned
	st.Interrupt()
	st.Extend()
	require.Equal(t, before, w.set, "the next request of the connection would be cut")
}
