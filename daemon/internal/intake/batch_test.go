package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func ndjson(t testing.TB, docs ...atssync.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, d := range docs {
		require.NoError(t, enc.Encode(d))
	}
	return b.Bytes()
}

func batch(t testing.TB, s *Service, r io.Reader) ([]Result, error) {
	t.Helper()
	var out []Result
	err := s.SubmitBatch(t.Context(), r, func(r Result) error {
		out = append(out, r)
		return nil
	})
	return out, err
}

func TestSubmitBatch_ARefusedLineLeavesTheOthersAndIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	held := document("4")
	held.Job = "unlinked"
	bad := document("5")
	bad.Person.Emails[0].Address = "none"
	mismatch := document("7")
	mismatch.Job = "others"
	body := slices.Concat(
		[]byte("\uFEFF"), ndjson(t, document("1")), []byte("\n  \r\n{\"job\":\n"), ndjson(t, held, bad, document("1"), mismatch),
		[]byte("[1]\n"), bytes.TrimRight(ndjson(t, document("9")), "\n"),
	)
	got, err := batch(t, b.Service, bytes.NewReader(body))
	require.NoError(t, err)
	var told []string
	for _, r := range got {
		line := fmt.Sprintf("%d %s %s", r.Line, r.Result, r.State)
		if r.Err != nil {
			line = fmt.Sprintf("%d %s %s %s", r.Line, r.Result, r.Err.Code, r.Err.Error())
		}
		told = append(told, line)
	}
	require.Equal(t, []string{
		"1 accepted queued",
		"4 refused invalid the document is not valid: job: the document ends early (byte 8)",
		"5 accepted held",
		"6 refused invalid the document is not valid: person.emails[0].address: is not an e-mail address such as ada@example.com",
		"7 unchanged queued",
		"8 refused account_mismatch platform job others belongs to another account",
		"9 refused invalid the document is not valid: a document is one JSON object, beginning with {",
		"10 accepted queued",
	}, told)
	require.Equal(t, []string{"con_a"}, b.woken, "a lane is woken once a share")
	require.Equal(t, "5", got[3].ExternalID, "a refused line is named by the platform's id too")
}

func TestSubmitBatch_LongLineIsRefusedAndSkipped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	long := document("long")
	long.Notes = []string{strings.Repeat("x", atssync.MaxDocument)}
	got, err := batch(t, b.Service, bytes.NewReader(ndjson(t, document("1"), long, document("3"))))
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Nil(t, got[0].Err)
	require.Equal(t, 2, got[1].Line)
	require.ErrorContains(t, got[1].Err, "262144 bytes")
	require.Nil(t, got[2].Err)
}

func TestSubmitBatch_ALineOfExactlyTheLimitIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, end := range []string{"", "\n", "\r\n"} {
		doc := document("edge" + end)
		doc.ExternalID = fmt.Sprintf("edge-%d", len(end))
		doc.Notes = []string{""}
		doc.Notes[0] = strings.Repeat("x", atssync.MaxDocument-len(bytes.TrimRight(ndjson(t, doc), "\n")))
		line := bytes.TrimRight(ndjson(t, doc), "\n")
		require.Len(t, line, atssync.MaxDocument)
		got, err := batch(t, b.Service, strings.NewReader(string(line)+end))
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Nil(t, got[0].Err, "%v", got[0].Err)
	}
}

// endless gives lines for ever and counts what was taken of them.
type endless struct {
	line []byte
	off  int
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.line[e.off:])
	if e.off += n; e.off == len(e.line) {
		e.off = 0
		e.left--
	}
	return n, nil
}

func TestSubmitBatch_CommitsInSharesSoThatMemoryDoesNotGrow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := 0
	err := b.SubmitBatch(t.Context(), &endless{line: ndjson(t, document("1")), left: 1200}, func(r Result) error {
		n++
		require.Equal(t, n, r.Line)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1200, n)
	require.Equal(t, []int{500, 500, 200}, b.store.shares)

	big := document("2")
	big.Notes = []string{strings.Repeat("x", 200<<10)}
	b.store.shares = nil
	require.NoError(t, b.SubmitBatch(t.Context(), &endless{line: ndjson(t, big), left: 60}, func(Result) error { return nil }))
	require.Greater(t, len(b.store.shares), 2, "60 documents of 200 KiB are more than one share of memory")
}

func TestSubmitBatch_TellsWhatIsDurableBeforeATrouble(t *testing.T) {
	t.Parallel()
	full := atssync.Errorf(atssync.CodeNoSpace, "the disk is nearly full")
	broken := errors.New("the body broke off")
	b := setup(t)
	b.store.fail = func(share int) error {
		if share == 1 {
			return full
		}
		return nil
	}
	got, err := batch(t, b.Service, &endless{line: ndjson(t, document("1")), left: 1200})
	require.ErrorIs(t, err, error(full))
	require.Len(t, got, 500)

	b = setup(t)
	got, err = batch(t, b.Service, io.MultiReader(bytes.NewReader(ndjson(t, document("1"), document("2"))), readerFunc(func([]byte) (int, error) { return 0, broken })))
	require.ErrorIs(t, err, broken)
	require.Len(t, got, 2)

	b = setup(t)
	err = b.SubmitBatch(t.Context(), bytes.NewReader(ndjson(t, document("1"), document("2"))), func(Result) error { return broken })
	require.ErrorIs(t, err, broken)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func FuzzSubmitBatch(f *testing.F) {
	f.Add(ndjson(f, document("1"), document("2")), 7)
	f.Add([]byte("{}\n\n{\r\n[]\n\xef\xbb\xbf{}\n"), 1)
	f.Add([]byte("{}"), 3)
	f.Fuzz(func(t *testing.T, body []byte, chunk int) {
		b := setup(t)
		b.o.MaxDocument = 4 << 10
		want := 0
		for l := range bytes.SplitSeq(bytes.TrimPrefix(body, byteOrderMark), []byte("\n")) {
			if len(bytes.TrimSpace(l)) > 0 {
				want++
			}
		}
		last, n := 0, 0
		chunk = 1 + max(chunk, -chunk)%64
		r := bytes.NewReader(body)
		err := b.SubmitBatch(t.Context(), readerFunc(func(p []byte) (int, error) { return r.Read(p[:min(chunk, len(p))]) }), func(r Result) error {
			n++
			require.Greater(t, r.Line, last)
			require.Equal(t, r.Err != nil, r.Result == atssync.AcceptRefused)
			last = r.Line
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, want, n, "one result for each line that is not empty")
	})
}

func BenchmarkSubmitBatch(b *testing.B) {
	t := setup(b)
	line := append(document1500(b, time.Now()), '\n')
	line = bytes.Replace(line, []byte("con_00000000000000000000000000"), []byte("con_a"), 1)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		err := t.SubmitBatch(b.Context(), &endless{line: line, left: 500}, func(r Result) error {
			if r.Err == nil {
				n++
			}
			return nil
		})
		require.NoError(b, err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "docs/s")
}
