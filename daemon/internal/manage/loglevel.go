package manage

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Log is the daemon's log.
type Log interface {
	// Level returns from which level on lines are logged.
	Level() LogLevel
	// SetLevel logs from another level on, for that long or, with 0, until the daemon ends. That of the config, without an
	// end, is what would hold if nobody had asked.
	SetLevel(level string, during time.Duration) LogLevel
}

// LogLevel is from which level on lines are logged.
type LogLevel struct {
	Level      string `json:"level" enum:"debug,info,warn,error" doc:"lines of this level and of worse ones are logged"`
	Configured string `json:"configured" enum:"debug,info,warn,error" doc:"that of the config file"`
	// Until is absent for the configured level, and for one that holds until the daemon ends.
	Until time.Time `json:"until,omitzero" doc:"when the configured one holds again"`
}

// logLevels are the levels that there are.
var logLevels = []string{"debug", "info", "warn", "error"}

// MaxLogLevelFor is the longest while that another level can be asked for: longer than that is a matter of the config.
const MaxLogLevelFor = 7 * 24 * time.Hour

func (s *Service) log() (Log, error) {
	if s.o.Log == nil {
		return nil, atssync.Errorf(atssync.CodeUnavailable, "the level of this daemon's log cannot be changed")
	}
	return s.o.Log, nil
}

// LogLevel tells from which level on lines are logged.
func (s *Service) LogLevel() (LogLevel, error) {
	l, err := s.log()
	if err != nil {
		return LogLevel{}, err
	}
	return l.Level(), nil
}

// SetLogLevel logs from another level on, for a while or until the daemon ends.
func (s *Service) SetLogLevel(ctx context.Context, level string, during time.Duration) (LogLevel, error) {
	l, err := s.log()
	if err != nil {
		return LogLevel{}, err
	}
	if !slices.Contains(logLevels, level) {
		return LogLevel{}, invalid("the level", []atssync.FieldError{{Path: "level", Message: "must be one of " + strings.Join(logLevels, ", ")}})
	}
	if during < 0 || during > MaxLogLevelFor {
		return LogLevel{}, invalid("the level", []atssync.FieldError{{Path: "for_seconds", Message: "must be at most a week; for good it is [daemon] log_level in the config file"}})
	}
	set := l.SetLevel(level, during)
	if actor, ok := atssync.ActorOf(ctx); ok {
		now := time.Now().UTC()
		detail := level
		if during > 0 {
			detail += " for " + during.String()
		}
		err = s.o.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "log.level", Object: "daemon", Detail: detail,
		})
	}
	return set, err
}
