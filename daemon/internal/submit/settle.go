package submit

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// settleBatch bounds the look-ups of one idle moment of a lane.
const settleBatch = 20

// absentAfter is how many look-ups that show nothing prove to the resend policy that nothing arrived.
const absentAfter = 3

// settle looks for the lane's uncertain submissions where the adapter can, and applies the resend policy.
// It returns when to look again. What the ATS shows under our external id settles; what it shows for the
// person and the job is only noted.
func (w *Worker) settle(ctx context.Context, r *round) (time.Time, error) {
	policy := r.c.OnUncertain
	if policy == "" {
		policy = w.o.OnUncertain
	}
	finds := r.manifest.Has(sdk.PowerFind) && r.manifest.Find != sdk.FindNone
	resends := policy == atssync.OnUncertainResend && (finds || r.manifest.Dedupe == sdk.DedupeExternalID)
	if !finds && !resends {
		return time.Time{}, nil
	}
	page, err := w.o.Uncertain.Submissions(ctx, atssync.SubmissionQuery{
		Connection: r.c.ID, State: atssync.StateUncertain, Paging: atssync.Paging{Limit: settleBatch},
	})
	if err != nil || len(page.Items) == 0 {
		return time.Time{}, err
	}
	for _, s := range page.Items {
		now := r.now()
		due, tries := w.finds.due(s.ID, now)
		if !due {
			continue
		}
		absent := !finds // the ATS itself dedupes
		if finds {
			if absent, err = w.find(ctx, r, s); err != nil {
				return now.Add(findDelays[0]), nil //nolint:nilerr // looked for again later; the adapter's trouble shows elsewhere.
			}
		}
		proved := r.manifest.Dedupe == sdk.DedupeExternalID || tries+1 >= absentAfter
		if absent && resends && proved {
			if err := w.resolve(ctx, r, s, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "policy"}); err != nil {
				return time.Time{}, err
			}
			w.Wake(r.c.ID)
		}
	}
	return r.now().Add(findDelays[0]), nil
}

// find asks the ATS for one submission; absent says that it was asked and knows nothing.
func (w *Worker) find(ctx context.Context, r *round, s atssync.Submission) (absent bool, err error) {
	sc, err := w.o.Vault.OpenConnection(r.c)
	if err != nil {
		return false, err
	}
	req := sdk.FindRequest{Connection: sc, ExternalID: s.ExternalID, JobID: s.ATSJob, SentAfter: s.UpdatedAt.Add(-5 * time.Minute)}
	if r.manifest.Find == sdk.FindEmailAndJob {
		if req.Emails, err = w.emails(ctx, s); err != nil {
			return false, err
		}
	}
	client, done, err := w.o.Adapters.Reserve(ctx, r.c.Adapter, sc, sdk.PowerFind)
	if err != nil {
		return false, err
	}
	defer done()
	reply, err := client.Find(ctx, req)
	if err != nil {
		w.o.Metrics.lookedUp(r.c.Adapter, "failed")
		return false, err
	}
	for _, m := range reply.Matches {
		rc := atssync.Receipt{
			CandidateID: m.Receipt.CandidateID, ApplicationID: m.Receipt.ApplicationID,
			ProfileURL: m.Receipt.ProfileURL, Pending: m.Receipt.Pending,
		}
		if m.By == sdk.FindExternalID && m.ExternalID == s.ExternalID {
			w.o.Metrics.lookedUp(r.c.Adapter, "found")
			app := atssync.NewApplication(s, rc, "", r.now())
			return false, w.resolve(ctx, r, s, atssync.SettleUncertain{
				Resolution: atssync.ResolvedSubmitted, By: "find", Receipt: &rc, Application: &app,
			})
		}
		w.o.Metrics.lookedUp(r.c.Adapter, "proposed")
		return false, w.o.Uncertain.Propose(ctx, s.ID, rc, r.now())
	}
	w.o.Metrics.lookedUp(r.c.Adapter, "absent")
	return true, nil
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
	for _, e := range doc.Person.Emails {
		out = append(out, e.Address)
	}
	return out, nil
}

// resolve settles; somebody else may have been faster.
func (w *Worker) resolve(ctx context.Context, r *round, s atssync.Submission, how atssync.SettleUncertain) error {
	_, err := w.o.Uncertain.Resolve(ctx, s.ID, how, r.now())
	var e *atssync.Error
	if errors.As(err, &e) && e.Code == atssync.CodeConflict {
		return nil
	}
	if err == nil {
		w.finds.forget(s.ID)
		w.o.Log.Info("uncertain submission settled", "connection", r.c.ID, "submission", s.ID, "by", how.By, "as", string(how.Resolution))
	}
	return err
}
