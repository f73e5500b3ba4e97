package console

import (
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// access says who may use a page or act. It is the API's rule for the same: see the column of routes in package api.
type access uint8

const (
	unruled   access = iota // there is no such route
	open                    // everybody, without a session
	known                   // everybody who is logged in
	submits                 // submit, admin
	looks                   // submit, read, admin
	reads                   // read, admin
	readsAll                // read, admin; who sees everything
	admins                  // admin
	adminsAll               // admin, who sees everything
)

func (a access) powers() []atssync.TokenPower {
	switch a {
	case submits:
		return []atssync.TokenPower{atssync.TokenSubmit, atssync.TokenAdmin}
	case looks:
		return atssync.TokenPowers()
	case reads, readsAll:
		return []atssync.TokenPower{atssync.TokenRead, atssync.TokenAdmin}
	}
	return []atssync.TokenPower{atssync.TokenAdmin}
}

func (a access) whole() bool { return a == readsAll || a == adminsAll || a == unruled }

// caller is who is logged in. Token is nil for one who came by a link that was made on the daemon's socket: whoever may use the
// socket may do everything.
type caller struct {
	actor atssync.Actor
	name  string // as pages show it
	token *atssync.Token
}

// within is what the caller sees.
func (c caller) within() atssync.Scope {
	if c.token == nil {
		return atssync.Scope{}
	}
	return c.token.Within
}

// may reports whether the caller may use what needs that access, for pages that show an act only to those who may do it.
func (c caller) may(a access) bool { return c.admit(a) == nil }

// admit is nil when the caller may use what needs that access.
func (c caller) admit(a access) error {
	if a == known || c.token == nil {
		return nil
	}
	switch {
	case !c.token.May(a.powers()...):
		return atssync.Errorf(atssync.CodeForbidden, "the token %s has the scope %s, and this needs %s", c.token.Name, listed(c.token.Powers), listed(a.powers())).
			WithRemedy("log in with another token; one is made with: atssync tokens create --scope %s", a.powers()[len(a.powers())-1])
	case a.whole() && !c.token.Within.Whole():
		return atssync.Errorf(atssync.CodeForbidden, "the token %s is limited to some accounts or connections, and this is about the daemon as a whole", c.token.Name).
			WithRemedy("log in with a token without such a limit")
	}
	return nil
}

func listed(powers []atssync.TokenPower) string {
	out := make([]string, len(powers))
	for i, p := range powers {
		out[i] = string(p)
	}
	return strings.Join(out, " or ")
}
