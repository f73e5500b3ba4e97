package kv

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// A field that the table does not name would be lost without an error.
func TestPacked_EveryFieldHasANumber(t *testing.T) {
	t.Parallel()
	seen := make(map[reflect.Type]bool)
	var look func(reflect.Type)
	look = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == timeType || seen[typ] {
			return
		}
		seen[typ] = true
		names := numbers[typ]
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names), "%s has a number twice", typ)
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || name == "-" {
				continue
			}
			require.Contains(t, names, name, "field %s of %s has no number: add it at the end", f.Name, typ)
			look(f.Type)
		}
	}
	for typ := range packed {
		look(typ)
	}
	for typ := range numbers {
		require.True(t, seen[typ], "%s is in no packed record", typ)
	}
}

func TestPacked_ReadsBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		dice := rand.New(rand.NewPCG(seed, 1))
		readsBack[atssync.Submission](t, dice)
		readsBack[atssync.Attempt](t, dice)
		readsBack[atssync.Application](t, dice)
		readsBack[eventRecord](t, dice)
	}
}

func readsBack[T any](t *testing.T, dice *rand.Rand) {
	t.Helper()
	in := new(T)
	invent(reflect.ValueOf(in).Elem(), dice)
	b, err := encode(keySubmission("x"), in)
	require.NoError(t, err)
	out, err := decode[T](keySubmission("x"), b)
	require.NoError(t, err)
	want, err := json.Marshal(in)
	require.NoError(t, err)
	got, err := json.Marshal(out)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
	for n := range b {
		_, _ = decode[T](keySubmission("x"), b[:n]) // whatever is left of it, it does not panic
	}
}

// invent fills about half of what a record has, with texts of every form.
func invent(v reflect.Value, dice *rand.Rand) {
	if dice.IntN(2) == 0 && v.Kind() != reflect.Struct {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{
			"", "x", "naïve \x00 text", atssync.NewID(atssync.PrefixSubmission, time.Unix(dice.Int64N(1<<33), 0)),
			strings.Repeat("A", hmacText), strings.Repeat("_", hmacText), strings.Repeat("z", idText), "sub_" + strings.Repeat("z", 26),
			strings.Repeat("long ", 100),
		}[dice.IntN(9)])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(dice.Int64() - dice.Int64())
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		invent(v.Elem(), dice)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, dice.IntN(1000)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1+dice.IntN(3), 4))
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.Uint8 {
				e.SetUint(uint64(dice.IntN(256)))
			} else {
				invent(e, dice)
			}
		}
	case reflect.Struct:
		if v.Type() == timeType {
			at := time.Date(dice.IntN(9900), 1, 1, 0, 0, dice.IntN(1<<30), dice.IntN(1e9), time.UTC)
			v.Set(reflect.ValueOf(at))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				invent(v.Field(i), dice)
			}
		}
	}
}

// A field of a later program is passed over, whatever its form.
func TestPacked_PassesOverWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	b, err := encode(keySubmission("x"), &atssync.Submission{ID: "sub_1", Revision: 3})
	require.NoError(t, err)
	b = binary.AppendUvarint(b, 1000*forms+formNumber)
	b = binary.AppendVarint(b, -5)
	b = binary.AppendUvarint(b, 1001*forms+formBytes)
	b = append(b, 2, 'h', 'i')
	b = binary.AppendUvarint(b, 1002*forms+formShort)
	b = append(b, 1, 'x')
	s, err := decode[atssync.Submission](keySubmission("x"), b)
	require.NoError(t, err)
	require.Equal(t, &atssync.Submission{ID: "sub_1", Revision: 3}, s)
}

func TestPacked_RefusesWhatIsNoRecord(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"nothing": {}, "JSON": []byte(`{"id":"x"}`), "a tag without its value": {packedVersion, formBytes},
		"a length beyond the end": {packedVersion, formBytes, 200, 1}, "a number for a text": {packedVersion, formNumber, 2},
		"a short form of another length": {packedVersion, formShort, 3, 1, 2, 3}, "a tag that does not end": {packedVersion, 0xff},
		"an instant with too many nanoseconds": {packedVersion, 16*forms + formBytes, 6, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
	} {
		_, err := decode[atssync.Submission](keySubmission("x"), b)
		require.ErrorIs(t, err, errPacked, name)
	}
}

func TestShort_GivesEachTextBackAndNoTwoTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), hmacShort, hmacShort).Draw(rt, "raw")
		prefix := rapid.StringMatching(`[a-z]{3}_`).Draw(rt, "prefix")
		for _, short := range [][]byte{raw, append([]byte(prefix), raw[:16]...)} {
			text, ok := long(short)
			require.True(rt, ok)
			require.Equal(rt, short, appendShort(nil, text))
			i := rapid.IntRange(0, len(text)-1).Draw(rt, "i")
			other := text[:i] + string(rapid.SampledFrom([]rune("ilou-_AZ09az")).Draw(rt, "c")) + text[i+1:]
			if b := appendShort(nil, other); b != nil {
				back, _ := long(b)
				require.Equal(rt, other, back)
			}
		}
	})
}
