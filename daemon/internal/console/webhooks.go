package console

import (
	"fmt"
	"strconv"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

type webhooksView struct {
	Rows  []manage.Webhook
	Pager page.Pager
}

func (c *Console) webhooks(v *visit) error {
	list, err := v.m.Webhooks(v.ctx(), atssync.EndpointQuery{Paging: atssync.Paging{After: v.r.URL.Query().Get("after"), Limit: 50}})
	if err != nil {
		return err
	}
	return v.show("webhooks", page.View{
		Title: "Webhooks", Lead: "Where events are sent to, and what each endpoint has not got yet.", Data: webhooksView{list.Items, v.pager(list.Next, "")},
	})
}

// webhookView is one endpoint with its deliveries.
type webhookView struct {
	manage.Webhook
	Troubles   []manage.WebhookHealth
	Deliveries []atssync.Delivery
	States     []page.Choice
	Pager      page.Pager
	Admin      bool
	File       bool
	Test       *atssync.DeliveryAttempt // what a test just answered
}

func (c *Console) webhook(v *visit) error { return v.webhookWith(nil) }

func (v *visit) webhookWith(test *atssync.DeliveryAttempt) error {
	one, err := v.m.Webhook(v.ctx(), v.r.PathValue("webhook"))
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	state := atssync.DeliveryState(q.Get("state"))
	list, err := v.m.Deliveries(v.ctx(), atssync.DeliveryQuery{Endpoint: one.ID, State: state, Paging: atssync.Paging{After: q.Get("after"), Limit: 50}})
	if err != nil {
		return err
	}
	out := webhookView{
		Webhook: one, Deliveries: list.Items, States: choices(atssync.DeliveryStates(), state, words), Pager: v.pager(list.Next, "The newest first."),
		Admin: v.who.may(adminsAll), File: one.ManagedBy == atssync.ManagedByFile, Test: test,
	}
	all, err := v.m.WebhookHealth(v.ctx())
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.Webhook == one.ID {
			out.Troubles = append(out.Troubles, h)
		}
	}
	return v.show("webhook", page.View{Title: "Webhook " + one.ID, Lead: one.URL, Trail: v.trail("Webhooks", "/webhooks"), Data: out})
}

// webhookAct pauses, resumes, tests or replays.
func (c *Console) webhookAct(v *visit) error {
	id, form := v.r.PathValue("webhook"), v.r.PostForm
	act := form.Get("act")
	switch act {
	case "test":
		a, err := v.m.TestWebhook(v.ctx(), id)
		if err != nil {
			return err
		}
		return v.webhookWith(&a)
	case "replay":
		req, err := replayOf(form.Get("event"), form.Get("state"))
		if err != nil {
			return err
		}
		if _, err := v.m.Replay(v.ctx(), id, req); err != nil {
			return err
		}
		return v.back("/webhooks/"+id, "replaying")
	case "pause", "resume":
		version, err := v.version()
		if err != nil {
			return err
		}
		if act == "resume" {
			_, err = v.m.ResumeWebhook(v.ctx(), id, version)
		} else {
			_, err = v.m.PauseWebhook(v.ctx(), id, form.Get("reason"), version)
		}
		if err != nil {
			return err
		}
		return v.back("/webhooks/"+id, act+"d")
	}
	return atssync.Errorf(atssync.CodeInvalid, "there is no act %q", act)
}

// replayOf is the delivery of one event, or all that are in a state.
func replayOf(event, state string) (manage.ReplayRequest, error) {
	switch {
	case event != "":
		return manage.ReplayRequest{Event: event}, nil
	case state != "":
		return manage.ReplayRequest{States: []atssync.DeliveryState{atssync.DeliveryState(state)}}, nil
	}
	return manage.ReplayRequest{}, atssync.Errorf(atssync.CodeInvalid, "nothing is said to be sent again")
}

// deliveryView is one delivery with its attempts.
type deliveryView struct {
	atssync.Delivery
	Admin bool
}

func (c *Console) delivery(v *visit) error {
	n, err := strconv.ParseInt(v.r.PathValue("sequence"), 10, 64)
	if err != nil {
		return atssync.Errorf(atssync.CodeNotFound, "a delivery has a number")
	}
	d, err := v.m.Delivery(v.ctx(), v.r.PathValue("webhook"), n)
	if err != nil {
		return err
	}
	return v.show("delivery", page.View{
		Title: fmt.Sprintf("Delivery %s", page.Number(n)), Lead: words(d.Type) + " to " + d.Endpoint,
		Trail: append(v.trail("Webhooks", "/webhooks"), page.Link{Text: d.Endpoint, URL: v.path("/webhooks/" + d.Endpoint)}),
		Data:  deliveryView{d, v.who.may(adminsAll)},
	})
}
