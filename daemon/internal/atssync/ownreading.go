package atssync

import (
	"cmp"
	"fmt"
	"slices"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// OwnReading finds the reading that is this submission's among what the ATS showed of ref, or says in clear words why none
// is: CodeNotFound when the ATS does not show it, CodeConflict when what it shows is not ours.
func OwnReading(sub Submission, ref sdk.ApplicationRef, readings []sdk.Reading, m sdk.Manifest) (sdk.Reading, error) {
	seen := slices.DeleteFunc(slices.Clone(readings), func(r sdk.Reading) bool {
		return ref.CandidateID != "" && r.CandidateID != ref.CandidateID || r.Gone != ""
	})
	if len(seen) > 0 && len(Readable(seen)) < len(seen) {
		shown := Application{CandidateID: ref.CandidateID, ApplicationID: ref.ApplicationID, Pending: ref.Pending}
		if what := shown.Unreadable(seen); what != "" {
			return sdk.Reading{}, unreadable(m.Label, cmp.Or(ref.CandidateID, ref.ApplicationID, ref.Pending), what)
		}
		seen = Readable(seen)
	}
	if len(seen) == 0 {
		e := Errorf(CodeNotFound, "%s does not show the candidate %s to this connection, so nobody can prove that it is submission %s", m.Label, cmp.Or(ref.CandidateID, ref.ApplicationID, ref.Pending), sub.ID)
		if m.ReadPermission != "" {
			e.Remedy = "check the address; reading needs: " + m.ReadPermission
		}
		return sdk.Reading{}, e
	}
	own := slices.DeleteFunc(slices.Clone(seen), func(r sdk.Reading) bool { return r.ExternalID != sub.ExternalID })
	if len(own) == 0 {
		what := "carries no external id"
		if seen[0].ExternalID != "" {
			what = fmt.Sprintf("carries the external id %q", seen[0].ExternalID)
		}
		return sdk.Reading{}, Errorf(CodeConflict, "the candidate %s %s, not ours %q: it is another application", seen[0].CandidateID, what, sub.ExternalID).
			WithRemedy("find the candidate that we sent; if there is none, send it again")
	}
	narrow := func(keep func(sdk.Reading) bool) {
		if kept := slices.DeleteFunc(slices.Clone(own), func(r sdk.Reading) bool { return !keep(r) }); len(kept) > 0 {
			own = kept
		}
	}
	if ref.ApplicationID != "" {
		own = slices.DeleteFunc(own, func(r sdk.Reading) bool { return r.ApplicationID != ref.ApplicationID })
		if len(own) == 0 {
			return sdk.Reading{}, Errorf(CodeNotFound, "the candidate %s has no application %s", seen[0].CandidateID, ref.ApplicationID).
				WithRemedy("give the address of the candidate without the application")
		}
	}
	narrow(func(r sdk.Reading) bool { return sub.ATSJob != "" && r.JobID == sub.ATSJob })
	narrow(func(r sdk.Reading) bool { return r.ApplicationID != "" })
	if len(own) > 1 {
		return sdk.Reading{}, Errorf(CodeConflict, "the candidate %s has %d applications that may be submission %s", seen[0].CandidateID, len(own), sub.ID).
			WithRemedy("give the address of the application that is meant")
	}
	return own[0], nil
}

// NotFollowed refuses a receipt whose ATS application one of the others, which went in under its ids, is followed as.
func NotFollowed(sub Submission, r Receipt, others []Submission) error {
	for _, o := range others {
		if o.ID != sub.ID {
			return Errorf(CodeConflict, "the ATS application %s is already followed as submission %s", r.ApplicationID, o.ID)
		}
	}
	return nil
}

// unreadable is the error about a candidate that the ATS shows in a form which the adapter does not know.
func unreadable(ats, who, what string) *Error {
	return Errorf(CodeATS, "%s shows the candidate %s in a form that the adapter cannot read (%s)", ats, who, what).WithRemedy("%s", RemedyUnreadable)
}

// RemedyUnreadable is what to do about an answer of which the adapter cannot read a part.
const RemedyUnreadable = "look for a newer version of the adapter, and tell its author the place in the answer; it is read again at each pass"
