package api

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"time"
)

// maxStacks bounds the stacks that are told, in bytes.
const maxStacks = 4 << 20

// Diagnostics is what the daemon's process tells of itself. Nothing in it is anybody's.
type Diagnostics struct {
	Version    string    `json:"version" doc:"the daemon's own"`
	PID        int       `json:"pid" doc:"the process"`
	At         time.Time `json:"at" doc:"when it was looked"`
	Ops        string    `json:"ops,omitempty" doc:"where metrics and probes are served; absent when nowhere"`
	CPUs       int       `json:"cpus" doc:"how many of them it uses"`
	Goroutines int       `json:"goroutines" doc:"how many there are"`
	Memory     Memory    `json:"memory" doc:"how it uses memory"`
	Stacks     string    `json:"stacks,omitempty" doc:"what each goroutine does, without the values it does it with; the first 4 MiB"`
}

// Memory is how the process uses memory, in bytes.
type Memory struct {
	Heap     uint64    `json:"heap_bytes" doc:"reachable, or not swept yet"`
	HeapIdle uint64    `json:"heap_idle_bytes" doc:"of the heap, not in use"`
	Released uint64    `json:"released_bytes" doc:"of the idle ones, given back to the system"`
	Stacks   uint64    `json:"stack_bytes" doc:"in use by stacks"`
	System   uint64    `json:"system_bytes" doc:"got from the system, as a whole"`
	Objects  uint64    `json:"heap_objects" doc:"how many there are"`
	Cycles   uint32    `json:"gc_cycles" doc:"collections of garbage since the start"`
	LastGC   time.Time `json:"last_gc,omitzero" doc:"when the last collection ended"`
}

func (s *server) diagnostics() {
	register(s, get("/v1/diagnostics", "read-diagnostics", "Read what the daemon's process does").by(adminsAll), s.diagnose)
}

func (s *server) diagnose(context.Context, *struct{}) (*body[Diagnostics], error) {
	d := Diagnostics{Version: s.Version, PID: os.Getpid(), At: time.Now().UTC(), CPUs: runtime.GOMAXPROCS(0), Goroutines: runtime.NumGoroutine()}
	if s.Ops != nil {
		d.Ops = s.Ops()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	d.Memory = Memory{
		Heap: m.HeapAlloc, HeapIdle: m.HeapIdle, Released: m.HeapReleased, Stacks: m.StackInuse, System: m.Sys, Objects: m.HeapObjects, Cycles: m.NumGC,
	}
	if m.LastGC > 0 {
		d.Memory.LastGC = time.Unix(0, int64(m.LastGC)).UTC() //nolint:gosec // nanoseconds since 1970
	}
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		return nil, err
	}
	d.Stacks = withoutValues(b.Bytes())
	return answer(d, nil)
}

// arguments are what a line of a stack says that a function was called with: pointers and lengths mostly, and the bytes of
// what was handed over by value, such as a key.
var arguments = regexp.MustCompile(`(?m)\((?:0x|\{|\.\.\.|_\b)[^\n]*\)$`)

// withoutValues cuts stacks to what may leave the process.
func withoutValues(stacks []byte) string {
	if len(stacks) > maxStacks {
		stacks = append(stacks[:maxStacks:maxStacks], "\n...\n"...)
	}
	return string(arguments.ReplaceAll(stacks, []byte("(…)")))
}

// Diagnostics asks the daemon what its process does.
func (c *Client) Diagnostics(ctx context.Context) (Diagnostics, error) {
	return call[Diagnostics](ctx, c, request{path: "/v1/diagnostics"})
}
