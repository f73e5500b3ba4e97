package readme_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// patience is how long a command may need until it says what is expected, on a machine that has other things to do.
const patience = time.Minute

// step is one command of the README, and what comes of it.
type step struct {
	line  string            // as the README has it
	of    string            // for flags: the command that they belong to; A | B is then run as A and as "of B"
	with  map[string]string // what the reader fills in: words of the line, and words of what was kept
	says  string            // a pattern of what it prints, or of what is found in it by keep
	exit  int               // what it ends with; judged is 0 or 1
	keep  string            // the name under which the first group of the pattern is kept for later steps
	asked [][2]string       // on a terminal: what it asks, and what is answered
	until bool              // again and again, until it ends and says so
	stays bool              // it runs on until the world ends
	ends  bool              // it runs on until it said so, and is interrupted
	first func(w *world)    // before it
	then  func(w *world, said string)

	meanwhile func(w *world, n int) // again and again, while a program runs that has not yet said so
}

// judged is the end of a command that judges the machine, too, which may have its troubles.
const judged = -1

// ended reports whether a code is the expected one.
func (s step) ended(code int) bool {
	return code == s.exit || s.exit == judged && (code == 0 || code == 1)
}

// world is a folder as the reader has it, with the programs in bin.
type world struct {
	t      *testing.T        // of the step
	whole  *testing.T        // what ends with it ends with the world
	dir    string            // where the reader is
	shell  string            // what was exported
	places map[string]string // what a machine has only one of, and what it is here
	kept   map[string]string
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// bin builds the daemon and the adapters, once.
func bin(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "readme-bin"); built.err != nil {
			return
		}
		for path, name := range map[string]string{"daemon/cmd/atssync": "atssync", "adapters/greenhouse": "adapters/greenhouse", "adapters/reference": "adapters/reference"} {
			out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, name), filepath.Join(root, path)).CombinedOutput()
			if err != nil {
				built.err = errors.New(string(out))
				return
			}
		}
	})
	require.NoError(t, built.err)
	return built.dir
}

// setup makes a folder with the programs. Nothing runs in it.
func setup(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "rdm") // short: socket paths are
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Symlink(bin(t), filepath.Join(dir, "bin")))
	w := &world{t: t, whole: t, dir: dir, kept: map[string]string{}, places: map[string]string{
		"/tmp/atssync":         filepath.Join(dir, "run"),
		"/var/backups/atssync": filepath.Join(dir, "backups"),
	}}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "backups"), 0o700))
	return w
}

// write writes a file where the reader is.
func (w *world) write(name, text string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

// here puts the places of this world into a text of the README.
func (w *world) here(text string) string {
	for from, to := range w.places {
		text = strings.ReplaceAll(text, from, to)
	}
	return text
}

// typed are the command lines that a step is here.
func (w *world) typed(s step) (lines []string) {
	lines = []string{s.line}
	if s.of != "" {
		switch {
		case strings.HasPrefix(s.line, "--"):
			lines[0] = s.of + " " + s.line
		case s.of == shown:
			lines[0] += " " + s.of
		}
		first, more, ok := strings.Cut(lines[0], " | ")
		if lines[0] = first; ok {
			for part := range strings.SplitSeq(more, " | ") {
				lines = append(lines, s.of+" "+part)
			}
		}
	}
	for i, line := range lines {
		for word, to := range s.with {
			whole := regexp.MustCompile(`(^|\s)` + regexp.QuoteMeta(word) + `(\s|$)`)
			line = whole.ReplaceAllString(line, "${1}"+w.answer(to)+"$2")
		}
		lines[i] = w.here(line)
	}
	return lines
}

// run runs the steps in their order, each as a test of its own.
func (w *world) run(steps []step) {
	whole := w.t
	defer func() { w.t = whole }()
	for _, s := range steps {
		whole.Run(s.line, func(t *testing.T) {
			w.t = t
			if s.first != nil {
				s.first(w)
			}
			for word := range s.with {
				require.Contains(t, s.of+" "+s.line, word)
			}
			for _, line := range w.typed(s) {
				said := w.one(s, line)
				if s.then != nil {
					s.then(w, said)
				}
			}
		})
	}
}

// one runs one line and returns what it said.
func (w *world) one(s step, line string) (said string) {
	w.t.Helper()
	if strings.HasPrefix(line, "export ") {
		w.shell += line + "\n"
	}
	if s.stays || s.ends {
		return w.background(s, strings.TrimSuffix(line, " &"))
	}
	says := regexp.MustCompile("(?m)" + s.says)
	err := rig.Until(w.t.Context(), patience, 100*time.Millisecond, func() (bool, error) {
		var code int
		said, code = w.once(s, line)
		if !s.until {
			require.True(w.t, s.ended(code), "%s ends with %d and says: %s", line, code, said)
			require.Regexp(w.t, says, said, line)
		}
		return s.ended(code) && says.MatchString(said), nil
	})
	require.NoError(w.t, err, "%s says: %s", line, said)
	if s.keep != "" {
		w.kept[s.keep] = says.FindStringSubmatch(said)[1]
	}
	return said
}

// command is the shell that runs a line where the reader is.
func (w *world) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", w.shell+line)
	cmd.Dir = w.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ATSSYNC_") }), "GOFLAGS=-count=1")
	return cmd
}

// once runs a line to its end. Where it leads to another folder, the reader is there.
func (w *world) once(s step, line string) (said string, code int) {
	w.t.Helper()
	place := filepath.Join(w.whole.TempDir(), "pwd")
	cmd := w.command(w.t.Context(), line+"\ncode=$?; pwd -P >"+place+"; exit $code")
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	if s.asked == nil {
		err = cmd.Run()
	} else {
		err = w.onTerminal(cmd, s.asked, &out)
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), e.ExitCode()
	}
	require.NoError(w.t, err)
	b, err := os.ReadFile(place)
	require.NoError(w.t, err)
	w.dir = strings.TrimSpace(string(b))
	return out.String(), 0
}

// background starts a program, waits until it said what is expected, and ends it with the world or at once.
func (w *world) background(s step, line string) string {
	w.t.Helper()
	var out output
	// In a session of its own, so that what it starts ends with it.
	cmd := w.command(context.WithoutCancel(w.t.Context()), "exec setsid "+line)
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := rig.Start(cmd)
	require.NoError(w.t, err)
	w.whole.Cleanup(func() {
		_ = syscall.Kill(-p.PID(), syscall.SIGTERM)
		p.Stop()
	})
	says, n := regexp.MustCompile("(?m)"+s.says), 0
	err = rig.Until(w.t.Context(), patience, 50*time.Millisecond, func() (bool, error) {
		if n++; s.meanwhile != nil && n%20 == 0 {
			s.meanwhile(w, n)
		}
		select {
		case <-p.Done():
			return false, errors.New(p.Ended())
		default:
			return says.MatchString(out.String()), nil
		}
	})
	require.NoError(w.t, err, "%s says: %s", line, &out)
	if s.ends {
		require.NoError(w.t, syscall.Kill(-p.PID(), syscall.SIGTERM))
		p.Stop()
	}
	return out.String()
}

// onTerminal runs a command with a terminal of its own, and answers what it asks.
func (w *world) onTerminal(cmd *exec.Cmd, asked [][2]string, out *output) error {
	w.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(w.t, err)
	defer func() { _ = master.Close() }()
	fd := int(master.Fd())
	require.NoError(w.t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(w.t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(w.t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(w.t, cmd.Start())
	require.NoError(w.t, terminal.Close())
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(out, master) }() // it ends with an error, when nobody has the terminal any more
	seen := 0
	for _, a := range asked {
		err := rig.Until(w.t.Context(), patience, 20*time.Millisecond, func() (bool, error) {
			i := strings.Index(out.String()[seen:], a[0])
			seen += max(i, 0)
			return i >= 0, nil
		})
		require.NoError(w.t, err, "nobody asks %q: %s", a[0], out)
		seen += len(a[0])
		_, err = master.WriteString(w.answer(a[1]) + "\n")
		require.NoError(w.t, err)
	}
	err = cmd.Wait()
	<-read
	return err
}

// answer is what was kept under that name, or the answer itself.
func (w *world) answer(text string) string {
	if kept, ok := w.kept[text]; ok {
		return kept
	}
	return text
}

// output is what a program printed so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to it.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String is all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
