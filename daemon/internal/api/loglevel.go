package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/manage"
)

// LogLevel is from which level on the daemon logs.
type LogLevel = manage.LogLevel

// LogLevelRequest asks for another level.
type LogLevelRequest struct {
	Level      string `json:"level" enum:"debug,info,warn,error" doc:"lines of this level and of worse ones are logged"`
	ForSeconds int64  `json:"for_seconds,omitempty" minimum:"0" maximum:"604800" doc:"for how long; until the daemon ends when left out"`
}

func (s *server) logLevels() {
	register(s, get("/v1/log-level", "read-log-level", "Read from which level on the daemon logs").by(adminsAll), s.readLogLevel)
	register(s, put("/v1/log-level", "set-log-level", "Log from another level on, for a while or until the daemon ends").by(adminsAll), s.setLogLevel)
}

func (s *server) readLogLevel(ctx context.Context, _ *struct{}) (*body[LogLevel], error) {
	return answer(s.manage(ctx).LogLevel())
}

func (s *server) setLogLevel(ctx context.Context, in *struct{ Body LogLevelRequest }) (*body[LogLevel], error) {
	return answer(s.manage(ctx).SetLogLevel(ctx, in.Body.Level, time.Duration(in.Body.ForSeconds)*time.Second))
}

// LogLevel tells from which level on the daemon logs.
func (c *Client) LogLevel(ctx context.Context) (LogLevel, error) {
	return call[LogLevel](ctx, c, request{path: "/v1/log-level"})
}

// SetLogLevel has the daemon log from another level on, for that long or, with 0, until it ends.
func (c *Client) SetLogLevel(ctx context.Context, level string, during time.Duration) (LogLevel, error) {
	return call[LogLevel](ctx, c, request{
		method: http.MethodPut, path: "/v1/log-level", json: LogLevelRequest{Level: level, ForSeconds: int64(during / time.Second)},
	})
}
