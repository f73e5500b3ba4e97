// Package doctor looks at everything that a daemon needs and has, and says of each trouble whose turn it is and what to do. It
// stands beside the daemon: what lies on this machine it looks at itself, the daemon's view it asks for over its socket, and it
// works without one. It changes nothing, and never opens a store.
//
// A check is a function that returns findings. They run side by side, each within the time that is left; what two of them
// need is asked for once, by the patient.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/api"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Status is how something was found.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Trouble Status = "trouble"
	NotRun  Status = "not_run"
)

// rank orders statuses, the worst first.
var rank = map[Status]int{Trouble: 0, Warning: 1, NotRun: 2, OK: 3}

// Finding is what a check found of one thing.
type Finding struct {
	Check      string   `json:"check"`
	Subject    string   `json:"subject"`
	Status     Status   `json:"status"`
	Message    string   `json:"message"`
	WhoseTurn  sdk.Turn `json:"whose_turn,omitempty"`
	Remedy     string   `json:"remedy,omitempty"`
	DurationMS int64    `json:"duration_ms"`
}

// DefaultTimeout bounds an examination.
const DefaultTimeout = 30 * time.Second

// Options say what is examined.
type Options struct {
	ConfigPath string
	// Daemon is the client of the daemon, which may not be there.
	Daemon *api.Client
	// Version is that of this program.
	Version string
	// Timeout bounds the whole; 0 is DefaultTimeout.
	Timeout time.Duration
	// Only are the checks that are made; all when empty.
	Only []string
	// Anonymous names connections by their ids and leaves out what the daemon says in sentences, which may name people.
	Anonymous bool
	// Tell is called after each check; may be nil.
	Tell func(check string, done, all int)
}

// Report is an examination.
type Report struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	Config  string    `json:"config"`
	// Daemon is the version of the daemon that answered; "" for none.
	Daemon     string         `json:"daemon,omitempty"`
	Findings   []Finding      `json:"findings"` // the worst first
	Counts     map[Status]int `json:"counts"`
	DurationMS int64          `json:"duration_ms"`
}

// check is one examination, of which the report has one finding at least.
type check struct {
	name string
	run  func(ctx context.Context, p *patient) []Finding
}

// table lists the checks in the order of a report.
func table() []check {
	return []check{
		{"config", checkConfig},
		{"permissions", checkPermissions},
		{"disk", checkDisk},
		{"clock", checkClock},
		{"keys", checkKeys},
		{"service", checkService},
		{"store", checkStore},
		{"adapters", checkAdapters},
		{"proxy", checkProxy},
		{"hosts", checkHosts},
		{"connections", checkConnections},
		{"webhooks", checkWebhooks},
	}
}

// Checks lists the names of the checks.
func Checks() []string {
	var out []string
	for _, c := range table() {
		out = append(out, c.name)
	}
	return out
}

// Examine makes the checks. The error is that of a name in Only that no check has.
func Examine(ctx context.Context, o Options) (Report, error) {
	wanted, err := selected(o.Only)
	if err != nil {
		return Report{}, err
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	p := newPatient(ctx, o)
	found := make([][]Finding, len(wanted))
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i, c := range wanted {
		wg.Go(func() {
			found[i] = examine(ctx, p, c)
			mu.Lock()
			defer mu.Unlock()
			if done++; o.Tell != nil {
				o.Tell(c.name, done, len(wanted))
			}
		})
	}
	wg.Wait()
	r := Report{At: began.UTC(), Version: o.Version, Config: o.ConfigPath, Findings: slices.Concat(found...), Counts: map[Status]int{}}
	if ctx.Err() == nil {
		r.Daemon = p.daemon().version
	}
	for _, f := range r.Findings {
		r.Counts[f.Status]++
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(rank[a.Status], rank[b.Status]) })
	r.DurationMS = time.Since(began).Milliseconds()
	return r, nil
}

func selected(only []string) ([]check, error) {
	all := table()
	if len(only) == 0 {
		return all, nil
	}
	for _, name := range only {
		if !slices.Contains(Checks(), name) {
			return nil, fmt.Errorf("there is no check %q; there are: %s", name, strings.Join(Checks(), ", "))
		}
	}
	return slices.DeleteFunc(all, func(c check) bool { return !slices.Contains(only, c.name) }), nil
}

// examine makes one check, and does not wait for one that hangs: a disk may not answer at all.
func examine(ctx context.Context, p *patient, c check) []Finding {
	began := time.Now()
	made := make(chan []Finding, 1)
	go func() { made <- c.run(ctx, p) }()
	var out []Finding
	select {
	case out = <-made:
	case <-ctx.Done():
		select {
		case out = <-made:
		case <-time.After(lastWords):
			out = []Finding{trouble(c.name, fmt.Sprintf("the check did not end within %s", time.Since(began).Round(time.Second)), "see what does not answer: a disk, the daemon or a network; --timeout gives it longer")}
		}
	}
	if len(out) == 0 {
		out = []Finding{well(c.name, "nothing to look at")}
	}
	for i := range out {
		out[i].Check = c.name
		if out[i].DurationMS == 0 {
			out[i].DurationMS = time.Since(began).Milliseconds()
		}
	}
	return out
}

// lastWords is how long a check whose time is over may take to say what it has found.
const lastWords = 200 * time.Millisecond

func well(subject, message string) Finding {
	return Finding{Subject: subject, Status: OK, Message: message}
}

// trouble is a trouble that is the operator's to mend, as most of those on its machine are.
func trouble(subject, message, remedy string) Finding {
	return Finding{Subject: subject, Status: Trouble, Message: message, WhoseTurn: sdk.TurnOperator, Remedy: remedy}
}

func warning(subject, message, remedy string) Finding {
	return Finding{Subject: subject, Status: Warning, Message: message, WhoseTurn: sdk.TurnOperator, Remedy: remedy}
}

func notRun(subject, message, remedy string) Finding {
	return Finding{Subject: subject, Status: NotRun, Message: message, Remedy: remedy}
}

const (
	asRoot      = "run it as root or as the daemon's user"
	startDaemon = "start it: systemctl start atssync; why it ended: journalctl -u atssync"
)
