package simulator

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Action is something a recruiter or an administrator does. The control API and scripts share the list.
type Action struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Args are the names of its arguments.
	Args []string `json:"args"`

	args reflect.Type
	// bare is the argument that a script may give without its name.
	bare string
	// common actions need no organisation; employer is nil when none is named.
	common bool
	run    func(s *Server, e *Employer, args json.RawMessage) (any, error)
}

// targeted says whether the action is about one candidate, which then tells the organisation too.
func (a Action) targeted() bool {
	_, ok := jsonFields(a.args)["external_id"]
	return ok
}

// act describes an action by the Go type of its arguments, which is also how they are decoded: strictly.
func act[A any](name, about string, run func(*Employer, A) (any, error)) Action {
	return common(name, about, func(_ *Server, e *Employer, args A) (any, error) { return run(e, args) }).ofEmployer()
}

func common[A any](name, about string, run func(*Server, *Employer, A) (any, error)) Action {
	t := reflect.TypeFor[A]()
	a := Action{Name: name, About: about, args: t, common: true}
	if t.Kind() == reflect.Struct {
		a.Args = sortedKeys(jsonFields(t))
	}
	a.run = func(s *Server, e *Employer, raw json.RawMessage) (any, error) {
		var args A
		if len(raw) == 0 {
			raw = json.RawMessage("{}")
		}
		if err := decodeStrict(raw, &args); err != nil {
			return nil, err
		}
		return run(s, e, args)
	}
	return a
}

func (a Action) ofEmployer() Action { a.common = false; return a }

func (a Action) withBare(field string) Action { a.bare = field; return a }

// just adapts a method that takes a target and nothing else.
func just(do func(*Employer, Target) error) func(*Employer, Target) (any, error) {
	return func(e *Employer, t Target) (any, error) { return nil, do(e, t) }
}

type (
	moveArgs struct {
		Target
		Stage string `json:"stage"`
	}
	rejectArgs struct {
		Target
		Reason string `json:"reason,omitempty"`
	}
	statusArgs struct {
		Target
		Status string `json:"status"`
	}
	sourceArgs struct {
		Target
		Source string `json:"source"`
	}
	mergeArgs struct {
		Target
		IntoCandidateID int64  `json:"into_candidate_id,omitempty"`
		IntoExternalID  string `json:"into_external_id,omitempty"`
	}
	convertArgs struct {
		Target
		Job JobRef `json:"job"`
	}
	jobArgs struct {
		Job JobRef `json:"job"`
	}
	jobChange struct {
		Job          JobRef  `json:"job"`
		Name         *string `json:"name,omitempty"`
		Live         *bool   `json:"live,omitempty"`
		Confidential *bool   `json:"confidential,omitempty"`
	}
	userArgs struct {
		Email string `json:"email"`
	}
	userChangeArgs struct {
		Email string `json:"email"`
		UserChange
	}
	keyArgs struct {
		Key string `json:"key,omitempty"`
	}
	tokenArgs struct {
		Email  string   `json:"email"`
		Scopes []string `json:"scopes,omitempty"`
	}
	prospectsArgs struct {
		Enabled bool `json:"enabled"`
	}
	countArgs struct {
		Count int `json:"count"`
	}
)

// Actions lists everything that can be done, in reading order.
func Actions() []Action {
	return append(candidateActions(), officeActions()...)
}

func candidateActions() []Action {
	return []Action{
		act("move", "puts an active application into a stage", func(e *Employer, a moveArgs) (any, error) {
			return nil, e.Move(a.Target, a.Stage)
		}),
		act("advance", "puts an active application into the next stage", just((*Employer).Advance)),
		act("reject", "rejects an active application", func(e *Employer, a rejectArgs) (any, error) {
			return nil, e.Reject(a.Target, a.Reason)
		}),
		act("unreject", "takes a rejection back", just((*Employer).Unreject)),
		act("hire", "hires an active candidate", just((*Employer).Hire)),
		act("unhire", "takes a hire back", just((*Employer).Unhire)),
		act("set_status", "gives an application any status word, documented or not", func(e *Employer, a statusArgs) (any, error) {
			return nil, e.SetStatus(a.Target, a.Status)
		}),
		act("delete", "deletes the profile", just((*Employer).Delete)),
		act("change_source", "gives the profile another source", func(e *Employer, a sourceArgs) (any, error) {
			return nil, e.ChangeSource(a.Target, a.Source)
		}),
		act("merge", "merges the profile into another, or into a new one", func(e *Employer, a mergeArgs) (any, error) {
			id, err := e.Merge(a.Target, Target{CandidateID: a.IntoCandidateID, ExternalID: a.IntoExternalID})
			return map[string]int64{"candidate_id": id}, err
		}),
		act("convert", "makes a prospect a candidate, on its job or on a named one", func(e *Employer, a convertArgs) (any, error) {
			id, err := e.Convert(a.Target, a.Job)
			return map[string]int64{"application_id": id}, err
		}),
		act("apply", "gives the profile one more application, on a named job", func(e *Employer, a convertArgs) (any, error) {
			id, err := e.Apply(a.Target, a.Job)
			return map[string]int64{"application_id": id}, err
		}),
		act("remove", "takes an application away and leaves the profile", just((*Employer).Remove)),
		common("move_random", "moves that many candidates one step each", func(s *Server, e *Employer, a countArgs) (any, error) {
			if a.Count <= 0 || a.Count > 1_000_000 {
				return nil, inputErrorf("$.count", "must lie between 1 and 1000000, got %d", a.Count)
			}
			if e == nil {
				return map[string]int{"moved": s.MoveRandom(a.Count)}, nil
			}
			s.randomMu.Lock()
			defer s.randomMu.Unlock()
			return map[string]int{"moved": e.MoveRandom(a.Count, s.random)}, nil
		}).withBare("count"),
	}
}

func officeActions() []Action {
	return []Action{
		act("add_job", "makes a job", func(e *Employer, j Job) (any, error) { return e.AddJob(j) }),
		act("close_job", "closes a job", func(e *Employer, a jobArgs) (any, error) { return nil, e.CloseJob(a.Job) }),
		act("open_job", "opens a closed job", func(e *Employer, a jobArgs) (any, error) { return nil, e.OpenJob(a.Job) }),
		act("change_job", "renames a job, or changes whether it is live or confidential", changeJob),
		act("add_user", "makes a user", func(e *Employer, u User) (any, error) { return nil, e.AddUser(u) }),
		act("disable_user", "disables a user", func(e *Employer, a userArgs) (any, error) { return nil, e.DisableUser(a.Email) }),
		act("enable_user", "enables a user again", func(e *Employer, a userArgs) (any, error) { return nil, e.EnableUser(a.Email) }),
		act("change_user", "changes address, level, permissions or jobs of a user", func(e *Employer, a userChangeArgs) (any, error) {
			return nil, e.ChangeUser(a.Email, a.UserChange)
		}),
		act("add_key", "makes an API key", func(e *Employer, k Key) (any, error) { return nil, e.AddKey(k) }),
		act("revoke_key", "revokes one API key, or all", func(e *Employer, a keyArgs) (any, error) { return nil, e.RevokeKey(a.Key) }),
		act("restore_key", "takes the revocation of one API key, or of all, back", func(e *Employer, a keyArgs) (any, error) {
			return nil, e.RestoreKey(a.Key)
		}),
		act("issue_token", "makes an OAuth token", func(e *Employer, a tokenArgs) (any, error) { return e.IssueToken(a.Email, a.Scopes...) }),
		act("revoke_tokens", "revokes the OAuth tokens of a user, or of all users", func(e *Employer, a struct {
			Email string `json:"email,omitempty"`
		},
		) (any, error) {
			return map[string]int{"revoked": e.RevokeTokens(a.Email)}, nil
		}),
		act("set_prospects", "enables prospects, or disables them", func(e *Employer, a prospectsArgs) (any, error) {
			e.EnableProspects(a.Enabled)
			return nil, nil
		}),
		common("set_switches", "sets switches, for the organisation or for all", func(s *Server, e *Employer, p SwitchPatch) (any, error) {
			if e == nil {
				return nil, s.SetSwitches("", p)
			}
			return nil, s.SetSwitches(e.name, p)
		}),
		common("fault", "sets a fault, for the organisation or for all", func(s *Server, e *Employer, f Fault) (any, error) {
			if e != nil {
				f.Employer = e.name
			}
			id, err := s.AddFault(f)
			return map[string]string{"id": id}, err
		}),
		common("clear_faults", "takes all faults away", func(s *Server, _ *Employer, _ struct{}) (any, error) {
			s.ClearFaults()
			return nil, nil
		}),
	}
}

func changeJob(e *Employer, a jobChange) (any, error) {
	if a.Name != nil && strings.TrimSpace(*a.Name) == "" {
		return nil, inputErrorf("$.name", "a job needs a name")
	}
	return nil, e.changeJob(a.Job, func(j *Job) {
		if a.Name != nil {
			j.Name = *a.Name
		}
		if a.Live != nil {
			j.Live = *a.Live
		}
		if a.Confidential != nil {
			j.Confidential = *a.Confidential
		}
	})
}

func findAction(name string) (Action, bool) {
	for _, a := range Actions() {
		if a.Name == strings.ReplaceAll(name, "-", "_") {
			return a, true
		}
	}
	return Action{}, false
}

func actionNames() []string {
	var names []string
	for _, a := range Actions() {
		names = append(names, a.Name)
	}
	return names
}

// Do runs an action by name. Employer may be left out for common actions and for those about one candidate, who is then looked
// for everywhere. Args is a JSON object; what the action gives back, if anything, is returned.
func (s *Server) Do(action, employer string, args json.RawMessage) (any, error) {
	a, ok := findAction(action)
	if !ok {
		return nil, inputErrorf("$.do", "unknown action %q%s", clip(action, 40), suggestion(action, actionNames()))
	}
	var e *Employer
	switch {
	case employer != "":
		if e = s.Employer(employer); e == nil {
			return nil, inputErrorf("$.employer", "there is no employer %q%s", clip(employer, 80), suggestion(employer, s.names()))
		}
	case a.targeted():
		found, err := s.employerOfTarget(args)
		if err != nil {
			return nil, err
		}
		e = found
	case !a.common:
		all := s.Employers()
		if len(all) > 1 {
			return nil, inputErrorf("$.employer", "name the employer in the path, /control/employers/{employer}/{action}; known are %s", strings.Join(s.names(), ", "))
		}
		e = all[0]
	}
	return a.run(s, e, args)
}

// employerOfTarget finds the one organisation that knows the candidate.
func (s *Server) employerOfTarget(args json.RawMessage) (*Employer, error) {
	var t Target
	if err := json.Unmarshal(args, &t); err != nil {
		return nil, inputErrorf("$", "not valid JSON for a candidate: %v", err)
	}
	var found *Employer
	for _, e := range s.Employers() {
		if !e.knows(t) {
			continue
		}
		if found != nil {
			return nil, inputErrorf("$.employer", "both %s and %s know this candidate: name the employer", found.name, e.name)
		}
		found = e
	}
	if found == nil {
		return nil, noSuch("$", "no employer knows this candidate")
	}
	return found, nil
}

func (e *Employer) knows(t Target) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	switch {
	case t.ApplicationID != 0:
		return e.applications[t.ApplicationID] != nil
	case t.CandidateID != 0:
		return e.candidates[t.CandidateID] != nil
	default:
		return len(e.byExternalID[t.ExternalID]) > 0
	}
}
