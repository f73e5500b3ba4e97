package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/api"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// named is how many connections a hint names.
const named = 5

func checkConnections(ctx context.Context, p *patient) []Finding {
	if missing := p.withoutDaemon("connections"); missing != nil {
		return missing
	}
	d := p.daemon()
	if len(d.connections) == 0 {
		return []Finding{well("connections", "there is none yet: atssync connect --help")}
	}
	out := p.operations(ctx)
	for _, c := range d.connections {
		if c.State == "paused" {
			reason := ""
			if c.PausedReason != "" && !p.o.Anonymous {
				reason = ": " + c.PausedReason
			}
			out = append(out, warning(p.name(c.ID, c.Name), "it is paused"+reason, "atssync connections resume "+c.ID))
		}
	}
	out = append(out, p.waiting(ctx)...)
	out = append(out, p.questions(ctx)...)
	out = append(out, p.unlinked(ctx)...)
	if len(out) == 0 {
		out = append(out, well("connections", "every operation of "+some(len(d.connections), "connection")+" works, and nothing waits"))
	}
	return out
}

// operations lists each operation that does not work.
func (p *patient) operations(ctx context.Context) []Finding {
	var out []Finding
	q := healthQuery()
	for l, err := range api.All("", func(after string) (api.Page[api.HealthLine], error) {
		q.After = after
		view, err := p.o.Daemon.Health(ctx, q)
		return api.Page[api.HealthLine]{Items: view.Items, Next: view.Next}, err
	}) {
		if err != nil {
			return append(out, trouble("connections", "the daemon does not tell: "+said(err), "see what it says: journalctl -u atssync"))
		}
		out = append(out, p.operation(l))
	}
	return out
}

func (p *patient) operation(l api.HealthLine) Finding {
	f := Finding{Subject: fmt.Sprintf("%s, %s", p.name(l.Connection, l.Name), l.Operation), Status: Trouble, WhoseTurn: l.WhoseTurn, Remedy: l.Remedy}
	f.Message = fmt.Sprintf("%s since %s", l.State, l.Since.UTC().Format(time.RFC3339))
	if l.Cause != "" {
		f.Message += ", " + l.Cause
	}
	if p.o.Anonymous {
		f.Remedy = ""
	} else if l.Message != "" {
		f.Message += ": " + l.Message
	}
	if l.State == "canary" || l.State == "draining" {
		f.Status = Warning
	}
	return f
}

// waiting tells how much of each connection is held or uncertain, and since when.
func (p *patient) waiting(ctx context.Context) []Finding {
	names := map[string]string{}
	for _, c := range p.daemon().connections {
		names[c.ID] = c.Name
	}
	var out []Finding
	for after := ""; ; {
		view, err := p.o.Daemon.Ledger(ctx, "", false, after, page)
		if err != nil {
			return append(out, trouble("connections", "the daemon does not tell what waits: "+said(err), "see what it says: journalctl -u atssync"))
		}
		for _, l := range view.Connections {
			if _, live := names[l.Connection]; !live {
				continue
			}
			for _, state := range []api.State{"held", "uncertain"} {
				if n := l.States[state]; n > 0 {
					f := warning(p.name(l.Connection, names[l.Connection]), fmt.Sprintf("%d %s%s", n, state, p.since(ctx, l.Connection, state)),
						fmt.Sprintf("atssync submissions list --state %s --connection %s", state, l.Connection))
					if state == "held" {
						f.WhoseTurn = "" // each reason has its own
					}
					out = append(out, f)
				}
			}
		}
		if after = view.Next; after == "" {
			return out
		}
	}
}

// questions counts the applications of each connection of which the employer is asked which one they are now.
func (p *patient) questions(ctx context.Context) []Finding {
	asked := map[string]int{}
	for a, err := range api.All("", func(after string) (api.Page[api.Application], error) {
		return p.o.Daemon.Applications(ctx, api.ApplicationQuery{Question: true, After: after, Limit: page})
	}) {
		if err != nil {
			return []Finding{trouble("connections", "the daemon does not tell what is asked of employers: "+said(err), "see what it says: journalctl -u atssync")}
		}
		asked[a.Connection]++
	}
	var out []Finding
	for _, c := range p.daemon().connections {
		if n := asked[c.ID]; n > 0 {
			f := warning(p.name(c.ID, c.Name), fmt.Sprintf("%s gone from the ATS while the candidate is not: which one is it now?", some(n, "application")),
				"the employer answers on the connect page; see: atssync applications --question --connection "+c.ID)
			f.WhoseTurn = sdk.TurnEmployer
			out = append(out, f)
		}
	}
	return out
}

// since tells when the oldest of those was accepted that are in a state.
func (p *patient) since(ctx context.Context, connection string, state api.State) string {
	q := api.SubmissionQuery{Connection: connection, State: string(state), Limit: 1}
	list, err := p.o.Daemon.Submissions(ctx, q)
	if err != nil || len(list.Items) == 0 {
		return ""
	}
	return ", the oldest accepted at " + list.Items[0].AcceptedAt.UTC().Format(time.RFC3339)
}

// unlinked names the connections that no job is linked on: nothing can be sent there.
func (p *patient) unlinked(ctx context.Context) []Finding {
	linked := map[string]bool{}
	for l, err := range api.All("", func(after string) (api.Page[api.JobLink], error) {
		var q api.LinkQuery
		q.After, q.Limit = after, page
		return p.o.Daemon.JobLinks(ctx, q)
	}) {
		if err != nil {
			return nil // what the daemon cannot tell, the others have told
		}
		linked[l.Connection] = true
	}
	var without []string
	for _, c := range p.daemon().connections {
		if !linked[c.ID] {
			without = append(without, p.name(c.ID, c.Name))
		}
	}
	if len(without) == 0 {
		return nil
	}
	list := strings.Join(without[:min(len(without), named)], ", ")
	if len(without) > named {
		list += " and others"
	}
	f := warning("job links", fmt.Sprintf("no job is connected on %s, so that nothing can be sent there: %s", some(len(without), "connection"), list), "atssync link --suggest CONNECTION, or a connect link for the employer")
	f.WhoseTurn = sdk.TurnPlatform
	return []Finding{f}
}

func checkWebhooks(ctx context.Context, p *patient) []Finding {
	if missing := p.withoutDaemon("webhooks"); missing != nil {
		return missing
	}
	view, err := p.o.Daemon.Health(ctx, healthQuery())
	if err != nil {
		return []Finding{trouble("webhooks", "the daemon does not tell: "+said(err), "see what it says: journalctl -u atssync")}
	}
	var out []Finding
	for _, w := range view.Webhooks {
		f := Finding{Subject: w.Webhook, Status: Trouble, Message: fmt.Sprintf("%s: %s", w.Cause, w.Message), WhoseTurn: w.WhoseTurn, Remedy: w.Remedy}
		if p.o.Anonymous {
			f.Message, f.Remedy = string(w.Cause), ""
		}
		if !w.Since.IsZero() {
			f.Message += ", since " + w.Since.UTC().Format(time.RFC3339)
		}
		if w.Cause == "paused" || w.Cause == "late" {
			f.Status = Warning
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		out = append(out, well("webhooks", "nothing is wrong with them"))
	}
	return out
}
