package api

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAhead_ReadsTheSame(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte("0123456789"), 50_000)
	for name, from := range map[string]io.Reader{
		"at once": bytes.NewReader(want), "by the byte": iotest.OneByteReader(bytes.NewReader(want[:5000])), "its end with data": iotest.DataErrReader(bytes.NewReader(want)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := readAhead(from)
			got, err := io.ReadAll(a)
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(want, got))
			require.GreaterOrEqual(t, len(got), 5000)
			require.True(t, a.ready(0), "an end is something to read")
			a.end(func() { require.Fail(t, "there was nothing to interrupt") })
		})
	}
}

func TestAhead_EndsWithoutInterruptingWhatIsThere(t *testing.T) {
	t.Parallel()
	a := readAhead(strings.NewReader("{}"))
	a.end(func() { require.Fail(t, "the connection could not be used again") })

	body, sender := io.Pipe()
	a = readAhead(body)
	require.False(t, a.ready(time.Microsecond), "nothing was sent")
	interrupted := false
	a.end(func() { interrupted = true; _ = body.CloseWithError(io.ErrClosedPipe) })
	require.True(t, interrupted)
	_ = sender.Close()

	endless := readAhead(&endlessly{})
	endless.end(func() { interrupted = true })
	require.True(t, interrupted)
}

// endlessly is a body that goes on until it is told often enough.
type endlessly struct{ n int }

func (e *endlessly) Read(p []byte) (int, error) {
	if e.n++; e.n > 20 {
		return 0, io.EOF
	}
	return len(p), nil
}
