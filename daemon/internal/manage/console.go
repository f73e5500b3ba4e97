package manage

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// consoleObject is what the audit record says that entering the console is about.
const consoleObject = "console"

// UsableToken returns a token as it is now, for those who were let in with it before: what it may do and sees may be less
// by now, and one that was revoked or is over lets nobody in any more.
func (s *Service) UsableToken(ctx context.Context, id string) (atssync.Token, error) {
	t, err := s.o.Store.Token(ctx, id)
	if err != nil {
		return atssync.Token{}, err
	}
	return t, t.Usable(time.Now().UTC())
}

// NoteConsole writes into the audit record what somebody did to enter or leave the console: link, login or logout.
func (s *Service) NoteConsole(ctx context.Context, what, detail string) error {
	actor, ok := atssync.ActorOf(ctx)
	if !ok {
		return nil
	}
	now := time.Now().UTC()
	return s.o.Store.AppendAudit(ctx, atssync.Audit{
		ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "console." + what, Object: consoleObject, Detail: detail,
	})
}
