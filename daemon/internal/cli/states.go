package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

// helpStates is a topic of the help: what holds things up, whose turn it is then, and what to do.
func helpStates() *cobra.Command {
	return &cobra.Command{Use: "states", Short: "What holds things up, and whose turn it is", Long: statesHelp()}
}

const sentStates = `A submission is in one of these states (atssync submissions list --state STATE):

  queued           on its way: it goes out as soon as its connection can send
  held             waits for the reason beside it, and leaves by itself when that goes away
  sending          is being put into the ATS now
  submitted        is in the ATS; its status is followed
  already_applied  was in the ATS already, by its external id; its status is followed
  refused          the ATS or the data says no (platform or employer): mend it, then atssync submissions retry, or send a revision
  uncertain        was sent and the answer was lost (operator): look in the ATS, then atssync resolve
  cancelled        was given up, or its connection was removed
  expired          waited too long and was given up
`

const healthStates = `
An operation of a connection (atssync health) is in one of these:

  ok        works
  failing   failed lately; it is tried again by itself
  stopped   is not tried until a probe succeeds: the cause names whose turn it is; nothing is lost meanwhile
  canary    the probe succeeded; one submission goes alone, and opens the way for the others
  draining  the canary arrived; what waited goes out at the configured pace

Some of its causes:

  auth                   employer: the key is not accepted; atssync connections repair
  permission             employer: the ATS user lacks a permission
  config_required        employer: something has to be set up in the ATS
  uncertain              operator: an answer was lost; sending goes on by itself once a read succeeds; settle it with atssync resolve
  can_send_cannot_read   employer: the ATS user may make candidates and not see them; give it access to the job
  many_not_visible       employer: many applications vanished at once; the ATS user lost a permission
  many_jobs_not_visible  employer: many jobs vanished at once; the ATS user lost a permission
  unreadable             adapter: a part of the ATS's answers has another form than documented; the message names it, the rest works
  adapter_missing        operator: the adapter's program does not run; atssync adapters list
  stalled                operator: a pass does not move on; atssync checkpoints and the daemon's log tell more
`

func statesHelp() string {
	var b strings.Builder
	b.WriteString(sentStates + "\nA held one waits for one of these reasons (--reason REASON):\n\n")
	var r api.SubmitResult
	for _, word := range api.HeldReasons() {
		r.HeldReason = stateOf(r.HeldReason, word)
		turn, remedy := r.HeldReason.Remedy()
		fmt.Fprintf(&b, "  %-20s %s: %s\n", word, turn, remedy)
	}
	b.WriteString(healthStates)
	return b.String()
}
