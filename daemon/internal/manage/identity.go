package manage

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// kindIdentity is the kind of the HMACs by which an ATS account is recognised.
const kindIdentity = "identity"

// credentialKeys are the identity keys of the secrets that an employer gave. The operator's own secrets (an OAuth
// client's) are the same for everybody and identify nobody, and without a manifest nobody knows which are which.
func (s *Service) credentialKeys(adapter string, v values) []string {
	m, err := s.o.Adapters.Manifest(adapter)
	if err != nil {
		return nil
	}
	own := values{credentials: make(map[string]sdk.Secret)}
	for _, f := range m.Fields {
		if value, ok := v.credentials[f.Name]; ok && f.Secret && f.Who != sdk.WhoOperator {
			own.credentials[f.Name] = value
		}
	}
	return s.valueKeys(adapter, own)
}

// valueKeys are the identity keys that values have if they are secrets.
func (s *Service) valueKeys(adapter string, v values) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(v.credentials)) {
		out = append(out, s.o.Keys.Index(kindIdentity, "secret\x00"+adapter+"\x00"+v.credentials[name].Reveal()))
	}
	return out
}

// userKey is the identity key of the ATS user that a check reported, "" when it reported none: then every
// connection of that host would look the same. Id and e-mail address count together: an ATS that numbers the users of each
// customer from one would otherwise have two employers look like one.
func (s *Service) userKey(adapter string, r sdk.CheckReply) string {
	id, email := r.ActingUser.ID, strings.ToLower(r.ActingUser.Email)
	if id == "" && email == "" {
		return ""
	}
	return s.o.Keys.Index(kindIdentity, strings.Join([]string{"user", adapter, strings.ToLower(r.Host), r.AccountID, id, email}, "\x00"))
}

// identify puts the identity keys of its values and of what a check reported (nil: none was made) into a connection.
func (s *Service) identify(c *atssync.Connection, v values, r *sdk.CheckReply) {
	keys := s.credentialKeys(c.Adapter, v)
	if r != nil {
		if k := s.userKey(c.Adapter, *r); k != "" {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		if !slices.Contains(c.IdentityKeys, k) {
			c.IdentityKeys = append(c.IdentityKeys, k)
		}
	}
}

// reported puts what a check reported into a connection.
func reported(c *atssync.Connection, r sdk.CheckReply) {
	c.Host, c.AccountName, c.AccountID = r.Host, r.AccountName, r.AccountID
	c.ActingUser = atssync.User{ID: r.ActingUser.ID, Name: r.ActingUser.Name, Email: r.ActingUser.Email}
	c.JobsVisible = r.JobsVisible
}

// twin finds the removed connection that connecting this one would revive: its id has to be known before the
// credentials are sealed.
func (s *Service) twin(ctx context.Context, c atssync.Connection) (*atssync.Connection, error) {
	var twin *atssync.Connection
	q := atssync.ConnectionQuery{Account: c.Account, Adapter: c.Adapter, State: atssync.ConnectionRemoved}
	err := each(func(p atssync.Paging) (atssync.Page[atssync.Connection], error) {
		q.Paging = p
		return s.o.Store.Connections(ctx, q)
	}, func(o atssync.Connection) error {
		if sharesIdentity(o, c) && (twin == nil || c.Continues(o, *twin)) {
			twin = &o
		}
		return nil
	})
	return twin, err
}

// sharesIdentity reports whether two connections are of the same ATS user or of the same key.
func sharesIdentity(a, b atssync.Connection) bool {
	return slices.ContainsFunc(a.IdentityKeys, func(k string) bool { return slices.Contains(b.IdentityKeys, k) })
}

// each calls fn for every item of a paged list.
func each[T any](list func(atssync.Paging) (atssync.Page[T], error), fn func(T) error) error {
	p := atssync.Paging{Limit: 500}
	for {
		page, err := list(p)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := fn(item); err != nil {
				return err
			}
		}
		if page.Next == "" || page.Next == p.After {
			return nil
		}
		p.After = page.Next
	}
}
