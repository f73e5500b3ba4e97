package manage

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// WebhookHealth is one thing that is wrong with a webhook, whose turn it is and what to do.
type WebhookHealth struct {
	Webhook   string                `json:"webhook"`
	URL       string                `json:"url"`
	State     atssync.EndpointState `json:"state" enum:"active,paused,disabled"`
	Cause     WebhookCause          `json:"cause" enum:"disabled,failing,late,dead_letters,paused" doc:"a stable word"`
	Message   string                `json:"message"`
	WhoseTurn sdk.Turn              `json:"whose_turn"`
	Remedy    string                `json:"remedy"`
	Since     time.Time             `json:"since,omitzero"`
	NextAt    time.Time             `json:"next_at,omitzero" doc:"when it is tried again"`
}

// WebhookCause is the closed set of what is wrong with a webhook.
type WebhookCause string

// The causes.
const (
	WebhookDisabled WebhookCause = "disabled"     // it answered 410
	WebhookFailing  WebhookCause = "failing"      // it takes nothing and is only probed
	WebhookLate     WebhookCause = "late"         // something that it wants has not been taken for lateAfter
	WebhookDead     WebhookCause = "dead_letters" // deliveries were given up
	WebhookPaused   WebhookCause = "paused"       // by a person, or because it left the configuration file
)

// lateAfter is how old an event may be that an endpoint wants and has not got. Fewer failures than open the breaker, and those
// of one submission alone, show by it long before the ladder ends.
const lateAfter = time.Hour

// WebhookHealth lists what is wrong with webhooks. A caller who sees only a part of the accounts sees none: webhooks are
// the daemon's.
func (s *Service) WebhookHealth(ctx context.Context) ([]WebhookHealth, error) {
	out := []WebhookHealth{}
	if s.o.Webhooks == nil || !s.scope.Whole() {
		return out, nil
	}
	err := each(func(p atssync.Paging) (atssync.Page[Webhook], error) {
		return s.Webhooks(ctx, atssync.EndpointQuery{Paging: p})
	}, func(w Webhook) error {
		out = append(out, w.troubles(time.Now())...)
		return nil
	})
	return out, err
}

// troubles are what is wrong with a webhook, the gravest first.
func (w Webhook) troubles(now time.Time) []WebhookHealth {
	var out []WebhookHealth
	add := func(cause WebhookCause, turn sdk.Turn, since time.Time, message, remedy string) {
		out = append(out, WebhookHealth{
			Webhook: w.ID, URL: w.URL, State: w.State, Cause: cause, Message: message, WhoseTurn: turn, Remedy: remedy, Since: since,
		})
	}
	waits := ""
	if n := w.Pending + w.Behind; n > 0 {
		waits = fmt.Sprintf("; up to %d events wait for it", n)
	}
	switch {
	case w.State == atssync.EndpointDisabled:
		add(WebhookDisabled, sdk.TurnPlatform, w.LastFailureAt, "nothing is sent: "+w.Reason+waits,
			"find out who took the receiver down; once it is back: atssync webhooks resume "+w.ID)
	case w.State == atssync.EndpointPaused:
		add(WebhookPaused, sdk.TurnOperator, time.Time{}, "nothing is sent: "+w.Reason+waits, "when it is time: atssync webhooks resume "+w.ID)
	case !w.FailingAt.IsZero():
		add(WebhookFailing, sdk.TurnPlatform, w.FailingAt, "it takes nothing: "+cmp.Or(w.LastError, "its deliveries fail")+waits,
			"mend the receiver and see with: atssync webhooks test "+w.ID)
		out[0].NextAt = w.ProbeAt
	case !w.OldestAt.IsZero() && now.Sub(w.OldestAt) >= lateAfter:
		add(WebhookLate, sdk.TurnPlatform, w.OldestAt, "something that it wants has not been taken since then: "+cmp.Or(w.LastError, "nobody knows why")+waits,
			fmt.Sprintf("see which: atssync webhooks deliveries %s --state pending", w.ID))
	}
	if w.Dead > 0 {
		add(WebhookDead, sdk.TurnPlatform, time.Time{}, fmt.Sprintf("%d of its deliveries failed for so long that they were given up", w.Dead),
			fmt.Sprintf("see why: atssync webhooks deliveries %s --state dead; once the receiver takes them: atssync webhooks replay %s --state dead", w.ID, w.ID))
	}
	return out
}
