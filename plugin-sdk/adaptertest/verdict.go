package adaptertest

import (
	"errors"
	"fmt"
	"io"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Outcome is what became of a check.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "pass"
	Failed  Outcome = "fail"
	Skipped Outcome = "skip"
)

// Result is one check with what became of it. Reason is a sentence for all but a passed one, where it tells what is worth knowing,
// if anything is: that the ATS showed late what had been written, for instance.
type Result struct {
	Name    string        `json:"name"`
	Outcome Outcome       `json:"outcome"`
	Reason  string        `json:"reason,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// String returns one line.
func (r Result) String() string {
	if r.Outcome == Passed {
		line := fmt.Sprintf("%-4s  %-24s %s", r.Outcome, r.Name, r.Took.Round(time.Millisecond))
		if r.Reason != "" {
			line += ", " + r.Reason
		}
		return line
	}
	return fmt.Sprintf("%-4s  %-24s %s", r.Outcome, r.Name, r.Reason)
}

func result(name string, began time.Time, err error) Result {
	r := Result{Name: name, Outcome: Passed, Took: time.Since(began)}
	if why, ok := errors.AsType[skip](err); ok {
		r.Outcome, r.Reason = Skipped, string(why)
	} else if err != nil {
		r.Outcome, r.Reason = Failed, err.Error()
	}
	return r
}

// Verdict is what a run found.
type Verdict struct {
	Path     string       `json:"path"`
	Manifest sdk.Manifest `json:"-"`
	Results  []Result     `json:"results"`
}

// Count returns how many checks ended that way.
func (v Verdict) Count(o Outcome) int {
	n := 0
	for _, r := range v.Results {
		if r.Outcome == o {
			n++
		}
	}
	return n
}

// OK reports whether the adapter conforms: something passed and nothing failed.
func (v Verdict) OK() bool { return v.Count(Failed) == 0 && v.Count(Passed) > 0 }

// Print writes the table and the verdict.
func (v Verdict) Print(w io.Writer) error {
	for _, r := range v.Results {
		if _, err := fmt.Fprintln(w, r); err != nil {
			return err
		}
	}
	return v.PrintSummary(w)
}

// PrintSummary writes the last line of Print.
func (v Verdict) PrintSummary(w io.Writer) error {
	word := "conforms to the contract"
	if !v.OK() {
		word = "does not conform to the contract"
	}
	_, err := fmt.Fprintf(w, "\n%s %s %s: %d passed, %d failed, %d skipped\n",
		v.Path, v.Manifest.Version, word, v.Count(Passed), v.Count(Failed), v.Count(Skipped))
	return err
}
