package simulator

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// runFlags are the flags of the simulator as a program.
type runFlags struct {
	listen        string
	seedFile      string
	switchFile    string
	switches      []string
	faults        []string
	latency       time.Duration
	randSeed      uint64
	employers     int
	jobs          int
	script        string
	autoMove      int
	every         time.Duration
	json          bool
	printSeed     bool
	printSwitches bool
	readLog       int
	forgetBodies  bool
	profileURL    string
	resumeCA      string
}

func parseFlags(args []string, stderr io.Writer) (*runFlags, error) {
	f := new(runFlags)
	set := flag.NewFlagSet("simulate greenhouse", flag.ContinueOnError)
	set.SetOutput(stderr)
	several := func(list *[]string) func(string) error {
		return func(v string) error { *list = append(*list, v); return nil }
	}
	set.StringVar(&f.listen, "listen", "127.0.0.1:0", "`address` to listen on; port 0 takes a free one")
	set.StringVar(&f.seedFile, "seed-file", "", "JSON `file` with employers, keys, users, jobs and pools")
	set.IntVar(&f.employers, "employers", 0, "invent that many employers instead of the three of the demo")
	set.IntVar(&f.jobs, "jobs", 8, "jobs of each invented employer")
	set.StringVar(&f.switchFile, "switch-file", "", "JSON `file` with switches for all employers")
	set.Func("switch", "[EMPLOYER/]NAME=VALUE sets one switch; may be given again", several(&f.switches))
	set.Func("fault", `JSON fault, such as {"kind":"error_before","method":"POST","probability":0.05}; may be given again`, several(&f.faults))
	set.DurationVar(&f.latency, "latency", 0, "delay of every request")
	set.Uint64Var(&f.randSeed, "rand-seed", 1, "seed of probabilities and random moves")
	set.StringVar(&f.script, "script", "", "`file` with what happens by itself; --help tells the form")
	set.IntVar(&f.autoMove, "auto-move", 0, "move that many random candidates --every interval")
	set.DurationVar(&f.every, "every", 2*time.Second, "interval of --auto-move")
	set.BoolVar(&f.json, "json", false, "print URLs, keys and users as one JSON line")
	set.BoolVar(&f.printSeed, "print-seed", false, "print the seed as a seed file, and end")
	set.BoolVar(&f.printSwitches, "print-switches", false, "print every switch with its variants, and end")
	set.IntVar(&f.readLog, "read-log", 1000, "reads kept per employer; writes are all kept")
	set.BoolVar(&f.forgetBodies, "forget-bodies", false, "keep no bodies, for load tests in small memory")
	set.StringVar(&f.profileURL, "profile-base-url", "", "where profile URLs point to (https://app.greenhouse.io)")
	set.StringVar(&f.resumeCA, "resume-ca-file", "", "PEM `file` with further authorities that resume hosts are trusted by")
	set.Usage = func() {
		fmt.Fprintf(stderr, "A Greenhouse to test against: its partner API, with invented employers.\n\nFlags:\n")
		set.PrintDefaults()
		fmt.Fprintf(stderr, "\nScripts\n\n%s", ScriptHelp)
	}
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case set.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case f.employers < 0 || f.jobs < 0 || f.autoMove < 0 || f.latency < 0:
		return nil, errors.New("--employers, --jobs, --auto-move and --latency cannot be negative")
	case f.autoMove > 0 && f.every <= 0:
		return nil, errors.New("--every must be longer than nothing")
	case f.seedFile != "" && f.employers > 0:
		return nil, errors.New("--seed-file and --employers exclude each other")
	}
	return f, nil
}

func (f *runFlags) options() (Options, error) {
	o := Options{RandSeed: f.randSeed, ReadLog: f.readLog, ForgetBodies: f.forgetBodies, ProfileBaseURL: f.profileURL}
	if f.readLog == 0 {
		o.ReadLog = -1
	}
	switch {
	case f.seedFile != "":
		data, err := os.ReadFile(f.seedFile)
		if err != nil {
			return Options{}, fmt.Errorf("--seed-file: %w", err)
		}
		if o.Seed, err = LoadSeed(data); err != nil {
			return Options{}, fmt.Errorf("--seed-file %s: %w", f.seedFile, err)
		}
	case f.employers > 0:
		o.Seed = GenerateSeed(f.employers, f.jobs)
	default:
		o.Seed = DefaultSeed()
	}
	var err error
	if o.ResumeClient, err = f.resumeClient(); err != nil {
		return Options{}, err
	}
	o.Switches, err = f.patches(&o.Seed)
	return o, err
}

// patches reads the switches of file and flags. Those of one employer go into the seed.
func (f *runFlags) patches(seed *Seed) (SwitchPatch, error) {
	common := make(SwitchPatch)
	if f.switchFile != "" {
		data, err := os.ReadFile(f.switchFile)
		if err != nil {
			return nil, fmt.Errorf("--switch-file: %w", err)
		}
		if err := decodeStrict(data, &common); err != nil {
			return nil, fmt.Errorf("--switch-file %s: %w", f.switchFile, err)
		}
	}
	for _, text := range f.switches {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--switch %s: expected [EMPLOYER/]NAME=VALUE", text)
		}
		raw := mustJSON(value)
		if json.Valid([]byte(value)) {
			raw = json.RawMessage(value)
		}
		into := common
		if employer, rest, scoped := strings.Cut(name, "/"); scoped {
			e := seed.employer(employer)
			if e == nil {
				return nil, fmt.Errorf("--switch %s: there is no employer %q", text, employer)
			}
			if e.Switches == nil {
				e.Switches = make(SwitchPatch)
			}
			name, into = rest, e.Switches
		}
		into[name] = raw
		probe := DefaultSwitches()
		if err := probe.Apply(SwitchPatch{name: raw}); err != nil {
			return nil, fmt.Errorf("--switch %s: %w", text, err)
		}
	}
	return common, nil
}

func (s *Seed) employer(name string) *SeedEmployer {
	for i := range s.Employers {
		if s.Employers[i].Name == name {
			return &s.Employers[i]
		}
	}
	return nil
}

// spoil sets the faults of the flags.
func (f *runFlags) spoil(s *Server) error {
	if f.latency > 0 {
		if _, err := s.AddFault(Fault{Kind: FaultLatency, Delay: Duration(f.latency)}); err != nil {
			return fmt.Errorf("--latency: %w", err)
		}
	}
	for _, text := range f.faults {
		faults, err := decodeFaults([]byte(text))
		if err != nil {
			return fmt.Errorf("--fault: %w", err)
		}
		for _, fault := range faults {
			if _, err := s.AddFault(fault); err != nil {
				return fmt.Errorf("--fault: %w", err)
			}
		}
	}
	return nil
}

// scripted reads the script and puts --auto-move into it; nil when nothing happens by itself.
func (f *runFlags) scripted() (*Script, error) {
	if f.script == "" && f.autoMove == 0 {
		return nil, nil
	}
	script := new(Script)
	if f.script != "" {
		file, err := os.Open(f.script)
		if err != nil {
			return nil, fmt.Errorf("--script: %w", err)
		}
		defer file.Close()
		if script, err = ParseScript(file); err != nil {
			return nil, fmt.Errorf("--script %s: %w", f.script, err)
		}
	}
	if f.autoMove > 0 {
		if err := script.Every(f.every, f.autoMove); err != nil {
			return nil, fmt.Errorf("--auto-move: %w", err)
		}
	}
	return script, nil
}
