package connectpage

import (
	"net/http"
	"slices"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// trouble is something that does not work, with whose turn it is.
type trouble struct {
	What, Text, Remedy string
	Turn               string
	Yours              bool
}

// statusPage says how things stand.
type statusPage struct {
	naming
	Connection manage.Connection
	Activity   manage.Activity
	Kind       page.Kind
	State      string
	Troubles   []trouble
	Checks     []atssync.CheckResult
	Linked     int
	Broken     int
	Unlinked   int
	WaitsFor   []waits
	ReadOnly   bool
}

// waits counts the applications that wait for one reason, as far as was looked.
type waits struct {
	What  string
	Turn  string
	Count int
}

// maxLooked bounds how many held applications are looked at to say what they wait for.
const maxLooked = 500

func (v *visit) status() error { return v.showStatus(http.StatusOK, nil, nil) }

func (v *visit) showStatus(status int, m *page.Message, checks []atssync.CheckResult) error {
	d := statusPage{naming: v.naming(0), Connection: *v.conn, Checks: checks, ReadOnly: v.conn.ManagedBy == atssync.ManagedByFile}
	var err error
	if d.Activity, err = v.ours.Activity(v.ctx, v.conn.ID); err != nil {
		return err
	}
	rows, _, err := v.jobRows()
	if err != nil {
		return err
	}
	for _, r := range rows {
		switch {
		case r.Link == nil:
			d.Unlinked++
		case r.Broken() != "":
			d.Broken++
			d.Linked++
		default:
			d.Linked++
		}
	}
	if d.WaitsFor, err = v.waitsFor(); err != nil {
		return err
	}
	d.Troubles = v.troubles()
	d.Kind, d.State = v.overall(d)
	return v.write(status, "status", page.View{
		Title: "Status", Lead: "How things stand between " + v.Platform.Name + " and " + v.adapter.Label + ".", Message: m, Data: d,
	})
}

// overall is the whole in a few words.
func (v *visit) overall(d statusPage) (page.Kind, string) {
	yours := slices.ContainsFunc(d.Troubles, func(t trouble) bool { return t.Yours }) ||
		slices.ContainsFunc(d.Checks, func(c atssync.CheckResult) bool { return !c.OK && !c.Warning })
	switch {
	case yours:
		return page.KindBad, "Needs you"
	case v.conn.State == atssync.ConnectionPaused:
		return page.KindWarn, "Paused"
	case len(d.Troubles) > 0:
		return page.KindWarn, "Something does not work; it is looked after"
	case d.Activity.Uncertain > 0 || d.Activity.Questions > 0:
		return page.KindWarn, "A question is waiting for you"
	case d.Linked == 0:
		return page.KindInfo, "Connected, and no job is yet"
	}
	return page.KindOK, "Works"
}

// operations are the works of a connection in words.
var operations = map[atssync.Operation]string{
	atssync.OpSubmit: "Sending applications", atssync.OpRead: "Reading statuses", atssync.OpJobs: "Listing jobs", atssync.OpCheck: "The key and the user",
}

// troubles are what does not work, those first that are the employer's turn.
func (v *visit) troubles() []trouble {
	var out []trouble
	ours := func(what, text string) {
		out = append(out, trouble{What: what, Text: text, Turn: turnWords(sdk.TurnOperator, v.adapter.Label, v.Platform.Name)})
	}
	if v.conn.State == atssync.ConnectionPaused {
		ours("The connection is paused", v.Platform.Name+" paused it. Nothing is sent or read until it goes on.")
	}
	if v.conn.HoldReason != "" {
		what, _ := heldWords(v.conn.HoldReason, v.adapter.Label, v.Platform.Name)
		ours("Applications wait", what)
	}
	for _, op := range atssync.Operations() {
		h, ok := v.conn.Operations[op]
		if !ok || h.State == atssync.HealthOK || h.State == atssync.HealthDraining {
			continue
		}
		t := trouble{What: operations[op], Text: "It failed lately and is tried again.", Turn: turnWords(sdk.TurnOperator, v.adapter.Label, v.Platform.Name)}
		if h.Trouble != nil {
			t.Text, t.Turn, t.Yours = sentence(h.Trouble.Message), turnWords(h.Trouble.Turn, v.adapter.Label, v.Platform.Name), h.Trouble.Turn == sdk.TurnEmployer
			t.Remedy = v.remedy(h.Trouble)
		}
		out = append(out, t)
	}
	for id, j := range v.conn.Jobs {
		what, turn := heldWords(j.Reason, v.adapter.Label, v.Platform.Name)
		t := trouble{What: "Job " + id, Text: what, Turn: turnWords(turn, v.adapter.Label, v.Platform.Name), Yours: turn == sdk.TurnEmployer}
		if j.Trouble != nil {
			t.Text = joinSentences(what, sentence(j.Trouble.Message))
			t.Remedy = v.remedy(j.Trouble)
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b trouble) int {
		switch {
		case a.Yours == b.Yours:
			return 0
		case a.Yours:
			return -1
		}
		return 1
	})
	return out
}

// remedy is what an employer can do about a trouble.
func (v *visit) remedy(t *atssync.Trouble) string {
	if own := plain(t.Remedy); own != "" {
		return own
	}
	switch {
	case t.Kind == sdk.KindAuth:
		return "Make a new key and enter it under “Replace the key”."
	case t.Kind == sdk.KindPermission && v.adapter.ReadPermission != "":
		return v.adapter.ReadPermission
	case t.Turn == sdk.TurnATS:
		return "Nothing has to be done: it is tried again by itself."
	case t.Turn == sdk.TurnEmployer:
		return "If it stays like this, ask the support below."
	}
	return "Nothing has to be done by you: " + v.Platform.Name + " looks after it."
}

// waitsFor counts what the held applications wait for.
func (v *visit) waitsFor() ([]waits, error) {
	got, err := v.ours.Submissions(v.ctx, atssync.SubmissionQuery{Connection: v.conn.ID, State: atssync.StateHeld, Paging: atssync.Paging{Limit: maxLooked}})
	if err != nil {
		return nil, err
	}
	var out []waits
	for _, s := range got.Items {
		what, turn := heldWords(s.HeldReason, v.adapter.Label, v.Platform.Name)
		i := slices.IndexFunc(out, func(w waits) bool { return w.What == what })
		if i < 0 {
			i = len(out)
			out = append(out, waits{What: what, Turn: turnWords(turn, v.adapter.Label, v.Platform.Name)})
		}
		out[i].Count++
	}
	return out, nil
}

// check asks the ATS whether the key and the user still work.
func (v *visit) check() error {
	if err := v.connected(); err != nil {
		return err
	}
	got, err := v.ours.Check(v.ctx, v.conn.ID)
	switch {
	case err != nil && told(err):
		return v.showStatus(http.StatusBadGateway, &page.Message{
			Kind: page.KindBad, Title: v.adapter.Label + " could not be asked", Text: "Please try again in a few minutes.",
		}, nil)
	case err != nil:
		return err
	case got.OK && !slices.ContainsFunc(got.Checks, func(c atssync.CheckResult) bool { return c.Warning }):
		page.Back(v.w, v.r, v.base, "works")
		return nil
	}
	v.conn = &got.Connection
	m := &page.Message{Kind: page.KindWarn, Title: "It works, with a remark", Text: "What was found stands below."}
	if !got.OK {
		m = &page.Message{Kind: page.KindBad, Title: "Something does not work", Text: "What was found, and what to do about it, stands below."}
	}
	return v.showStatus(http.StatusOK, m, got.Checks)
}
