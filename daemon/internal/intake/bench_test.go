package intake

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// judge is what intake does with a document before the store sees it, but for sealing: it decodes, validates and keys it.
func judge(tb testing.TB, data []byte) string {
	doc, err := Decode(data)
	if err != nil || Validate(doc, Rules{Now: testNow}) != nil {
		tb.Fatal("not valid", err)
	}
	v := Vault{Keys: testKeys{}}
	return v.Fingerprint(doc)
}

func BenchmarkDecodeValidateFingerprint(b *testing.B) {
	data := document1500(b, testNow)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		judge(b, data)
	}
}

func BenchmarkFingerprint(b *testing.B) {
	doc, err := Decode(document1500(b, testNow))
	require.NoError(b, err)
	v := Vault{Keys: testKeys{}}
	b.ReportAllocs()
	for b.Loop() {
		v.Fingerprint(doc)
	}
}

func BenchmarkSealDocument(b *testing.B) {
	doc, err := Decode(document1500(b, testNow))
	require.NoError(b, err)
	v := Vault{Keys: testKeys{}, Sealer: testSealer{}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.SealDocument("con", "key", doc); err != nil {
			b.Fatal(err)
		}
	}
}

// The own parser spares most of what encoding/json allocates; a field that goes back to that doubles the number.
//
//nolint:paralleltest // allocations are counted for the whole process.
func TestDecode_AllocatesLittle(t *testing.T) {
	data := document1500(t, testNow)
	doc, err := Decode(data)
	require.NoError(t, err)
	v := Vault{Keys: testKeys{}}
	for _, tt := range []struct {
		name string
		most float64
		do   func()
	}{
		{"decode", 24, func() { _, _ = Decode(data) }},
		{"validate", 10, func() { Validate(doc, Rules{Now: testNow}) }},
		{"fingerprint", 22, func() { v.Fingerprint(doc) }},
		{"all", 52, func() { judge(t, data) }},
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, tt.do), tt.most, tt.name)
	}
}
