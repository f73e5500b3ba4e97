package app

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/atssync/atssync/config"
)

// newLogger returns the daemon's logger: text for a person at a terminal, JSON for everything else.
func newLogger(w io.Writer, c config.Daemon, level *slog.LevelVar) *slog.Logger {
	if w == nil {
		w = os.Stderr
	}
	_ = level.UnmarshalText([]byte(c.LogLevel)) // the config knows only valid levels
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" || c.LogFormat == "auto" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
