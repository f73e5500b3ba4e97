package manage

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// endless is a file that begins with head and never ends; it counts what was read of it.
type endless struct {
	head io.Reader
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.head.Read(p)
	if err != nil {
		for n = range p {
			p[n] = 'a'
		}
		n, err = len(p), nil
	}
	e.read += n
	return n, err
}

func TestReadRecords_ARecordWithoutAnEndIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		head   string
		format Format
		stored int
		most   int
	}{
		"a quote that is not closed": {"id,title\n1,A\n2,\"", FormatCSV, 1, 1 << 20},
		"in the first line":          {"\"", FormatCSV, 0, 1 << 20},
		"a list":                     {"[{\"id\":\"1\",\"title\":\"", FormatJSON, 0, maxArray + 1<<20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			in := &endless{head: strings.NewReader(tt.head)}
			report, err := w.ImportPlatformJobs(w.ctx(), in, tt.format, "acme")
			require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err), "%v", err)
			require.Equal(t, tt.stored, report.Stored, "what stands before it is taken")
			require.Less(t, in.read, tt.most)
		})
	}
}

func TestReadRecords_WhatIsToldOfARecordIsBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := strings.Repeat("k", 20<<10)
	in := fmt.Sprintf("{%q:1}\n", key) + "{" + strings.Repeat(`"x":1,`, 5_000) + "\"y\":1}\n"
	report, err := w.ImportPlatformJobs(w.ctx(), strings.NewReader(strings.Repeat(in, 100)), FormatNDJSON, "acme")
	require.NoError(t, err)
	require.Equal(t, 200, report.Refused)
	require.Len(t, report.Errors, maxRecordErr)
	for _, e := range report.Errors {
		require.Less(t, len(e.Path), 200)
	}
	_, err = w.ImportPlatformJobs(w.ctx(), strings.NewReader(key+",title\n"), FormatCSV, "acme")
	require.Less(t, len(err.Error()), 500)
}

func TestImportApplications_IDsThatNoATSGivesAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	for name, values := range map[string]string{
		"candidate_id":   `"candidate_id":"` + strings.Repeat("1", 300) + `"`,
		"application_id": `"application_id":"a\u0000b"`,
		"ats_job":        `"candidate_id":"1","ats_job":"a\nb"`,
		"profile_url":    `"candidate_id":"1","profile_url":"https://` + strings.Repeat("a", 3000) + `"`,
	} {
		report, err := w.ImportApplications(w.ctx(), c.ID, strings.NewReader(`{"external_id":"x","job":"j",`+values+`}`), FormatAuto)
		require.NoError(t, err)
		require.Equal(t, 1, report.Refused, name)
		require.Equal(t, name, report.Errors[0].Path)
	}
}
