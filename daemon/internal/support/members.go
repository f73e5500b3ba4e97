package support

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/doctor"
)

const noNames = "numbers in place of the names of accounts, connections and webhooks"

// members lists what a bundle holds, in its order.
func members() []member {
	doctorTime, journalTime := 40*time.Second, 15*time.Second
	return []member{
		{"build.json", "what this program was made of: version, commit, modules", "nothing", 0, makeBuild},
		{"doctor.json", "what atssync doctor finds, for programs", noNames + "; what the daemon says in sentences is left out", doctorTime, makeDoctor},
		{"doctor.txt", "the same, for people", "as doctor.json", doctorTime, makeDoctorText},
		{"config.json", "the configuration in force after the file is read, with which keys stand in the file", "secrets, names, addresses, notes and settings are told as set or not, and networks by their number", 0, makeConfig},
		{"health.json", "what does not work, by stable causes, and the last backup", noNames + "; no sentences", 0, makeHealth},
		{"ledger.json", "what was ever accepted, by state and connection", noNames, 0, makeLedger},
		{"connections.json", "each connection: adapter, state, operations, causes, counters; the worst first", noNames + "; no ATS host, user, job or setting", 0, makeConnections},
		{"waiting.json", "what is uncertain, held, being sent or queued: how many, why, since when, with one id each", noNames + "; nothing of any application but an id of atssync", 0, makeWaiting},
		{"tasks.json", "work on many submissions that is under way", noNames, 0, makeTasks},
		{"schedule.json", "passes, their last runs and those that failed", noNames + "; errors through the mask", 0, makeSchedule},
		{"checkpoints.json", "how far each pass came on each connection", noNames + "; cursors are left out", 0, makeCheckpoints},
		{"webhooks.json", "endpoints with their counters, and how the last deliveries that failed ended", noNames + "; no address but its scheme, no answer, no event", 0, makeWebhooks},
		{"adapters.json", "adapters: versions, processes, programs with their checksums, the last lines that they printed", "lines through the mask", 0, makeAdapters},
		{"audit.json", "the last acts: what, when, to which id", "who did them, what they were told, and every id that is not atssync's own", 0, makeAudit},
		{"runtime.json", "memory and goroutines of the daemon's process", "nothing", 0, makeRuntime},
		{"goroutines.txt", "what each goroutine of the daemon does", "the values that functions were called with", 0, makeStacks},
		{"metrics.txt", "everything that is measured, now", noNames + "; values of labels that are not known to be harmless", 0, makeMetrics},
		{"journal.txt", "the last lines of the service's journal", "every line through the mask; the host's name is left out", journalTime, makeJournal},
		{"store.json", "format, sizes and files of the data folder", "no contents", 0, makeStore},
		{"system.json", "kernel, distribution, memory, disks, clock, limits of the daemon's process", "the host's name and addresses are left out", 0, makeSystem},
		{"environment.json", "which of the variables that matter are set", "their values", 0, makeEnvironment},
	}
}

func makeBuild(_ context.Context, b *bundle) ([]byte, error) {
	if b.o.Build == nil {
		return nil, errors.New("nobody told what this program was made of")
	}
	return asJSON(b.o.Build)
}

func makeRuntime(_ context.Context, b *bundle) ([]byte, error) {
	d, err := b.diag()
	if err != nil {
		return nil, err
	}
	d.Stacks = ""
	return asJSON(d)
}

func makeStacks(_ context.Context, b *bundle) ([]byte, error) {
	d, err := b.diag()
	return []byte(d.Stacks), err
}

// examined is the doctor's report with what stands for names in the place of them.
func (b *bundle) examined(ctx context.Context) (doctor.Report, error) {
	r, err := doctor.Examine(ctx, doctor.Options{
		ConfigPath: b.o.ConfigPath, Daemon: b.o.Daemon, Version: b.o.Version, Anonymous: true, Timeout: doctor.DefaultTimeout,
	})
	r.Config = b.mask.Text(r.Config)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Subject, f.Message, f.Remedy = b.mask.Text(f.Subject), b.mask.Text(f.Message), b.mask.Text(f.Remedy)
	}
	return r, err
}
