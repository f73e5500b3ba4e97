package atssync

import "slices"

// Scope narrows what a caller sees to some accounts and connections. Empty fields narrow nothing; where both are set,
// both must hold. What lies outside of it does not exist for the caller.
type Scope struct {
	Accounts    []string `json:"accounts,omitempty"`
	Connections []string `json:"connections,omitempty"` // ids
}

// Whole reports whether nothing is outside of the scope.
func (s Scope) Whole() bool { return len(s.Accounts) == 0 && len(s.Connections) == 0 }

// Account reports whether what belongs to an account as a whole, such as its platform jobs, is inside.
func (s Scope) Account(account string) bool {
	return len(s.Accounts) == 0 || slices.Contains(s.Accounts, account)
}

// Covers reports whether a connection of an account, and what belongs to it, is inside.
func (s Scope) Covers(account, connection string) bool {
	return s.Account(account) && (len(s.Connections) == 0 || slices.Contains(s.Connections, connection))
}

// Clone returns a copy that shares nothing mutable.
func (s Scope) Clone() Scope {
	return Scope{Accounts: slices.Clone(s.Accounts), Connections: slices.Clone(s.Connections)}
}

// Shown is a refusal as a caller within the scope may see it: without what it tells of another account, or of a connection
// that lies outside.
func (s Scope) Shown(e *Error) *Error {
	switch {
	case e == nil:
	case e.Code == CodeAccountMismatch && !s.Whole():
		return Errorf(CodeNotFound, "something that the request names does not exist for this token").
			WithRemedy("name what belongs to the token's own accounts and connections")
	case e.Connection != "" && len(s.Connections) > 0 && !slices.Contains(s.Connections, e.Connection):
		return Errorf(e.Code, "another connection of the account stands in the way, which this token does not see").
			WithRemedy("ask the operator, or use a token for the account as a whole")
	}
	return e
}
