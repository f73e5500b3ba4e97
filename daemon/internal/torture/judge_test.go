package torture

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// calm ends all trouble and lets everything come to its end: people resume, connect, release and settle.
func (m *model) calm() {
	m.exorcise()
	m.arm(nil, 0)
	m.alive()
	m.ats.set(func() {
		m.ats.weather = weather{}
		clear(m.ats.key)
		clear(m.ats.closed)
	})
	m.daemon.mu.Lock()
	m.daemon.gone = ""
	m.daemon.mu.Unlock()
	m.sleep(2 * time.Minute)
	ctx := context.Background()
	for i, c := range m.conns {
		now, err := m.daemon.steps.Connection(ctx, c.ID)
		require.NoError(m.t, err, "seed %d", m.seed)
		switch now.State {
		case atssync.ConnectionRemoved:
			m.connect(m.names[i])
		case atssync.ConnectionPaused:
			m.setState(c.ID, atssync.ConnectionActive)
		}
	}
	for range 4 {
		for _, c := range m.conns {
			m.help(c)
		}
		m.daemon.soon()
		m.sleep(70 * time.Minute)
		if m.over() {
			return
		}
	}
}

// help does for a connection what waits for a person.
func (m *model) help(c atssync.Connection) {
	ctx := context.Background()
	for _, job := range jobs {
		m.link(c.ID, job)
	}
	if !m.jumps {
		require.NoError(m.t, m.daemon.collect.RefreshJobs(ctx, c.ID), "seed %d", m.seed)
	}
	for _, s := range m.in(c, atssync.StateUncertain) {
		m.settle(s)
	}
	for _, s := range m.in(c, atssync.StateHeld) {
		if s.HeldReason == atssync.HeldOperator {
			_, err := m.daemon.manage.Act(ctx, s.ID, atssync.ActRelease)
			m.lawful(err)
		}
	}
	m.daemon.wake(c.ID)
}

func (m *model) in(c atssync.Connection, state atssync.State) []atssync.Submission {
	page, err := m.daemon.steps.Submissions(context.Background(), atssync.SubmissionQuery{
		Connection: c.ID, State: state, Paging: atssync.Paging{Limit: 500},
	})
	require.NoError(m.t, err, "seed %d", m.seed)
	return page.Items
}

// over says whether nothing waits any more.
func (m *model) over() bool {
	for _, c := range m.conns {
		for _, state := range atssync.States() {
			if state.Waiting() && len(m.in(c, state)) > 0 {
				return false
			}
		}
	}
	return true
}

// stormFrom is more calls about one person than a minute of limits, back-offs and people's acts accounts for.
const stormFrom = 24

// judge demands every promise of what is left.
func (m *model) judge() {
	for _, c := range m.conns {
		m.judgeLedger(c)
		arrivals := m.judgeEvents(c)
		for _, state := range atssync.States() {
			for _, s := range m.in(c, state) {
				m.judgeOne(s, arrivals[s.ID])
			}
		}
	}
	for key, o := range m.offers {
		if o.id != "" {
			s, err := m.daemon.steps.Submission(context.Background(), o.id)
			require.NoError(m.t, err, "seed %d: %s was accepted and is lost", m.seed, key)
			require.Equal(m.t, key, who(s.Connection, s.ExternalID), "seed %d", m.seed)
		}
	}
	for key, n := range m.ats.minutes {
		require.LessOrEqual(m.t, n, stormFrom, "seed %d: %s was sent again and again", m.seed, key)
	}
	for key, p := range m.ats.people {
		require.Equal(m.t, 1, p.times, "seed %d: %s stands in the ATS more than once", m.seed, key)
	}
}

func (m *model) judgeLedger(c atssync.Connection) {
	l, err := m.daemon.steps.Recount(context.Background(), c.ID)
	require.NoError(m.t, err, "seed %d", m.seed)
	require.True(m.t, l.OK && l.Balanced(), "seed %d: the ledger does not add up: %+v", m.seed, l)
}

// judgeOne compares a submission with the ATS.
func (m *model) judgeOne(s atssync.Submission, arrivals int) {
	key := who(s.Connection, s.ExternalID)
	require.False(m.t, s.State.Waiting(), "seed %d: %s is still %s at %s: %+v", m.seed, key, s.State, m.now(), s)
	p := m.ats.people[key]
	if s.State != atssync.StateSubmitted && s.State != atssync.StateAlreadyApplied {
		require.Zero(m.t, arrivals, "seed %d: %s is told as arrived and is %s", m.seed, key, s.State)
		require.True(m.t, p == nil || len(s.Continuation) > 0 || s.PossibleDuplicate, "seed %d: %s is %s and stands in the ATS: %+v", m.seed, key, s.State, s)
		if s.State == atssync.StateExpired {
			require.True(m.t, m.jumps && m.late.After(s.ExpiresAt), "seed %d: %s expired before its time: %+v", m.seed, key, s)
		}
		return
	}
	require.NotNil(m.t, p, "seed %d: %s is %s and does not stand in the ATS", m.seed, key, s.State)
	require.Equal(m.t, 1, arrivals, "seed %d: the arrival of %s is told %d times", m.seed, key, arrivals)
	require.Equal(m.t, p.id, s.Receipt.CandidateID, "seed %d: %s has another's receipt", m.seed, key)
	payload, err := m.daemon.steps.Payload(context.Background(), s.ID)
	require.NoError(m.t, err, "seed %d", m.seed)
	doc, err := box.OpenDocument(s, payload)
	require.NoError(m.t, err, "seed %d", m.seed)
	// With two steps a revision goes on with the person that an earlier one made, and "already applied" says that the ATS
	// kept what it had.
	if !m.ats.twoSteps && s.State == atssync.StateSubmitted {
		require.Equal(m.t, p.title, doc.Person.Title, "seed %d: %s stands in the ATS with another content", m.seed, key)
	}
	_, err = m.daemon.steps.Application(context.Background(), s.ID)
	require.NoError(m.t, err, "seed %d: %s is not followed", m.seed, key)
}

// judgeEvents demands events without gaps, with the content that was read before, and no more uncertain ones than
// crashes and lost answers account for. It returns how often the arrival of each submission was told.
func (m *model) judgeEvents(c atssync.Connection) map[string]int {
	ctx := context.Background()
	arrivals := make(map[string]int)
	uncertain := 0
	last, err := m.daemon.steps.LastEvent(ctx, c.ID)
	require.NoError(m.t, err, "seed %d", m.seed)
	want := int64(0)
	for after := int64(0); want < last; {
		got, next, err := m.daemon.steps.Events(ctx, atssync.EventQuery{Connection: c.ID, After: after, Limit: 1000})
		require.NoError(m.t, err, "seed %d", m.seed)
		require.NotEmpty(m.t, got, "seed %d: events end at %d of %d", m.seed, want, last)
		for _, e := range got {
			want++
			require.Equal(m.t, want, e.Sequence, "seed %d: the numbers of events of %s have a gap", m.seed, c.ID)
			m.remember(e)
			switch e.Type {
			case atssync.EventSubmitted, atssync.EventAlreadyApplied:
				arrivals[e.Subject]++
			case atssync.EventUncertain:
				uncertain++
			}
		}
		after = next
	}
	atOnce := 1
	if m.ats.manifest.Find == sdk.FindExternalID {
		atOnce = max(1, m.ats.manifest.InFlight[sdk.PowerSubmit]) * max(1, m.ats.manifest.Batch.Submit)
	}
	require.LessOrEqual(m.t, uncertain, m.takings*atOnce+m.ats.doubts[c.ID],
		"seed %d: more is uncertain on %s than %d crashes and %d lost answers account for", m.seed, c.ID, m.takings, m.ats.doubts[c.ID])
	return arrivals
}
