package manage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestTitle_SaysTheSameJobInTheSameWords(t *testing.T) {
	t.Parallel()
	p := make(places)
	p.add("Berlin, Germany")
	p.add("Zürich")
	p.add("New York City")
	for want, titles := range map[string][]string{
		"senior software engineer": {
			"Senior Software Engineer", "senior software-engineer", "Sr. Software Engineer", "Senior Software Engineer (m/f/d)",
			"Senior Software Engineer (m/w/d)", "Senior Software Engineer (w/m/x)", "Senior Software Engineer m/f/d", "Senior Software Engineer (f|m|div.)",
			"Senior Software Engineer (all genders)", "Senior Software Engineer - Berlin", "Senior Software Engineer, Berlin, Germany",
			"Senior Software Engineer (Berlin)", "Senior Software Engineer (m/f/d) – Remote", "Senior Software Engineer | Zurich", "Senior Software Engineer [Remote] (m/f/x)",
			"Sénior Software Engineer", "  Senior   Software\u00a0Engineer ", "Senior Software Engineer @ New York City", "Senior Software Eng",
		},
		"entwickler backend":    {"Entwickler:in Backend", "Entwickler*in Backend (m/w/d)", "Entwickler/in Backend", "Entwickler(in) Backend", "Entwickler_in Backend", "Entwickler:innen Backend"},
		"c++ developer":         {"C++ Developer", "C++ Dev"},
		"c# developer":          {"C# Developer (m/f/d)"},
		"head sales marketing":  {"Head of Sales & Marketing", "Head of Sales and Marketing"},
		"engineer 2":            {"Engineer II", "Engineer 2"},
		"ux designer":           {"UX-Designer", "UX Designer (Hybrid)"},
		"strasse manager":       {"Straße Mgr."},
		"кассир":                {"Кассир"},
		"エンシニア":                 {"エンジニア"},
		"engineer payments":     {"Engineer - Payments"},
		"berlin office manager": {"Berlin Office Manager"},
		"":                      {"", "(m/f/d)", "---"},
	} {
		for _, title := range titles {
			require.Equal(t, want, strings.Join(p.title(title), " "), title)
		}
	}
}

func platformJob(id, title string) atssync.PlatformJob {
	return atssync.PlatformJob{ID: id, Title: title, Account: "acme", Open: true}
}

func atsJob(id, name string) atssync.ATSJob {
	return atssync.ATSJob{ID: id, Name: name, State: sdk.JobOpen, Visibility: atssync.Visible}
}

func at(j atssync.PlatformJob, location string) atssync.PlatformJob {
	j.Location = location
	return j
}

func atATS(j atssync.ATSJob, location string) atssync.ATSJob {
	j.Location = location
	return j
}

func suggestions(p []atssync.PlatformJob, a []atssync.ATSJob) []string {
	in := pairing{platform: p, ats: a, places: make(places)}
	for _, j := range p {
		in.places.add(j.Location)
	}
	for _, j := range a {
		in.places.add(j.Location)
	}
	var out []string
	for _, g := range suggest(in) {
		mark := ""
		if g.Ambiguous {
			mark = "?"
		}
		out = append(out, fmt.Sprintf("%s=%s %s%s", g.PlatformJob.ID, g.ATSJob.ID, g.Reason, mark))
	}
	return out
}

func TestSuggest_PairsBySurestReasonEachJobOnce(t *testing.T) {
	t.Parallel()
	req := func(j atssync.PlatformJob, r string) atssync.PlatformJob { j.RequisitionID = r; return j }
	reqATS := func(j atssync.ATSJob, r string) atssync.ATSJob { j.RequisitionID = r; return j }
	for name, c := range map[string]struct {
		p    []atssync.PlatformJob
		a    []atssync.ATSJob
		want []string
	}{
		"nothing": {nil, nil, nil},
		"same id before all else": {
			[]atssync.PlatformJob{platformJob("7", "Designer"), platformJob("8", "Cook")},
			[]atssync.ATSJob{atsJob("7", "Cook"), atsJob("9", "Designer")},
			[]string{"7=7 same_id"},
		},
		"same requisition, written otherwise": {
			[]atssync.PlatformJob{req(platformJob("p", "A"), " r-12 ")}, []atssync.ATSJob{reqATS(atsJob("a", "B"), "R-12")}, []string{"p=a same_requisition"},
		},
		"one requisition of two ATS jobs": {
			[]atssync.PlatformJob{req(platformJob("p", "A"), "R-1")},
			[]atssync.ATSJob{reqATS(atsJob("a", "B"), "R-1"), reqATS(atsJob("b", "C"), "R-1")},
			[]string{"p=a same_requisition?"},
		},
		"same title": {
			[]atssync.PlatformJob{platformJob("p", "Sr Engineer (m/f/d)")}, []atssync.ATSJob{atsJob("a", "Senior Engineer")}, []string{"p=a same_title"},
		},
		"same title at two places": {
			[]atssync.PlatformJob{at(platformJob("p1", "Cook"), "Berlin"), at(platformJob("p2", "Cook"), "Paris")},
			[]atssync.ATSJob{atATS(atsJob("a1", "Cook - Paris"), "Paris, France"), atATS(atsJob("a2", "Cook"), "Berlin, Germany")},
			[]string{"p1=a2 same_title", "p2=a1 same_title"},
		},
		"same title twice and no place": {
			[]atssync.PlatformJob{platformJob("p", "Cook")}, []atssync.ATSJob{atsJob("a", "Cook"), atsJob("b", "Cook")}, []string{"p=a same_title?"},
		},
		"similar title": {
			[]atssync.PlatformJob{platformJob("p", "Backend Engineer Payments"), platformJob("q", "Nurse")},
			[]atssync.ATSJob{atsJob("a", "Payments Backend Engineer, Platform"), atsJob("b", "Account Executive")},
			[]string{"p=a similar_title"},
		},
		"another level is another job": {
			[]atssync.PlatformJob{platformJob("p", "Junior Nurse")}, []atssync.ATSJob{atsJob("a", "Senior Nurse")}, nil,
		},
		"the better of two similar ones": {
			[]atssync.PlatformJob{platformJob("p", "Data Platform Engineer")},
			[]atssync.ATSJob{atsJob("a", "Engineer Data Platform Core"), atsJob("b", "Engineer Tools Data Warehouse")},
			[]string{"p=a similar_title"},
		},
		"a taken job is no rival": {
			[]atssync.PlatformJob{platformJob("p", "Data Engineer"), platformJob("q", "Data Engineer Core Team")},
			[]atssync.ATSJob{atsJob("a", "Data Engineer"), atsJob("b", "Data Engineer Core Group")},
			[]string{"p=a same_title", "q=b similar_title"},
		},
		"no words": {[]atssync.PlatformJob{platformJob("p", "(m/f/d)")}, []atssync.ATSJob{atsJob("a", "---")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, suggestions(c.p, c.a))
		})
	}
}

func TestSuggest_ConfidenceFallsWithTheReason(t *testing.T) {
	t.Parallel()
	in := pairing{places: make(places), platform: []atssync.PlatformJob{
		platformJob("1", "X"), {ID: "2", Title: "Y", RequisitionID: "R", Open: true}, platformJob("3", "Cook"), platformJob("4", "Data Engineer Core Team"), platformJob("5", "Nurse"),
	}, ats: []atssync.ATSJob{
		atsJob("1", "A"), {ID: "b", Name: "B", RequisitionID: "R"}, atsJob("c", "Cook"), atsJob("d", "Data Engineer Core Platform"), atsJob("e", "Nurse"), atsJob("f", "Nurse"),
	}}
	got := suggest(in)
	require.Len(t, got, 5)
	for i := 1; i < len(got); i++ {
		require.LessOrEqual(t, got[i].Confidence, got[i-1].Confidence+0.3)
		require.Positive(t, got[i].Confidence)
	}
	require.Greater(t, got[0].Confidence, got[1].Confidence)
	require.Greater(t, got[1].Confidence, got[2].Confidence)
	require.True(t, got[3].Ambiguous, "two nurses")
	require.Less(t, got[3].Confidence, 0.55)
}

func TestSuggest_LeavesOutWhatIsLinkedClosedOrNotShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	require.NoError(t, w.PutPlatformJobs(w.ctx(), []atssync.PlatformJob{
		platformJob("eng", "Senior Engineer"), platformJob("des", "Designer"), platformJob("old", "Old Job"),
		{ID: "shut", Account: "acme", Title: "Designer"},
		platformJob("linked", "Designer"),
		{ID: "other", Account: "globex", Title: "Designer", Open: true},
	}))
	list, err := w.Suggest(w.ctx(), "Acme") // lists the jobs by itself the first time
	require.NoError(t, err)
	require.Len(t, list, 2)
	_, err = w.Link(w.ctx(), LinkRequest{Connection: c.ID, PlatformJob: "linked", ATSJob: "102"})
	require.NoError(t, err)
	list, err = w.Suggest(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "eng", list[0].PlatformJob.ID)
	require.Equal(t, ReasonSameTitle, list[0].Reason)
	_, err = w.Suggest(w.ctx(), "nobody")
	requireCode(t, err, atssync.CodeNotFound)
}

func TestAcceptSuggestions_TakesTitlesOnlyWhenAskedAndDoubtOnlyByName(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	w.ats.jobs = []sdk.Job{
		{ID: "101", Name: "Anything", RequisitionID: "R-1", State: sdk.JobOpen},
		{ID: "102", Name: "Designer", State: sdk.JobOpen},
		{ID: "103", Name: "Nurse", State: sdk.JobOpen},
		{ID: "104", Name: "Nurse", State: sdk.JobOpen},
	}
	require.NoError(t, w.PutPlatformJobs(w.ctx(), []atssync.PlatformJob{
		{ID: "eng", Account: "acme", Title: "Engineer", RequisitionID: "R-1", Open: true}, platformJob("des", "Designer"), platformJob("nurse", "Nurse"),
	}))
	accept := func(a AcceptSuggestions) []string {
		res, err := w.AcceptSuggestions(w.ctx(), c.ID, a)
		require.NoError(t, err)
		var out []string
		for _, r := range res {
			require.Nil(t, r.Err)
			out = append(out, r.Link.PlatformJob+"="+r.Link.ATSJob)
		}
		return out
	}
	require.Equal(t, []string{"eng=101"}, accept(AcceptSuggestions{}))
	require.Empty(t, accept(AcceptSuggestions{}))
	require.Empty(t, accept(AcceptSuggestions{Reasons: []Reason{ReasonSameTitle}, PlatformJobs: []string{"eng"}}))
	require.Equal(t, []string{"des=102"}, accept(AcceptSuggestions{Reasons: []Reason{ReasonSameTitle}}))
	require.Equal(t, []string{"nurse=103"}, accept(AcceptSuggestions{Reasons: []Reason{ReasonSameTitle}, PlatformJobs: []string{"nurse"}}))
	_, err := w.AcceptSuggestions(w.ctx(), c.ID, AcceptSuggestions{Reasons: []Reason{"luck"}})
	requireCode(t, err, atssync.CodeInvalid, "reasons: must be of same_id")
}

func BenchmarkSuggest(b *testing.B) {
	in := pairing{places: make(places)}
	roles := strings.Fields("Engineer Designer Nurse Cook Manager Analyst Driver Teacher Writer Tester")
	fields := strings.Fields("Data Platform Payments Growth Mobile Web Cloud Search Ads Core Risk Legal Sales Support Brand")
	for i := range 2000 {
		title := fmt.Sprintf("Senior %s %s %d", fields[i%len(fields)], roles[i%len(roles)], i/7)
		in.platform = append(in.platform, platformJob(fmt.Sprintf("p%d", i), title+" (m/f/d)"))
		in.ats = append(in.ats, atsJob(fmt.Sprintf("a%d", i), title))
	}
	for b.Loop() {
		suggest(in)
	}
}
