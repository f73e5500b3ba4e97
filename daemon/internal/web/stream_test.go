package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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

// A refusal before the body was read says that the connection ends, so that the client's next request takes another one.
func TestStream_RefusalBeforeTheEndOfTheBodyEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read int64
		want string
	}{"nothing was read": {0, "close"}, "a part": {4, "close"}, "all": {100, ""}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			st := NewStream(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("a whole body")), time.Minute)
			defer st.Close()
			_, err := io.Copy(io.Discard, io.LimitReader(st, c.read))
			require.NoError(t, err)
			st.Refuse(w.Header())
			require.Equal(t, c.want, w.Header().Get("Connection"))
		})
	}
}
