package simulator

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Employer is one organisation with all it holds. Its lock is its own: organisations never wait for each other.
type Employer struct {
	server *Server
	name   string
	title  string
	stages []string
	// switches are the effective ones: the server's with the employer's patch over them. patch is guarded by server.switchMu.
	switches atomic.Pointer[Switches]
	patch    SwitchPatch
	log      *requestLog
	limiter  rateLimiter

	mu           sync.RWMutex
	prospectsOff bool
	keys         []*Key
	users        map[string]*member // by folded e-mail
	userOrder    []*member
	jobs         map[int64]*Job
	jobOrder     []*Job
	pools        []*Pool
	lastJob      int64

	candidates      map[int64]*candidate
	order           []*candidate
	applications    map[int64]*application
	byExternalID    map[string][]*candidate
	byEmail         map[string][]*candidate
	lastCandidate   int64
	lastApplication int64
	doubled         int
}

func newEmployer(s *Server, index int, seed SeedEmployer) *Employer {
	e := &Employer{
		server: s, log: newRequestLog(&s.options), name: seed.Name, title: seed.Title, stages: seed.Stages, patch: seed.Switches, prospectsOff: seed.ProspectsOff,
		users: make(map[string]*member), jobs: make(map[int64]*Job),
		candidates: make(map[int64]*candidate), applications: make(map[int64]*application),
		byExternalID: make(map[string][]*candidate), byEmail: make(map[string][]*candidate),
		lastCandidate: candidateIDs + int64(index)*largeBlock, lastApplication: applicationIDs + int64(index)*largeBlock,
		lastJob: jobIDs + int64(index)*smallBlock,
	}
	for _, k := range seed.Keys {
		e.keys = append(e.keys, &k)
	}
	for _, u := range seed.Users {
		m := newMember(u)
		e.users[fold(u.Email)] = m
		e.userOrder = append(e.userOrder, m)
	}
	for _, j := range seed.Jobs {
		e.jobs[j.ID] = &j
		e.jobOrder = append(e.jobOrder, &j)
		e.lastJob = max(e.lastJob, j.ID)
	}
	for _, p := range seed.Pools {
		e.pools = append(e.pools, &p)
	}
	return e
}

// Name is the handle used in paths, flags and scripts.
func (e *Employer) Name() string { return e.name }

// Title is the name a person reads.
func (e *Employer) Title() string { return e.title }

// Users lists the users, in the order they were made.
func (e *Employer) Users() []User {
	e.mu.RLock()
	defer e.mu.RUnlock()
	users := make([]User, 0, len(e.userOrder))
	for _, m := range e.userOrder {
		users = append(users, m.view())
	}
	return users
}

// User gives the first active user of a level; tests and the demo take it as the acting user.
func (e *Employer) User(level Level) (User, bool) {
	for _, u := range e.Users() {
		if u.Level == level && !u.Disabled {
			return u, true
		}
	}
	return User{}, false
}

// AddUser makes a user; an id of 0 is given out.
func (e *Employer) AddUser(u User) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := SeedEmployer{Name: e.name, Users: []User{u}}
	for _, j := range e.jobOrder {
		one.Jobs = append(one.Jobs, *j)
	}
	if err := one.fillUsers(int64(len(e.userOrder)), "$"); err != nil {
		return err
	}
	if e.users[fold(u.Email)] != nil {
		return inputErrorf("$.email", "%s is another user's address", u.Email)
	}
	m := newMember(one.Users[0])
	if u.ID == 0 {
		for _, other := range e.userOrder {
			m.ID = max(m.ID, other.ID+1)
		}
	}
	e.users[fold(u.Email)] = m
	e.userOrder = append(e.userOrder, m)
	return nil
}

// UserChange says what to change on a user; what is nil stays.
type UserChange struct {
	NewEmail            *string `json:"new_email,omitempty"`
	Level               *Level  `json:"level,omitempty"`
	Disabled            *bool   `json:"disabled,omitempty"`
	UnattachedProspects *bool   `json:"unattached_prospects,omitempty"`
	AssignJob           *JobRef `json:"assign_job,omitempty"`
	UnassignJob         *JobRef `json:"unassign_job,omitempty"`
}

// ChangeUser changes the user with this e-mail address.
func (e *Employer) ChangeUser(email string, c UserChange) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.users[fold(email)]
	if m == nil {
		return inputErrorf("$.email", "%s has no user %q", e.name, clip(email, 80))
	}
	if c.Level != nil && !slices.Contains(levels(), *c.Level) {
		return inputErrorf("$.level", "%q is no permission level, known are %v", *c.Level, levels())
	}
	if c.NewEmail != nil && (e.users[fold(*c.NewEmail)] != nil || !strings.Contains(*c.NewEmail, "@")) {
		return inputErrorf("$.new_email", "%q is no e-mail address, or another user's", *c.NewEmail)
	}
	assign, err := e.optionalJob(c.AssignJob, "$.assign_job")
	if err != nil {
		return err
	}
	unassign, err := e.optionalJob(c.UnassignJob, "$.unassign_job")
	if err != nil {
		return err
	}
	// From here on nothing can fail.
	if assign != nil {
		m.assigned[assign.ID] = true
	}
	if unassign != nil {
		delete(m.assigned, unassign.ID)
	}
	if c.Level != nil {
		m.Level = *c.Level
	}
	if c.Disabled != nil {
		m.Disabled = *c.Disabled
	}
	if c.UnattachedProspects != nil {
		m.UnattachedProspects = *c.UnattachedProspects
	}
	if c.NewEmail != nil {
		delete(e.users, fold(m.Email))
		m.Email = *c.NewEmail
		e.users[fold(m.Email)] = m
	}
	return nil
}

// DisableUser makes calls on behalf of this user answer as the switch disabled_user says.
func (e *Employer) DisableUser(email string) error {
	yes := true
	return e.ChangeUser(email, UserChange{Disabled: &yes})
}

// EnableUser takes that back.
func (e *Employer) EnableUser(email string) error {
	no := false
	return e.ChangeUser(email, UserChange{Disabled: &no})
}

// EnableProspects says whether the organisation has prospects enabled.
func (e *Employer) EnableProspects(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prospectsOff = !on
}

// Switches are those in effect for this organisation.
func (e *Employer) Switches() Switches { return *e.switches.Load() }

// rateLimiter counts requests in fixed windows.
type rateLimiter struct {
	mu    sync.Mutex
	start time.Time
	used  int
}

// take says whether one more request fits, and how long until the window ends when it does not.
func (l *rateLimiter) take(limit int, window time.Duration, now time.Time) (bool, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.start) >= window {
		l.start, l.used = now, 0
	}
	if l.used >= limit {
		return false, l.start.Add(window).Sub(now)
	}
	l.used++
	return true, 0
}
