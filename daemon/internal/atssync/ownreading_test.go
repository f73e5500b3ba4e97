package atssync

import (
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestOwnReading_IsTheOneThatCarriesOurExternalID(t *testing.T) {
	t.Parallel()
	s := Submission{ID: "sub_1", ExternalID: "x-1", ATSJob: "j-1"}
	ours := sdk.Reading{CandidateID: "c", ApplicationID: "a", ExternalID: "x-1", JobID: "j-1"}
	with := func(f func(*sdk.Reading)) sdk.Reading {
		r := ours
		f(&r)
		return r
	}
	other := with(func(r *sdk.Reading) { r.ExternalID = "x-2" })
	for name, tt := range map[string]struct {
		ref      sdk.ApplicationRef
		readings []sdk.Reading
		code     Code
	}{
		"by candidate":                {sdk.ApplicationRef{CandidateID: "c"}, []sdk.Reading{other, ours}, ""},
		"by application alone":        {sdk.ApplicationRef{ApplicationID: "a"}, []sdk.Reading{ours}, ""},
		"on our job, of several":      {sdk.ApplicationRef{CandidateID: "c"}, []sdk.Reading{with(func(r *sdk.Reading) { r.JobID = "j-2" }), ours}, ""},
		"not shown":                   {sdk.ApplicationRef{CandidateID: "c"}, nil, CodeNotFound},
		"another candidate":           {sdk.ApplicationRef{CandidateID: "c2"}, []sdk.Reading{ours}, CodeNotFound},
		"gone":                        {sdk.ApplicationRef{CandidateID: "c"}, []sdk.Reading{with(func(r *sdk.Reading) { r.Gone = sdk.GoneDeleted })}, CodeNotFound},
		"another external id":         {sdk.ApplicationRef{CandidateID: "c"}, []sdk.Reading{other}, CodeConflict},
		"no external id":              {sdk.ApplicationRef{CandidateID: "c"}, []sdk.Reading{with(func(r *sdk.Reading) { r.ExternalID = "" })}, CodeConflict},
		"another application":         {sdk.ApplicationRef{CandidateID: "c", ApplicationID: "b"}, []sdk.Reading{ours}, CodeNotFound},
		"two that are ours for all":   {sdk.ApplicationRef{CandidateID: "c"}, []sdk.Reading{ours, with(func(r *sdk.Reading) { r.ApplicationID = "b" })}, CodeConflict},
		"a person before its own app": {sdk.ApplicationRef{CandidateID: "c"}, []sdk.Reading{with(func(r *sdk.Reading) { r.ApplicationID = "" }), ours}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := OwnReading(s, tt.ref, tt.readings, sdk.Manifest{Label: "Example ATS"})
			require.Equal(t, tt.code, CodeOf(err), "%v", err)
			if err == nil {
				require.Equal(t, ours, got)
			}
		})
	}
	require.NoError(t, NotFollowed(s, Receipt{ApplicationID: "a"}, []Submission{s}))
	require.Equal(t, CodeConflict, CodeOf(NotFollowed(s, Receipt{ApplicationID: "a"}, []Submission{s, {ID: "sub_2"}})))
}
