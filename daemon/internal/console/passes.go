package console

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// passesView is the schedule, the last runs and how far each connection is.
type passesView struct {
	Passes      []manage.Pass
	Runs        []atssync.Run
	Filter      []page.Choice
	Pager       page.Pager
	Checkpoints []checkpointRow
	Admin       bool
}

type checkpointRow struct {
	atssync.Checkpoint
	Name  string
	Under time.Duration // how long the pass is under way; 0 between passes
}

func (c *Console) passes(v *visit) error {
	list, err := v.m.Schedule(v.ctx())
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	runs, err := v.m.Runs(v.ctx(), atssync.RunQuery{Pass: q.Get("pass"), Paging: atssync.Paging{After: q.Get("after"), Limit: 25}})
	if err != nil {
		return err
	}
	out := passesView{Passes: list, Runs: runs.Items, Pager: v.pager(runs.Next, "The newest first."), Admin: v.who.may(adminsAll)}
	var all []string
	for _, p := range list {
		all = append(all, p.Name)
	}
	out.Filter = choices(all, q.Get("pass"), words)
	checkpoints, err := v.m.Checkpoints(v.ctx(), "", atssync.Paging{Limit: 25})
	if err != nil {
		return err
	}
	names := v.names()
	for _, cp := range checkpoints.Items {
		row := checkpointRow{Checkpoint: cp, Name: names(cp.Connection)}
		if cp.StartedAt.After(cp.FinishedAt) {
			row.Under = time.Since(cp.StartedAt)
		}
		out.Checkpoints = append(out.Checkpoints, row)
	}
	return v.show("passes", page.View{Title: "Passes", Lead: "What the daemon does by itself, when it did it last and when it does it next.", Data: out})
}

func (c *Console) runPass(v *visit) error {
	if _, err := v.m.RunNow(v.ctx(), v.r.PathValue("pass")); err != nil {
		return err
	}
	return v.back("/passes", "started")
}
