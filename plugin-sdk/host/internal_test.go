package host

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestFindHandshake_SeesItBehindWhatWasPrintedBefore(t *testing.T) {
	t.Parallel()
	const hello = "1|1|unix|/run/x|grpc|cert"
	for line, want := range map[string]string{
		hello:                         hello,
		"loading 51" + hello:          hello,
		"1|2|3 " + hello + "\r":       hello,
		"":                            "",
		"1|":                          "",
		"1|one|unix|/run/x|grpc":      "",
		"1|1|carrier pigeon|x|grpc":   "",
		"the table has 1|2|3|4 parts": "",
	} {
		require.Equal(t, want, findHandshake(line), line)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"@message":1,"@level":{},"@timestamp":[]}`))
	f.Add([]byte(`{"@message":"m","@level":"warn","k":{"a":1}}`))
	f.Add([]byte("panic: x\n1|1|unix|/x|grpc|\n\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := newOutput(Options{Logger: slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil))})
		out.pump(stderr, bytes.NewReader(b))
		_, err := out.writer(stdout).Write(b)
		require.NoError(t, err)
		for _, l := range out.lines() {
			require.True(t, utf8.ValidString(l))
			require.NotContains(t, l, "\n")
		}
		findHandshake(string(b))
	})
}

func TestOutput_AFloodIsDroppedFromTheLogAndCounted(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	out := newOutput(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	out.pump(stdout, strings.NewReader(strings.Repeat("noise\n", 3*lineBurst)))
	require.Len(t, out.lines(), keptLines)
	require.Less(t, strings.Count(log.String(), "noise"), lineBurst+linesPerSec)
	require.Positive(t, out.dropped)
}

func TestOutput_TheStackOfAPanicIsLoggedAsAnError(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	out := newOutput(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	out.pump(stderr, strings.NewReader("before\npanic: broken\ngoroutine 1 [running]:\n"))
	require.Equal(t, 2, strings.Count(log.String(), "level=ERROR"))
	require.Equal(t, 1, strings.Count(log.String(), "level=INFO"))
}

func TestEachLine_ALongLineIsCutAndTheNextIsWhole(t *testing.T) {
	t.Parallel()
	var got []string
	_ = eachLine(strings.NewReader(strings.Repeat("x", 3*maxLine)+"\nnext\nlast"), func(b []byte) bool {
		got = append(got, string(b))
		return true
	})
	require.Equal(t, []string{strings.Repeat("x", maxLine), "next", "last"}, got)
}

func TestTrusted_OnlyRootAndOurselves(t *testing.T) {
	t.Parallel()
	require.True(t, trusted(0))
	require.True(t, trusted(uint32(os.Geteuid())))
	require.False(t, trusted(uint32(os.Geteuid())+4242))
}

func TestBrief_CutsBetweenCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short", brief("short"))
	require.True(t, utf8.ValidString(brief(strings.Repeat("漢", maxBrief))))
}
