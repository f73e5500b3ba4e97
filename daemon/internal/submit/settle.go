package submit

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// settleBatch bounds the look-ups of one step of a lane, so that what is queued is not kept waiting.
const settleBatch = 20

// absentAfter is how many look-ups that show nothing prove to the resend policy that nothing arrived.
const absentAfter = 4

// settling is how a connection's uncertain submissions are settled without a person.
type settling struct{ finds, resends, dedupes bool }

func (w *Worker) settling(r *round) settling {
	policy := r.c.OnUncertain
	if policy == "" {
		policy = w.policy.Load().OnUncertain
	}
	s := settling{
		finds:   r.manifest.Has(sdk.PowerFind) && r.manifest.Find != sdk.FindNone && r.manifest.Find != "",
		dedupes: r.manifest.Dedupe == sdk.DedupeExternalID,
	}
	s.resends = policy == atssync.OnUncertainResend && (s.finds || s.dedupes)
	return s
}

// settle looks for the lane's uncertain submissions where the adapter can, and applies the resend policy.
// It returns when to look again. What the ATS shows under our external id settles; what it shows for the
// person and the job is only noted.
func (w *Worker) settle(ctx context.Context, r *round) (time.Time, error) {
	how := w.settling(r)
	if !how.finds && !how.resends {
		return time.Time{}, nil
	}
	if at, ok := w.lookups.next(r.c.ID, r.now()); !ok {
		return at, nil
	}
	uncertain, err := w.uncertain(ctx, r.c.ID)
	if err != nil {
		return time.Time{}, err
	}
	byID := make(map[string]atssync.Submission, len(uncertain))
	for _, s := range uncertain {
		byID[s.ID] = s
	}
	for _, id := range w.lookups.due(r.c.ID, uncertain, settleBatch, r.now()) {
		asked, err := w.settleOne(ctx, r, how, byID[id])
		if err != nil {
			return time.Time{}, err
		}
		if !asked {
			w.lookups.postpone(r.c.ID, r.now())
			break
		}
	}
	at, _ := w.lookups.next(r.c.ID, r.now())
	return at, nil
}

// uncertainMost bounds the uncertain submissions of one connection that are looked at; more would be an incident
// for a person.
const uncertainMost = 10_000

func (w *Worker) uncertain(ctx context.Context, connection string) ([]atssync.Submission, error) {
	var out []atssync.Submission
	q := atssync.SubmissionQuery{Connection: connection, State: atssync.StateUncertain, Paging: atssync.Paging{Limit: 500}}
	for {
		page, err := w.o.Uncertain.Submissions(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Next == "" || len(out) >= uncertainMost {
			return out, nil
		}
		q.After = page.Next
	}
}

// settleOne settles one submission if that can be. asked is false when the ATS could not be asked, which is no error: it
// is looked for again.
func (w *Worker) settleOne(ctx context.Context, r *round, how settling, s atssync.Submission) (asked bool, err error) {
	absent := !how.finds // the ATS itself knows a second write from a first one
	if how.finds {
		matches, err := w.find(ctx, r, s)
		if err != nil {
			w.o.Metrics.lookedUp(r.c.Adapter, "failed")
			return false, ctx.Err()
		}
		if absent, err = w.found(ctx, r, s, matches); err != nil {
			return true, err
		}
	}
	tries := w.lookups.looked(r.c.ID, s.ID, absent, r.now())
	if !absent || !how.resends || !how.dedupes && tries < absentAfter {
		return true, nil
	}
	return true, w.resolve(ctx, r, s, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "policy"})
}

// find asks the ATS for one submission.
func (w *Worker) find(ctx context.Context, r *round, s atssync.Submission) ([]sdk.Match, error) {
	sc, err := w.o.Vault.OpenConnection(r.c)
	if err != nil {
		return nil, err
	}
	req := sdk.FindRequest{Connection: sc, ExternalID: s.ExternalID, JobID: s.ATSJob, SentAfter: s.AcceptedAt.Add(-5 * time.Minute)}
	if r.manifest.Find == sdk.FindEmailAndJob {
		if req.Emails, err = w.emails(ctx, s); err != nil {
			return nil, err
		}
	}
	client, done, err := w.o.Adapters.Reserve(ctx, r.c.Adapter, sc, sdk.PowerFind)
	if err != nil {
		return nil, err
	}
	defer done()
	reply, err := client.Find(ctx, req)
	return reply.Matches, err
}

// found judges what the ATS showed. absent says that it was asked and knows nothing.
func (w *Worker) found(ctx context.Context, r *round, s atssync.Submission, matches []sdk.Match) (absent bool, err error) {
	for _, m := range matches {
		if m.By != sdk.FindExternalID || m.ExternalID != s.ExternalID {
			continue
		}
		w.o.Metrics.lookedUp(r.c.Adapter, "found")
		rc := receiptOf(m.Receipt)
		app := atssync.NewApplication(s, rc, "", r.now())
		return false, w.resolve(ctx, r, s, atssync.SettleUncertain{
			Resolution: atssync.ResolvedSubmitted, By: "find", Receipt: &rc, Application: &app,
		})
	}
	for _, m := range matches {
		if m.By != sdk.FindEmailAndJob {
			continue // another submission's id: nothing that concerns this one
		}
		w.o.Metrics.lookedUp(r.c.Adapter, "proposed")
		return false, notConflict(w.o.Uncertain.Propose(ctx, s.ID, receiptOf(m.Receipt), r.now()))
	}
	w.o.Metrics.lookedUp(r.c.Adapter, "absent")
	return true, nil
}

func receiptOf(r sdk.Receipt) atssync.Receipt {
	return atssync.Receipt{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID, ProfileURL: r.ProfileURL, Pending: r.Pending}
}

func (w *Worker) emails(ctx context.Context, s atssync.Submission) ([]string, error) {
	p, err := w.o.Uncertain.Payload(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	doc, err := w.o.Vault.OpenDocument(s, p)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range doc.ForReading().Person.Emails {
		out = append(out, e.Address)
	}
	return out, nil
}

// resolve settles; somebody else may have been faster.
func (w *Worker) resolve(ctx context.Context, r *round, s atssync.Submission, how atssync.SettleUncertain) error {
	if _, err := w.o.Uncertain.Resolve(ctx, s.ID, how, r.now()); err != nil {
		return notConflict(err)
	}
	w.lookups.forget(r.c.ID, s.ID)
	w.o.Log.Info("uncertain submission settled", "connection", r.c.ID, "submission", s.ID, "by", how.By, "as", string(how.Resolution))
	return nil
}

func notConflict(err error) error {
	var e *atssync.Error
	if errors.As(err, &e) && e.Code == atssync.CodeConflict {
		return nil
	}
	return err
}
