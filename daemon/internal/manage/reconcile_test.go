package manage

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzEachLine(f *testing.F) {
	f.Add([]byte(`{"type":"submission.submitted","connection":"con_1","sequence":7,"data":{"external_id":"a","state":"submitted","receipt":{"candidate_id":"1"}}}`))
	f.Add([]byte(`{"type":"application.status_changed","connection":"con_1","sequence":8,"data":{"external_id":"a","receipt":{}}}` + "\n\nno json\n"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out ReconcileReport
		c := &reconciling{out: &out, last: map[string]int64{"con_1": 5}, told: map[told]toldLast{}}
		require.NoError(t, eachLine(bytes.NewReader(data), c.line))
		require.Equal(t, out.Refused, len(out.Errors))
		require.LessOrEqual(t, out.Refused+out.Older+out.Other+len(c.told), out.Read)
	})
}

func TestReconcile_TheLastThatWasToldCounts(t *testing.T) {
	t.Parallel()
	const head = `{"type":"submission.x","connection":"con_1","account":"acme","sequence":`
	for name, tc := range map[string]struct {
		lines []string
		want  string
		other int
	}{
		"in any order": {[]string{
			`12,"data":{"external_id":"a","state":"submitted","receipt":{"candidate_id":"1"}}}`, `11,"data":{"external_id":"a","state":"uncertain"}}`,
		}, "submitted", 0},
		"a receipt stays one": {[]string{
			`11,"data":{"external_id":"a","state":"submitted","receipt":{"candidate_id":"1"}}}`, `12,"data":{"external_id":"a","state":"held"}}`,
		}, "submitted", 0},
		"refused and then sent anew": {[]string{
			`11,"data":{"external_id":"a","state":"refused"}}`, `12,"data":{"external_id":"a","state":"held"}}`,
		}, "held", 0},
		"erased": {[]string{`11,"data":{"erased":true}}`}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out ReconcileReport
			c := &reconciling{out: &out, last: map[string]int64{"con_1": 10}, told: map[told]toldLast{}}
			text := head + strings.Join(tc.lines, "\n"+head) + "\n" + head + `10,"data":{"external_id":"a","state":"cancelled"}}` + "\n" +
				strings.Repeat("x", maxEventLine+10) + "\n{}\n"
			require.NoError(t, eachLine(strings.NewReader(text), c.line))
			require.Equal(t, 1, out.Older)
			require.Equal(t, 2, out.Refused)
			require.Equal(t, tc.other, out.Other)
			got := c.told[told{"con_1", "a"}]
			require.Equal(t, tc.want, string(got.evidence.State))
		})
	}
}
