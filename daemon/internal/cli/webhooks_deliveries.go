package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) webhooksDeliveries() *cobra.Command {
	var q api.DeliveryQuery
	var state, kind string
	cmd := c.oneWebhook("deliveries WEBHOOK [NUMBER]", "List deliveries, or show one with its attempts",
		`List the deliveries of a webhook, the newest first, or show the one of that number with its attempts: when, status, duration and the first of the answer.`,
		"  atssync webhooks deliveries platform --state dead\n  atssync webhooks deliveries platform 4711")
	cmd.Args = cobra.RangeArgs(1, 2)
	f := cmd.Flags()
	f.StringVar(&state, "state", "", "only pending, delivered or dead ones")
	f.StringVar(&kind, "type", "", "only events of this `type`")
	f.StringVar(&q.Key, "submission", "", "only those about this submission, by `id`")
	p := pagingFlags(cmd)
	completeFlag(cmd, "state", words(api.DeliveryStates()...))
	completeFlag(cmd, "type", words(api.EventTypes()...))
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if err := oneOf("state", state, api.DeliveryStates()); err != nil {
			return err
		}
		if len(args) == 2 {
			n, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil || n < 1 {
				return usagef("%s is no number of a delivery", clean(args[1], false))
			}
			d, err := c.daemon().Delivery(cmd.Context(), args[0], n)
			if err != nil {
				return err
			}
			if *p.json {
				return printJSON(c.Out, d)
			}
			return deliverySheet(d).write(c.Out)
		}
		columns := []column[api.Delivery]{
			{"NUMBER", func(d api.Delivery) string { return fmt.Sprint(d.Sequence) }},
			{"EVENT", func(d api.Delivery) string { return d.Event }},
			{"TYPE", func(d api.Delivery) string { return string(d.Type) }},
			{"ABOUT", func(d api.Delivery) string { return d.Key }},
			{"STATE", func(d api.Delivery) string { return string(d.State) }},
			{"ATTEMPTS", func(d api.Delivery) string { return count(d.Attempts) }},
			{"NEXT", func(d api.Delivery) string { return at(d.NextAt) }},
			{"LAST ERROR", lastError},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Delivery], error) {
			q := q
			q.Endpoint, q.After, q.Limit = args[0], after, limit
			q.State, q.Type = stateOf(q.State, state), stateOf(q.Type, kind)
			return c.daemon().Deliveries(cmd.Context(), q)
		})
	})
	return cmd
}

func lastError(d api.Delivery) string {
	if len(d.Log) == 0 {
		return ""
	}
	return shorten(d.Log[len(d.Log)-1].Error, 60)
}

func deliverySheet(d api.Delivery) *sheet {
	s := &sheet{}
	s.add("number", fmt.Sprint(d.Sequence))
	s.add("event", d.Event)
	s.add("type", string(d.Type))
	s.add("connection", d.Connection+", its event "+fmt.Sprint(d.EventSequence))
	s.add("in order with", d.Key)
	s.add("state", string(d.State))
	s.add("happened", at(d.EventAt))
	s.add("next attempt", at(d.NextAt))
	s.add("ended", at(d.FinishedAt))
	if d.Replays > 0 {
		s.add("replayed", some(d.Replays, "time"))
	}
	s.add("attempts", count(d.Attempts))
	for _, a := range d.Log {
		text := fmt.Sprintf("%s in %s", first(a.Error, "taken"), time.Duration(a.DurationMS)*time.Millisecond)
		if a.Status != 0 {
			text = strconv.Itoa(a.Status) + " " + text
		}
		if a.Answer != "" {
			text += "\n" + shorten(strings.TrimSpace(clean(a.Answer, false)), 300)
		}
		s.add(at(a.At), text)
	}
	return s
}

func (c *command) webhooksReplay() *cobra.Command {
	var r api.ReplayRequest
	var states []string
	var all bool
	cmd := c.oneWebhook("replay WEBHOOK", "Send deliveries again",
		`Send deliveries again: the one of an event, those of a range of numbers, or all that are in a state. Each is the message that it was, with the same
webhook-id, body and number, so that a receiver which knows it already leaves it. Records of what was delivered are kept for keep_delivered of
[delivery]; older events stand in the feed: atssync events.`,
		"  atssync webhooks replay platform --event evt_06h0mdx451zp9ercm8wtda6jv0\n  atssync webhooks replay platform --from 100 --to 250\n  atssync webhooks replay platform --state dead\n  atssync webhooks replay platform --state pending")
	f := cmd.Flags()
	f.StringVar(&r.Event, "event", "", "the delivery of this event, by `id`")
	f.Int64Var(&r.From, "from", 0, "begin with this `number`")
	f.Int64Var(&r.To, "to", 0, "end with this `number` (default the last one)")
	f.StringSliceVar(&states, "state", nil, "only those in this `state`: pending ones are due at once, delivered and dead ones are sent again")
	f.BoolVar(&all, "all", false, "everything that was delivered or given up and is still kept")
	asJSON := jsonFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("event", "from", "all")
	cmd.MarkFlagsMutuallyExclusive("event", "to", "all")
	completeFlag(cmd, "state", words(api.DeliveryStates()...))
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if r.Event == "" && r.From == 0 && r.To == 0 && len(states) == 0 && !all {
			return usagef("say which: --event, --from and --to, --state or --all")
		}
		for _, s := range states {
			if err := oneOf("state", s, api.DeliveryStates()); err != nil {
				return err
			}
			r.States = append(r.States, stateIn(r.States, s))
		}
		n, err := c.daemon().Replay(cmd.Context(), args[0], r)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, api.Replayed{Replayed: n})
		}
		fmt.Fprintf(c.Err, "Sending again: %d.\n", n)
		return nil
	})
	return cmd
}

// stateIn gives a text the type of the elements of a list, which has its name in another package.
func stateIn[T ~string](_ []T, text string) T { return T(text) }
