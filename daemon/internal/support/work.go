package support

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/api"
)

const (
	// maxCounted is how many submissions of one state are looked at.
	maxCounted = 20_000
	// lastDeliveries and lastActs are how many of each are packed.
	lastDeliveries = 10
	lastActs       = 200
	// maxProgram is how large an adapter's program may be for its checksum to be made.
	maxProgram = 512 << 20
)

// waitingLine is what waits on a connection for one reason.
type waitingLine struct {
	Connection string    `json:"connection"`
	State      string    `json:"state"`
	Reason     string    `json:"reason,omitempty"` // why it is held
	WhoseTurn  string    `json:"whose_turn,omitempty"`
	Count      int       `json:"count"`
	Oldest     time.Time `json:"oldest_accepted_at"`
	Attempts   int       `json:"most_attempts"`
	Partial    int       `json:"partly_in_the_ats,omitempty"`
	Example    string    `json:"example"`
}

func makeWaiting(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	out := struct {
		Items []waitingLine `json:"items"`
		// More names the states of which not all were looked at.
		More []string `json:"more,omitempty"`
	}{Items: []waitingLine{}}
	type place struct{ connection, state, reason, turn string }
	lines := map[place]*waitingLine{}
	for _, state := range []string{"uncertain", "held", "sending", "queued"} {
		seen := 0
		for s, err := range api.All("", func(after string) (api.Page[api.Submission], error) {
			return b.o.Daemon.Submissions(ctx, api.SubmissionQuery{State: state, After: after, Limit: page})
		}) {
			if err != nil {
				return nil, err
			}
			if seen++; seen > maxCounted {
				out.More = append(out.More, state)
				break
			}
			p := place{s.Connection, state, string(s.HeldReason), string(s.WhoseTurn)}
			l := lines[p]
			if l == nil {
				l = &waitingLine{Connection: b.roster.connection(s.Connection), State: state, Reason: p.reason, WhoseTurn: p.turn, Oldest: s.AcceptedAt, Example: s.ID}
				lines[p] = l
			}
			l.Count++
			l.Attempts = max(l.Attempts, s.Attempt)
			if s.Partial {
				l.Partial++
			}
			if s.AcceptedAt.Before(l.Oldest) {
				l.Oldest, l.Example = s.AcceptedAt, s.ID
			}
		}
	}
	for _, l := range lines {
		out.Items = append(out.Items, *l)
	}
	slices.SortFunc(out.Items, func(x, y waitingLine) int {
		return cmp.Or(cmp.Compare(y.State, x.State), cmp.Compare(y.Count, x.Count), cmp.Compare(x.Connection, y.Connection), cmp.Compare(x.Reason, y.Reason))
	})
	out.Items = out.Items[:min(len(out.Items), maxListed)]
	return asJSON(out)
}

// deliveryLine is a delivery that did not arrive, with how its last attempt ended.
type deliveryLine struct {
	Sequence  int64     `json:"endpoint_sequence"`
	Type      string    `json:"type"`
	State     string    `json:"state"`
	Attempts  int       `json:"attempts"`
	PlannedAt time.Time `json:"planned_at"`
	NextAt    time.Time `json:"next_at,omitzero"`
	LastAt    time.Time `json:"last_attempt_at,omitzero"`
	Status    int       `json:"http_status,omitempty"`
	TookMS    int64     `json:"took_ms,omitempty"`
	Error     string    `json:"error,omitempty"`
}

type webhookLine struct {
	ID            string         `json:"id"`
	Scheme        string         `json:"scheme"`
	State         string         `json:"state"`
	ManagedBy     string         `json:"managed_by"`
	Types         int            `json:"types"` // 0: all
	Accounts      int            `json:"accounts"`
	Connections   int            `json:"connections"`
	Secrets       int            `json:"secrets"`
	Sequence      int64          `json:"endpoint_sequence"`
	Pending       int64          `json:"pending"`
	Dead          int64          `json:"dead"`
	Behind        int64          `json:"behind"`
	OldestAt      time.Time      `json:"oldest_pending_at,omitzero"`
	FailingAt     time.Time      `json:"failing_since,omitzero"`
	ProbeAt       time.Time      `json:"next_probe_at,omitzero"`
	LastSuccessAt time.Time      `json:"last_success_at,omitzero"`
	LastFailureAt time.Time      `json:"last_failure_at,omitzero"`
	LastError     string         `json:"last_error,omitempty"`
	CreatedAt     time.Time      `json:"created_at"`
	Undelivered   []deliveryLine `json:"undelivered"` // the newest of those that were given up or wait
}

func makeWebhooks(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	var out []webhookLine
	for i := range b.daemon.webhooks {
		w := &b.daemon.webhooks[i]
		scheme, _, _ := strings.Cut(w.URL, "://")
		l := webhookLine{
			ID: b.roster.webhook(w.ID), Scheme: scheme, State: string(w.State), ManagedBy: string(w.ManagedBy), Types: len(w.Types), Accounts: len(w.Accounts),
			Connections: len(w.Connections), Secrets: len(w.Secrets), Sequence: w.Sequence, Pending: w.Pending, Dead: w.Dead, Behind: w.Behind,
			OldestAt: w.OldestAt, FailingAt: w.FailingAt, ProbeAt: w.ProbeAt, LastSuccessAt: w.LastSuccessAt, LastFailureAt: w.LastFailureAt,
			LastError: b.mask.Text(w.LastError), CreatedAt: w.CreatedAt, Undelivered: []deliveryLine{},
		}
		var err error
		if i < maxListed/lastDeliveries {
			l.Undelivered, err = b.undelivered(ctx, w.ID)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return listed(out)
}

func (b *bundle) undelivered(ctx context.Context, webhook string) ([]deliveryLine, error) {
	out := []deliveryLine{}
	for _, q := range []api.DeliveryQuery{{State: "dead"}, {State: "pending"}} {
		q.Endpoint, q.Limit = webhook, lastDeliveries
		list, err := b.o.Daemon.Deliveries(ctx, q)
		if err != nil {
			return out, err
		}
		for _, d := range list.Items {
			l := deliveryLine{Sequence: d.Sequence, Type: string(d.Type), State: string(d.State), Attempts: d.Attempts, PlannedAt: d.PlannedAt, NextAt: d.NextAt}
			if n := len(d.Log); n > 0 {
				last := d.Log[n-1]
				l.LastAt, l.Status, l.TookMS, l.Error = last.At, last.Status, last.DurationMS, b.mask.Text(last.Error)
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// actLine is what somebody did. Who it was is told by the kind of door alone.
type actLine struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Via    string    `json:"via"`
	Action string    `json:"action"`
	Object string    `json:"object"`
	Detail bool      `json:"has_detail"`
}

func makeAudit(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err != nil {
		return nil, b.daemon.err
	}
	list, err := b.o.Daemon.Audit(ctx, "", "", lastActs)
	if err != nil {
		return nil, err
	}
	var out []actLine
	for _, a := range list.Items {
		out = append(out, actLine{a.At, actorKind(a.Actor.Name), a.Actor.Via, a.Action, b.object(a.Object), a.Detail != ""})
	}
	return listed(out)
}

// actorKind leaves of who did something what kind of caller it was.
func actorKind(name string) string {
	switch {
	case name == "file", name == "daemon":
		return name
	case strings.HasPrefix(name, "uid:"):
		return "user of this machine"
	case strings.HasPrefix(name, "tok"):
		return "token"
	}
	return "somebody"
}

// objects are what an act may be about that is no id.
var objects = []string{"config", "daemon", "backup", "console", "store", "keys"}

func (b *bundle) object(id string) string {
	if ownID.MatchString(id) || slices.Contains(objects, id) {
		return id
	}
	for _, list := range []map[string]string{b.roster.connections, b.roster.webhooks, b.roster.accounts} {
		if stands, ok := list[id]; ok {
			return stands
		}
	}
	return "[masked]"
}

// adapterLine is an adapter's process and program.
type adapterLine struct {
	Name        string    `json:"name"`
	State       string    `json:"state"`
	PID         int       `json:"pid,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	Restarts    int       `json:"restarts"`
	Error       string    `json:"error,omitempty"`
	Stderr      []string  `json:"stderr"`
	Version     string    `json:"version,omitempty"`
	ContractMin int       `json:"contract_min,omitempty"`
	ContractMax int       `json:"contract_max,omitempty"`
	Powers      []string  `json:"powers,omitempty"`
	Find        string    `json:"find,omitempty"`
	Dedupe      string    `json:"dedupe,omitempty"`
	Problems    int       `json:"config_problems"`
	Program     *program  `json:"program,omitempty"`
	Process     *process  `json:"process,omitempty"`
}

// program is an adapter's file.
type program struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes,omitempty"`
	Mode   string `json:"mode,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Pinned string `json:"pinned,omitempty"` // the checksum that the config asks for
	Error  string `json:"error,omitempty"`
}

func makeAdapters(ctx context.Context, b *bundle) ([]byte, error) {
	if b.daemon.err == nil {
		return listed(b.runningAdapters(ctx))
	}
	var out []adapterLine
	for name, at := range b.programs() {
		out = append(out, adapterLine{Name: name, State: "no daemon answers", Stderr: []string{}, Program: b.program(ctx, name, at)})
	}
	slices.SortFunc(out, func(x, y adapterLine) int { return cmp.Compare(x.Name, y.Name) })
	return listed(out)
}

func (b *bundle) runningAdapters(ctx context.Context) []adapterLine {
	var out []adapterLine
	for _, a := range b.daemon.adapters {
		l := adapterLine{
			Name: a.Name, State: a.State, PID: a.PID, Since: a.Since, Restarts: a.Restarts, Error: b.mask.Text(a.Error), Stderr: []string{},
			Problems: len(a.Problems), Program: b.program(ctx, a.Name, a.Path),
		}
		for _, line := range a.Stderr {
			l.Stderr = append(l.Stderr, b.mask.Text(shorten(line)))
		}
		if m := a.Manifest; m != nil {
			l.Version, l.ContractMin, l.ContractMax, l.Find, l.Dedupe = m.Version, m.ContractMin, m.ContractMax, string(m.Find), string(m.Dedupe)
			for _, p := range m.Powers {
				l.Powers = append(l.Powers, string(p))
			}
		}
		if a.PID > 0 {
			l.Process = processOf(a.PID)
		}
		out = append(out, l)
	}
	return out
}

// programs lists where the programs lie that the config names, and those in its folder.
func (b *bundle) programs() map[string]string {
	out := map[string]string{}
	if b.config == nil {
		return out
	}
	entries, _ := os.ReadDir(b.config.Adapters.Dir) // what is not there is not listed
	for _, e := range entries {
		if e.Type().IsRegular() && len(out) < maxListed {
			out[e.Name()] = filepath.Join(b.config.Adapters.Dir, e.Name())
		}
	}
	for name, a := range b.config.Adapters.Named {
		out[name] = cmp.Or(a.Path, filepath.Join(b.config.Adapters.Dir, name))
	}
	return out
}

func (b *bundle) program(ctx context.Context, name, at string) *program {
	p := &program{Path: b.mask.Text(at)}
	if b.config != nil {
		p.Pinned = b.config.Adapters.Named[name].SHA256
	}
	info, err := os.Stat(at)
	if err != nil {
		p.Error = b.mask.Text(err.Error())
		return p
	}
	p.Bytes, p.Mode = info.Size(), info.Mode().String()
	if p.SHA256, err = checksum(ctx, at); err != nil {
		p.Error = b.mask.Text(err.Error())
	}
	return p
}

func checksum(ctx context.Context, at string) (string, error) {
	f, err := os.Open(at)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	for n := int64(0); n < maxProgram && ctx.Err() == nil; {
		m, err := io.CopyN(h, f, 1<<20)
		if n += m; err == io.EOF { //nolint:errorlint // CopyN returns it as it is
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", cmp.Or(ctx.Err(), io.ErrShortBuffer)
}
