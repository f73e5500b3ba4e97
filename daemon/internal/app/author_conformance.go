package app

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/atssync/atssync/config"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
)

// AdapterTest says which adapter is held against the contract, and against what.
type AdapterTest struct {
	Path string
	// Fake is the URL of a fake ATS, usually the adapter's own simulator; "" is a real ATS.
	Fake string
	// Fields are the values of the manifest's fields; what they lack is asked from the fake.
	Fields map[string]string
	// Job is the ATS job that takes applications; "" is the first open one.
	Job string
	// Write allows to make people in a real ATS.
	Write bool
	// Timeout bounds each call; 0 is 20 s.
	Timeout time.Duration
}

// AdapterCheck is one check with what became of it: pass, fail or skip, the latter two with a reason.
type AdapterCheck struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	TookMS  int64  `json:"took_ms"`
}

// AdapterVerdict is what a test found.
type AdapterVerdict struct {
	Path    string         `json:"path"`
	Version string         `json:"version,omitempty"`
	OK      bool           `json:"ok"`
	Passed  int            `json:"passed"`
	Failed  int            `json:"failed"`
	Skipped int            `json:"skipped"`
	Checks  []AdapterCheck `json:"checks"`

	verdict adaptertest.Verdict
}

// Print writes the table for people.
func (v AdapterVerdict) Print(w io.Writer) error { return v.verdict.Print(w) }

// TestAdapter runs the conformance suite over an adapter's program; report, when not nil, is told of each check. An error says that the
// suite could not be run at all.
func TestAdapter(ctx context.Context, t AdapterTest, report func(AdapterCheck)) (AdapterVerdict, error) {
	path, err := filepath.Abs(t.Path)
	if err != nil {
		return AdapterVerdict{}, fmt.Errorf("find the adapter: %w", err)
	}
	o := adaptertest.Options{
		Path: path, Fake: t.Fake, JobID: t.Job, Write: t.Write, Timeout: t.Timeout, Env: adapterEnv(config.Adapters{}),
	}
	if len(t.Fields) > 0 {
		m, err := manifestOf(ctx, path)
		if err != nil {
			return AdapterVerdict{}, err
		}
		c, err := sortFields(m, t.Fields)
		if err != nil {
			return AdapterVerdict{}, err
		}
		o.Settings, o.Credentials = c.Settings, c.Credentials
	}
	verdict, err := adaptertest.Run(ctx, o, func(r adaptertest.Result) {
		if report != nil {
			report(checkOf(r))
		}
	})
	if err != nil {
		return AdapterVerdict{}, fmt.Errorf("test the adapter: %w", err)
	}
	v := AdapterVerdict{
		Path: path, Version: verdict.Manifest.Version, OK: verdict.OK(), Passed: verdict.Count(adaptertest.Passed),
		Failed: verdict.Count(adaptertest.Failed), Skipped: verdict.Count(adaptertest.Skipped), verdict: verdict,
	}
	for _, r := range verdict.Results {
		v.Checks = append(v.Checks, checkOf(r))
	}
	return v, nil
}

func checkOf(r adaptertest.Result) AdapterCheck {
	return AdapterCheck{Name: r.Name, Outcome: string(r.Outcome), Reason: r.Reason, TookMS: r.Took.Milliseconds()}
}

func manifestOf(ctx context.Context, path string) (sdk.Manifest, error) {
	p, err := launchAuthors(ctx, path, "", nil)
	if err != nil {
		return sdk.Manifest{}, err
	}
	defer end(ctx, p)
	return p.Manifest(), nil
}
