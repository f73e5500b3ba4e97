package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestWorld_EveryFieldArrivesAsItWasMeant(t *testing.T) {
	t.Parallel()
	for _, as := range []sdk.As{sdk.AsCandidate, sdk.AsProspect} {
		t.Run(string(as), func(t *testing.T) {
			t.Parallel()
			// The strictest Greenhouse: unknown keys and flags as texts are refused.
			w := newWorld(t, "unknown_key", "refuse", "prospect_as_text", "refuse")
			pool := w.emp.Pools()[1]
			owner, _ := w.emp.User(simulator.JobAdmin)
			item := w.item("pl-1")
			item.As = as
			item.PoolID, item.PoolStageID, item.OwnerEmail = fmt.Sprint(pool.ID), fmt.Sprint(pool.Stages[1].ID), owner.Email
			r := w.created(item)
			require.Equal(t, "https://app.greenhouse.io/people/"+r.CandidateID+"?application_id="+r.ApplicationID, r.ProfileURL)

			kept := w.emp.ByExternalID("pl-1")
			require.Len(t, kept, 1)
			got, err := kept[0].Document()
			require.NoError(t, err)
			want := simulator.Document{
				Prospect:  simulator.ProspectFlag{Given: true, Value: as == sdk.AsProspect},
				FirstName: item.Person.FirstName, LastName: item.Person.LastName, ExternalID: "pl-1",
				Company: item.Person.Company, Title: item.Person.Title, Resume: item.Resume.URL,
				Emails: []simulator.Email{
					{Email: "zoe@example.com", Type: "personal"},
					{Email: "zoe.work@example.com", Type: "work"},
					{Email: "zoe.old@example.com", Type: "other"},
					{Email: "zoe.new@example.com", Type: "personal"},
				},
				PhoneNumbers: []simulator.PhoneNumber{
					{PhoneNumber: "+1 555 010 0100", Type: "mobile"},
					{PhoneNumber: "+1 555 010 0101", Type: "home"},
					{PhoneNumber: "+1 555 010 0102", Type: "other"},
					{PhoneNumber: "+1 555 010 0103", Type: "mobile"},
				},
				Addresses: []simulator.Address{
					{Address: "1 Quay St\nPort Lark", Type: "work"}, {Address: "2 Quay St", Type: "home"}, {Address: "3 Quay St", Type: "other"},
				},
				SocialMedia: []simulator.SocialMedia{{URL: "https://social.example.com/zoe"}, {URL: "https://www.linkedin.com/in/zoe-example"}},
				Websites: []simulator.Website{
					{URL: "https://zoe.example.com", Type: "personal"},
					{URL: "https://glass.example.com", Type: "company"},
					{URL: "https://blog.example.com", Type: "blog"},
					{URL: "https://art.example.com", Type: "portfolio"},
					{URL: "https://misc.example.com", Type: "other"},
					{URL: "https://plain.example.com", Type: "other"},
				},
				JobID: w.jobs[0].ID, Notes: item.Note,
				Referrer: &simulator.Referrer{Email: "ref@example.com", FirstName: "Ref", LastName: "Eree"},
			}
			if as == sdk.AsProspect {
				want.ProspectPoolID, want.ProspectPoolStageID, want.ProspectOwnerEmail = pool.ID, pool.Stages[1].ID, owner.Email
			}
			require.Equal(t, want, got)
			require.Equal(t, as == sdk.AsProspect, kept[0].Applications[0].Prospect)
		})
	}
}

func TestWorld_NamesOfThePeopleOfTheWorldArriveUnharmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{
		"王伟", "Łucja", "محمد", "Zoë\u0301", "👩🏽‍🚀", "O'Brien-Søndergård", strings.Repeat("ü", 300), `"quoted" <b>&amp;`, "\u202eright",
	} {
		item := w.item(fmt.Sprintf("pl-%d", i))
		item.Person.FirstName, item.Person.LastName = name, name
		w.created(item)
		kept := w.emp.ByExternalID(item.ExternalID)[0]
		require.Equal(t, name, kept.FirstName)
		require.Equal(t, name, kept.LastName)
	}
}

func TestWorld_SuccessHasEitherStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201} {
		w := newWorld(t, "post_status", status)
		w.created(w.item("pl-1"))
	}
}

func TestWorld_SecondSubmissionOfTheSameExternalID(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"external_id", "email", "external_id_or_email"} {
		w := newWorld(t, "duplicate", "second_candidate", "duplicate_by", by)
		first, second := w.created(w.item("pl-1")), w.created(w.item("pl-1"))
		require.NotEqual(t, first, second)

		w.set("duplicate", "same_ids")
		require.Equal(t, first, w.created(w.item("pl-1")), "the ids of the first; that it was no new one cannot be known")

		for _, variant := range []string{"refuse_409", "refuse_422"} {
			w.set("duplicate", variant)
			e := w.refused(w.item("pl-1"), sdk.KindDuplicate)
			require.NotEmpty(t, e.Remedy)
		}
	}
}

func TestWorld_RefusedDataNamesItsFields(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 422} {
		w := newWorld(t, "invalid_status", status)
		item := w.item("pl-1")
		item.Person.Emails[2].Address = "no address"
		e := w.refused(item, sdk.KindInvalid)
		require.Equal(t, status, e.Status)
		require.Len(t, e.Fields, 1)
		require.Equal(t, "person.emails[2].address", e.Fields[0].Path)
		require.Equal(t, sdk.TurnPlatform, e.Turn)

		w.set("invalid_body", "message")
		e = w.refused(item, sdk.KindInvalid)
		require.Empty(t, e.Fields)
		for _, body := range []string{"html", "empty", "message", "errors"} {
			w.set("error_body", body)
			w.refused(item, sdk.KindInvalid)
		}
	}
}

func TestWorld_JobThatTakesNobody(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]sdk.Kind{403: sdk.KindPermission, 404: sdk.KindNotFound, 422: sdk.KindNotFound} {
		for _, body := range []string{"errors", "message", "html", "empty"} {
			if status == 422 && body != "errors" {
				continue // without a field nothing says that it is the job
			}
			t.Run(fmt.Sprint(status, body), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "unseen_job", status, "error_body", body)
				require.NoError(t, w.emp.CloseJob(simulator.JobRef{ID: w.jobs[0].ID}))
				unknown := w.item("pl-2")
				unknown.JobID = "999"
				for _, item := range []sdk.SubmitItem{w.item("pl-1"), unknown} {
					e := w.refused(item, kind)
					require.Equal(t, sdk.SubjectJob, e.Subject)
					require.Equal(t, sdk.TurnEmployer, e.Turn)
					require.NotEmpty(t, e.Remedy)
				}
			})
		}
	}
}

func TestWorld_OrganisationWithoutProspects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{403, 422} {
		for _, jobless := range []bool{true, false} {
			w := newWorld(t, "prospects_disabled", status)
			w.emp.EnableProspects(false)
			item := w.item("pl-1")
			item.As = sdk.AsProspect
			kind := sdk.KindConfigRequired
			if jobless {
				item.JobID = ""
			} else if status == 403 {
				kind = sdk.KindPermission // a user who may not use the job looks the same
			}
			e := w.refused(item, kind)
			require.Contains(t, e.Remedy, "candidate")
			item.As, item.JobID = sdk.AsCandidate, fmt.Sprint(w.jobs[0].ID)
			w.created(item)
		}
	}
}

func TestWorld_PoolStageAndOwnerThatAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pools := w.emp.Pools()
	item := w.item("pl-1")
	item.As, item.PoolID = sdk.AsProspect, "999"
	require.Equal(t, sdk.SubjectPool, w.refused(item, sdk.KindNotFound).Subject)
	item.PoolID, item.PoolStageID = fmt.Sprint(pools[0].ID), fmt.Sprint(pools[1].Stages[0].ID)
	require.Equal(t, sdk.SubjectPool, w.refused(item, sdk.KindNotFound).Subject)
	item.PoolStageID, item.OwnerEmail = "", "nobody@example.com"
	e := w.refused(item, sdk.KindConfigRequired)
	require.Equal(t, sdk.SubjectUser, e.Subject)
	require.NotContains(t, fmt.Sprintf("%+v", *e), "nobody@")
}

func TestWorld_LimitsInEveryLook(t *testing.T) {
	t.Parallel()
	for reply, wait := range map[string]time.Duration{"retry_after": 10 * time.Second, "no_header": 0, "plain_text": 0} {
		w := newWorld(t, "rate_limit", 1, "rate_limit_reply", reply)
		w.created(w.item("pl-1"))
		e := w.refused(w.item("pl-2"), sdk.KindRateLimited)
		require.LessOrEqual(t, e.RetryAfter, wait)
		require.Equal(t, wait > 0, e.RetryAfter > 0, reply)
		require.Equal(t, http.StatusTooManyRequests, e.Status)
	}
	w := newWorld(t, "rate_limit", 1, "rate_limit_reply", "never")
	w.created(w.item("pl-1"))
	w.created(w.item("pl-2"))
}

func TestWorld_FaultsOfAWriteAreToldApartByWhetherItArrived(t *testing.T) {
	t.Parallel()
	cases := []struct {
		kind    simulator.FaultKind
		body    simulator.ErrorBody
		want    sdk.Kind
		applied bool
	}{
		{simulator.FaultErrorBefore, "", sdk.KindAmbiguous, false},
		{simulator.FaultErrorBefore, simulator.ErrorHTML, sdk.KindAmbiguous, false},
		{simulator.FaultErrorAfter, "", sdk.KindAmbiguous, true},
		{simulator.FaultErrorAfter, simulator.ErrorEmpty, sdk.KindAmbiguous, true},
		{simulator.FaultCutBefore, "", sdk.KindAmbiguous, false},
		{simulator.FaultCutAfter, "", sdk.KindAmbiguous, true},
		{simulator.FaultHang, "", sdk.KindAmbiguous, false},
		{simulator.FaultHangAfter, "", sdk.KindAmbiguous, true},
		{simulator.FaultHTMLBody, "", sdk.KindAmbiguous, true},
		{simulator.FaultEmptyBody, "", sdk.KindAmbiguous, true},
		{simulator.FaultTruncatedBody, "", sdk.KindAmbiguous, true},
		{simulator.FaultDown, "", sdk.KindAmbiguous, false},
		{simulator.FaultRateLimited, "", sdk.KindRateLimited, false},
		{simulator.FaultKeyRevoked, "", sdk.KindAuth, false},
		{simulator.FaultUserDisabled, "", sdk.KindAuth, false},
		{simulator.FaultJobClosed, "", sdk.KindNotFound, false},
	}
	for _, c := range cases {
		t.Run(string(c.kind)+string(c.body), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			// A kept-alive connection is there when the fault strikes.
			w.created(w.item("pl-0"))
			w.fault(simulator.Fault{Kind: c.kind, Body: c.body, Method: http.MethodPost, Count: 1})
			o := w.outcome(w.item("pl-1"))
			require.Equal(t, sdk.OutcomeFailed, o.Kind)
			require.Equal(t, c.want, o.Err.Kind, o.Err.Message)
			require.Equal(t, c.want != sdk.KindAmbiguous, o.Err.NotApplied)
			want := 0
			if c.applied {
				want = 1
			}
			require.Len(t, w.emp.ByExternalID("pl-1"), want, "it is sent once, whatever came of it")
			require.Len(t, w.emp.Received(), 2)
			w.created(w.item("pl-2"))
		})
	}
}

func TestWorld_LevelsThatMaySend(t *testing.T) {
	t.Parallel()
	for _, level := range []simulator.Level{simulator.SiteAdmin, simulator.JobAdmin, simulator.Interviewer, simulator.Basic} {
		w := newWorld(t)
		w.as(level)
		w.created(w.item("pl-1"))
	}
}

func TestWorld_NotesKeepTheirLengthUpToTheManifest(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"unlimited", "truncate", "refuse_422"} {
		w := newWorld(t, "notes_over", variant)
		item := w.item("pl-1")
		item.Note = strings.Repeat("é", maxNote)
		w.created(item)
		require.Equal(t, item.Note, w.emp.ByExternalID("pl-1")[0].Notes)
	}
	w := newWorld(t, "notes_over", "refuse_422", "notes_max", 5)
	e := w.refused(w.item("pl-1"), sdk.KindInvalid)
	require.Equal(t, "notes", e.Fields[0].Path)
}

func TestWorld_ResumeThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	item := func(w *world) sdk.SubmitItem {
		i := w.item("pl-1")
		i.Resume = &sdk.Resume{URL: "http://127.0.0.1:1/resume.pdf"}
		return i
	}
	w := newWorld(t, "resume_fetch", "in_post", "resume_failure", "refuse_422")
	e := w.refused(item(w), sdk.KindAttachment)
	require.Equal(t, "resume.url", e.Fields[0].Path)
	for _, fetch := range []string{"in_post", "later", "never", "repeated"} {
		w := newWorld(t, "resume_fetch", fetch, "resume_delay", "0s", "resume_failure", "silent")
		w.created(item(w))
	}
}

func TestWorld_OnlyOnePostGoesOutPerSubmission(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "max_batch", 1, "batch_failure", "partial")
	for i := range 20 {
		w.created(w.item(fmt.Sprintf("pl-%d", i)))
	}
	require.Equal(t, 20, w.emp.Counts().Candidates)
	require.Empty(t, w.emp.Doubled())
	for _, r := range w.emp.Received() {
		var object map[string]any
		require.NoError(t, json.Unmarshal(r.Body, &object), "one object, no array")
	}
}
