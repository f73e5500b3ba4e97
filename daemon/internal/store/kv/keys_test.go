package kv

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestKey_FieldsReadBackAndDoNotReachIntoEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 2, 3, 'a', 'z', '/', 'é', '🎉'}), 0, 60, maxText)
		a, b := text.Draw(rt, "a"), text.Draw(rt, "b")
		n := rapid.Int64Range(0, 1<<62).Draw(rt, "n")
		k := table("xx").text(a).num(n).text(b)
		f := fieldsOf(k, 2)
		require.Equal(rt, a, f.text())
		require.Equal(rt, n, f.num())
		require.Equal(rt, b, f.text())
		require.False(rt, f.bad)
		require.Empty(rt, f.rest)

		c := text.Draw(rt, "c")
		if c != a {
			require.False(rt, bytes.HasPrefix(table("xx").text(a), table("xx").text(c)))
		}
		require.Equal(rt, strings.Compare(a, c), bytes.Compare(key{}.text(a), key{}.text(c)), "keys sort as texts do")
	})
}

func TestKey_ShortFormsReadBackAndIDsSortAsTheirTextsDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.Custom(func(rt *rapid.T) string {
			prefix := rapid.SampledFrom([]string{"con_", "sub_", "suc_"}).Draw(rt, "prefix")
			return longID(append([]byte(prefix), rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "bytes")...))
		})
		hmac := hmacs.EncodeToString(rapid.SliceOfN(rapid.Byte(), hmacShort, hmacShort).Draw(rt, "hmac"))
		a, b := id.Draw(rt, "a"), id.Draw(rt, "b")
		k := table("xx").text(a).hash(hmac).text(b).hash("no HMAC").num(7)
		require.Len(rt, k, 2+2*(idShort+1)+1+hmacShort+len("no HMAC")+1+8)
		f := fieldsOf(k, 2)
		require.Equal(rt, []string{a, hmac, b, "no HMAC"}, []string{f.text(), f.text(), f.text(), f.text()})
		require.Equal(rt, int64(7), f.num())
		require.False(rt, f.bad)
		require.Empty(rt, f.rest)
		require.Equal(rt, strings.Compare(a, b), bytes.Compare(key{}.text(a), key{}.text(b)))
		for n := range k { // cut short, it is bad and nothing worse
			f := fieldsOf(k[:n], min(n, 2))
			_, _, _, _, _ = f.text(), f.text(), f.text(), f.text(), f.num()
			require.True(rt, f.bad)
		}
	})
}

func TestKey_TimesSortAndReadBackToTheMicrosecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 2, 9, 0, 0, 123_456_000, time.UTC)
	times := []time.Time{{}, time.UnixMicro(1), at, at.Add(time.Microsecond), at.AddDate(9000, 0, 0)}
	for i, x := range times[1:] {
		require.Negative(t, bytes.Compare(key{}.at(times[i]), key{}.at(x)))
		f := fields{rest: key{}.at(x)}
		require.True(t, x.Equal(f.at()))
	}
}

func TestKey_ATextThatIsTooLongIsCutAndStaysItself(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("x", 5000)+"a", strings.Repeat("x", 5000)+"b"
	require.NotEqual(t, key{}.text(a), key{}.text(b))
	require.Equal(t, key{}.text(a), key{}.text(a))
	require.LessOrEqual(t, len(table("xx").text(a).text(b).num(1)), MaxKey)
}

func TestSubmissionOf_FindsTheIDInEveryIndex(t *testing.T) {
	t.Parallel()
	s := &atssync.Submission{
		ID: "sub_1", Connection: "c\x00n", PlatformJob: "j\x01b", State: atssync.StateHeld, HeldReason: atssync.HeldQuota,
		AcceptedAt: time.UnixMicro(0x0100_0037), NextAt: time.UnixMicro(7), ExpiresAt: time.UnixMicro(1 << 50),
	}
	for _, k := range []key{
		keySubByConn(s), keySubByState(s), keyQueue(s), keyHeld(s), keyReceipt(s.Connection, receiptCandidate, "x", s.ID),
	} {
		require.Equal(t, s.ID, submissionOf(k), KindOf(k))
	}
	s.ID, s.Connection = atssync.NewID(atssync.PrefixSubmission, time.UnixMicro(7)), atssync.NewID(atssync.PrefixConnection, time.UnixMicro(8))
	for _, k := range []key{keySubByState(s), keyQueue(s), keyPerson(strings.Repeat("A", hmacText), s.ID)} {
		require.Equal(t, s.ID, submissionOf(k), KindOf(k))
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(table("xx").text("a\x00b").num(7)))
	f.Add([]byte{1})
	f.Add([]byte{1, 0, 2})
	f.Add([]byte(table("xx").text("sub_00000000000000000000000000").hash(strings.Repeat("A", hmacText))))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := fieldsOf(b, 2)
		_ = r.text()
		_ = r.num()
		_ = r.at()
		_ = r.text()
		require.LessOrEqual(t, len(r.rest), len(b))
		_, _, _, _ = pointerOf(b)
		_, _ = whyOf(b)
		if len(b) >= 2 {
			_ = submissionOf(b)
		}
		_ = KindOf(b)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"connection":"con_1","failures":1,"a_field_of_tomorrow":{"x":1}}`))
	for _, record := range []any{
		&atssync.Submission{ID: "sub_1", AcceptedAt: time.Unix(1, 1), PersonKeys: []string{"a"}, Receipt: &atssync.Receipt{}},
		&eventRecord{Event: atssync.Event{ID: atssync.NewID(atssync.PrefixEvent, time.Unix(1, 0))}, Position: 7},
	} {
		b, err := encode(nil, record)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"lane":1`))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decode[atssync.Submission](keySubmission("x"), b); err == nil {
			require.NotNil(t, s)
		}
		if e, err := decode[eventRecord](keyEvent("c", 1), b); err == nil {
			require.Equal(t, e.Position, e.event().Position)
		}
		_, _ = decode[atssync.Lane](keyLane("c"), b)
		_, _ = decode[atssync.Task](keyTask("x"), b)
		_, err := afterCursor(table(tabLink), string(b))
		if err != nil {
			require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
		}
	})
}

// A marker comes from outside: whatever it says, a list reads on within its own keys.
func FuzzMarker(f *testing.F) {
	one, two := table(tabLink).text("con_1"), table(tabLink).text("con_2")
	for _, k := range []key{one.text("job"), two.text(""), table(tabSubmission).text("con_1"), nil, {0}} {
		if len(k) >= 2 {
			f.Add(markerOf(k))
		}
		f.Add(string(k))
	}
	f.Add("AAAA")
	f.Add("AAAAAA==")
	f.Fuzz(func(t *testing.T, marker string) {
		after, err := afterMarker(marker, span{prefix: one}, span{prefix: two})
		if err != nil {
			require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
			require.Nil(t, after)
			return
		}
		if marker == "" {
			require.Nil(t, after)
			return
		}
		require.True(t, bytes.HasPrefix(after, one) || bytes.HasPrefix(after, two))
	})
}

func TestInParts_HalvesWhatIsTooMuchAndLosesNothing(t *testing.T) {
	t.Parallel()
	for limit := 1; limit <= 9; limit++ {
		var done []int
		err := inParts(23, 8, func(from, to int) error {
			if to-from > limit {
				return ErrTooLarge
			}
			for i := from; i < to; i++ {
				done = append(done, i)
			}
			return nil
		})
		require.NoError(t, err)
		require.Len(t, done, 23)
		for i, x := range done {
			require.Equal(t, i, x)
		}
	}
	require.ErrorIs(t, inParts(3, 3, func(int, int) error { return ErrTooLarge }), ErrTooLarge, "one that is too much stays so")
}
