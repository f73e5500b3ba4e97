package retry

import (
	"net/http"
	"slices"
	"time"
)

// The actions that follow a failed delivery, beside Again.
const (
	// Dead gives a delivery up: the ladder ended. A person can have it sent again.
	Dead Action = "dead"
	// Disable says that the endpoint wants no more. What was not delivered waits.
	Disable Action = "disable"
)

// webhookLadder is how long is waited after each failed attempt of a delivery. Its end is more than eight days after the
// first attempt, whatever the jitter.
var webhookLadder = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
	24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	24 * time.Hour,
}

// webhookProbes is how long an endpoint that takes nothing is left alone before each probe; the last step is repeated.
var webhookProbes = []time.Duration{
	15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
}

// maxRetryAfter bounds what an endpoint may ask for, so that a wrong header does not stop a delivery for good.
const maxRetryAfter = 24 * time.Hour

// WebhookLadder returns the waits between the attempts of a delivery: one attempt more than there are waits.
func WebhookLadder() []time.Duration { return slices.Clone(webhookLadder) }

// WebhookFailure is what is known of a failed attempt. Everything but a 2xx is one.
type WebhookFailure struct {
	Status     int           // 0: there was no answer
	RetryAfter time.Duration // what the answer asked for; 0 for nothing
	// Key spreads the jitter: equal keys give equal delays.
	Key string
	// Failures counts those before on the ladder.
	Failures int
}

// Webhook decides what follows a failed attempt of a delivery: Again at a time, Dead, or Disable. It waits as long as the
// endpoint asks, and never less than the ladder says.
func Webhook(f WebhookFailure, now time.Time) Decision {
	if f.Status == http.StatusGone {
		return Decision{Action: Disable, At: now}
	}
	if f.Failures >= len(webhookLadder) {
		return Decision{Action: Dead}
	}
	d := spread(webhookLadder[max(f.Failures, 0)], f.Key, f.Failures)
	if asked := min(f.RetryAfter, maxRetryAfter); asked > d {
		d = asked + jitter(f.Key, f.Failures, asked/20)
	}
	return Decision{Action: Again, At: now.Add(d), Counted: true}
}

// WebhookProbe is how long an endpoint is left alone after that many failed probes.
func WebhookProbe(key string, failed int) time.Duration {
	return spread(webhookProbes[min(max(failed, 0), len(webhookProbes)-1)], key, failed)
}

// spread returns d, up to a tenth shorter or longer.
func spread(d time.Duration, key string, n int) time.Duration {
	return d - d/10 + jitter(key, n, d/5)
}
