package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

// Exit codes. They are stable; see exitCodes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSome        = 3
	exitNotFound    = 4
	exitConflict    = 5
	exitUnreachable = 6
	exitRefused     = 7
	exitCheck       = 8
	exitLater       = 9
	exitInterrupted = 130
)

func exitCodes() *cobra.Command {
	return &cobra.Command{
		Use: "exit-codes", Short: "What the exit codes mean",
		Long: `The exit codes of every command:

    0  it is done
    1  it failed
    2  the command line is wrong; nothing was done
    3  some of several items were refused; the others are done
    4  there is no such thing, or no more
    5  it is not in a state that allows this, or it changed meanwhile
    6  no daemon answers on the socket
    7  the daemon refused it: the input is wrong, or it may not be done
    8  the ATS does not accept the connection; of webhooks test, the receiver did not take the event
    9  an ATS, an adapter or the daemon cannot do it now; try again later
  130  it was interrupted

For monitoring: atssync doctor ends with 0 when all is well or there are only warnings, with 1 when there is trouble, and with --strict
also when there is a warning. What it could not look at does not count.`,
	}
}

// byCode maps the API's codes to exit codes; what is not in it is exitFailed.
func byCode(code api.Code) int {
	switch code {
	case "not_found", "gone":
		return exitNotFound
	case "conflict", "already_exists", "changed_meanwhile":
		return exitConflict
	case "invalid", "account_mismatch", "forbidden", "unauthenticated":
		return exitRefused
	case "check_failed":
		return exitCheck
	case "adapter_unavailable", "ats_unavailable", "no_space", "unavailable", "too_many_requests":
		return exitLater
	}
	return exitFailed
}

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// someRefused says that some of several items were refused; they were told already.
type someRefused struct{ refused, all int }

func (e *someRefused) Error() string {
	return fmt.Sprintf("%d of %d were refused", e.refused, e.all)
}

// errTold says that the trouble was shown as the command's result.
var errTold = errors.New("it was told already")

// told ends a command with an exit code after its result told why.
type told struct{ code int }

func (e *told) Error() string { return errTold.Error() }
func (e *told) Unwrap() error { return errTold }

// exit tells a person what went wrong and returns the exit code.
func (c *command) exit(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	if t, ok := errors.AsType[*told](err); ok {
		return t.code
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(c.Err, "atssync: interrupted")
		return exitInterrupted
	}
	tell(c.Err, err)
	if _, ok := errors.AsType[*usageError](err); ok || !c.ran {
		return exitUsage
	}
	if _, ok := errors.AsType[*someRefused](err); ok {
		return exitSome
	}
	if errors.Is(err, api.ErrUnreachable) {
		if c.guessed != "" {
			fmt.Fprintf(c.Err, "atssync: %s\n", clean(c.guessed, true))
		}
		return exitUnreachable
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		return byCode(e.Code)
	}
	return exitFailed
}

// tell writes an error as a sentence, then what was refused or found, then what to do.
func tell(w io.Writer, err error) {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		fmt.Fprintf(w, "atssync: %s\n", clean(err.Error(), true))
		return
	}
	text := e.Message
	if before, _, ok := strings.Cut(err.Error(), e.Error()); ok {
		text = before + text // what was being done stands in front
	}
	fmt.Fprintf(w, "atssync: %s\n", clean(text, false))
	for _, f := range e.Fields {
		if f.Path == "" {
			fmt.Fprintf(w, "  %s\n", clean(f.Message, false))
			continue
		}
		fmt.Fprintf(w, "  %s: %s\n", clean(f.Path, false), clean(f.Message, false))
	}
	said := tellFindings(w, e)
	if e.Remedy != "" && !said {
		fmt.Fprintf(w, "  what to do: %s\n", clean(e.Remedy, false))
	}
}

// tellFindings shows what a refused check found, and reports whether the remedy was among it. What the message says already is not said
// again.
func tellFindings(w io.Writer, e *api.Error) bool {
	said := false
	checks := slices.Clone(e.Checks)
	for i, r := range checks {
		if r.OK || r.Warning {
			continue
		}
		said = said || e.Remedy != "" && r.Remedy == e.Remedy
		if r.Cause != "" && strings.HasSuffix(e.Message, r.Cause) {
			checks[i].Cause = ""
		}
	}
	tellChecks(w, checks)
	return said
}

// tellChecks shows what a check found: first what is well, then each trouble with whose turn it is.
func tellChecks(w io.Writer, checks []api.CheckResult) {
	for _, r := range checks {
		label := r.Label
		if label == "" {
			label = r.ID
		}
		switch {
		case r.OK:
			fmt.Fprintf(w, "  ok       %s\n", clean(label, false))
			continue
		case r.Warning:
			fmt.Fprintf(w, "  warning  %s: %s\n", clean(label, false), clean(r.Cause, false))
		default:
			text := label
			if r.Cause != "" {
				text += ": " + r.Cause
			}
			fmt.Fprintf(w, "  failed   %s\n", clean(text, false))
		}
		if r.WhoseTurn != "" {
			fmt.Fprintf(w, "           whose turn: %s\n", r.WhoseTurn)
		}
		if r.Remedy != "" {
			fmt.Fprintf(w, "           what to do: %s\n", clean(r.Remedy, false))
		}
	}
}
