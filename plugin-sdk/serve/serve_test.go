package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// author is an adapter with the power to submit.
type author struct {
	manifest sdk.Manifest
	err      error
}

func newAuthor() *author {
	return &author{manifest: sdk.Manifest{
		Name: "acme", Label: "Acme", Version: "1.2.3", ContractMin: 1, ContractMax: 1,
		Powers: []sdk.Power{sdk.PowerSubmit},
		Fields: []sdk.Field{{Name: "api_key", Label: "Key", Secret: true, Who: sdk.WhoEmployer}},
	}}
}

func (a *author) Describe(context.Context, sdk.DescribeRequest) (sdk.Manifest, error) {
	return a.manifest, a.err
}

func (a *author) Check(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) {
	return sdk.CheckReply{}, nil
}

func (a *author) Submit(context.Context, sdk.SubmitRequest) (sdk.SubmitReply, error) {
	return sdk.SubmitReply{}, nil
}

type bundle struct {
	*program

	out, err *bytes.Buffer
}

func setup(a sdk.Adapter, opts ...Option) *bundle {
	b := &bundle{out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	b.program = &program{adapter: a, level: slog.LevelInfo, stdout: b.out, stderr: b.err}
	for _, o := range opts {
		o(b.program)
	}
	return b
}

func TestPerson_IsToldWhatTheProgramIs(t *testing.T) {
	t.Parallel()
	b := setup(newAuthor(), Simulator(func(context.Context, []string, io.Writer, io.Writer) error { return nil }))
	require.Equal(t, 1, b.person(nil))
	for _, want := range []string{`adapter "acme" (Acme 1.2.3)`, "[adapters.acme]", "submit", "api_key", "describe", "simulate"} {
		require.Contains(t, b.err.String(), want)
	}
	require.Empty(t, b.out.String())

	plain := setup(newAuthor())
	require.Equal(t, 1, plain.person([]string{"simulate"}))
	require.NotContains(t, plain.err.String(), "simulate")
}

func TestDescribe_PrintsTheManifestInTheNamesOfTheWire(t *testing.T) {
	t.Parallel()
	b := setup(newAuthor())
	require.Equal(t, 0, b.person([]string{"describe"}))
	var m map[string]any
	require.NoError(t, json.Unmarshal(b.out.Bytes(), &m))
	require.Equal(t, "acme", m["name"])
	require.EqualValues(t, 1, m["contract_min"])
	require.Equal(t, []any{"submit"}, m["powers"])

	broken := newAuthor()
	broken.err = errors.New("no manifest today")
	b = setup(broken)
	require.Equal(t, 1, b.person([]string{"describe"}))
	require.Contains(t, b.err.String(), "no manifest today")
	require.Equal(t, 1, b.person(nil))
	require.Contains(t, b.err.String(), "cannot be read")
}

func TestAnnounced_ContradictionsAreNamed(t *testing.T) {
	t.Parallel()
	require.NoError(t, announced(newAuthor(), newAuthor().manifest))
	m := newAuthor().manifest
	m.Powers = []sdk.Power{sdk.PowerListJobs}
	m.ContractMin, m.ContractMax = 7, 8
	err := announced(newAuthor(), m)
	require.ErrorContains(t, err, `the power "list_jobs" is announced and the adapter does not implement it`)
	require.ErrorContains(t, err, `implements the power "submit" and does not announce it`)
	require.ErrorContains(t, err, "outside of 7 to 8")
	b := setup(&author{manifest: m})
	require.Equal(t, 1, b.person([]string{"describe"}))
	require.Equal(t, 1, b.person(nil))
	require.Contains(t, b.err.String(), "It cannot serve")
}

func TestSimulate_PassesArgumentsAndReportsFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code int
	}{"fine": {}, "help": {flag.ErrHelp, 0}, "broken": {errors.New("no port left"), 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(newAuthor(), Simulator(func(_ context.Context, args []string, out, _ io.Writer) error {
				_, _ = fmt.Fprint(out, args)
				return c.err
			}))
			require.Equal(t, c.code, b.person([]string{"simulate", "--listen", "x"}))
			require.Equal(t, "[--listen x]", b.out.String())
			if c.code != 0 {
				require.Contains(t, b.err.String(), "simulate: no port left")
			}
		})
	}
}

func TestLogger_WritesWhatHostsRead(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := newLogger(&out, slog.LevelInfo, "acme")
	Logger(withLogger(t.Context(), log)).Warn("slow answer", "took", 1500*time.Millisecond, slog.Group("g", "time", "x"))
	Logger(t.Context()).Error("nobody hears this")
	log.Debug("too quiet")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "warn", line["@level"])
	require.Equal(t, "slow answer", line["@message"])
	require.Equal(t, "acme", line["@module"])
	require.Equal(t, "1.5s", line["took"])
	require.Equal(t, map[string]any{"time": "x"}, line["g"])
	_, err := time.Parse(timeFormat, line["@timestamp"].(string))
	require.NoError(t, err)
}

func TestFamily_IsGoneWithAnyOfItsMembers(t *testing.T) {
	t.Parallel()
	require.False(t, family{parent: os.Getppid()}.gone())
	require.False(t, family{parent: os.Getppid(), host: os.Getpid()}.gone())
	require.True(t, family{parent: os.Getppid() + 1}.gone())
	require.True(t, family{parent: os.Getppid(), host: 1 << 22}.gone(), "no process has a number beyond pid_max")
}
