package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Delivery says how webhooks are sent, wherever their endpoints are set up.
type Delivery struct {
	Timeout       time.Duration
	MaxInFlight   int           // requests to one endpoint at a time
	KeepDelivered time.Duration // how long the record of a delivery is kept
	AllowNetworks []string      // such as 10.0.0.0/8
	CAFile        string        // PEM
}

// Webhook is an endpoint that stands in the file and is read-only elsewhere.
type Webhook struct {
	ID, URL           string
	Secret, OldSecret Secret // whsec_…; OldSecret is empty but while the secret is exchanged
	Types             []string
	Accounts          []string
	Connections       []string
	Paused            bool
}

func (d *Delivery) keys() []key {
	return []key{
		{name: "timeout", doc: "How long an endpoint may take to answer.", value: span{&d.Timeout, time.Second, time.Minute}},
		{name: "max_in_flight", doc: "How many requests one endpoint gets at a time; of one application it is always one.", value: count{&d.MaxInFlight, 1, 500}},
		{name: "keep_delivered", doc: "How long the record of a delivery is kept; what was not delivered is kept without end.", value: span{&d.KeepDelivered, day, 3650 * day}},
		{name: "allow_networks", doc: `Networks of this house that webhooks may reach, such as ["10.20.0.0/16"]; plain http:// is for these only. Private, loopback and link-local addresses are refused otherwise.`, value: texts{&d.AllowNetworks, network}},
		{name: "ca_file", doc: "Certificates to trust beside the system's, as PEM.", value: path{&d.CAFile}},
	}
}

func (w *Webhook) keys() []key {
	return []key{
		{name: "id", doc: "Its name for ever, in small letters, digits, - and _.", sample: `"platform"`, value: text{&w.ID, identifier}},
		{name: "url", doc: "Where events are sent to.", sample: `"https://hooks.example.com/atssync"`, value: text{&w.URL, filledAddress}},
		{name: "secret", doc: "What requests are signed with: whsec_ and 24 to 64 bytes in base64.", sample: `{ credential = "webhook-secret" }`, value: reference{&w.Secret, signingSecret}},
		{name: "old_secret", doc: "The one before, while receivers change over: both sign.", sample: `{ credential = "old-webhook-secret" }`, value: reference{&w.OldSecret, signingSecret}},
		{name: "types", doc: "The types of events that are wanted; all when empty.", value: texts{&w.Types, filled}},
		{name: "accounts", doc: "Whose events are wanted; everybody's when this and connections are empty.", value: texts{&w.Accounts, filled}},
		{name: "connections", doc: "Ids of connections whose events are wanted besides.", value: texts{&w.Connections, filled}},
		{name: "paused", doc: "true sends nothing; what comes meanwhile waits.", value: toggle{&w.Paused}},
	}
}

func (c *Config) checkWebhooks(r *reader) {
	if c.Delivery.CAFile != "" {
		_, err := readSmall(c.Delivery.CAFile, maxFile)
		r.err("delivery.ca_file", err)
	}
	first := map[string]int{}
	for i, w := range c.Webhooks {
		at := index("webhooks", i)
		r.required(at, "id", w.ID)
		r.required(at, "url", w.URL)
		r.required(at, "secret", w.Secret.value)
		if j, twice := first[w.ID]; twice && w.ID != "" {
			r.problem(join(at, "id"), fmt.Sprintf("the id %s is taken by another webhook (line %d)", w.ID, r.lines.line(join(index("webhooks", j), "id"))))
		} else {
			first[w.ID] = i
		}
		if w.Secret.value != "" && w.Secret.value == w.OldSecret.value {
			r.problem(join(at, "old_secret"), "is the same as secret; leave it out")
		}
		for j, t := range w.Types {
			if r.checks.EventType != nil {
				r.err(index(join(at, "types"), j), r.checks.EventType(t))
			}
		}
	}
}

func network(s string) error {
	if _, err := netip.ParsePrefix(s); err == nil {
		return nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return nil
	}
	return errors.New(`must be a network such as "10.20.0.0/16" or "fd00::/8", or one address`)
}

func filledAddress(s string) error { return errors.Join(filled(s), webAddress(s)) }

// signingSecret judges a secret by its form alone, and never shows it.
func signingSecret(s string) error {
	body, ok := strings.CutPrefix(s, "whsec_")
	if key, err := base64.StdEncoding.DecodeString(body); ok && err == nil && len(key) >= 24 && len(key) <= 64 {
		return nil
	}
	return errors.New("what it refers to is not whsec_ and 24 to 64 bytes in base64; one is made by: echo whsec_$(openssl rand -base64 32)")
}

// texts is a list of strings.
type texts struct {
	to    *[]string
	check func(string) error
}

func (l texts) read(r *reader, at string, v any) {
	list, ok := v.([]any)
	if !ok {
		r.wrongType(at, "a list of strings", v)
		return
	}
	var out []string
	for i := range list {
		var s string
		before := len(r.problems)
		if (text{&s, l.check}).read(r, index(at, i), list[i]); len(r.problems) == before {
			out = append(out, s)
		}
	}
	*l.to = out
}

func (l texts) show() string {
	out := make([]string, len(*l.to))
	for i, s := range *l.to {
		out[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// reference is a secret that is kept elsewhere.
type reference struct {
	to    *Secret
	check func(string) error
}

func (f reference) read(r *reader, at string, v any) {
	if _, ok := v.(string); ok {
		r.problem(at, "a secret must not stand in the file; "+howToRefer)
		return
	}
	s, ok := r.credential(at, "secret", v)
	if !ok {
		return
	}
	if err := f.check(s.value); err != nil {
		r.problem(at, err.Error())
		return
	}
	*f.to = s
}

func (f reference) show() string { return "{}" }
