package simulator

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bubble is a simulator without a socket, so that time in it can be stopped.
func bubble(t *testing.T, seed uint64) (*Server, func(id string)) {
	t.Helper()
	s, err := New(Options{RandSeed: seed, Switches: SwitchPatch{"resume_fetch": mustJSON("never")}})
	require.NoError(t, err)
	e := s.Employers()[0]
	return s, func(id string) {
		body := fmt.Sprintf(`{"prospect":false,"job_id":%d,"first_name":"Mo","last_name":"Tran","external_id":%q}`, e.Jobs()[0].ID, id)
		r := httptest.NewRequest(http.MethodPost, partnerPath+"candidates", strings.NewReader(body))
		r.SetBasicAuth(e.Key(), "")
		r.Header.Set("On-Behalf-Of", e.Users()[0].Email)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	}
}

// play runs a script in the background of a bubble and gives its end.
func play(ctx context.Context, t *testing.T, s *Server, text string) <-chan error {
	t.Helper()
	script, err := ParseScript(strings.NewReader(text))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.RunScript(ctx, script, slog.New(slog.DiscardHandler)) }()
	return ended
}

func stageOf(s *Server, id string) string {
	a := s.Employers()[0].ByExternalID(id)[0].Applications[0]
	return a.Status + " " + a.Stage
}

func TestScriptAfter_MovesAtItsTimeAndEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, post := bubble(t, 1)
		post("app-1")
		ended := play(t.Context(), t, s, `
# The line below is the documented example.
after 2s move external_id=app-1 stage="Phone Screen"
{"after": "3s", "do": "reject", "employer": "harbor-robotics", "args": {"external_id": "app-1"}}
`)
		time.Sleep(1999 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, "active Application Review", stageOf(s, "app-1"))
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.Equal(t, "active Phone Screen", stageOf(s, "app-1"))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "rejected Phone Screen", stageOf(s, "app-1"))
		require.NoError(t, <-ended)
		require.Equal(t, ScriptStatus{Lines: 2, Ran: 2}, s.script.Load().status())
	})
}

func TestScriptAfter_WaitsForACandidateThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, post := bubble(t, 1)
		ended := play(t.Context(), t, s, "after 1s hire external_id=42\n")
		time.Sleep(time.Minute)
		post("42")
		require.NoError(t, <-ended)
		require.Equal(t, "hired Application Review", stageOf(s, "42"))
	})
}

func TestScriptEach_DealsWithEveryCandidateOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, post := bubble(t, 1)
		ctx, cancel := context.WithCancel(t.Context())
		ended := play(ctx, t, s, "each 3s advance\n")
		post("early")
		time.Sleep(2 * time.Second)
		post("late")
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, "active Phone Screen", stageOf(s, "early"))
		require.Equal(t, "active Application Review", stageOf(s, "late"))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "active Phone Screen", stageOf(s, "early"))
		require.Equal(t, "active Phone Screen", stageOf(s, "late"))
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestScriptEvery_StopsAfterItsTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, post := bubble(t, 1)
		for i := range 50 {
			post(strconv.Itoa(i))
		}
		require.NoError(t, <-play(t.Context(), t, s, "every 500ms move-random 4 times=5\n"))
		moves := 0
		for _, c := range s.Employers()[0].Candidates() {
			moves += c.Applications[0].Moves
		}
		require.Equal(t, 20, moves)
	})
}

func TestScript_SameSeedMovesTheSamePeople(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		var all []string
		synctest.Test(t, func(t *testing.T) {
			s, post := bubble(t, seed)
			for i := range 40 {
				post(strconv.Itoa(i))
			}
			require.NoError(t, <-play(t.Context(), t, s, "every 1s move_random count=10 times=6\n"))
			for i := range 40 {
				all = append(all, stageOf(s, strconv.Itoa(i)))
			}
		})
		return strings.Join(all, ",")
	}
	one := run(1)
	require.Equal(t, one, run(1))
	require.NotEqual(t, one, run(2))
}

func TestScript_FailuresAreCountedAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, post := bubble(t, 1)
		post("x")
		require.NoError(t, <-play(t.Context(), t, s, `
after 1s unreject external_id=x
after 2s set_switches employer=harbor-robotics post_status=201 read_lag=0s duplicate="same_ids"
after 2s fault kind=down probability=0.5 endpoint=jobs
after 3s clear_faults
after 4s close_job employer=harbor-robotics job="Data Scientist"
after 4s change_user employer=harbor-robotics email=basic@harbor-robotics.example.com level=job_admin disabled=true
after 5s hire external_id=x
`))
		status := s.script.Load().status()
		require.Equal(t, 7, status.Ran)
		require.Equal(t, 1, status.Failed)
		require.Contains(t, status.Failures[0], "not rejected")
		require.Equal(t, "hired Application Review", stageOf(s, "x"))
		sw := s.Employers()[0].Switches()
		require.Equal(t, []any{201, time.Duration(0), DuplicateSameIDs}, []any{sw.PostStatus, sw.ReadLag, sw.Duplicate})
		require.True(t, s.Employers()[0].Users()[1].Disabled)
		require.Equal(t, JobAdmin, s.Employers()[0].Users()[1].Level)
	})
}

func TestScript_EndsWithTheSimulator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := bubble(t, 1)
		ended := play(t.Context(), t, s, "every 1h move_random 1\n")
		synctest.Wait()
		s.Close()
		require.NoError(t, <-ended)
	})
}

func TestParseScript_ReportsEveryProblemWithItsLine(t *testing.T) {
	t.Parallel()
	_, err := ParseScript(strings.NewReader(`after 2s
soon 2s hire external_id=x
after 2 hire external_id=x
after 2s hir external_id=x
after 2s move external_id=x stag=y
after 2s move external_id=x stage="y
after 2s hire x
every 0s move_random 3
each 1s close_job job=1
after 1s hire external_id=x times=3
every 1s move_random 3 times=0
after 1s move external_id="x"stage=y
{"do":"hire"}
{"after":"1s","do":"hire","args":{"external_id":7}}
{"after":"1s","every":"1s","do":"hire"}
{"after":1,"do":"hire"}
{"after":"1s","do":"hire","arg":{}}
`))
	for line, want := range []string{
		"expected after, every or each", "a line starts with", "is not a duration", `did you mean "hire"?`, `did you mean "stage"?`,
		"a quote is not closed", `"x" has no name`, "longer than nothing", "not about a candidate", "is for every only", "whole number from 1",
		"a space is missing", "exactly one of", "$.external_id: expected a text", "exactly one of", "duration as a text", `did you mean "args"?`,
	} {
		require.ErrorContains(t, err, fmt.Sprintf("line %d: ", line+1))
		require.ErrorContains(t, err, want)
	}
	require.Len(t, strings.Split(err.Error(), "\n"), 17)
}

func TestRunScript_RefusesAnUnknownEmployerBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	s, _ := bubble(t, 1)
	defer s.Close()
	script, err := ParseScript(strings.NewReader("after 0s clear_faults\nafter 0s close_job employer=nobody job=1\n"))
	require.NoError(t, err)
	require.ErrorContains(t, s.RunScript(t.Context(), script, slog.New(slog.DiscardHandler)), "line 2: there is no employer")
	require.Nil(t, s.script.Load())
}

func TestMoveRandom_EndsWhenNobodyIsActive(t *testing.T) {
	t.Parallel()
	s, post := bubble(t, 1)
	defer s.Close()
	require.Zero(t, s.MoveRandom(10))
	for i := range 5 {
		post(strconv.Itoa(i))
	}
	e := s.Employers()[0]
	random := rand.New(rand.NewPCG(1, 1))
	moved := 0
	for n := e.MoveRandom(5, random); n > 0; n = e.MoveRandom(5, random) {
		moved += n
	}
	require.LessOrEqual(t, moved, 25)
	counts := e.Counts().Status
	require.Zero(t, counts["active"])
	require.Equal(t, 5, counts["hired"]+counts["rejected"])
}
