package console

import (
	"maps"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// connectionView is everything about one connection.
type connectionView struct {
	manage.Connection
	Troubles    []troubleLine
	JobTroubles []jobTrouble
	Ledger      atssync.LedgerLine
	Lines       []ledgerLine
	Tasks       []atssync.Task
	Checkpoints []atssync.Checkpoint
	Links       int  // of job links shown on the page of jobs, at most linksMost
	MoreLinks   bool // there are more
	Admin       bool
	File        bool // it stands in the configuration file
	Active      bool
	Reasons     []atssync.HeldReason
}

type jobTrouble struct {
	ID string
	atssync.JobTrouble
}

func (c *Console) connection(v *visit) error {
	out, err := v.connectionView(v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	return v.show("connection", page.View{Title: out.Name, Lead: lead(out.Connection), Trail: v.trail("Connections", "/connections"), Data: out})
}

func lead(c manage.Connection) string {
	text := "Account " + c.Account + " on " + c.Adapter
	if c.AccountName != "" && c.AccountName != c.Name {
		text += " (" + c.AccountName + ")"
	}
	return text
}

func (v *visit) trail(text, below string) []page.Link {
	return []page.Link{{Text: text, URL: v.path(below)}}
}

func (v *visit) connectionView(name string) (connectionView, error) {
	var out connectionView
	var err error
	if out.Connection, err = v.m.Connection(v.ctx(), name); err != nil {
		return out, err
	}
	out.Admin, out.File, out.Active = v.who.may(admins), out.ManagedBy == atssync.ManagedByFile, out.State == atssync.ConnectionActive
	out.Reasons = atssync.HeldReasons()
	out.Troubles = troublesOf(manage.Surveyed{
		ID: out.ID, Name: out.Name, Account: out.Account, State: out.State, PausedReason: out.PausedReason, HoldReason: out.HoldReason, Operations: unwell(out.Operations),
	})
	for _, id := range slices.Sorted(maps.Keys(out.Connection.Jobs)) {
		out.JobTroubles = append(out.JobTroubles, jobTrouble{id, out.Connection.Jobs[id]})
	}
	ledger, err := v.m.Ledger(v.ctx(), out.ID, atssync.Paging{})
	if err != nil {
		return out, err
	}
	out.Ledger = ledger.Total
	for _, s := range atssync.States() {
		out.Lines = append(out.Lines, ledgerLine{s, out.Ledger.States[s]})
	}
	if out.Tasks, err = v.m.Tasks(v.ctx(), out.ID); err != nil {
		return out, err
	}
	checkpoints, err := v.m.Checkpoints(v.ctx(), out.ID, atssync.Paging{})
	if err != nil {
		return out, err
	}
	out.Checkpoints = checkpoints.Items
	links, err := v.m.JobLinks(v.ctx(), atssync.LinkQuery{Connection: out.ID, Paging: atssync.Paging{Limit: linksMost}})
	out.Links, out.MoreLinks = len(links.Items), links.Next != ""
	return out, err
}

func unwell(all map[atssync.Operation]atssync.Health) map[atssync.Operation]atssync.Health {
	out := make(map[atssync.Operation]atssync.Health, len(all))
	for op, h := range all {
		if h.State != atssync.HealthOK {
			out[op] = h
		}
	}
	return out
}

// of is the path of the connection that the request is about, with what follows.
func (v *visit) of(below string) string { return "/connections/" + v.r.PathValue("connection") + below }

func (c *Console) pause(v *visit) error {
	version, err := v.version()
	if err != nil {
		return err
	}
	if _, err := v.m.Pause(v.ctx(), v.r.PathValue("connection"), v.r.PostForm.Get("reason"), version); err != nil {
		return err
	}
	return v.back(v.of(""), "paused")
}

func (c *Console) resume(v *visit) error {
	version, err := v.version()
	if err != nil {
		return err
	}
	if _, err := v.m.Resume(v.ctx(), v.r.PathValue("connection"), version); err != nil {
		return err
	}
	return v.back(v.of(""), "resumed")
}

// checkView is what a check of a connection found.
type checkView struct {
	manage.CheckView
	Back string
}

func (c *Console) check(v *visit) error {
	found, err := v.m.Check(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	title := "The check found something"
	if found.OK {
		title = "The connection works"
	}
	return v.show("check", page.View{
		Title: title, Lead: found.Connection.Name + ", asked just now", Trail: v.connectionTrail(found.Connection), Data: checkView{found, v.of("")},
	})
}

func (v *visit) connectionTrail(c manage.Connection) []page.Link {
	return append(v.trail("Connections", "/connections"), page.Link{Text: c.Name, URL: v.path("/connections/" + c.ID)})
}

// release has what is held for a reason judged again.
func (c *Console) release(v *visit) error {
	req := manage.ReleaseRequest{
		Connection: v.r.PathValue("connection"), Reason: atssync.HeldReason(v.r.PostForm.Get("reason")), PlatformJob: v.r.PostForm.Get("job"),
	}
	if v.r.PostForm.Get("at_once") != "" {
		req.PerMinute = manage.ReleaseAtOnce
	}
	out, err := v.m.Release(v.ctx(), req)
	if err != nil {
		return err
	}
	one, err := v.m.Connection(v.ctx(), req.Connection)
	if err != nil {
		return err
	}
	return v.show("released", page.View{Title: "The release is under way", Lead: one.Name, Trail: v.connectionTrail(one), Data: out})
}

// hookView is the address that the ATS calls: a secret, so that it is shown after a form and stands in no history.
type hookView struct {
	URL, Path, Notice string
	CreatedAt         time.Time
}

func (c *Console) hook(v *visit) error {
	show := v.m.Hook
	if v.r.PostForm.Get("rotate") != "" {
		show = v.m.RotateHook
	}
	h, err := show(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	one, err := v.m.Connection(v.ctx(), h.Connection)
	if err != nil {
		return err
	}
	return v.show("hook", page.View{
		Title: "The address that the ATS calls", Lead: one.Name, Trail: v.connectionTrail(one),
		Data: hookView{URL: h.URL.Reveal(), Path: h.Path.Reveal(), Notice: h.Notice, CreatedAt: h.CreatedAt},
	})
}

func (c *Console) exchanges(v *visit) error {
	one, err := v.m.Connection(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	list, err := v.m.RecentExchanges(v.ctx(), one.ID)
	if err != nil {
		return err
	}
	return v.show("exchanges", page.View{
		Title: "Recent exchanges", Lead: "What was said to the ATS for the applications of " + one.Name + " that came last.", Trail: v.connectionTrail(one), Data: list,
	})
}
