package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// modelTests compare random steps with a model that is small enough to be seen to be right.
var modelTests = map[string]func(*world){
	"random steps end where the model says": func(w *world) {
		t, ok := w.t.(rapid.TB)
		require.True(w.t, ok)
		rapid.Check(t, func(rt *rapid.T) {
			m := newModel(newWorld(rt, w.s), rt)
			rt.Repeat(map[string]func(*rapid.T){
				"":        func(*rapid.T) { m.check() },
				"accept":  m.accept,
				"begin":   m.begin,
				"finish":  m.finish,
				"act":     m.act,
				"resolve": m.resolve,
				"crash":   func(*rapid.T) { m.crash() },
				"pause":   func(*rapid.T) { m.pauseOrResume() },
				"link":    m.linkOrUnlink,
				"expire":  func(*rapid.T) { m.expire() },
			})
		})
	},
}

// modelSub is all that the model knows of a submission.
type modelSub struct {
	id       string
	job      string
	print    string
	state    atssync.State
	reason   atssync.HeldReason
	revision int
	attempt  int
	expires  time.Time
}

type model struct {
	*world
	c      atssync.Connection
	lease  atssync.Lease
	paused bool
	linked map[string]bool
	subs   map[string]*modelSub // by external id
	owners int
}

func newModel(w *world, rt *rapid.T) *model {
	m := &model{world: w, linked: map[string]bool{}, subs: map[string]*modelSub{}}
	in := w.newConnection("acme")
	run := atssync.NewID(atssync.PrefixRun, w.now) // the store is shared by all runs, the connection is not
	in.Name, in.IdentityKeys = run, []string{run}
	var err error
	m.c, err = w.s.CreateConnection(w.ctx, in, w.now)
	require.NoError(rt, err)
	m.crash()
	return m
}

// judge is the model's own rule.
func (m *model) judge(job string) (atssync.State, atssync.HeldReason) {
	switch {
	case m.paused:
		return atssync.StateHeld, atssync.HeldConnectionPaused
	case !m.linked[job]:
		return atssync.StateHeld, atssync.HeldJobNotLinked
	}
	return atssync.StateQueued, ""
}

// each calls fn for the submissions in a state, in a fixed order.
func (m *model) each(state atssync.State, fn func(*modelSub)) {
	for _, x := range slices.Sorted(maps.Keys(m.subs)) {
		if s := m.subs[x]; s.state == state {
			fn(s)
		}
	}
}

// pick draws one of the submissions, nil when there is none.
func (m *model) pick(rt *rapid.T) *modelSub {
	if len(m.subs) == 0 {
		return nil
	}
	return m.subs[rapid.SampledFrom(slices.Sorted(maps.Keys(m.subs))).Draw(rt, "submission")]
}

func (m *model) accept(rt *rapid.T) {
	m.t = rt
	var in []atssync.NewSubmission
	for range rapid.IntRange(1, 4).Draw(rt, "batch") {
		d := m.document(m.c, fmt.Sprintf("app-%d", rapid.IntRange(0, 7).Draw(rt, "external id")),
			fmt.Sprintf("job-%d", rapid.IntRange(0, 1).Draw(rt, "job")))
		d.Submission.Fingerprint = rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "content")
		d.Submission.ExpiresAt = m.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(rt, "minutes")) * time.Minute)
		in = append(in, d)
	}
	for i, got := range m.world.accept(in...) {
		n := in[i].Submission
		s := m.subs[n.ExternalID]
		state, reason := m.judge(n.PlatformJob)
		switch {
		case s == nil:
			require.Equal(rt, atssync.AcceptedNew, got.Result)
			m.subs[n.ExternalID] = &modelSub{
				id: n.ID, job: n.PlatformJob, print: n.Fingerprint, state: state, reason: reason, revision: 1, expires: n.ExpiresAt,
			}
		case s.print == n.Fingerprint:
			require.Equal(rt, atssync.AcceptedReplay, got.Result)
		case slices.Contains([]atssync.State{atssync.StateSending, atssync.StateUncertain, atssync.StateSubmitted, atssync.StateAlreadyApplied}, s.state):
			require.Equal(rt, atssync.AcceptRefused, got.Result)
			m.code(got.Err, atssync.CodeConflict)
		default:
			require.Equal(rt, atssync.AcceptedRevision, got.Result)
			if s.state == atssync.StateHeld && s.reason == atssync.HeldOperator {
				state, reason = s.state, s.reason
			}
			s.job, s.print, s.state, s.reason, s.expires = n.PlatformJob, n.Fingerprint, state, reason, n.ExpiresAt
			s.revision++
		}
	}
}

func (m *model) begin(rt *rapid.T) {
	m.t = rt
	s := m.pick(rt)
	if s == nil {
		return
	}
	revision := s.revision - rapid.IntRange(0, 1).Draw(rt, "revisions behind")
	got, err := m.s.BeginAttempts(m.ctx, m.lease, []atssync.BeginAttempt{{Submission: s.id, Revision: revision, ATSJob: "ats"}}, m.now)
	require.NoError(rt, err)
	if s.state != atssync.StateQueued || revision != s.revision || m.paused {
		require.Empty(rt, got)
		return
	}
	require.Len(rt, got, 1)
	s.state = atssync.StateSending
	s.attempt++
	require.Equal(rt, s.attempt, got[0].Number)
}

func (m *model) finish(rt *rapid.T) {
	m.t = rt
	s := m.pick(rt)
	if s == nil {
		return
	}
	to := rapid.SampledFrom([]atssync.State{
		atssync.StateSubmitted, atssync.StateAlreadyApplied, atssync.StateRefused, atssync.StateQueued, atssync.StateHeld, atssync.StateUncertain,
	}).Draw(rt, "outcome")
	f := atssync.Finish{Submission: s.id, Attempt: s.attempt, To: to}
	evidence := false
	switch to {
	case atssync.StateHeld:
		f.HeldReason = atssync.HeldQuota
	case atssync.StateSubmitted, atssync.StateAlreadyApplied:
		f.Receipt = &atssync.Receipt{CandidateID: "c", ApplicationID: "a " + s.id}
		app := atssync.NewApplication(m.sub(s.id), *f.Receipt, "", m.now)
		f.Application, evidence = &app, s.state == atssync.StateUncertain
	case atssync.StateQueued:
		f.NextAt = m.now
	}
	err := m.s.FinishAttempts(m.ctx, m.lease, []atssync.Finish{f}, nil, m.now)
	if s.attempt == 0 || s.state != atssync.StateSending && !evidence {
		require.ErrorIs(rt, err, atssync.ErrFenced)
		return
	}
	require.NoError(rt, err)
	s.state, s.reason = to, f.HeldReason
}

func (m *model) act(rt *rapid.T) {
	m.t = rt
	s := m.pick(rt)
	if s == nil {
		return
	}
	kind := rapid.SampledFrom([]atssync.ActKind{atssync.ActHold, atssync.ActRelease, atssync.ActRetry, atssync.ActCancel}).Draw(rt, "act")
	_, err := m.s.Act(m.ctx, s.id, kind, m.now)
	allowed := false
	switch kind {
	case atssync.ActHold:
		if allowed = s.state == atssync.StateQueued; allowed {
			s.state, s.reason = atssync.StateHeld, atssync.HeldOperator
		}
	case atssync.ActRelease:
		if allowed = s.state == atssync.StateHeld; allowed {
			s.state, s.reason = m.judge(s.job)
		}
	case atssync.ActRetry:
		if allowed = s.state == atssync.StateQueued || s.state == atssync.StateRefused; s.state == atssync.StateRefused {
			s.state, s.reason = m.judge(s.job)
		}
	case atssync.ActCancel:
		if allowed = s.state == atssync.StateQueued || s.state == atssync.StateHeld; allowed {
			s.state, s.reason = atssync.StateCancelled, ""
		}
	}
	if allowed {
		require.NoError(rt, err)
	} else {
		m.code(err, atssync.CodeConflict)
	}
}

func (m *model) resolve(rt *rapid.T) {
	m.t = rt
	s := m.pick(rt)
	if s == nil {
		return
	}
	how := rapid.SampledFrom([]atssync.Resolution{atssync.ResolvedSubmitted, atssync.ResolvedSendAgain, atssync.ResolvedGiveUp}).Draw(rt, "how")
	r := atssync.Receipt{ApplicationID: "a " + s.id}
	_, err := m.s.Resolve(m.ctx, s.id, atssync.SettleUncertain{Resolution: how, By: "person", Receipt: &r}, m.now)
	if s.state != atssync.StateUncertain {
		m.code(err, atssync.CodeConflict)
		return
	}
	require.NoError(rt, err)
	s.state = map[atssync.Resolution]atssync.State{
		atssync.ResolvedSubmitted: atssync.StateSubmitted, atssync.ResolvedSendAgain: atssync.StateQueued, atssync.ResolvedGiveUp: atssync.StateCancelled,
	}[how]
}

// crash lets the owner die and another one take over; a step of the dead one is fenced.
func (m *model) crash() {
	m.pass(2 * time.Hour)
	old := m.lease
	m.owners++
	m.lease = m.world.lease(m.c, fmt.Sprintf("daemon-%d of %s", m.owners, m.c.ID))
	m.each(atssync.StateSending, func(s *modelSub) { s.state = atssync.StateUncertain })
	_, err := m.s.UpdateLane(m.ctx, old, func(*atssync.Lane) []atssync.EventDraft { return nil }, m.now)
	require.True(m.t, errors.Is(err, atssync.ErrFenced), "%v", err)
}

func (m *model) pauseOrResume() {
	if m.paused = !m.paused; m.paused {
		m.pause(m.c)
		m.each(atssync.StateQueued, func(s *modelSub) { s.state, s.reason = atssync.StateHeld, atssync.HeldConnectionPaused })
	} else {
		m.setState(m.c, atssync.ConnectionActive)
		m.each(atssync.StateHeld, func(s *modelSub) {
			if s.reason == atssync.HeldConnectionPaused {
				s.state, s.reason = m.judge(s.job)
			}
		})
	}
	m.work(m.c)
}

func (m *model) linkOrUnlink(rt *rapid.T) {
	m.t = rt
	job := fmt.Sprintf("job-%d", rapid.IntRange(0, 1).Draw(rt, "job"))
	if m.linked[job] = !m.linked[job]; m.linked[job] {
		m.linkAnswered(m.c, job, atssync.BacklogAll)
		m.each(atssync.StateHeld, func(s *modelSub) {
			if s.job == job && s.reason == atssync.HeldJobNotLinked {
				s.state, s.reason = m.judge(job)
			}
		})
	} else {
		require.NoError(rt, m.s.RemoveJobLink(m.ctx, m.c.ID, job, 0, m.now))
		m.each(atssync.StateQueued, func(s *modelSub) {
			if s.job == job {
				s.state, s.reason = m.judge(job)
			}
		})
	}
	m.work(m.c)
}

func (m *model) expire() {
	m.pass(30 * time.Minute)
	for n := 1; n > 0; {
		var err error
		n, err = m.s.Expire(m.ctx, 3, m.now)
		require.NoError(m.t, err)
	}
	for _, s := range m.subs {
		if (s.state == atssync.StateQueued || s.state == atssync.StateHeld) && !s.expires.After(m.now) {
			s.state, s.reason = atssync.StateExpired, ""
		}
	}
}

// check holds the store to the model: every record, every list, the ledger and the numbers of events.
func (m *model) check() {
	want := map[atssync.State]int64{}
	for x, s := range m.subs {
		want[s.state]++
		got := m.sub(s.id)
		require.Equal(m.t, s.state, got.State, x)
		require.Equal(m.t, s.reason, got.HeldReason, x)
		require.Equal(m.t, s.revision, got.Revision, x)
		require.Equal(m.t, s.attempt, got.Attempt, x)
	}
	require.Equal(m.t, want, m.balanced(m.c))
	for _, state := range atssync.States() {
		p, err := m.s.Submissions(m.ctx, atssync.SubmissionQuery{Connection: m.c.ID, State: state})
		require.NoError(m.t, err)
		require.Len(m.t, p.Items, int(want[state]), state)
	}
	oldest, err := m.s.OldestWaiting(m.ctx, m.c.ID)
	require.NoError(m.t, err)
	for state := range oldest {
		require.NotZero(m.t, want[state], state)
	}
	m.events(m.c)
}
