package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// ConsoleLink lets the first who opens it into the console.
type ConsoleLink struct {
	URL       string    `json:"url" doc:"a secret until it was used: whoever opens it first is let in"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Consoles makes links to the console, with everything that a token may, or everything there is where that is nil. The actor is
// in ctx.
type Consoles func(ctx context.Context, t *atssync.Token) (ConsoleLink, error)

func (s *server) console() {
	register(s, post("/v1/console/links", "create-console-link", "Make a link that lets one person into the console, once").
		answers(http.StatusCreated).by(adminsAll), s.createConsoleLink)
}

// consoleLinkAnswer must not be kept by anything between.
type consoleLinkAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         ConsoleLink
}

func (s *server) createConsoleLink(ctx context.Context, _ *struct{}) (*consoleLinkAnswer, error) {
	if s.Console == nil {
		return nil, atssync.Errorf(atssync.CodeConflict, "this daemon serves no console").
			WithRemedy("set listen of [http] in its configuration, and leave [console] enabled as it is")
	}
	link, err := s.Console(ctx, callerOf(ctx).Token)
	if err != nil {
		return nil, err
	}
	return &consoleLinkAnswer{"no-store", link}, nil
}

// ConsoleLink makes a link that lets one person into the console, once.
func (c *Client) ConsoleLink(ctx context.Context) (ConsoleLink, error) {
	return call[ConsoleLink](ctx, c, request{method: http.MethodPost, path: "/v1/console/links"})
}
