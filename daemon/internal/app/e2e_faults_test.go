package app

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

type fault map[string]any

// Every answer that is lost leaves one uncertain submission and never a second person; everything else
// arrives.
func TestDaemon_TwoThousandOverABrokenATSEndBalanced(t *testing.T) {
	t.Parallel()
	s := newATS(t, "--employers", "20", "--rand-seed", "7")
	w := newWorld(t, s, "")
	w.start()
	for i := range s.Employers {
		c := w.connect(i, "")
		w.link(c, "job-"+c.ID, s.Employers[i].Jobs[0].ID)
	}
	s.do(http.MethodPost, "/faults", []fault{
		{"kind": "error_before", "method": "POST", "endpoint": "candidates", "probability": 0.025},
		{"kind": "error_after", "method": "POST", "endpoint": "candidates", "probability": 0.025},
		{"kind": "rate_limited", "method": "POST", "endpoint": "candidates", "probability": 0.05, "retry_after": "1s"},
		{"kind": "cut_after", "method": "POST", "endpoint": "candidates", "probability": 0.02},
	}, nil)
	page, err := w.client.Connections(t.Context(), api.ConnectionQuery{})
	require.NoError(t, err)
	require.Len(t, page.Items, 20)
	for _, c := range page.Items {
		w.submit(c.ID, "job-"+c.ID, 0, 100)
	}
	total := w.settled(3 * time.Minute)
	require.EqualValues(t, 2000, total.Accepted)
	require.Empty(t, s.doubled())
	uncertain := total.States[atssync.StateUncertain]
	require.EqualValues(t, 2000, uncertain+total.States[atssync.StateSubmitted], "%+v", total.States)

	var faults []struct {
		Kind  string `json:"kind"`
		Fired int    `json:"fired"`
	}
	s.do(http.MethodGet, "/faults", nil, &faults)
	lost := 0
	for _, f := range faults {
		if f.Kind != "rate_limited" {
			lost += f.Fired
		}
	}
	require.Positive(t, lost)
	require.EqualValues(t, lost, uncertain, "each lost answer is one uncertain submission")
	checkMetrics(t, w)
}

// checkMetrics scrapes and holds the exposition to the linter and to a bound on its size.
func checkMetrics(t *testing.T, w *world) {
	t.Helper()
	res, err := http.Get("http://" + w.opsAddr() + "/metrics") //nolint:noctx // a test on loopback.
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	problems, err := promlint.New(strings.NewReader(string(b))).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		require.Failf(t, "promlint", "%s: %s", p.Metric, p.Text)
	}
	series := 0
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	require.Less(t, series, 3000)
	require.Contains(t, string(b), `atssync_submissions{state="submitted"}`)
	require.NotContains(t, string(b), "example.com")
}

var opsLine = regexp.MustCompile(`"ops":"([^"]+)"`)

func (w *world) opsAddr() string {
	w.t.Helper()
	m := opsLine.FindStringSubmatch(w.log.String())
	require.NotNil(w.t, m, "the log names no ops address")
	return m[1]
}

func TestDaemon_KilledInTheMiddleLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	s := newATS(t, "--latency", "5ms")
	w := newWorld(t, s, "")
	w.start()
	var cons []api.Connection
	for i := range s.Employers {
		c := w.connect(i, "")
		w.link(c, "job-"+c.ID, s.Employers[i].Jobs[0].ID)
		cons = append(cons, c)
	}
	for _, c := range cons {
		w.submit(c.ID, "job-"+c.ID, 0, 150)
	}
	for range 3 {
		w.eventually(10*time.Second, func() bool { return s.candidates() > 20 }, "nothing is sent")
		before := s.candidates()
		w.eventually(10*time.Second, func() bool { return s.candidates() > before+20 }, "nothing more is sent")
		w.kill()
		w.start()
	}
	total := w.settled(time.Minute)
	require.EqualValues(t, 450, total.Accepted)
	require.Empty(t, s.doubled())
	uncertain := total.States[atssync.StateUncertain]
	require.LessOrEqual(t, uncertain, int64(3*len(cons)), "at most one a connection and kill")
	require.EqualValues(t, 450, uncertain+total.States[atssync.StateSubmitted])
	if uncertain > 0 { // an operator who reads the log at night finds it there
		w.eventually(5*time.Second, func() bool {
			return strings.Contains(w.log.String(), `"level":"WARN","msg":"told the platform","component":"events","type":"submission.uncertain"`)
		}, "the log does not say that something is uncertain")
	}
	resolveAll(t, w, s, cons)
	require.Empty(t, s.doubled())
	total = w.settled(30 * time.Second)
	require.EqualValues(t, 450, total.States[atssync.StateSubmitted])
	require.Equal(t, 450, s.candidates())
}

// resolveAll does what a person does: it looks for each uncertain one in the ATS and says whether it is there.
func resolveAll(t *testing.T, w *world, s *ats, cons []api.Connection) {
	t.Helper()
	for i, c := range cons {
		page, err := w.client.Submissions(t.Context(), api.SubmissionQuery{Connection: c.ID, State: string(atssync.StateUncertain)})
		require.NoError(t, err)
		for _, sub := range page.Items {
			var found []struct {
				ID int64 `json:"id"`
			}
			s.do(http.MethodGet, "/employers/"+s.Employers[i].Name+"/candidates?external_id="+url.QueryEscape(sub.ExternalID), nil, &found)
			if len(found) == 0 {
				_, err = w.client.Resolve(t.Context(), sub.ID, api.ResolveBody{Action: api.SendAgain, Attempt: sub.Attempt})
				require.NoError(t, err)
				continue
			}
			w.eventually(10*time.Second, func() bool { // the ATS shows a candidate a little after it was made
				_, err = w.client.Resolve(t.Context(), sub.ID, api.ResolveBody{Action: api.Submitted, ProfileURL: fmt.Sprintf("https://app.greenhouse.io/people/%d", found[0].ID)})
				return err == nil
			}, "the uncertain one is not accepted as submitted")
		}
	}
}

func TestDaemon_KilledAdapterIsStartedAgainAndNothingIsLost(t *testing.T) {
	t.Parallel()
	s := newATS(t, "--latency", "5ms")
	w := newWorld(t, s, "")
	w.start()
	c := w.connect(0, "")
	w.link(c, "job-a", s.Employers[0].Jobs[0].ID)
	w.submit(c.ID, "job-a", 0, 200)
	for i := range 3 {
		w.eventually(20*time.Second, func() bool { return s.candidates() > 30*(i+1) }, "nothing is sent")
		a, err := w.client.Adapter(t.Context(), "greenhouse")
		require.NoError(t, err)
		if a.PID > 0 {
			require.NoError(t, syscall.Kill(a.PID, syscall.SIGKILL))
		}
	}
	total := w.settled(time.Minute)
	require.EqualValues(t, 200, total.States[atssync.StateSubmitted]+total.States[atssync.StateUncertain])
	require.LessOrEqual(t, total.States[atssync.StateUncertain], int64(3))
	require.Empty(t, s.doubled())
}

func TestDaemon_ABasicUserCanSendAndNotReadAndThatIsTold(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	w := newWorld(t, s, "")
	w.start()
	e := s.Employers[0]
	c := w.connect(0, e.Basic)
	w.link(c, "job-a", e.Jobs[0].ID)
	w.eventually(10*time.Second, func() bool {
		page, err := w.client.ATSJobs(t.Context(), api.JobQuery{Connection: c.ID})
		return err == nil && len(page.Items) > 0
	}, "the jobs of a new connection are not listed")
	w.submit(c.ID, "job-a", 0, 1)
	w.settled(20 * time.Second)
	var h atssync.Health
	w.eventually(time.Minute, func() bool {
		got, err := w.client.Connection(t.Context(), c.ID)
		if err == nil {
			h = got.Operations[atssync.OpRead]
		}
		return h.Cause == atssync.CannotRead
	}, "nobody says that it cannot be read back")
	require.Contains(t, h.Trouble.Message, e.Basic, "the user is named")
	require.Contains(t, h.Trouble.Message, e.Jobs[0].Name, "the job is named")
	require.Contains(t, h.Trouble.Remedy, "Job Admin", "the permission is named")
	require.Equal(t, sdk.TurnEmployer, h.Trouble.Turn)
}

func TestDaemon_DeletedAndConnectedAgainDoublesNothing(t *testing.T) {
	t.Parallel()
	s := newATS(t)
	w := newWorld(t, s, "")
	w.start()
	c := w.connect(0, "")
	w.link(c, "job-a", s.Employers[0].Jobs[0].ID)
	w.submit(c.ID, "job-a", 0, 30)
	w.settled(20 * time.Second)
	_, err := w.client.RemoveConnection(t.Context(), c.ID)
	require.NoError(t, err)
	again := w.connect(0, "")
	require.Equal(t, c.ID, again.ID, "the same account keeps its id")
	w.link(again, "job-a", s.Employers[0].Jobs[0].ID)
	w.submit(again.ID, "job-a", 0, 40)
	total := w.settled(20 * time.Second)
	require.EqualValues(t, 40, total.States[atssync.StateSubmitted])
	require.Equal(t, 40, s.candidates())
	require.Empty(t, s.doubled())
}
