package manage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// AdapterStatus is how an adapter's process is.
type AdapterStatus struct {
	Name     string    `json:"name"`
	Path     string    `json:"path,omitempty"`
	State    string    `json:"state"` // starting running backoff deactivated missing disabled
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Restarts int       `json:"restarts,omitempty"`
	Error    string    `json:"error,omitempty"`
	// Stderr is the last lines the process wrote.
	Stderr []string `json:"stderr,omitempty"`
}

// Adapter is an adapter with what it says of itself; Manifest is nil when it never ran.
type Adapter struct {
	AdapterStatus
	Manifest *Manifest `json:"manifest,omitempty"`
	// Problems are what the configuration says of the adapter and the adapter does not know.
	Problems []string `json:"problems,omitempty"`
}

// Manifest is what people and programs need of an adapter's manifest.
type Manifest struct {
	Label            string      `json:"label"`
	Version          string      `json:"version"`
	ContractMin      int         `json:"contract_min"`
	ContractMax      int         `json:"contract_max"`
	Powers           []sdk.Power `json:"powers"`
	Fields           []Field     `json:"fields"`
	Steps            []string    `json:"steps,omitempty"`
	Find             sdk.Find    `json:"find"`
	Dedupe           sdk.Dedupe  `json:"dedupe"`
	Deletes          sdk.Deletes `json:"deletes"`
	Prospects        bool        `json:"prospects"`
	JobsListOnlyOpen bool        `json:"jobs_list_only_open"`
	MissingCauses    []string    `json:"missing_causes,omitempty"`
	ReadPermission   string      `json:"read_permission,omitempty"`
	ProfileURL       string      `json:"profile_url,omitempty"`
}

// Field is one value that a connection needs.
type Field struct {
	Name       string  `json:"name"`
	Label      string  `json:"label"`
	Secret     bool    `json:"secret"`
	Required   bool    `json:"required"`
	Default    string  `json:"default,omitempty"`
	Help       string  `json:"help,omitempty"`
	Where      string  `json:"where,omitempty"`
	Who        sdk.Who `json:"who"`
	ActingUser bool    `json:"acting_user,omitempty"`
	// Given says that the operator's configuration has a value.
	Given bool `json:"given,omitempty"`
}

// Adapters lists the adapters with what they say of themselves.
func (s *Service) Adapters(_ context.Context) ([]Adapter, error) {
	list := s.o.Adapters.List()
	out := make([]Adapter, 0, len(list))
	for _, st := range list {
		out = append(out, s.adapter(st))
	}
	return out, nil
}

// Adapter returns one adapter; CodeNotFound when there is none of that name.
func (s *Service) Adapter(_ context.Context, name string) (Adapter, error) {
	for _, st := range s.o.Adapters.List() {
		if st.Name == name {
			return s.adapter(st), nil
		}
	}
	return Adapter{}, s.noAdapter(name)
}

func (s *Service) adapter(st AdapterStatus) Adapter {
	a := Adapter{AdapterStatus: st}
	m, err := s.o.Adapters.Manifest(st.Name)
	if err != nil {
		return a // the status says why there is none
	}
	v := Manifest{
		Label: m.Label, Version: m.Version, ContractMin: m.ContractMin, ContractMax: m.ContractMax,
		Powers: m.Powers, Steps: m.Steps, Find: m.Find, Dedupe: m.Dedupe, Deletes: m.Deletes, Prospects: m.Prospects,
		JobsListOnlyOpen: m.JobsListOnlyOpen, MissingCauses: m.MissingCauses, ReadPermission: m.ReadPermission, ProfileURL: m.ProfileURL,
	}
	for _, f := range m.Fields {
		_, given := s.policy.Load().Settings[st.Name][f.Name]
		v.Fields = append(v.Fields, Field{
			Name: f.Name, Label: f.Label, Secret: f.Secret, Required: f.Required, Default: f.Default, Help: f.Help,
			Where: f.Where, Who: f.Who, ActingUser: f.ActingUser, Given: given,
		})
	}
	a.Manifest = &v
	for _, name := range slices.Sorted(maps.Keys(s.policy.Load().Settings[st.Name])) {
		if !slices.ContainsFunc(m.Fields, func(f sdk.Field) bool { return f.Name == name }) {
			a.Problems = append(a.Problems, "[adapters."+st.Name+".settings] gives "+name+", which the adapter does not have; it has "+fieldNames(m, true))
		}
	}
	return a
}

func (s *Service) noAdapter(name string) *atssync.Error {
	var names []string
	for _, st := range s.o.Adapters.List() {
		names = append(names, st.Name)
	}
	known := "none is installed"
	if len(names) > 0 {
		known = "there are: " + strings.Join(names, ", ")
	}
	return atssync.Errorf(atssync.CodeNotFound, "there is no adapter %q", name).
		WithRemedy("%s; see: atssync adapters list", known)
}

// manifest returns an adapter's manifest, or says why there is none.
func (s *Service) manifest(name string) (sdk.Manifest, error) {
	m, err := s.o.Adapters.Manifest(name)
	if err == nil {
		return m, nil
	}
	if !slices.ContainsFunc(s.o.Adapters.List(), func(st AdapterStatus) bool { return st.Name == name }) {
		return m, s.noAdapter(name)
	}
	return m, s.adapterError(name, err)
}

// call reserves a call of a power for a stored connection, makes it, and puts what failed into words.
func call[T any](ctx context.Context, s *Service, c atssync.Connection, p sdk.Power, f func(sdk.Client, sdk.Connection) (T, error)) (T, error) {
	var none T
	if c.State == atssync.ConnectionRemoved {
		return none, removed(c)
	}
	m, err := s.manifest(c.Adapter)
	if err != nil {
		return none, err
	}
	if p != "" && !m.Has(p) {
		return none, atssync.Errorf(atssync.CodeConflict, "%s has nothing for this: its adapter does not announce %s", m.Label, p)
	}
	sc, err := s.OpenConnection(c)
	if err != nil {
		return none, err
	}
	client, done, err := s.o.Adapters.Reserve(ctx, c.Adapter, sc, p)
	if err != nil {
		return none, s.adapterError(c.Adapter, err)
	}
	defer done()
	out, err := f(client, sc)
	if err != nil {
		return none, s.adapterError(c.Adapter, err)
	}
	return out, nil
}

// adapterError turns what a call failed with into what a person is told.
func (s *Service) adapterError(adapter string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("ask adapter %s: %w", adapter, err)
	}
	if errors.Is(err, sdk.ErrNotRunning) {
		return atssync.Errorf(atssync.CodeAdapter, "the adapter %s is not running", adapter).WithRemedy("see why: atssync adapters list")
	}
	e := sdk.AsError(err)
	out := &atssync.Error{Message: e.Message, Remedy: e.Remedy}
	for _, f := range e.Fields {
		out.Fields = append(out.Fields, atssync.FieldError{Path: f.Path, Message: f.Message})
	}
	switch e.Kind {
	case sdk.KindAuth, sdk.KindPermission, sdk.KindConfigRequired:
		out.Code = atssync.CodeCheckFailed
		out.Checks = []atssync.CheckResult{{ID: string(e.Kind), Cause: e.Message, WhoseTurn: e.Turn, Remedy: e.Remedy}}
	case sdk.KindNotFound:
		out.Code = atssync.CodeNotFound
	case sdk.KindInvalid:
		out.Code = atssync.CodeInvalid
	case sdk.KindUnsupported, sdk.KindJobClosed, sdk.KindDuplicate:
		out.Code = atssync.CodeConflict
	case sdk.KindInternal:
		out.Code = atssync.CodeAdapter
		out.Message = fmt.Sprintf("the adapter %s failed: %s", adapter, e.Message)
	case sdk.KindRateLimited:
		out.Code = atssync.CodeATS
		if out.Remedy == "" && e.RetryAfter > 0 {
			out.Remedy = fmt.Sprintf("try again in %s", e.RetryAfter.Round(time.Second))
		}
	default:
		out.Code = atssync.CodeATS
	}
	if out.Code == atssync.CodeATS || out.Code == atssync.CodeAdapter { // nobody asked for anything wrong: somebody else has to act
		t := atssync.TroubleOf(e)
		out.Message += turnWords(t.Turn)
		if out.Remedy == "" {
			out.Remedy = t.Remedy
		}
	}
	return out
}

// turnWords ends a sentence with whose turn it is.
func turnWords(t sdk.Turn) string {
	switch t {
	case sdk.TurnATS:
		return "; it is the turn of the ATS"
	case sdk.TurnAdapter:
		return "; it is the turn of the adapter's author"
	default:
		return "; it is the turn of the " + string(t)
	}
}
