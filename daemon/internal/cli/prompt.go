package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// asker asks a person on the terminal.
type asker struct {
	c   *command
	in  *bufio.Reader
	out io.Writer
}

// asker returns the one asker of this command line, which may have read ahead.
func (c *command) asker() *asker {
	if c.asking == nil {
		c.asking = &asker{c: c, in: bufio.NewReader(c.In), out: c.Err}
		if f, ok := c.In.(*os.File); ok && !terminal(c.Err) && terminal(f) {
			c.asking.out = f // stderr goes elsewhere: ask where the answer comes from
		}
	}
	return c.asking
}

// possible reports whether somebody is there to answer.
func (a *asker) possible() bool { return terminal(a.c.In) }

// line asks for one line; an empty answer takes the default.
func (a *asker) line(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	fmt.Fprintf(a.out, "%s: ", clean(question, false))
	text, err := a.in.ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || text == "") {
		return "", errors.New("no answer came")
	}
	return first(strings.TrimSpace(text), otherwise), nil
}

// secret asks for one line that is not shown.
func (a *asker) secret(question string) (string, error) {
	f, ok := a.c.In.(*os.File)
	if !ok {
		return "", errors.New("a secret is only asked for on a terminal")
	}
	fmt.Fprintf(a.out, "%s (not shown): ", clean(question, false))
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.out)
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// agree asks a question whose safe answer is no.
func (a *asker) agree(question string) (bool, error) {
	text, err := a.line(question+" (yes/no)", "no")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(text) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// sure has a person agree to an act that is hard to undo. flag, when given on the command line, is the answer.
func (c *command) sure(flag bool, question string) error {
	if flag {
		return nil
	}
	a := c.asker()
	if !a.possible() {
		return usagef("%s Say so with --yes", question)
	}
	ok, err := a.agree(question)
	if err != nil {
		return err
	}
	if !ok {
		fmt.Fprintln(c.Err, "Nothing was done.")
		return &told{exitFailed}
	}
	return nil
}
