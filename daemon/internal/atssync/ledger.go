package atssync

// Ledger accounts for every submission that a connection ever accepted. Its counters move in the commit
// that moves the submission and outlive retention and erasure.
type Ledger struct {
	Connection string          `json:"connection"`
	Accepted   int64           `json:"accepted"`
	States     map[State]int64 `json:"states"`
}

// Count moves one submission from one state to another; from is "" when it was just accepted.
func (l *Ledger) Count(from, to State) {
	if l.States == nil {
		l.States = make(map[State]int64, len(States()))
	}
	if from == "" {
		l.Accepted++
	} else {
		l.States[from]--
	}
	l.States[to]++
}

// Sum adds up the states.
func (l Ledger) Sum() int64 {
	var n int64
	for _, v := range l.States {
		n += v
	}
	return n
}

// Balanced reports whether accepted equals the sum of the states and no counter is negative.
func (l Ledger) Balanced() bool {
	for _, v := range l.States {
		if v < 0 {
			return false
		}
	}
	return l.Sum() == l.Accepted
}

// Add adds another connection's counters.
func (l *Ledger) Add(o Ledger) {
	if l.States == nil {
		l.States = make(map[State]int64, len(States()))
	}
	l.Accepted += o.Accepted
	for s, n := range o.States {
		l.States[s] += n
	}
}

// LedgerLine compares a connection's counters with a recount of its records.
type LedgerLine struct {
	Ledger
	// Counted is the recount by state, nil when none was made. Records that retention removed are not
	// in it.
	Counted map[State]int64 `json:"counted,omitempty"`
	OK      bool            `json:"ok"`
}
