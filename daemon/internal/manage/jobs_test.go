package manage

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestImportPlatformJobs_EveryFormatAndEveryFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in     string
		format Format
		want   ImportReport
	}{
		"empty":               {"", FormatAuto, ImportReport{}},
		"an empty array":      {" [ ] ", FormatAuto, ImportReport{}},
		"array":               {"[\n{\"id\":\"1\",\"title\":\"A\"},\n {\"id\":2,\"title\":\"B\",\"open\":false,\"url\":null}]", FormatAuto, ImportReport{Read: 2, Stored: 2}},
		"ndjson":              {"{\"id\":\"1\",\"title\":\"A\"}\r\n\n{\"id\":\"2\",\"title\":\"B\"}", FormatAuto, ImportReport{Read: 2, Stored: 2}},
		"csv":                 {"id,title,open,location\n1,A,yes,\"Zürich, CH\"\n2,B,no,\n", FormatAuto, ImportReport{Read: 2, Stored: 2}},
		"csv of spreadsheets": {"\uFEFFid;title\r\n1;A, B\r\n", FormatAuto, ImportReport{Read: 1, Stored: 1}},
		"array, faults by line": {"[{\"id\":\"1\",\"title\":\"A\"},\n{\"id\":\"2\"},\n\n{\"id\":[],\"title\":\"C\",\"tilte\":1},\n7]", FormatAuto, ImportReport{
			Read: 4, Stored: 1, Refused: 3, Errors: []LineError{
				{2, "title", "is required"},
				{4, "id", "must be a text"},
				{4, "tilte", "there is no such key; there are id, account, title, location, requisition_id, url, open"},
				{5, "", "a record is a JSON object"},
			},
		}},
		"array that breaks off": {"[{\"id\":\"1\",\"title\":\"A\"},\n{\"id\"", FormatAuto, ImportReport{
			Read: 2, Stored: 1, Refused: 1, Errors: []LineError{{2, "", "not JSON from here on: unexpected EOF"}},
		}},
		"array without an end": {"[{\"id\":\"1\",\"title\":\"A\"}\n", FormatJSON, ImportReport{
			Read: 2, Stored: 1, Refused: 1, Errors: []LineError{{1, "", "the array has no end"}},
		}},
		"ndjson, faults by line": {"{\"id\":\"1\",\"title\":\"A\"}\n{\"id\":\n{\"id\":\"3\",\"id\":\"3\",\"title\":\"C\"}\n{\"id\":\"4\",\"title\":\"D\",\"open\":\"perhaps\"}\n{} {}\n", FormatAuto, ImportReport{
			Read: 5, Stored: 1, Refused: 4, Errors: []LineError{
				{2, "", "not JSON: EOF"}, {3, "id", "is given twice"}, {4, "open", "must be true or false, without quotes"}, {5, "", "there is more after the end of the record"},
			},
		}},
		"ndjson, wrong types": {"{\"id\":\"1\",\"title\":\"A\",\"open\":\"yes\"}\n{\"id\":\"2\",\"title\":true}\n{\"id\":\"3\",\"title\":\"C\",\"open\":1}\n", FormatAuto, ImportReport{
			Read: 3, Refused: 3, Errors: []LineError{
				{1, "open", "must be true or false, without quotes"}, {2, "title", "must be a text"}, {3, "open", "must be true or false"},
			},
		}},
		"ndjson, too long": {"{\"id\":\"1\",\"title\":\"" + strings.Repeat("a", 70<<10) + "\"}\n{\"id\":\"2\",\"title\":\"B\"}\n", FormatNDJSON, ImportReport{
			Read: 2, Stored: 1, Refused: 1, Errors: []LineError{{1, "", "the record is longer than 65536 bytes"}},
		}},
		"csv, faults by line": {"id,title,url\n1,A,\n2,B\n3,,ftp://x\n\"4,D,\n", FormatCSV, ImportReport{
			Read: 4, Stored: 1, Refused: 3, Errors: []LineError{
				{3, "", "has 2 columns; the first line names 3"},
				{4, "title", "is required"},
				{4, "url", "is not the address of a web page"},
				{5, "", "not CSV: extraneous or missing \" in quoted-field"},
			},
		}},
		"another account's job": {"{\"id\":\"1\",\"title\":\"A\"}\n{\"id\":\"x\",\"title\":\"X\"}\n", FormatAuto, ImportReport{
			Read: 2, Stored: 1, Refused: 1, Errors: []LineError{{2, "", ""}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			require.NoError(t, w.PutPlatformJobs(w.ctx(), []atssync.PlatformJob{{ID: "x", Account: "globex", Title: "X"}}))
			got, err := w.ImportPlatformJobs(w.ctx(), strings.NewReader(c.in), c.format, "acme")
			require.NoError(t, err)
			for i := range got.Errors {
				if i < len(c.want.Errors) && c.want.Errors[i].Message == "" {
					require.Contains(t, got.Errors[i].Message, "another account")
					got.Errors[i].Message = ""
				}
			}
			require.Equal(t, c.want, got)
			page, err := w.PlatformJobs(w.ctx(), atssync.JobQuery{Account: "acme"})
			require.NoError(t, err)
			require.Len(t, page.Items, c.want.Stored)
		})
	}
}

func TestImportPlatformJobs_RefusesAFileThatIsNone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, c := range map[string]struct {
		in, text string
		format   Format
	}{
		"unknown column": {"id,name\n", `there is no column "name"`, FormatAuto},
		"column twice":   {"id,title,id\n", "is there twice", FormatAuto},
		"broken header":  {"\"id\n", "cannot be read as CSV", FormatAuto},
		"not an array":   {"{}", "not a JSON array", FormatJSON},
		"format":         {"{}", "no file format", "xml"},
	} {
		_, err := w.ImportPlatformJobs(w.ctx(), strings.NewReader(c.in), c.format, "acme")
		require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err), name)
		require.ErrorContains(t, err, c.text, name)
	}
}

func TestImportPlatformJobs_ManyAreStoredInShares(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var b strings.Builder
	for range 3 {
		b.WriteString(strings.Repeat("{\"id\":\"same\",\"title\":\"A\"}\n", 400))
	}
	got, err := w.ImportPlatformJobs(w.ctx(), strings.NewReader(b.String()), FormatAuto, "acme")
	require.NoError(t, err)
	require.Equal(t, ImportReport{Read: 1200, Stored: 500, Same: 700}, got)
}

func TestPutPlatformJobs_TellsAllProblemsByIndexAndStoresNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	err := w.PutPlatformJobs(w.ctx(), []atssync.PlatformJob{
		{ID: "1", Account: "acme", Title: "A"},
		{Title: "\xff"},
		{ID: "3", Account: "acme", Title: strings.Repeat("a", 501)},
		{ID: "4", Account: "acme", Title: "Cook\x00"},
		{ID: "5", Account: "acme", Title: "\u200b"},
	})
	requireCode(t, err, atssync.CodeInvalid, "[1].id: is required", "[1].account: is required", "[1].title: is not valid UTF-8", "[2].title: has 501",
		"[3].title: holds the character U+0000", "[4].title: is required")
	page, err := w.PlatformJobs(w.ctx(), atssync.JobQuery{Account: "acme"})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func FuzzReadRecords(f *testing.F) {
	for _, s := range []string{"", "[]", "[{\"id\":1}]", "{\"id\":\"a\"}\n{}", "id,title\n1,2\n", "\uFEFFid;title\n\"1\n", "[{},\n 7 ,", "{\"id\":{\"a\":[1,2,{}]}}"} {
		for _, format := range []string{"", "json", "ndjson", "csv"} {
			f.Add(s, format)
		}
	}
	f.Fuzz(func(t *testing.T, in, format string) {
		last := 0
		err := readRecords(strings.NewReader(in), Format(format), platformJobKeys, func(r record) error {
			require.GreaterOrEqual(t, r.line, last)
			require.LessOrEqual(t, r.line, 1+strings.Count(in, "\n"))
			require.Equal(t, r.err == nil, r.values != nil)
			last = r.line
			return nil
		})
		if err != nil {
			require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
		}
	})
}

func TestRefreshJobs_TellsWhatChanged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	got, err := w.RefreshJobs(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, JobsRefresh{Listed: 3, New: 3}, got)
	w.ats.jobs = append(w.ats.jobs[:1:1], sdk.Job{ID: "103", Name: "Old Job", State: sdk.JobOpen}, sdk.Job{ID: "104", Name: "New", State: sdk.JobOpen})
	got, err = w.RefreshJobs(w.ctx(), "Acme")
	require.NoError(t, err)
	require.Equal(t, JobsRefresh{Listed: 3, New: 1, Missing: 1, Reopened: 1}, got)
	page, err := w.ATSJobs(w.ctx(), atssync.JobQuery{Connection: "Acme"})
	require.NoError(t, err)
	require.Len(t, page.Items, 4)
	_, err = w.ATSJobs(w.ctx(), atssync.JobQuery{})
	requireCode(t, err, atssync.CodeNotFound)

	l, _ := w.Lease(c.ID)
	_, err = w.store.UpdateLane(t.Context(), l, func(lane *atssync.Lane) []atssync.EventDraft {
		return lane.Fail(atssync.OpJobs, string(sdk.KindAuth), &atssync.Trouble{Message: "the key was revoked", Remedy: "repair it"}, time.Now())
	}, time.Now())
	require.NoError(t, err)
	w.ats.failure = &sdk.Error{Kind: sdk.KindAuth}
	_, err = w.RefreshJobs(w.ctx(), c.ID)
	requireCode(t, err, atssync.CodeATS, "the key was revoked", "repair it")
	_, err = w.Pause(w.ctx(), c.ID, "", 0)
	require.NoError(t, err)
	_, err = w.RefreshJobs(w.ctx(), c.ID)
	requireCode(t, err, atssync.CodeConflict, "resume it first")
}

func TestLink_RefusesEachBadInput(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	_, err := w.RefreshJobs(w.ctx(), c.ID)
	require.NoError(t, err)
	require.NoError(t, w.PutPlatformJobs(w.ctx(), []atssync.PlatformJob{{ID: "theirs", Account: "globex", Title: "X"}}))
	for name, c2 := range map[string]struct {
		change func(r *LinkRequest)
		code   atssync.Code
		text   string
	}{
		"no connection":             {func(r *LinkRequest) { r.Connection = "con_x" }, atssync.CodeNotFound, "no connection"},
		"no platform job":           {func(r *LinkRequest) { r.PlatformJob = "" }, atssync.CodeInvalid, "platform_job: is required"},
		"no ATS job":                {func(r *LinkRequest) { r.ATSJob = "" }, atssync.CodeInvalid, "ats_job: is required"},
		"an ATS job nobody sees":    {func(r *LinkRequest) { r.ATSJob = "999" }, atssync.CodeNotFound, "not among the jobs"},
		"another account's job":     {func(r *LinkRequest) { r.PlatformJob = "theirs" }, atssync.CodeAccountMismatch, "another account"},
		"as something else":         {func(r *LinkRequest) { r.As = "friend" }, atssync.CodeInvalid, "as: must be"},
		"a pool for a candidate":    {func(r *LinkRequest) { r.Pool, r.OwnerEmail = "1", "a@example.com" }, atssync.CodeInvalid, "pool: is for prospects only; owner_email: is for prospects only"},
		"prospects where none are":  {func(r *LinkRequest) { r.As = sdk.AsProspect }, atssync.CodeInvalid, "Fake ATS takes no prospects"},
		"a stage without a pool":    {func(r *LinkRequest) { r.As, r.PoolStage = sdk.AsProspect, "1" }, atssync.CodeInvalid, "pool_stage: needs the pool"},
		"an owner that is no one":   {func(r *LinkRequest) { r.As, r.OwnerEmail = sdk.AsProspect, "Ada <a@example.com>" }, atssync.CodeInvalid, "owner_email"},
		"a backlog since never":     {func(r *LinkRequest) { r.Backlog = &atssync.Backlog{Mode: atssync.BacklogSince} }, atssync.CodeInvalid, "backlog.since"},
		"an answer that is none":    {func(r *LinkRequest) { r.Backlog = &atssync.Backlog{Mode: "some"} }, atssync.CodeInvalid, "backlog.mode"},
		"a version that is not one": {func(r *LinkRequest) { r.Version = 7 }, atssync.CodeChanged, "removed meanwhile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := LinkRequest{Connection: c.ID, PlatformJob: "eng", ATSJob: "101"}
			c2.change(&req)
			_, err := w.Link(w.ctx(), req)
			requireCode(t, err, c2.code, c2.text)
		})
	}
}

func TestLink_ManyAtOnceEachByItself(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	first, err := w.Link(w.ctx(), LinkRequest{Connection: c.ID, PlatformJob: "early", ATSJob: "101"})
	require.NoError(t, err)
	require.Contains(t, first.Warning, "were not listed yet")
	_, err = w.RefreshJobs(w.ctx(), c.ID)
	require.NoError(t, err)
	w.ats.manifest.Prospects = true
	res := w.LinkMany(w.ctx(), []LinkRequest{
		{Connection: c.ID, PlatformJob: "eng", ATSJob: "101"},
		{Connection: c.ID, PlatformJob: "bad", ATSJob: "999"},
		{Connection: "Acme", PlatformJob: "old", ATSJob: "103"},
		{Connection: c.ID, PlatformJob: "pool", As: sdk.AsProspect, Pool: "1", PoolStage: "11", OwnerEmail: "ada@example.com"},
		{Connection: c.ID, PlatformJob: "eng", ATSJob: "102"},
	})
	require.Nil(t, res[0].Err)
	require.Equal(t, sdk.AsCandidate, res[0].Link.As)
	require.True(t, res[0].Created)
	require.Equal(t, atssync.CodeNotFound, res[1].Err.Code)
	require.Equal(t, "bad", res[1].Link.PlatformJob)
	require.Contains(t, res[2].Warning, "is closed")
	require.Nil(t, res[3].Err)
	require.False(t, res[4].Created)
	page, err := w.JobLinks(w.ctx(), atssync.LinkQuery{Connection: "Acme"})
	require.NoError(t, err)
	require.Len(t, page.Items, 4)
	link, err := w.JobLink(w.ctx(), "Acme", "eng")
	require.NoError(t, err)
	require.Equal(t, "102", link.ATSJob)
	requireCode(t, w.Unlink(w.ctx(), c.ID, "eng", 9), atssync.CodeChanged)
	require.NoError(t, w.Unlink(w.ctx(), "Acme", "eng", link.Version))
	requireCode(t, w.Unlink(w.ctx(), c.ID, "eng", 0), atssync.CodeNotFound, "not linked")
}

func TestBacklog_IsAskedForAndAnswered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	sub := w.accept(c, "1", "eng")
	w.accept(c, "2", "eng")
	b, err := w.Backlog(w.ctx(), "Acme", "eng")
	require.NoError(t, err)
	require.Equal(t, 2, b.Count)
	require.WithinDuration(t, sub.AcceptedAt, b.Oldest, time.Millisecond)
	req := LinkRequest{Connection: c.ID, PlatformJob: "eng", ATSJob: "101"}
	_, err = w.Link(w.ctx(), req)
	requireCode(t, err, atssync.CodeConflict, "2 submissions wait")
	req.Backlog = &atssync.Backlog{Mode: atssync.BacklogNone}
	_, err = w.Link(w.ctx(), req)
	require.NoError(t, err)
	w.work(c.ID)
	require.Equal(t, atssync.StateHeld, w.state(sub.ID).State)
	req.Backlog = &atssync.Backlog{Mode: atssync.BacklogSince, Since: sub.AcceptedAt.Add(-time.Second)}
	_, err = w.Link(w.ctx(), req)
	require.NoError(t, err)
	w.work(c.ID)
	require.Equal(t, atssync.StateQueued, w.state(sub.ID).State)
}
