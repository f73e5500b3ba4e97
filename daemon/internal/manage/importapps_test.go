package manage

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestImportApplications_FollowsAndNeverDoubles(t *testing.T) {
	t.Parallel()
	w, c, _ := linked(t)
	w.ats.manifest.Batch.ReadStatuses = 2
	_, err := w.ImportPlatformJobs(w.ctx(), strings.NewReader(`{"id":"theirs","account":"globex","title":"Cook","open":true}`), FormatAuto, "")
	require.NoError(t, err)
	w.ats.readings = []sdk.Reading{
		{CandidateID: "55", ApplicationID: "77", JobID: "101", JobName: "Senior Engineer", ExternalID: "old-1", ProfileURL: "https://app.ats.example.com/people/55"},
		{CandidateID: "56", ApplicationID: "78", JobID: "102"},
		{CandidateID: "60", ApplicationID: "80", JobID: "101"},
		{CandidateID: "61", ApplicationID: "81", JobID: "101", ExternalID: "somebody-else"},
		{CandidateID: "62", ApplicationID: "82", JobID: "102"},
		{CandidateID: "62", ApplicationID: "83", JobID: "103"},
		{CandidateID: "63", ApplicationID: "84", JobID: "101"},
		{CandidateID: "63", ApplicationID: "85", JobID: "102"},
		{CandidateID: "64", ApplicationID: "86", JobID: "101", Gone: sdk.GoneDeleted},
		{CandidateID: "65", ApplicationID: "87", JobID: "102"},
		{CandidateID: "66"},
	}
	file := `external_id,job,candidate_id,application_id,profile_url,as,ats_job
old-1,eng,55,77,,,
old-2,eng,,,https://app.ats.example.com/people/56/applications/78,prospect,
old-3,eng,,,https://nowhere.example.com/1,,
,eng,57,,,,
old-5,,58,,,friend,
old-6,eng,,,,,
old-7,eng,56,77,,,
app-1,eng,60,80,,,
old-9,eng,61,,,,
old-10,eng,62,,,,
old-11,eng,63,,,,
old-12,eng,64,,,,
old-13,eng,65,,,,101
old-14,theirs,60,80,,,
old-15,eng,,81000,,,
old-16,eng,66,,,,
old-17,eng,56,78,,,
`
	got, err := w.ImportApplications(w.ctx(), "Acme", strings.NewReader(file), FormatCSV)
	require.NoError(t, err)
	var told []string
	for _, e := range got.Errors {
		told = append(told, fmt.Sprintf("%d %s: %s", e.Line, e.Path, e.Message))
	}
	require.Equal(t, []string{
		"4 profile_url: no candidate can be read from it; give candidate_id too",
		"5 external_id: is required",
		"6 job: is required",
		"6 as: must be candidate or prospect",
		"7 candidate_id: is required: give the ATS's id of the candidate, of the application, or the profile_url",
		"8 application_id: the candidate 56 has no application 77",
		"9 : submission " + w.idOf(c, "app-1") + " has this external_id already and is queued",
		`10 external_id: the candidate 61 carries the external id "somebody-else" in the ATS: it is another application`,
		"11 application_id: is required: the candidate 62 has 2 applications in the ATS",
		"13 candidate_id: Fake ATS does not show the candidate 64 to this connection; reading needs: the permission to see candidates",
		"14 ats_job: the candidate 65 has no application for the ATS job 101",
		"15 : platform job theirs belongs to another account (use a connection of the job's own account)",
		"16 application_id: Fake ATS does not show the application 81000 to this connection; reading needs: the permission to see candidates",
		"18 : the ATS application 78 is followed already, as submission " + w.idOf(c, "old-2"),
	}, told)
	require.Equal(t, 17, got.Read)
	require.Equal(t, 4, got.Stored)
	require.Equal(t, 13, got.Refused)

	page, err := w.Applications(w.ctx(), atssync.ApplicationQuery{Connection: "Acme"})
	require.NoError(t, err)
	jobs := map[string]string{}
	for _, a := range page.Items {
		require.True(t, a.Imported)
		jobs[a.ExternalID] = a.ApplicationID + " " + a.ATSJob
	}
	require.Equal(t, map[string]string{"old-1": "77 101", "old-2": "78 102", "old-11": "84 101", "old-16": " 101"}, jobs,
		"what the ATS says goes before the link, and the link decides between several")

	// Again reads nothing back and changes nothing.
	calls := len(w.ats.calls)
	w.ats.failure = errors.New("the ATS is not asked")
	known := strings.Join([]string{strings.Split(file, "\n")[0], strings.Split(file, "\n")[1], strings.Split(file, "\n")[2]}, "\n")
	again, err := w.ImportApplications(w.ctx(), c.ID, strings.NewReader(known), FormatCSV)
	require.NoError(t, err)
	require.Equal(t, 2, again.Same)
	require.Zero(t, again.Stored)
	require.Len(t, w.ats.calls, calls)
	ledger, err := w.Ledger(w.ctx(), "Acme", atssync.Paging{})
	require.NoError(t, err)
	require.EqualValues(t, 5, ledger.Total.Accepted)
	require.True(t, ledger.Total.OK)
	_, err = w.ImportApplications(w.ctx(), "nobody", strings.NewReader(file), FormatCSV)
	requireCode(t, err, atssync.CodeNotFound)
}

// idOf is the id of the submission that the platform calls so.
func (w *world) idOf(c Connection, externalID string) string {
	w.t.Helper()
	id, err := w.SubmissionID(w.ctx(), c.ID, externalID)
	require.NoError(w.t, err)
	return id
}

func TestImportApplications_WhatIsHandedOverLaterIsThereAlready(t *testing.T) {
	t.Parallel()
	w, c, _ := linked(t)
	w.ats.readings = []sdk.Reading{{CandidateID: "55", ApplicationID: "77", JobID: "101"}}
	_, err := w.ImportApplications(w.ctx(), c.ID, strings.NewReader(`{"external_id":"old","job":"eng","candidate_id":"55"}`), FormatAuto)
	require.NoError(t, err)
	s := w.accept(c, "old", "eng")
	require.Equal(t, atssync.StateAlreadyApplied, s.State)
	require.Equal(t, "77", s.Receipt.ApplicationID)
	require.Equal(t, w.idOf(c, "old"), s.ID)
}

func TestImportApplications_AnATSThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w, c, _ := linked(t)
	file := &strings.Builder{}
	for i := range 5 {
		fmt.Fprintf(file, `{"external_id":"old-%d","job":"eng","candidate_id":"%d"}`+"\n", i, i)
	}
	w.ats.failure = &sdk.Error{Kind: sdk.KindTransient, Message: "the ATS is down"}
	got, err := w.ImportApplications(w.ctx(), c.ID, strings.NewReader(file.String()), FormatAuto)
	require.ErrorContains(t, err, "line 3")
	require.Equal(t, 2, got.Refused)
	require.Contains(t, got.Errors[0].Message, "could not be read back")
	ledger, err := w.Ledger(w.ctx(), c.ID, atssync.Paging{})
	require.NoError(t, err)
	require.EqualValues(t, 1, ledger.Total.Accepted)
}
