package collect

import "github.com/atssync/atssync/daemon/internal/atssync"

// lookAgain is how many applications that are not due a pass asks for while reading is in a trouble whose end only they can
// show: what was not shown is asked for ever more seldom, and the trouble would outlast its cause by a day.
const lookAgain = 1000

// looksAgain reports whether a trouble of reading ends only by asking for those again that it is about.
func looksAgain(cause string) bool {
	switch cause {
	case atssync.CauseStalled, atssync.CauseMissingMany, atssync.CauseUnreadable:
		return true
	}
	return false
}

// extras are the applications that a pass asks for though they are not due. That one is shown ends a trouble; that one is not
// shown says nothing that was not known: how many are missing is counted among those that are due, or every pass would find
// another share of them missing than the one before.
type extras struct {
	ids               map[string]bool
	asked             int
	seenBefore, shown int // of those that were visible before; of all
	missing           int // of those that were visible before
}

// looksAgain takes one of the places for applications that are not due. What the ATS said to be deleted stays out.
func (p *statusPass) looksAgain(a *atssync.Application) bool {
	if p.again == 0 || a.Visibility == atssync.Deleted {
		return false
	}
	p.again--
	if p.extras.ids == nil {
		p.extras.ids = make(map[string]bool)
	}
	p.extras.ids[a.ID] = true
	return true
}

// took counts an application that was asked for, and reports whether it is one of the extras.
func (e *extras) took(a *atssync.Application, known, shown bool) bool {
	if !e.ids[a.ID] {
		return false
	}
	e.asked++
	if known {
		e.seenBefore++
	}
	switch {
	case shown:
		e.shown++
	case known:
		e.missing++
	}
	return true
}

// stillMissing reports whether a trouble that many are missing goes on, though few of those that are due are.
func (p *statusPass) stillMissing() bool {
	missing := len(p.missing) + p.extras.missing
	return missing >= manyMissing && atssync.Vanished(p.seenBefore+p.extras.seenBefore, missing)
}
