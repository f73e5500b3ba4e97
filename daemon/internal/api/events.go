package api

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

const (
	maxEvents   = 1000
	maxWait     = 50  // seconds; the server's own bound on an answer is a minute
	maxLooks    = 100 // pages of nothing that is wanted, before the caller is asked to go on
	lookAgain   = 250 * time.Millisecond
	cursorStart = "e1" // tells a cursor over all connections from a sequence number and from a later form
	// cursorSealed begins the cursors of callers who see a part only: how many events there are is not theirs to know.
	cursorSealed = "e2"
)

// EventPage is events in order, and the cursor after the last one that was looked at: where to go on, always set.
type EventPage struct {
	Items []Event `json:"items"`
	Next  string  `json:"next" doc:"the after of the next page; set at the end as well"`
}

// EventQuery selects events: of one connection in the order of its sequence, or of all in the order they were written.
type EventQuery struct {
	Connection string
	Account    string
	Submission string
	ExternalID string // of a submission; needs Connection
	Job        string // the platform's id
	Types      []string
	Since      time.Time
	// After is where to go on: Next of the page before, with a Connection a sequence number. "" is the first event that is
	// still kept and "last" the end.
	After string
	Limit int           // 0: 100, at most 1,000
	Wait  time.Duration // how long to wait for the first event; at most 50 seconds
}

func (s *server) events() {
	register(s, get("/v1/events", "list-events", "Read the events of all connections, in the order they were written").by(reads), s.allEvents)
	register(s, get("/v1/connections/{connection}/events", "list-connection-events", "Read the events of one connection, by sequence").by(reads), s.connectionEvents)
}

// EventFilter is the part of the query that both feeds share.
type EventFilter struct {
	After      string   `query:"after" maxLength:"128" doc:"where to go on; empty is the first event that is still kept and last the end. What was dropped meanwhile is a problem with the code gone"`
	Limit      int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Types      []string `query:"types" doc:"only these, separated by commas"`
	Submission string   `query:"submission" doc:"only those about this submission"`
	ExternalID string   `query:"external_id" doc:"only those about the submission with this id of the platform; needs a connection"`
	Job        string   `query:"job" doc:"only those about this job of the platform"`

	Since time.Time `query:"since" doc:"only what happened at or after"`
	Wait  int       `query:"wait" minimum:"0" maximum:"50" doc:"seconds to wait for the first event"`
}

type allEventsInput struct {
	Connection string `query:"connection" doc:"only those of this connection, by id or name; the cursor then is its sequence"`
	Account    string `query:"account" doc:"only those of this account"`
	EventFilter
}

type connectionEventsInput struct {
	ConnectionPath
	EventFilter
}

func (s *server) allEvents(ctx context.Context, in *allEventsInput) (*body[EventPage], error) {
	if in.Connection != "" {
		return s.eventsOf(ctx, atssync.EventQuery{Connection: in.Connection, Account: in.Account}, in.EventFilter)
	}
	return answer(s.feed(ctx, atssync.EventQuery{Account: in.Account}, in.EventFilter))
}

func (s *server) connectionEvents(ctx context.Context, in *connectionEventsInput) (*body[EventPage], error) {
	return s.eventsOf(ctx, atssync.EventQuery{Connection: in.ID}, in.EventFilter)
}

// eventsOf reads the feed of one connection, which has to exist for the caller.
func (s *server) eventsOf(ctx context.Context, q atssync.EventQuery, f EventFilter) (*body[EventPage], error) {
	c, err := s.manage(ctx).Connection(ctx, q.Connection)
	if err != nil {
		return nil, err
	}
	q.Connection = c.ID
	return answer(s.feed(ctx, q, f))
}

// feed reads one page, and looks again for as long as the caller wants to wait and the server runs.
func (s *server) feed(ctx context.Context, q atssync.EventQuery, f EventFilter) (EventPage, error) {
	q.Subject, q.Job, q.Since, q.Limit = f.Submission, f.Job, f.Since, min(f.Limit, maxEvents)
	if f.ExternalID != "" {
		if q.Connection == "" {
			return EventPage{}, invalid("query.connection", "external ids are unique per connection: say which")
		}
		id, err := s.manage(ctx).SubmissionID(ctx, q.Connection, f.ExternalID)
		if err != nil {
			return EventPage{}, err
		}
		if q.Subject != "" && q.Subject != id {
			return EventPage{}, invalid("query.external_id", "it is another submission's than the one that is named")
		}
		q.Subject = id
	}
	for _, t := range f.Types {
		if !atssync.ValidEventType(atssync.EventType(t)) {
			return EventPage{}, invalid("query.types", t+" is no type of event")
		}
		q.Types = append(q.Types, atssync.EventType(t))
	}
	var err error
	if q.After, err = s.after(ctx, q.Connection, f.After); err != nil {
		return EventPage{}, err
	}
	patience := time.NewTimer(time.Duration(f.Wait) * time.Second)
	defer patience.Stop()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for looked := 1; ; looked++ {
		page, err := s.manage(ctx).Events(ctx, q)
		if err != nil {
			return EventPage{}, s.dropped(ctx, q.Connection, err)
		}
		out := EventPage{Items: page.Events}
		if out.Next, err = s.cursor(ctx, q.Connection, page.After); err != nil {
			return EventPage{}, err
		}
		if out.Items == nil {
			out.Items = []Event{}
		}
		further := page.After > q.After // a page of what is not wanted: the next one may hold more
		if len(out.Items) > 0 || f.Wait == 0 && (!further || looked == maxLooks) {
			return out, nil
		}
		q.After = page.After
		if f.Wait == 0 {
			continue
		}
		wait := look.C
		if further {
			wait = ready
		}
		select {
		case <-wait:
		case <-patience.C:
			return out, nil
		case <-web.Draining(ctx):
			return out, nil
		case <-ctx.Done():
			return EventPage{}, context.Cause(ctx)
		}
	}
}

// ready is a channel that is never waited for.
var ready = func() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()

// dropped tells, of a feed that has a part no more, where it goes on.
func (s *server) dropped(ctx context.Context, connection string, err error) error {
	e, ok := errors.AsType[*atssync.Error](err)
	if !ok || e.Code != atssync.CodeGone {
		return err
	}
	first, ferr := s.manage(ctx).FirstEvent(ctx, connection)
	if ferr != nil {
		return ferr
	}
	next, cerr := s.cursor(ctx, connection, first)
	if cerr != nil {
		return cerr
	}
	e = e.WithRemedy("go on with after=%s; what was told before stands in the submissions and applications as they are now", next)
	e.Fields = []atssync.FieldError{{Path: "query.after", Message: "the first event that is still there comes after " + next}}
	return e
}

// after reads a cursor. One that is ahead of every event comes from other data than the daemon's, and would wait for ever.
func (s *server) after(ctx context.Context, connection, text string) (int64, error) {
	n, err := s.place(ctx, connection, text)
	if err != nil || n == atssync.FromFirst {
		return n, err
	}
	last, err := s.manage(ctx).LastEvent(ctx, connection)
	if err != nil || n <= last {
		return n, err
	}
	end, err := s.cursor(ctx, connection, last)
	if err != nil {
		return 0, err
	}
	return 0, invalid("query.after", "it is ahead of the last event, which is "+end+": it is of another connection, or of other data than this daemon's; "+
		"begin with the first event by leaving it out, and compare with what you have by the events' ids")
}

// place reads where a cursor stands.
func (s *server) place(ctx context.Context, connection, text string) (int64, error) {
	switch text {
	case "":
		return atssync.FromFirst, nil
	case "last":
		return s.manage(ctx).LastEvent(ctx, connection)
	}
	bad := invalid("query.after", "it is not the next of a page: leave it out to begin with the first event, or say last to begin with what comes now")
	base, number := 10, text
	if connection == "" {
		if sealed, ok := strings.CutPrefix(text, cursorSealed); ok {
			n, err := s.Manage.OpenPlace(sealed)
			if err != nil {
				return 0, bad
			}
			return n, nil
		}
		var ok bool
		if number, ok = strings.CutPrefix(text, cursorStart); !ok || !callerOf(ctx).within().Whole() {
			return 0, bad
		}
		base = 36
	}
	n, err := strconv.ParseInt(number, base, 64)
	if err != nil || n < 0 {
		return 0, bad
	}
	return n, nil
}

// cursor writes a cursor: a sequence number of a connection, or a place among the events of all.
func (s *server) cursor(ctx context.Context, connection string, after int64) (string, error) {
	switch {
	case connection != "":
		return strconv.FormatInt(after, 10), nil
	case callerOf(ctx).within().Whole():
		return cursorStart + strconv.FormatInt(after, 36), nil
	}
	sealed, err := s.Manage.SealPlace(after)
	return cursorSealed + sealed, err
}

// Events reads events.
func (c *Client) Events(ctx context.Context, q EventQuery) (EventPage, error) {
	wait := min(int(q.Wait/time.Second), maxWait)
	v := query{}.set("after", q.After).set("connection", q.Connection).set("account", q.Account).set("submission", q.Submission).
		set("external_id", q.ExternalID).set("job", q.Job).set("types", strings.Join(q.Types, ",")).time("since", q.Since)
	if wait > 0 {
		v.set("wait", strconv.Itoa(wait))
	}
	return call[EventPage](ctx, c, request{path: "/v1/events", query: v.page(atssync.Paging{Limit: q.Limit})})
}
