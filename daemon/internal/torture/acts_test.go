package torture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// act is one thing that happens. The more often it stands in the list, the more often it happens.
type act struct {
	name string
	do   func(*model)
}

var acts = []act{
	{"offer", (*model).offer},
	{"offer", (*model).offer},
	{"offer", (*model).offer},
	{"offer", (*model).offer},
	{"offer", (*model).offer},
	{"cancel", func(m *model) { m.actOn(atssync.ActCancel) }},
	{"hold", func(m *model) { m.actOn(atssync.ActHold) }},
	{"release", func(m *model) { m.actOn(atssync.ActRelease) }},
	{"retry", func(m *model) { m.actOn(atssync.ActRetry) }},
	{"link", (*model).linkOrUnlink},
	{"link", (*model).linkOrUnlink},
	{"pause", (*model).pauseOrResume},
	{"pause", (*model).pauseOrResume},
	{"remove", (*model).remove},
	{"reconnect", (*model).reconnect},
	{"reconnect", (*model).reconnect},
	{"weather", (*model).changeWeather},
	{"weather", (*model).changeWeather},
	{"weather", (*model).changeWeather},
	{"key", (*model).changeKey},
	{"job", (*model).changeJob},
	{"adapter", (*model).changeAdapter},
	{"kill", (*model).kill},
	{"restart", func(m *model) {
		if m.zombie == nil {
			m.stop()
			if !m.start() {
				m.restart()
			}
		}
	}},
	{"take over", (*model).takeOver},
	{"exorcise", (*model).exorcise},
	{"exorcise", (*model).exorcise},
	{"settle", (*model).settleOne},
	{"clock", (*model).setClock},
	{"clock", (*model).setClock},
	{"clock", (*model).setClock},
	{"statuses", (*model).statuses},
	{"night", func(m *model) { m.sleep(time.Hour) }},
}

// connect makes a connection, or revives it.
func (m *model) connect(name string) {
	ctx := context.Background()
	for {
		c, err := m.daemon.steps.CreateConnection(ctx, atssync.Connection{
			Name: name, Account: "acme", Adapter: "fake", ManagedBy: atssync.ManagedByAPI, ActingUser: atssync.User{ID: name},
			IdentityKeys: []string{"user of " + name}, Host: name + ".example.com",
		}, m.now())
		if !m.alive() {
			continue // the person tries again
		}
		if atssync.CodeOf(err) == atssync.CodeExists { // the first try came through
			page, err := m.daemon.steps.Connections(ctx, atssync.ConnectionQuery{Name: name})
			require.NoError(m.t, err)
			c = page.Items[0]
		} else {
			require.NoError(m.t, err, "seed %d", m.seed)
		}
		if i := m.index(c.ID); i >= 0 {
			m.conns[i] = c
		} else {
			m.conns, m.names = append(m.conns, c), append(m.names, name)
		}
		_ = m.daemon.acquire(ctx, c.ID)
		m.daemon.wake(c.ID)
		m.alive()
		for _, job := range jobs {
			if !m.linked[who(c.ID, job)] && m.dice.IntN(3) > 0 {
				m.link(c.ID, job)
			}
		}
		return
	}
}

func (m *model) link(connection, job string) {
	_, _, err := m.daemon.steps.PutJobLink(context.Background(), atssync.PutJobLink{
		Link:    atssync.JobLink{Connection: connection, PlatformJob: job, ATSJob: "ats-" + job, As: sdk.AsCandidate, ManagedBy: atssync.ManagedByAPI},
		Backlog: &atssync.Backlog{Mode: atssync.BacklogAll},
	}, m.pace, m.now())
	if m.alive() && err == nil {
		m.linked[who(connection, job)] = true
	}
}

func (m *model) linkOrUnlink() {
	c, job := m.any(), jobs[m.dice.IntN(len(jobs))]
	key := who(c.ID, job)
	if !m.linked[key] {
		m.link(c.ID, job)
		return
	}
	err := m.daemon.steps.RemoveJobLink(context.Background(), c.ID, job, 0, m.now())
	if m.alive() && err == nil {
		m.linked[key] = false
	}
}

// document is what the platform hands over.
func (m *model) document(c atssync.Connection, external, job, title string) atssync.NewSubmission {
	now := m.now()
	doc := atssync.Document{
		Connection: c.ID, ExternalID: external, Job: job,
		Person: atssync.Person{ID: external, FirstName: "Ada", LastName: "Example", Title: title},
	}
	key := box.ExternalKey(c.ID, external)
	payload, err := box.SealDocument(c.ID, key, doc)
	require.NoError(m.t, err)
	return atssync.NewSubmission{Payload: payload, Submission: atssync.Submission{
		ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, Account: c.Account, ExternalID: external, ExternalKey: key,
		AccountKey: box.AccountKey(c, external), Fingerprint: box.Fingerprint(doc), PlatformJob: job,
		ExpiresAt: now.Add(60 * 24 * time.Hour),
	}}
}

// offer hands documents over, and again when nobody answered.
func (m *model) offer() {
	c := m.any()
	var in []atssync.NewSubmission
	var titles []string
	for range 1 + m.dice.IntN(4) {
		external := fmt.Sprintf("x%d", m.dice.IntN(externals))
		titles = append(titles, []string{"engineer", "engineer", "engineer", "analyst", bad}[m.dice.IntN(5)])
		in = append(in, m.document(c, external, jobs[m.dice.IntN(len(jobs))], titles[len(titles)-1]))
	}
	for range 2 {
		for i := range in {
			o := m.offers[who(c.ID, in[i].Submission.ExternalID)]
			if o == nil {
				o = &offered{}
				m.offers[who(c.ID, in[i].Submission.ExternalID)] = o
			}
			o.titles = append(o.titles, titles[i])
		}
		out, err := m.daemon.steps.Accept(context.Background(), slices.Clone(in), m.now())
		if !m.alive() {
			continue
		}
		require.NoError(m.t, err, "seed %d", m.seed)
		for i, a := range out {
			if a.Err != nil {
				require.NotEqual(m.t, atssync.CodeInternal, atssync.CodeOf(a.Err), "seed %d: %v", m.seed, a.Err)
				continue
			}
			o := m.offers[who(c.ID, in[i].Submission.ExternalID)]
			require.True(m.t, o.id == "" || o.id == a.Submission.ID, "seed %d: %s was accepted as two submissions", m.seed, in[i].Submission.ExternalID)
			o.id = a.Submission.ID
		}
		m.daemon.wake(c.ID)
		return
	}
}

// actOn does to one submission what a person does.
func (m *model) actOn(kind atssync.ActKind) {
	o := m.offers[who(m.any().ID, fmt.Sprintf("x%d", m.dice.IntN(externals)))]
	if o == nil || o.id == "" {
		return
	}
	_, err := m.daemon.manage.Act(context.Background(), o.id, kind)
	if m.alive() {
		m.lawful(err)
	}
}

// lawful demands that an error is an answer and not a fault.
func (m *model) lawful(err error) {
	if err == nil {
		return
	}
	code := atssync.CodeOf(err)
	require.NotEqual(m.t, atssync.CodeInternal, code, "seed %d: %v", m.seed, err)
}

func (m *model) setState(id string, to atssync.ConnectionState) {
	_, err := m.daemon.steps.UpdateConnection(context.Background(), id, 0, func(c *atssync.Connection) error {
		c.State = to
		return nil
	}, m.now())
	if m.alive() {
		m.lawful(err)
		m.daemon.wake(id)
	}
}

func (m *model) pauseOrResume() {
	c, err := m.daemon.steps.Connection(context.Background(), m.any().ID)
	if err != nil || c.State == atssync.ConnectionRemoved {
		return
	}
	to := atssync.ConnectionPaused
	if c.State == atssync.ConnectionPaused {
		to = atssync.ConnectionActive
	}
	m.setState(c.ID, to)
}

func (m *model) remove() {
	_, err := m.daemon.steps.RemoveConnection(context.Background(), m.any().ID, 0, m.now())
	if m.alive() {
		m.lawful(err)
	}
}

// reconnect connects what was removed, and hands everything over again that was ever handed over.
func (m *model) reconnect() {
	for i, c := range m.conns {
		now, err := m.daemon.steps.Connection(context.Background(), c.ID)
		if err != nil || now.State != atssync.ConnectionRemoved {
			continue
		}
		for _, job := range jobs { // links go with their connection
			_, err := m.daemon.steps.JobLink(context.Background(), c.ID, job)
			m.linked[who(c.ID, job)] = err == nil
		}
		m.connect(m.names[i])
		return
	}
}

// storms are what the ATS may be like for a while.
var storms = []weather{
	{},
	{},
	{lost: 100, refused: 100, throttled: 100, slow: 100},
	{lost: 1000},
	{hung: 1000},
	{refused: 1000},
	{throttled: 1000},
	{lost: 300, hung: 100},
	{slow: 500, lost: 100},
}

func (m *model) changeWeather() {
	w := storms[m.dice.IntN(len(storms))]
	m.ats.set(func() { m.ats.weather = w })
	m.trace("weather %+v", w)
}

// changeKey has the ATS refuse a connection's credential or its user, or take it again.
func (m *model) changeKey() {
	c := m.any().ID
	wrongs := []error{
		nil, nil, &sdk.Error{Kind: sdk.KindAuth, Status: 401, Turn: sdk.TurnEmployer, Message: "the key is refused"},
		&sdk.Error{Kind: sdk.KindPermission, Status: 403, Turn: sdk.TurnEmployer, Message: "the user may not"},
	}
	e := wrongs[m.dice.IntN(len(wrongs))]
	m.ats.set(func() { m.ats.key[c] = e })
}

// changeJob has one job of a connection refuse what comes, or take it again.
func (m *model) changeJob() {
	if m.jumps {
		return // jobs are freed by reading, which has no clock of its own
	}
	key := who(m.any().ID, "ats-"+jobs[m.dice.IntN(len(jobs))])
	wrongs := []error{
		nil, &sdk.Error{Kind: sdk.KindNotFound, Subject: sdk.SubjectJob, Status: 404, Turn: sdk.TurnEmployer, Message: "no such job"},
		&sdk.Error{Kind: sdk.KindJobClosed, Subject: sdk.SubjectJob, Status: 403, Turn: sdk.TurnEmployer, Message: "the job is closed"},
	}
	e := wrongs[m.dice.IntN(len(wrongs))]
	m.ats.set(func() { m.ats.closed[key] = e })
}

// changeAdapter takes the adapter's program away, or puts it back.
func (m *model) changeAdapter() {
	m.daemon.mu.Lock()
	defer m.daemon.mu.Unlock()
	if m.daemon.gone == "" {
		m.daemon.gone = "its file is gone"
	} else {
		m.daemon.gone = ""
	}
}

// kill is a crash at a moment and at no step.
func (m *model) kill() {
	m.arm(nil, 0)
	m.trace("killed at a moment")
	m.daemon.engine.dead.Store(true)
	m.restart()
}

// statuses reads statuses and job lists, after the ATS moved somebody on.
func (m *model) statuses() {
	if m.jumps {
		return
	}
	stage := []string{"phone", "onsite", "offer"}[m.dice.IntN(3)]
	m.ats.set(func() {
		for key, p := range m.ats.people {
			if strings.HasSuffix(key, fmt.Sprint(m.seed%externals)) {
				p.stage = stage
			}
		}
	})
	_, _ = m.daemon.collect.StatusPass(context.Background(), 0)
	for _, id := range m.daemon.Held() {
		_ = m.daemon.collect.RefreshJobs(context.Background(), id)
	}
	m.alive()
}

// settleOne has a person settle an uncertain submission by looking into the ATS. With a daemon that still sends under a
// lease that it lost, looking proves nothing.
func (m *model) settleOne() {
	m.exorcise()
	m.sleep(2 * time.Minute) // what was on the wire has arrived
	c := m.any().ID
	page, err := m.daemon.steps.Submissions(context.Background(), atssync.SubmissionQuery{Connection: c, State: atssync.StateUncertain})
	if err != nil || len(page.Items) == 0 {
		return
	}
	m.settle(page.Items[m.dice.IntN(len(page.Items))])
}

// settle settles one as the ATS shows it.
func (m *model) settle(s atssync.Submission) {
	var p *person
	m.ats.set(func() { p = m.ats.people[who(s.Connection, s.ExternalID)] })
	req := manage.ResolveRequest{ID: s.ID, Action: atssync.ResolvedSendAgain, Attempt: s.Attempt}
	switch {
	case p != nil:
		req.Action, req.ProfileURL = atssync.ResolvedSubmitted, p.page()
	case m.dice.IntN(3) == 0:
		req.Action = atssync.ResolvedGiveUp
	}
	m.trace("settle %s %s", who(s.Connection, s.ExternalID), req.Action)
	_, err := m.daemon.manage.Resolve(context.Background(), req)
	if m.alive() {
		m.lawful(err)
	}
}
