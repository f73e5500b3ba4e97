package collect

import (
	"fmt"
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	// fewUnreadable never are so many that the whole answer is at fault.
	fewUnreadable = 3
	// toldUnreadable is how many of a pass are named.
	toldUnreadable = 5
)

// unreadable is an application that the ATS shows in a form that the adapter cannot read.
type unreadable struct {
	app  atssync.Application
	what string // the place in the answer
}

func (u unreadable) String() string {
	return fmt.Sprintf("%s (candidate %s, application %s): %s", u.app.ID, u.app.CandidateID, u.app.ApplicationID, u.what)
}

// unreadableOf finds those of a look-up.
func unreadableOf(asked []atssync.Application, readings found) (out []unreadable) {
	for i := range asked {
		if what := asked[i].Unreadable(readings.of(&asked[i])); what != "" {
			out = append(out, unreadable{asked[i], what})
		}
	}
	return out
}

// tooMany reports whether so much of an answer cannot be read that it is the answer that changed: of more than half.
func tooMany(broken []unreadable, asked int) bool {
	return len(broken) >= fewUnreadable && 2*len(broken) > asked
}

// named lists the first of them.
func named(broken []unreadable) string {
	var out []string
	for _, u := range broken[:min(len(broken), toldUnreadable)] {
		out = append(out, u.String())
	}
	if more := len(broken) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, "; ")
}

func changedAnswer(broken []unreadable, asked int) error {
	return &sdk.Error{
		Kind: sdk.KindRemoteChanged, Turn: sdk.TurnAdapter, Remedy: atssync.RemedyUnreadable,
		Message: fmt.Sprintf("%d of %d applications cannot be read, because the ATS shows them in another form than documented: %s", len(broken), asked, named(broken)),
	}
}

// noteUnreadable keeps those of one look-up for the end of the pass, and logs the first ones by their ids.
func (w *Worker) noteUnreadable(v *visit, p *statusPass, broken []unreadable) {
	for _, u := range broken {
		if len(p.unreadable) < toldUnreadable {
			w.o.Log.Warn("an application cannot be read", "connection", v.c.ID, "submission", u.app.ID, "candidate", u.app.CandidateID,
				"application", u.app.ApplicationID, "what", u.what)
		}
		p.unreadable = append(p.unreadable, u)
	}
}

func unreadableTrouble(p *statusPass) *atssync.Trouble {
	return &atssync.Trouble{
		Kind: sdk.KindRemoteChanged, Turn: sdk.TurnAdapter, Remedy: atssync.RemedyUnreadable,
		Message: fmt.Sprintf("%d of %d applications cannot be read, because the ATS shows them in another form than documented, and keep their status; the others are read: %s",
			len(p.unreadable), p.asked, named(p.unreadable)),
	}
}
