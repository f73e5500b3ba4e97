package manage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// EraseRequest names one person: by the external id of one application, by the platform's id of the person, or by an e-mail
// address. Exactly one of the three.
type EraseRequest struct {
	ExternalID string
	Connection string // with ExternalID: id or name
	Person     string
	Email      string
	Account    string // with Person or Email: only this account's; all within the scope when empty
}

// Erasure is the receipt of an erasure. It names nobody; what it tells is where copies are left.
type Erasure struct {
	ID         string           `json:"id"`
	By         atssync.ErasedBy `json:"by" doc:"what the person was named by"`
	State      string           `json:"state" enum:"done,pending" doc:"pending while the outcome of something that was sent is not known"`
	CreatedAt  time.Time        `json:"created_at"`
	FinishedAt time.Time        `json:"finished_at,omitzero"`
	Erased     []Erased         `json:"erased" doc:"the submissions that were erased"`
	Waiting    []ErasureWaiting `json:"waiting" doc:"those whose outcome is waited for; they are erased by themselves once it is known"`
	// BackupsBefore is when the last of it was erased: a backup that is older still holds it.
	BackupsBefore time.Time `json:"backups_before,omitzero" doc:"backups made before this instant still hold what was erased: a restore erases it again where the journal of attempts tells of it, and says where it cannot know"`
	More          bool      `json:"more,omitempty" doc:"there were more submissions than one erasure takes: ask again"`
}

// Erased is one submission that was erased, and what its employer still has.
type Erased struct {
	Submission     string        `json:"submission"`
	Connection     string        `json:"connection"`
	ConnectionName string        `json:"connection_name"`
	Account        string        `json:"account"`
	Adapter        string        `json:"adapter"`
	State          atssync.State `json:"state" doc:"the state in which the ledger goes on counting it"`
	Copy           atssync.Copy  `json:"copy" enum:"held,partial,possible,none" doc:"what the employer's ATS holds"`
	CandidateID    string        `json:"candidate_id,omitempty"`
	ProfileURL     string        `json:"profile_url,omitempty" doc:"where the employer's copy is"`
	ErasedAt       time.Time     `json:"erased_at"`
	WhoseTurn      sdk.Turn      `json:"whose_turn,omitempty"`
	Remedy         string        `json:"remedy,omitempty"`
}

// ErasureWaiting is one submission whose outcome is waited for.
type ErasureWaiting struct {
	Submission string        `json:"submission"`
	Connection string        `json:"connection"`
	Account    string        `json:"account"`
	State      atssync.State `json:"state"`
	WhoseTurn  sdk.Turn      `json:"whose_turn,omitempty"`
	Remedy     string        `json:"remedy,omitempty"`
}

// Erase removes one person everywhere within the scope. What can be erased is gone when it returns; what is being sent or
// uncertain is waited for by the daemon.
func (s *Service) Erase(ctx context.Context, req EraseRequest) (Erasure, error) {
	in, err := s.erasureOf(ctx, req)
	if err != nil {
		return Erasure{}, err
	}
	now := time.Now().UTC()
	e, err := s.o.Store.CreateErasure(ctx, in, now)
	if err != nil {
		return Erasure{}, err
	}
	if _, err := s.o.Store.WorkErasure(ctx, e.ID, now); err != nil {
		return Erasure{}, err
	}
	return s.Erasure(ctx, e.ID)
}

// erasureOf turns a request into keys, so that nothing of it is written down.
func (s *Service) erasureOf(ctx context.Context, req EraseRequest) (atssync.NewErasure, error) {
	in := atssync.NewErasure{Within: s.scope}
	req.Person, req.Email = strings.TrimSpace(req.Person), strings.TrimSpace(req.Email)
	if problems := eraseProblems(req); len(problems) > 0 {
		return in, invalid("the erasure", problems)
	}
	if req.ExternalID != "" {
		c, err := s.find(ctx, req.Connection)
		in.By, in.ExternalKey = atssync.ErasedByExternalID, s.o.Documents.ExternalKey(c.ID, req.ExternalID)
		return in, err
	}
	p := atssync.Person{ID: req.Person}
	in.By = atssync.ErasedByPerson
	if req.Email != "" {
		in.By, p.Emails = atssync.ErasedByEmail, []atssync.Email{{Address: req.Email}}
	}
	accounts, err := s.accounts(ctx, req.Account)
	for _, a := range accounts {
		in.PersonKeys = append(in.PersonKeys, s.o.Documents.PersonKeys(a, p)...)
	}
	return in, err
}

func eraseProblems(req EraseRequest) []atssync.FieldError {
	var out []atssync.FieldError
	refuse := func(path, message string) { out = append(out, atssync.FieldError{Path: path, Message: message}) }
	named := 0
	for _, v := range []string{req.ExternalID, req.Person, req.Email} {
		if v != "" {
			named++
		}
	}
	if named != 1 {
		refuse("external_id", "exactly one of external_id, person and email names who is erased")
		return out
	}
	switch {
	case req.ExternalID != "" && req.Connection == "":
		refuse("connection", "is required with external_id")
	case req.ExternalID != "" && req.Account != "":
		refuse("account", "is for person and email; external_id goes with connection")
	case req.ExternalID == "" && req.Connection != "":
		refuse("connection", "is for external_id; person and email go with account")
	case req.Email != "" && !strings.Contains(req.Email, "@"):
		refuse("email", "is no e-mail address")
	}
	return out
}

// accounts lists the accounts within the scope that ever had a connection, or the one that is named.
func (s *Service) accounts(ctx context.Context, named string) ([]string, error) {
	seen := map[string]bool{}
	for _, state := range []atssync.ConnectionState{"", atssync.ConnectionRemoved} {
		q := atssync.ConnectionQuery{Account: named, State: state, Within: s.scope, Paging: atssync.Paging{Limit: 500}}
		for {
			page, err := s.o.Store.Connections(ctx, q)
			if err != nil {
				return nil, err
			}
			for _, c := range page.Items {
				seen[c.Account] = true
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
	}
	if named != "" && !seen[named] {
		return nil, noAccount(named)
	}
	out := make([]string, 0, len(seen))
	for a := range seen {
		out = append(out, a)
	}
	slices.Sort(out)
	return out, nil
}

// Erasure returns one erasure with what is left to be done elsewhere.
func (s *Service) Erasure(ctx context.Context, id string) (Erasure, error) {
	e, err := s.o.Store.Erasure(ctx, id)
	if err == nil && !e.Covered(s.scope) && !sameScope(e.Within, s.scope) {
		err = atssync.Errorf(atssync.CodeNotFound, "there is no erasure %s", id)
	}
	if err != nil {
		return Erasure{}, err
	}
	return s.shownErasure(ctx, e)
}

func sameScope(a, b atssync.Scope) bool {
	return slices.Equal(a.Accounts, b.Accounts) && slices.Equal(a.Connections, b.Connections)
}

// Erasures lists erasures, the oldest first.
func (s *Service) Erasures(ctx context.Context, pending bool, p atssync.Paging) (atssync.Page[Erasure], error) {
	page, err := s.o.Store.Erasures(ctx, atssync.ErasureQuery{Pending: pending, Within: s.scope, Paging: p})
	out := atssync.Page[Erasure]{Items: make([]Erasure, len(page.Items)), Next: page.Next}
	for i, e := range page.Items {
		if out.Items[i], err = s.shownErasure(ctx, e); err != nil {
			return atssync.Page[Erasure]{}, err
		}
	}
	return out, err
}

func (s *Service) shownErasure(ctx context.Context, e atssync.Erasure) (Erasure, error) {
	out := Erasure{
		ID: e.ID, By: e.By, State: "done", CreatedAt: e.CreatedAt, FinishedAt: e.FinishedAt, BackupsBefore: e.FinishedAt, More: e.More,
		Erased: make([]Erased, 0, len(e.Erased)), Waiting: make([]ErasureWaiting, 0, len(e.Waiting)),
	}
	if e.FinishedAt.IsZero() {
		out.State = "pending"
	}
	for _, i := range e.Erased {
		c, err := s.o.Store.Connection(ctx, i.Connection)
		if err != nil {
			return out, fmt.Errorf("read the connection of an erased submission: %w", err)
		}
		x := Erased{
			Submission: i.Submission, Connection: i.Connection, ConnectionName: c.Name, Account: i.Account, Adapter: c.Adapter,
			State: i.State, Copy: i.Copy, ErasedAt: i.ErasedAt,
		}
		if i.Receipt != nil {
			x.CandidateID, x.ProfileURL = i.Receipt.CandidateID, i.Receipt.ProfileURL
		}
		x.WhoseTurn, x.Remedy = copyRemedy(i.Copy)
		out.Erased = append(out.Erased, x)
	}
	for _, t := range e.Waiting {
		sub, err := s.o.Store.Submission(ctx, t.Submission)
		if err != nil {
			return out, err
		}
		w := ErasureWaiting{Submission: t.Submission, Connection: t.Connection, Account: t.Account, State: sub.State}
		w.WhoseTurn, w.Remedy = sub.Next()
		out.Waiting = append(out.Waiting, w)
	}
	return out, nil
}

// copyRemedy says who has to do what about a copy. It is the employer's own record: nothing of ours can delete it there.
func copyRemedy(c atssync.Copy) (sdk.Turn, string) {
	switch c {
	case atssync.CopyHeld:
		return sdk.TurnEmployer, "ask the employer to delete the candidate in the ATS, if the person wants that too"
	case atssync.CopyPartial:
		return sdk.TurnEmployer, "a part of the application is in the ATS: ask the employer to look for it and to delete it"
	case atssync.CopyPossible:
		return sdk.TurnEmployer, "nobody knows whether the application arrived: ask the employer to look for it in the ATS"
	}
	return "", ""
}
