package support

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/api"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxListed bounds a list, so that a member is whole; what is worst comes first where there is a worst.
const maxListed = 2000

// listOf is a list and how many there would be.
type listOf[T any] struct {
	Total int `json:"total"`
	Items []T `json:"items"`
}

func listed[T any](items []T) ([]byte, error) {
	out := listOf[T]{Total: len(items), Items: items[:min(len(items), maxListed)]}
	if out.Items == nil {
		out.Items = []T{}
	}
	return asJSON(out)
}

// operationLine is one operation of a connection.
type operationLine struct {
	Operation string    `json:"operation"`
	State     string    `json:"state"`
	Cause     string    `json:"cause,omitempty"`
	Kind      string    `json:"kind,omitempty"`
	Status    int       `json:"http_status,omitempty"`
	WhoseTurn sdk.Turn  `json:"whose_turn,omitempty"`
	Failures  int       `json:"failures,omitempty"`
	Probes    int       `json:"probes,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	NextAt    time.Time `json:"next_at,omitzero"`
}

// connectionLine is a connection without a name.
type connectionLine struct {
	ID          string          `json:"id"`
	Account     string          `json:"account"`
	Adapter     string          `json:"adapter"`
	State       string          `json:"state"`
	ManagedBy   string          `json:"managed_by"`
	Health      string          `json:"health"`
	Operations  []operationLine `json:"operations"`
	HoldReason  string          `json:"hold_reason,omitempty"`
	JobTroubles map[string]int  `json:"job_troubles,omitempty"` // by reason
	JobsVisible int             `json:"jobs_visible"`
	ActingUser  bool            `json:"acting_user_known"`
	OnUncertain string          `json:"on_uncertain"`
	ResumeCheck string          `json:"resume_check"`
	Settings    []string        `json:"settings,omitempty"` // their names
	OwnNote     bool            `json:"own_note_template"`
	Overrides   int             `json:"status_overrides"`
	Version     int64           `json:"version"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	CheckedAt   time.Time       `json:"checked_at,omitzero"`
	RemovedAt   time.Time       `json:"removed_at,omitzero"`
}

// badness orders healths, the worst first.
var badness = map[string]int{"stopped": 0, "failing": 1, "canary": 2, "draining": 3, "ok": 4}

func makeConnections(_ context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	var out []connectionLine
	for i := range b.daemon.connections {
		out = append(out, b.connection(&b.daemon.connections[i]))
	}
	slices.SortStableFunc(out, func(x, y connectionLine) int { return badness[x.Health] - badness[y.Health] })
	return listed(out)
}

func (b *bundle) connection(c *api.Connection) connectionLine {
	l := connectionLine{
		ID: b.roster.connection(c.ID), Account: b.roster.account(c.Account), Adapter: c.Adapter, State: string(c.State), ManagedBy: string(c.ManagedBy),
		Health: string(c.Health), HoldReason: string(c.HoldReason), JobsVisible: c.JobsVisible, ActingUser: c.ActingUser.ID != "" || c.ActingUser.Email != "",
		OnUncertain: string(c.OnUncertain), ResumeCheck: string(c.ResumeCheck), Settings: slices.Sorted(maps.Keys(c.Settings)),
		OwnNote: c.NoteTemplate != "", Overrides: len(c.StatusOverrides), Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		CheckedAt: c.CheckedAt, RemovedAt: c.RemovedAt, Operations: []operationLine{},
	}
	for _, op := range slices.Sorted(maps.Keys(c.Operations)) {
		h := c.Operations[op]
		line := operationLine{
			Operation: string(op), State: string(h.State), Cause: h.Cause, Failures: h.Failures, Probes: h.Probes, Since: h.Since, NextAt: h.NextAt,
		}
		if h.Trouble != nil {
			line.Kind, line.Status, line.WhoseTurn = string(h.Trouble.Kind), h.Trouble.Status, h.Trouble.Turn
		}
		l.Operations = append(l.Operations, line)
	}
	for _, t := range c.Jobs {
		if l.JobTroubles == nil {
			l.JobTroubles = map[string]int{}
		}
		l.JobTroubles[string(t.Reason)]++
	}
	return l
}

// healthLine is what does not work.
type healthLine struct {
	Connection string    `json:"connection,omitempty"`
	Account    string    `json:"account,omitempty"`
	Webhook    string    `json:"webhook,omitempty"`
	Operation  string    `json:"operation,omitempty"`
	State      string    `json:"state"`
	Cause      string    `json:"cause,omitempty"`
	WhoseTurn  sdk.Turn  `json:"whose_turn,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	NextAt     time.Time `json:"next_at,omitzero"`
}

func makeHealth(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	out := struct {
		Troubles []healthLine      `json:"troubles"`
		Webhooks []healthLine      `json:"webhooks"`
		Backup   *api.BackupHealth `json:"backup,omitempty"`
		More     bool              `json:"more,omitempty"` // of the troubles, than are listed
	}{Troubles: []healthLine{}, Webhooks: []healthLine{}}
	for after := ""; ; {
		view, err := b.o.Daemon.Health(ctx, api.HealthQuery{After: after, Limit: page})
		if err != nil {
			return nil, err
		}
		if view.Backup != nil {
			out.Backup = view.Backup
		}
		for _, l := range view.Items {
			out.Troubles = append(out.Troubles, healthLine{
				Connection: b.roster.connection(l.Connection), Account: b.roster.account(l.Account), Operation: string(l.Operation), State: string(l.State),
				Cause: l.Cause, WhoseTurn: l.WhoseTurn, Since: l.Since, NextAt: l.NextAt,
			})
		}
		for _, w := range view.Webhooks {
			out.Webhooks = append(out.Webhooks, healthLine{
				Webhook: b.roster.webhook(w.Webhook), State: string(w.State), Cause: string(w.Cause), WhoseTurn: w.WhoseTurn, Since: w.Since, NextAt: w.NextAt,
			})
		}
		if after = view.Next; after == "" || len(out.Troubles) >= maxListed {
			out.More = after != ""
			return asJSON(out)
		}
	}
}

type ledgerLine struct {
	Connection string              `json:"connection"`
	Accepted   int64               `json:"accepted"`
	States     map[api.State]int64 `json:"states"`
	OK         bool                `json:"ok"`
}

func makeLedger(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	out := struct {
		Total       ledgerLine   `json:"total"`
		Connections []ledgerLine `json:"connections"`
		More        bool         `json:"more,omitempty"` // connections than are listed
	}{Connections: []ledgerLine{}}
	for after := ""; ; {
		view, err := b.o.Daemon.Ledger(ctx, "", false, after, page)
		if err != nil {
			return nil, err
		}
		out.Total = ledgerLine{Connection: "all", Accepted: view.Total.Accepted, States: view.Total.States, OK: view.Total.OK}
		for _, l := range view.Connections {
			out.Connections = append(out.Connections, ledgerLine{b.roster.connection(l.Connection), l.Accepted, l.States, l.OK})
		}
		if after = view.Next; after == "" || len(out.Connections) >= maxListed {
			out.More = after != ""
			return asJSON(out)
		}
	}
}

type runLine struct {
	ID         string    `json:"id"`
	Pass       string    `json:"pass"`
	Trigger    string    `json:"trigger"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	NextAt     time.Time `json:"next_at,omitzero"`
	Error      string    `json:"error,omitempty"`
	Summary    string    `json:"summary,omitempty"`
	Bytes      int64     `json:"bytes,omitempty"`
}

func (b *bundle) run(r *api.Run) *runLine {
	if r == nil {
		return nil
	}
	return &runLine{
		ID: r.ID, Pass: r.Pass, Trigger: r.Trigger, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, NextAt: r.NextAt,
		Error: b.mask.Text(r.Error), Summary: b.mask.Text(r.Summary), Bytes: r.Bytes,
	}
}

// lastRuns is how many runs are packed, and how many of those that failed.
const lastRuns = 100

func makeSchedule(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	type passLine struct {
		Name    string      `json:"name"`
		Spec    string      `json:"spec"`
		Zone    string      `json:"zone"`
		Running bool        `json:"running"`
		Skipped int         `json:"skipped"`
		Last    *runLine    `json:"last,omitempty"`
		Next    []time.Time `json:"next,omitempty"`
	}
	out := struct {
		Passes []passLine `json:"passes"`
		Runs   []*runLine `json:"runs"`
		Failed []*runLine `json:"failed"`
	}{[]passLine{}, []*runLine{}, []*runLine{}}
	passes, err := b.o.Daemon.Schedule(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range passes {
		out.Passes = append(out.Passes, passLine{p.Name, p.Spec, p.Zone, p.Running, p.Skipped, b.run(p.Last), p.Next})
	}
	for failed, to := range map[bool]*[]*runLine{false: &out.Runs, true: &out.Failed} {
		q := api.RunQuery{Failed: failed}
		q.Limit = lastRuns
		runs, err := b.o.Daemon.Runs(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range runs.Items {
			*to = append(*to, b.run(&runs.Items[i]))
		}
	}
	return asJSON(out)
}

func makeCheckpoints(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	type line struct {
		Connection string    `json:"connection"`
		Operation  string    `json:"operation"`
		Pass       int64     `json:"pass"`
		UnderWay   bool      `json:"under_way"`
		Cursor     bool      `json:"has_cursor"`
		StartedAt  time.Time `json:"started_at,omitzero"`
		PreviousAt time.Time `json:"previous_at,omitzero"`
		AdvancedAt time.Time `json:"advanced_at,omitzero"`
		FinishedAt time.Time `json:"finished_at,omitzero"`
		Asked      int       `json:"asked"`
		Read       int       `json:"read"`
		Error      string    `json:"error,omitempty"`
	}
	list, err := b.o.Daemon.Checkpoints(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []line
	for _, c := range list {
		out = append(out, line{
			b.roster.connection(c.Connection), string(c.Operation), c.Pass, c.LastKey != "", c.Cursor != "", c.StartedAt, c.PreviousAt, c.AdvancedAt,
			c.FinishedAt, c.Asked, c.Read, b.mask.Text(c.Error),
		})
	}
	slices.SortStableFunc(out, func(x, y line) int { return strings.Compare(y.Error, x.Error) })
	return listed(out)
}

func makeTasks(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	type line struct {
		ID         string    `json:"id"`
		Kind       string    `json:"kind"`
		Connection string    `json:"connection"`
		Reason     string    `json:"reason,omitempty"`
		OneJob     bool      `json:"one_job"`
		PerMinute  int       `json:"per_minute"`
		Done       int       `json:"done"`
		CreatedAt  time.Time `json:"created_at"`
		NextAt     time.Time `json:"next_at"`
	}
	tasks, err := b.o.Daemon.Tasks(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []line
	for _, t := range tasks {
		out = append(out, line{t.ID, string(t.Kind), b.roster.connection(t.Connection), string(t.Reason), t.PlatformJob != "", t.PerMinute, t.Done, t.CreatedAt, t.NextAt})
	}
	return listed(out)
}
