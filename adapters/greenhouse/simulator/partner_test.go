package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// keysOf lists the keys of an object, so that shapes can be compared with the documentation's samples.
func keysOf(t *testing.T, data []byte) []string {
	t.Helper()
	var one map[string]json.RawMessage
	if json.Unmarshal(data, &one) != nil {
		var list []map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &list), string(data))
		require.NotEmpty(t, list)
		one = list[0]
	}
	return sortedKeys(one)
}

func TestCurrentUser_AnswersTheUserOfTheHeader(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, level := range levels() {
		a := w.getAs(level, "current_user")
		require.Equal(t, http.StatusOK, a.status)
		var got currentUser
		require.NoError(t, json.Unmarshal(a.body, &got))
		u, _ := w.e.User(level)
		require.Equal(t, currentUser{FullName: u.FullName(), FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, ID: u.ID}, got)
		require.Greater(t, got.ID, int64(1)<<32)
		require.Equal(t, keysOf(t, sample(t, "current_user-1.json")), keysOf(t, a.body))
	}
}

func TestAddressInHeader_IsComparedWithoutCase(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, err := w.try(http.MethodGet, "current_user", " "+strings.ToUpper(w.email(SiteAdmin)), "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
}

func TestAuthentication_RefusesWhatIsMissingOrWrong(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.email(SiteAdmin)
	harvest := w.e.Keys()[1].Key
	for _, c := range []struct{ name, key, bearer, email string }{
		{"wrong key", "0000", "", admin},
		{"no key", "", "", admin},
		{"harvest key", harvest, "", admin},
		{"no acting user", w.e.Key(), "", ""},
		{"unknown acting user", w.e.Key(), "", "nobody@example.com"},
		{"user of another employer", w.e.Key(), "", w.s.Employers()[1].Users()[0].Email},
		{"disabled user", w.e.Key(), "", w.e.Users()[4].Email},
		{"unknown token", "", "nonsense", admin},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+partnerPath+"current_user", http.NoBody)
			require.NoError(t, err)
			switch {
			case c.bearer != "":
				req.Header.Set("Authorization", "Bearer "+c.bearer)
			case c.key != "":
				req.SetBasicAuth(c.key, "")
			}
			if c.email != "" {
				req.Header.Set("On-Behalf-Of", c.email)
			}
			a, err := w.send(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, a.status)
		})
	}
}

func TestRevokedKey_Answers401UntilRestored(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.NoError(t, w.e.RevokeKey(w.e.Key()))
	require.Equal(t, http.StatusUnauthorized, w.get("jobs").status)
	require.NoError(t, w.e.RestoreKey(""))
	require.Equal(t, http.StatusOK, w.get("jobs").status)
	require.NoError(t, w.e.AddKey(Key{Key: "fresh"}))
	require.ErrorContains(t, w.s.Employers()[1].AddKey(Key{Key: "fresh"}), "taken")
	require.ErrorContains(t, w.e.RevokeKey("absent"), "no such key")
}

func TestPostCandidate_SampleOfTheDocumentationIsTaken(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(sample(t, "candidates-3.json"), &doc))
	seed := DefaultSeed()
	seed.Employers[0].Jobs[0].ID = 12345
	seed.Employers[0].Users[2].Jobs, seed.Employers[0].Users[3].Jobs = nil, nil
	seed.Employers[0].Pools[0] = Pool{ID: 123, Name: "Cold", Stages: []PoolStage{{ID: 455, Name: "New"}, {ID: 456, Name: "Warm"}}}
	seed.Employers[0].Users[1].Email = fmt.Sprint(doc["prospect_owner_email"])
	w := setup(t, func(o *Options) { o.Seed = seed })

	a := w.post(string(sample(t, "candidates-3.json")))
	r := a.receipt()
	require.Equal(t, keysOf(t, sample(t, "candidates-4.json")), keysOf(t, a.body))
	require.Equal(t, "24680", r.ExternalID)
	require.Equal(t, fmt.Sprintf("https://app.greenhouse.io/people/%d?application_id=%d", r.ID, r.ApplicationID), r.ProfileURL)
	require.Greater(t, r.ID, int64(1)<<32)
	require.Greater(t, r.ApplicationID, int64(1)<<32)

	kept, ok := w.e.Candidate(r.ID)
	require.True(t, ok)
	require.JSONEq(t, string(sample(t, "candidates-3.json")), string(kept.Sent))
	require.Equal(t, "Warm", kept.Applications[0].Stage)
	require.True(t, kept.Applications[0].Prospect)
	require.Equal(t, doc["prospect_owner_email"], kept.Owner)
	require.Equal(t, "Talent Cove", kept.Source)
	sent, err := kept.Document()
	require.NoError(t, err)
	require.Equal(t, "Good at Quiddich", sent.Notes)

	read := w.get("candidates?candidate_ids=" + strconv.FormatInt(r.ID, 10))
	require.Equal(t, keysOf(t, sample(t, "candidates-2.json")), keysOf(t, read.body))
	var wire []struct {
		Applications []json.RawMessage `json:"applications"`
	}
	require.NoError(t, json.Unmarshal(read.body, &wire))
	require.Equal(t, []string{"id", "job", "profile_url", "stage", "status"}, keysOf(t, wire[0].Applications[0]))
}

func TestPostCandidate_ArrayIsAnsweredByAnArray(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.post("[" + w.person("a") + "," + w.person("b") + "]")
	var got []receipt
	require.NoError(t, json.Unmarshal(a.body, &got))
	require.Len(t, got, 2)
	require.Equal(t, []string{"a", "b"}, []string{got[0].ExternalID, got[1].ExternalID})
	require.NotEqual(t, got[0].ID, got[1].ID)
	last := w.e.Received()[0]
	require.True(t, last.Applied)
	require.Equal(t, []int64{got[0].ID, got[1].ID}, last.Created)
}

func TestPostCandidate_OtherScriptsAndLongNamesSurvive(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i, name := range []string{"李小龍", "محمد عبد الله", "Zoë 🦜", strings.Repeat("x", 300), `Quote " \ End`} {
		r := w.post(w.person("n"+strconv.Itoa(i), field("first_name", name))).receipt()
		require.Equal(t, name+" Núñez", w.read(r)[0].Name)
	}
}

func TestPostCandidate_NamesEveryBadField(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		field  string
	}{
		{"no first name", without("first_name"), "first_name"},
		{"blank last name", field("last_name", " "), "last_name"},
		{"no external id", without("external_id"), "external_id"},
		{"candidate without job", without("job_id"), "job_id"},
		{"external id as number", field("external_id", 24680), "external_id"},
		{"job id as text", field("job_id", "12345"), "job_id"},
		{"prospect as number", field("prospect", 1), "prospect"},
		{"phone without type", field("phone_numbers", []map[string]string{{"phone_number": "555-0100"}}), "phone_numbers[0].type"},
		{"phone of a wrong type", field("phone_numbers", []map[string]string{{"phone_number": "555-0100", "type": "fax"}}), "phone_numbers[0].type"},
		{"empty phone", field("phone_numbers", []map[string]string{{"type": "home"}}), "phone_numbers[0].phone_number"},
		{"e-mail of a wrong type", field("emails", []map[string]string{{"email": "a@example.com", "type": "home"}}), "emails[0].type"},
		{"no e-mail address", field("emails", []map[string]string{{"email": "a", "type": "work"}}), "emails[0].email"},
		{"address of a wrong type", field("addresses", []map[string]string{{"address": "1 Main St", "type": "x"}}), "addresses[0].type"},
		{"website of a wrong type", field("websites", []map[string]string{{"url": "https://example.com", "type": "x"}}), "websites[0].type"},
		{"social media without url", field("social_media", []map[string]string{{}}), "social_media[0].url"},
		{"resume that is no url", field("resume", "resume.pdf"), "resume"},
		{"pool on a candidate", field("prospect_pool_id", 1), "prospect_pool_id"},
		{"pool stage without pool", field("prospect_pool_stage_id", 1), "prospect_pool_id"},
		{"owner on a candidate", field("prospect_owner_email", "x@example.com"), "prospect_owner_email"},
		{"unknown pool", func(d map[string]any) { jobless(d); d["prospect_pool_id"] = 1 }, "prospect_pool_id"},
		{"unknown owner", func(d map[string]any) { jobless(d); d["prospect_owner_email"] = "x@example.com" }, "prospect_owner_email"},
		{"stage of another pool", func(d map[string]any) {
			jobless(d)
			d["prospect_pool_id"], d["prospect_pool_stage_id"] = w.e.Pools()[0].ID, w.e.Pools()[1].Stages[0].ID
		}, "prospect_pool_stage_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := w.post(w.person(c.name, c.change))
			require.Equal(t, http.StatusUnprocessableEntity, a.status)
			require.Contains(t, fieldsOf(a.errors()), c.field)
			require.Empty(t, w.e.ByExternalID(c.name))
		})
	}
}

func fieldsOf(found []FieldError) []string {
	var fields []string
	for _, f := range found {
		fields = append(fields, f.Field)
	}
	return fields
}

func TestPostCandidate_BrokenJSONIs400AndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, body := range []string{"", "{", "null", `"text"`, "12", `{"a":1}x`} {
		require.Equal(t, http.StatusBadRequest, w.post(body).status, body)
	}
	require.Equal(t, http.StatusUnprocessableEntity, w.post("[]").status)
	require.Equal(t, http.StatusUnprocessableEntity, w.post("[null]").status)
	require.Zero(t, w.e.Counts().Candidates)
}

func TestGetCandidates_LeavesOutUnknownIDsAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	one, two := w.post(w.person("one")).receipt(), w.post(w.person("two")).receipt()
	list := w.get(fmt.Sprintf("candidates?candidate_ids=%d,1,%d", two.ID, one.ID)).list()
	require.Equal(t, []int64{two.ID, one.ID}, []int64{list[0].ID, list[1].ID})
	a := w.get("candidates?candidate_ids=1")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "[]", string(a.body))
	require.Equal(t, http.StatusUnprocessableEntity, w.get("candidates").status)
	require.Equal(t, http.StatusUnprocessableEntity, w.get("candidates?candidate_ids=x").status)
	body, err := w.try(http.MethodGet, "candidates", w.email(SiteAdmin), fmt.Sprintf(`{"candidate_ids": %d}`, one.ID))
	require.NoError(t, err)
	require.Len(t, body.list(), 1, "the documentation's curl sample sends the ids in a body")
	other := w.s.Employers()[1]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+partnerPath+"candidates?candidate_ids="+strconv.FormatInt(one.ID, 10), http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth(other.Key(), "")
	req.Header.Set("On-Behalf-Of", other.Users()[0].Email)
	foreign, err := w.send(req)
	require.NoError(t, err)
	require.Empty(t, foreign.list(), "an organisation never sees another's candidates")
}

func TestGetCandidates_FiveReasonsLookAlike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		hide func(*world, receipt)
	}{
		{"1 user no longer allowed", func(w *world, _ receipt) {
			level := Basic
			require.NoError(w.t, w.e.ChangeUser(w.email(SiteAdmin), UserChange{Level: &level}))
		}},
		{"2 not Job Admin on the job", func(w *world, _ receipt) {
			level := JobAdmin
			require.NoError(w.t, w.e.ChangeUser(w.email(SiteAdmin), UserChange{Level: &level}))
		}},
		{"3 deleted", func(w *world, r receipt) { require.NoError(w.t, w.e.Delete(Target{CandidateID: r.ID})) }},
		{"4 source changed", func(w *world, r receipt) {
			require.NoError(w.t, w.e.ChangeSource(Target{CandidateID: r.ID}, "Referral"))
		}},
		{"5 merged", func(w *world, r receipt) {
			_, err := w.e.Merge(Target{CandidateID: r.ID}, Target{})
			require.NoError(w.t, err)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			admin := w.email(SiteAdmin)
			r := w.post(w.person("x")).receipt()
			require.Len(t, w.read(r), 1)
			c.hide(w, r)
			a, err := w.try(http.MethodGet, "candidates?candidate_ids="+strconv.FormatInt(r.ID, 10), admin, "")
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, a.status)
			require.Equal(t, "[]", string(a.body))
		})
	}
}

func TestSourceChangedBack_ShowsTheCandidateAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.post(w.person("x")).receipt()
	require.NoError(t, w.e.ChangeSource(Target{ExternalID: "x"}, "Referral"))
	require.Empty(t, w.read(r))
	require.NoError(t, w.e.ChangeSource(Target{ExternalID: "x"}, w.s.Partner().Name))
	require.Len(t, w.read(r), 1)
}

func TestJobs_HoldTheDocumentedShapeAndClosedOnesVanish(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.get("jobs")
	require.Equal(t, keysOf(t, sample(t, "jobs-1.json")), keysOf(t, a.body))
	var list []listedJob
	require.NoError(t, json.Unmarshal(a.body, &list))
	require.Len(t, list, 7, "one of eight is closed")
	for _, j := range list {
		require.Equal(t, "open", j.Status)
		require.Greater(t, j.ID, int64(1)<<32)
	}
	require.False(t, list[6].Public)
	require.NoError(t, w.e.CloseJob(JobRef{ID: list[0].ID}))
	require.NotContains(t, string(w.get("jobs").body), strconv.FormatInt(list[0].ID, 10))
	require.NoError(t, w.e.OpenJob(JobRef{Name: list[0].Name}))
	require.Contains(t, string(w.get("jobs").body), strconv.FormatInt(list[0].ID, 10))
}

func TestTrackingLink_NamesJobSourceAndReferrer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	job := w.e.Jobs()[0]
	a := w.postAs(SiteAdmin, "tracking_link", fmt.Sprintf(`{"job_id":%d}`, job.ID))
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, keysOf(t, sample(t, "tracking_link-2.json")), keysOf(t, a.body))
	var link trackedLink
	require.NoError(t, json.Unmarshal(a.body, &link))
	require.Equal(t, trackedLink{TrackingLink: link.TrackingLink, Job: job.Name, Source: "Talent Cove", Referrer: "Sync Robot"}, link)
	require.Equal(t, http.StatusNotFound, w.postAs(SiteAdmin, "tracking_link", `{"job_id":1}`).status)
	require.Equal(t, http.StatusUnprocessableEntity, w.postAs(SiteAdmin, "tracking_link", `{}`).status)
	require.Equal(t, http.StatusBadRequest, w.postAs(SiteAdmin, "tracking_link", `{`).status)
}

func TestProspectPools_KeepTheConfiguredOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.get("prospect_pools")
	require.Equal(t, keysOf(t, sample(t, "prospect_pools-1.json")), keysOf(t, a.body))
	var pools []Pool
	require.NoError(t, json.Unmarshal(a.body, &pools))
	require.Equal(t, w.e.Pools(), pools)
	require.Equal(t, "Not Contacted", pools[0].Stages[0].Name)
}

func TestUnknownPathsAndMethods_AreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, http.StatusNotFound, w.get("candidate").status)
	require.Equal(t, http.StatusMethodNotAllowed, w.postAs(SiteAdmin, "jobs", "{}").status)
	a, err := w.try(http.MethodPatch, "candidates", w.email(SiteAdmin), "{}")
	require.NoError(t, err)
	require.Equal(t, http.StatusMethodNotAllowed, a.status)
}

func TestCredit_GoesToTheReferrerOrToTheActingUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.post(w.person("mine"))
	w.post(w.person("theirs", field("referrer", map[string]string{"email": "rita@example.com", "first_name": "Rita", "last_name": "Moss"})))
	require.Equal(t, "Sync Robot", w.e.ByExternalID("mine")[0].Credit)
	require.Equal(t, "Rita Moss", w.e.ByExternalID("theirs")[0].Credit)
}
