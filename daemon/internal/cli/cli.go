// Package cli is the command line. It is the ops people's door: "run" starts the daemon, a few commands work without one, and all
// others are calls of the API over the daemon's unix socket, shown as tables for people and as JSON for programs. It decides
// nothing; what a command does is done by packages app and api.
//
// One file is one command. Results go to stdout, everything else (questions, progress, remarks, errors) to stderr.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/atssync/atssync/daemon/internal/api"
)

// Main runs the command line and returns the exit code of the process. The first SIGINT or SIGTERM ends the command in order, a
// second one at once.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, args, Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run runs one command line without its program's name and returns its exit code.
func Run(ctx context.Context, args []string, s Streams) int {
	c := &command{Streams: s}
	root := c.root() //nolint:contextcheck // The library hands the context to each command.
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if c.client != nil {
		c.client.Close()
	}
	return c.exit(ctx, err)
}

// Tree is every command, for those who describe them; it is not run.
func Tree() *cobra.Command {
	root := (&command{}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// command is one run of the command line.
type command struct {
	Streams
	config string // --config
	socket string // --socket
	ran    bool   // the arguments were good and the command itself began
	client *api.Client
	// guessed says why the socket that was asked may be another daemon's than is meant; "" where it was named.
	guessed string
	asking  *asker
}

// daemon returns the client of the daemon, which connects with the first call.
func (c *command) daemon() *api.Client {
	if c.client == nil {
		c.client = api.Dial(c.socketPath())
	}
	return c.client
}

// do makes a function the body of a command. An error before it begins is one of usage.
func (c *command) do(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c.ran = true
		return f(cmd, args)
	}
}

// terminal reports whether a stream is a person's terminal.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func now() time.Time { return time.Now().UTC() }
