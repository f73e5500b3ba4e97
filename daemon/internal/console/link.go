package console

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	linkLife = 5 * time.Minute
	maxLinks = 100
	openPath = "/open/"
)

// links are the one-time links that were made and not used yet. Like sessions they are kept in memory, by their hash.
type links struct {
	mu   sync.Mutex
	live map[[sha256.Size]byte]link
}

type link struct {
	session
	until time.Time
}

func newLinks() *links { return &links{live: make(map[[sha256.Size]byte]link)} }

// make returns the secret of a new link, and until when it is good.
func (l *links) make(who session, now time.Time) (string, time.Time, error) {
	text, until := secret(), now.Add(linkLife)
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, one := range l.live {
		if !now.Before(one.until) {
			delete(l.live, k)
		}
	}
	if len(l.live) >= maxLinks {
		return "", time.Time{}, atssync.Errorf(atssync.CodeConflict, "%d links wait to be used already", maxLinks).WithRemedy("use one of them, or wait some minutes")
	}
	l.live[sha256.Sum256([]byte(text))] = link{who, until}
	return text, until, nil
}

// good reports whether a link could be used; it is not used up by asking.
func (l *links) good(text string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.live[sha256.Sum256([]byte(text))]
	return ok && now.Before(one.until)
}

// use returns who a link lets in, once.
func (l *links) use(text string, now time.Time) (session, bool) {
	key := sha256.Sum256([]byte(text))
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.live[key]
	delete(l.live, key)
	return one.session, ok && now.Before(one.until)
}

// NewLink makes a link that lets its first user in as the actor in ctx: with everything that the token may that the actor came
// with, or everything there is when that is nil. It returns the path, which is a secret, and until when it is good.
func (c *Console) NewLink(ctx context.Context, t *atssync.Token) (path string, until time.Time, err error) {
	actor, ok := atssync.ActorOf(ctx)
	if !ok {
		return "", time.Time{}, atssync.Errorf(atssync.CodeForbidden, "nobody knows who asks for the link")
	}
	who := session{actor: atssync.Actor{Name: actor.Name, Via: via}, name: actor.Name}
	if t != nil {
		who.tokenID, who.name = t.ID, t.Name
	}
	text, until, err := c.links.make(who, time.Now())
	if err != nil {
		return "", time.Time{}, err
	}
	if err := c.Manage.NoteConsole(ctx, "link", "good until "+until.UTC().Format(time.RFC3339)); err != nil {
		c.links.use(text, time.Now()) // what is not in the record is not given out
		return "", time.Time{}, err
	}
	return Root + openPath + text, until.UTC(), nil
}

// via is what the audit record says of acts in the console.
const via = "console"
