package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// stops is a stack of named steps that undo what was started, the last one first.
type stops struct {
	log   *slog.Logger
	steps []stop
}

type stop struct {
	name string
	f    func(ctx context.Context) error
}

// add puts a step on the stack, on the line after what it undoes.
func (s *stops) add(name string, f func(ctx context.Context) error) {
	s.steps = append(s.steps, stop{name, f})
}

// addFunc is add for a step that cannot fail.
func (s *stops) addFunc(name string, f func(ctx context.Context)) {
	s.add(name, func(ctx context.Context) error { f(ctx); return nil })
}

// run takes the steps off the stack, goes on after a failing one, and joins the errors.
func (s *stops) run(ctx context.Context) error {
	var errs []error
	for _, st := range slices.Backward(s.steps) {
		s.log.Debug("stop", "part", st.name)
		if err := st.f(ctx); err != nil {
			s.log.Error("stop a part", "part", st.name, "err", err)
			errs = append(errs, fmt.Errorf("stop %s: %w", st.name, err))
		}
	}
	s.steps = nil
	return errors.Join(errs...)
}
