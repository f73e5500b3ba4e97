package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestSubmit_OnceThenUnchangedThenRevised(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	doc := document(c.ID, "app-1", "job-1")
	first, err := w.Submit(ctx, doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedNew, first.Result)
	require.Equal(t, atssync.StateQueued, first.State)
	again, err := w.Submit(ctx, doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedReplay, again.Result)
	require.Equal(t, first.ID, again.ID)
	revised, err := w.Submit(ctx, bytes.Replace(doc, []byte("Ada"), []byte("Bea"), 1))
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedRevision, revised.Result)
	require.Equal(t, 2, revised.Revision)

	held, err := w.Submit(ctx, document(c.ID, "app-2", "job-unlinked"))
	require.NoError(t, err)
	require.Equal(t, atssync.HeldJobNotLinked, held.HeldReason)
	require.EqualValues(t, sdk.TurnPlatform, held.WhoseTurn)
	require.NotEmpty(t, held.Remedy)
}

func TestSubmit_RefusalsNameEveryField(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	for name, tt := range map[string]struct {
		doc  string
		code atssync.Code
	}{
		"no JSON":            {"{", atssync.CodeInvalid},
		"empty":              {"", atssync.CodeInvalid},
		"unknown key":        {strings.Replace(string(document(c.ID, "a", "j")), `"job"`, `"jbo"`, 1), atssync.CodeInvalid},
		"too large":          {strings.Repeat(" ", 256<<10) + "{}", atssync.CodeInvalid},
		"unknown connection": {string(document("con_none", "a", "j")), atssync.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Submit(ctx, []byte(tt.doc))
			requireCode(t, err, tt.code)
		})
	}
	page, err := w.Submissions(ctx, SubmissionQuery{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func TestSubmitBatch_ARefusedLineLeavesTheOthers(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	var in bytes.Buffer
	const n = 1200
	for i := range n {
		switch i {
		case 700:
			in.WriteString("{broken\n")
		case 701:
			in.WriteString("\n")
		default:
			in.Write(document(c.ID, fmt.Sprintf("app-%d", i), "job-1"))
			in.WriteByte('\n')
		}
	}
	var results []SubmitResult
	require.NoError(t, w.SubmitBatch(ctx, &in, func(r SubmitResult) error {
		results = append(results, r)
		return nil
	}))
	require.Len(t, results, n-1)
	for i, r := range results {
		line := i + 1
		if i > 700 {
			line++ // the empty one
		}
		require.Equal(t, line, r.Line)
		if i == 700 {
			require.Equal(t, atssync.AcceptRefused, r.Result)
			require.Equal(t, atssync.CodeInvalid, r.Error.Err().Code)
			continue
		}
		require.Equal(t, atssync.AcceptedNew, r.Result, "line %d: %v", line, r.Error.Err())
		require.NotEmpty(t, r.ID)
	}
	view, err := w.Ledger(ctx, c.ID, true, "", 0)
	require.NoError(t, err)
	require.EqualValues(t, n-2, view.Total.Accepted)
	require.True(t, view.Total.OK)
}

func TestSubmitBatch_AShareIsAnsweredBeforeTheBatchEnds(t *testing.T) {
	t.Parallel()
	const share = 500 // what is committed together
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	r, out := io.Pipe()
	answers := make(chan SubmitResult, 2*share)
	ended := make(chan error, 1)
	go func() {
		ended <- w.SubmitBatch(ctx, r, func(r SubmitResult) error { answers <- r; return nil })
	}()
	for round := range 2 {
		for i := range share {
			_, err := fmt.Fprintf(out, "%s\n", document(c.ID, fmt.Sprintf("app-%d-%d", round, i), "job-1"))
			require.NoError(t, err)
		}
		for i := range share {
			select {
			case a := <-answers:
				require.Equal(t, round*share+i+1, a.Line)
			case <-time.After(20 * time.Second):
				require.Fail(t, "the results were kept back")
			}
		}
	}
	require.NoError(t, out.Close())
	require.NoError(t, <-ended)
}

func TestSubmitBatch_TheCallersOwnErrorEndsIt(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connected("acme", "ada@example.com")
	enough := errors.New("enough")
	in := io.MultiReader(bytes.NewReader(append(document(c.ID, "app-1", "job-1"), '\n')), strings.NewReader(strings.Repeat("\n", 1<<20)))
	err := w.SubmitBatch(t.Context(), in, func(SubmitResult) error { return enough })
	require.ErrorIs(t, err, enough)
}

func TestSubmissions_AreFilteredAndFoundByExternalID(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	w.submitted(c, "app-1", "job-1")
	held := w.submitted(c, "app-2", "job-2")
	for name, tt := range map[string]struct {
		q    SubmissionQuery
		want []string
	}{
		"all":              {SubmissionQuery{}, []string{"app-1", "app-2"}},
		"by state":         {SubmissionQuery{Connection: c.ID, State: "held"}, []string{"app-2"}},
		"by reason":        {SubmissionQuery{HeldReason: "job_not_linked"}, []string{"app-2"}},
		"by job":           {SubmissionQuery{Job: "job-1"}, []string{"app-1"}},
		"by other account": {SubmissionQuery{Account: "globex"}, nil},
		"since later":      {SubmissionQuery{Since: time.Now().Add(time.Hour)}, nil},
		"until earlier":    {SubmissionQuery{Until: time.Now().Add(-time.Hour)}, nil},
		"by external id":   {SubmissionQuery{Connection: c.ID, ExternalID: "app-2"}, []string{"app-2"}},
		"not by external":  {SubmissionQuery{Connection: c.ID, ExternalID: "app-3"}, nil},
		"other state":      {SubmissionQuery{Connection: c.ID, ExternalID: "app-2", State: "queued"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := w.Submissions(ctx, tt.q)
			require.NoError(t, err)
			var got []string
			for _, s := range page.Items {
				got = append(got, s.ExternalID)
			}
			require.ElementsMatch(t, tt.want, got)
		})
	}
	_, err := w.Submissions(ctx, SubmissionQuery{ExternalID: "app-2"})
	requireCode(t, err, atssync.CodeInvalid)
	_, err = w.Submissions(ctx, SubmissionQuery{State: "nonsense"})
	e := requireCode(t, err, atssync.CodeInvalid)
	require.Equal(t, "query.state", e.Fields[0].Path)
	_, err = w.Submissions(ctx, SubmissionQuery{Limit: 501})
	requireCode(t, err, atssync.CodeInvalid)
	_, err = w.Submissions(ctx, SubmissionQuery{After: "not a cursor"})
	requireCode(t, err, atssync.CodeInvalid)

	d, err := w.Submission(ctx, held.ID, false)
	require.NoError(t, err)
	require.Nil(t, d.Document, "personal data is not shown unasked")
	d, err = w.Submission(ctx, held.ID, true)
	require.NoError(t, err)
	require.Equal(t, "app-2", d.Document.ExternalID)
}

func TestActs_MoveOnlyWhatMayMove(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	s := w.submitted(c, "app-1", "job-1")
	for _, step := range []struct {
		act   string
		state atssync.State // "" is refused
	}{
		{Release, ""},
		{Hold, atssync.StateHeld},
		{Release, atssync.StateQueued},
		{Retry, atssync.StateQueued},
		{Cancel, atssync.StateCancelled},
		{Hold, ""},
	} {
		got, err := w.Act(ctx, s.ID, step.act)
		if step.state == "" {
			requireCode(t, err, atssync.CodeConflict)
			continue
		}
		require.NoError(t, err, step.act)
		require.Equal(t, step.state, got.State)
	}
	_, err := w.Act(ctx, "sub_none", Cancel)
	requireCode(t, err, atssync.CodeNotFound)
	_, err = w.Act(ctx, s.ID, "explode")
	requireCode(t, err, atssync.CodeNotFound)

	held := w.submitted(c, "app-2", "job-1")
	_, err = w.Act(ctx, held.ID, Hold)
	require.NoError(t, err)
	task, err := w.Release(ctx, ReleaseRequest{Connection: c.ID, Reason: atssync.HeldOperator, PerMinute: 7})
	require.NoError(t, err)
	require.Equal(t, 7, task.PerMinute)
	tasks, err := w.Tasks(ctx, c.ID)
	require.NoError(t, err)
	require.Equal(t, task.ID, tasks[0].ID)
}

func TestResolve_OnlyWhatIsUncertain(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	one, two := w.submitted(c, "app-1", "job-1"), w.submitted(c, "app-2", "job-1")
	_, err := w.Resolve(ctx, one.ID, ResolveBody{Action: GiveUp})
	requireCode(t, err, atssync.CodeConflict)
	_, err = w.Resolve(ctx, one.ID, ResolveBody{Action: "explode"})
	requireCode(t, err, atssync.CodeInvalid)
	w.uncertain(c, one.ID)
	w.uncertain(c, two.ID)
	d, err := w.Submission(ctx, one.ID, false)
	require.NoError(t, err)
	require.Equal(t, Exchange{Method: "POST", Endpoint: "/candidates", DurationMS: 1500, RequestID: "r-1"}, d.Attempts[0].Exchanges[0])

	found, err := w.Find(ctx, one.ID)
	require.NoError(t, err)
	require.False(t, found.Settled)
	s, err := w.Resolve(ctx, one.ID, ResolveBody{Action: GiveUp})
	require.NoError(t, err)
	require.Equal(t, atssync.StateCancelled, s.State)

	_, err = w.Resolve(ctx, two.ID, ResolveBody{Action: SendAgain})
	e := requireCode(t, err, atssync.CodeInvalid)
	require.Equal(t, "attempt", e.Fields[0].Path)
	require.Contains(t, e.Fields[0].Message, "the last attempt is 1")
	_, err = w.Resolve(ctx, two.ID, ResolveBody{Action: SendAgain, Attempt: 2})
	e = requireCode(t, err, atssync.CodeChanged)
	require.Contains(t, e.Error(), "attempt 2 was looked for, and the last one is 1")
	_, err = w.Resolve(ctx, two.ID, ResolveBody{Action: GiveUp, Attempt: -1})
	requireCode(t, err, atssync.CodeInvalid)
	report, err := w.ResolveFile(ctx, strings.NewReader("submission,action,attempt\n"+two.ID+",send_again,1\nsub_none,give_up,\n"), "csv", "")
	require.NoError(t, err)
	require.Equal(t, 2, report.Read)
	require.Equal(t, 1, report.Refused)
	d, err = w.Submission(ctx, two.ID, false)
	require.NoError(t, err)
	require.Equal(t, atssync.StateQueued, d.State)
	require.True(t, d.PossibleDuplicate)
	_, err = w.ResolveFile(ctx, strings.NewReader("x"), "xml", "")
	requireCode(t, err, atssync.CodeInvalid)
}

func TestSubmitBatch_AStoppingDaemonKeepsWhatItReadAndSaysSo(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	r, out := io.Pipe()
	var results []SubmitResult
	ended := make(chan error, 1)
	go func() {
		ended <- w.SubmitBatch(ctx, r, func(r SubmitResult) error { results = append(results, r); return nil })
	}()
	const share = 500
	for i := range share + 1 {
		_, err := fmt.Fprintf(out, "%s\n", document(c.ID, fmt.Sprintf("app-%d", i), "job-1"))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { // the first share is in
		l, err := w.store.Ledger(ctx, c.ID)
		return err == nil && l.Accepted >= share
	}, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, w.server.Stop(ctx))
	e := requireCode(t, <-ended, atssync.CodeUnavailable)
	require.Contains(t, e.Message, "stopping")
	_ = out.Close()
	l, err := w.store.Ledger(ctx, c.ID)
	require.NoError(t, err)
	require.Len(t, results, int(l.Accepted), "what is accepted and what is told differ")
}

func TestRevise_ReplacesTheRevisionThatIsMeantAndNoOther(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	doc := document(c.ID, "app-1", "job-1")
	first, err := w.Submit(ctx, doc)
	require.NoError(t, err)
	named := func(name string) []byte { return bytes.Replace(doc, []byte("Ada"), []byte(name), 1) }

	got, err := w.Revise(ctx, first.ID, 0, named("Bea"))
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedRevision, got.Result)
	require.Equal(t, first.ID, got.ID)
	require.Equal(t, 2, got.Revision)
	got, err = w.Revise(ctx, first.ID, 2, named("Cleo"))
	require.NoError(t, err)
	require.Equal(t, 3, got.Revision)
	_, err = w.Revise(ctx, first.ID, 2, named("Dora"))
	requireCode(t, err, atssync.CodeChanged)
	got, err = w.Revise(ctx, first.ID, 2, named("Cleo"))
	require.NoError(t, err, "its answer was lost, and it is asked again")
	require.Equal(t, atssync.AcceptedReplay, got.Result)
	d, err := w.Submission(ctx, first.ID, true)
	require.NoError(t, err)
	require.Equal(t, 3, d.Revision)
	require.Equal(t, "Cleo", d.Document.Person.FirstName)

	for name, tt := range map[string]struct {
		id   string
		doc  []byte
		code atssync.Code
	}{
		"an unknown one":     {"sub_none", named("Eve"), atssync.CodeNotFound},
		"another id":         {first.ID, bytes.Replace(named("Eve"), []byte("app-1"), []byte("app-2"), 1), atssync.CodeInvalid},
		"another connection": {first.ID, bytes.Replace(named("Eve"), []byte(c.ID), []byte("con_other"), 1), atssync.CodeInvalid},
		"no document":        {first.ID, []byte("{"), atssync.CodeInvalid},
	} {
		_, err := w.Revise(ctx, tt.id, 0, tt.doc)
		require.Equal(t, tt.code, atssync.CodeOf(err), "%s: %v", name, err)
	}

	// Once it is on its way, nothing of it changes.
	begun, err := w.store.BeginAttempts(ctx, w.lease(ctx, c.ID), []atssync.BeginAttempt{{Submission: first.ID, Revision: 3, ATSJob: "101"}}, time.Now().Add(time.Second))
	require.NoError(t, err)
	require.Len(t, begun, 1)
	_, err = w.Revise(ctx, first.ID, 0, named("Eve"))
	requireCode(t, err, atssync.CodeConflict)
	require.ErrorContains(t, err, "is sending")
}
