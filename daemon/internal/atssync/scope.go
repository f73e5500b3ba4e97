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
