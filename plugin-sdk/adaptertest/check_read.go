package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	maxPages = 1000
	// nobody is an id that no ATS gives: a number, for those that want one.
	nobody = "999999999999"
)

func readChecks() []check {
	return []check{
		{name: "jobs", needs: []sdk.Power{sdk.PowerListJobs}, run: jobs},
		{name: "pools", needs: []sdk.Power{sdk.PowerListPools}, run: pools},
		{name: "vocabulary", needs: []sdk.Power{sdk.PowerVocabulary}, run: vocabulary},
		{name: "tracking link", needs: []sdk.Power{sdk.PowerTrackingLink}, run: trackingLink},
		{name: "changes", needs: []sdk.Power{sdk.PowerChanges}, run: changes},
		{name: "changes: lost cursor", needs: []sdk.Power{sdk.PowerChanges}, run: lostCursor},
		{name: "unknown ids", needs: []sdk.Power{sdk.PowerReadStatuses}, run: unknownIDs},
		{name: "no list: jobs", needs: []sdk.Power{sdk.PowerListJobs}, run: noListOfJobs},
		{name: "no list: statuses", needs: []sdk.Power{sdk.PowerReadStatuses}, run: noListOfStatuses},
		{name: "find nobody", needs: []sdk.Power{sdk.PowerFind}, run: findNobody},
		{name: "forged webhook", needs: []sdk.Power{sdk.PowerHandleWebhook}, run: forgedWebhook},
	}
}

// allJobs walks the listing and wants it to end and to say that it is complete on its last page only.
func (s *suite) allJobs(ctx context.Context) ([]sdk.Job, error) {
	var all []sdk.Job
	page, seen := "", map[string]bool{}
	for range maxPages {
		r, err := bounded(ctx, s, s.client.ListJobs, sdk.ListJobsRequest{Connection: s.conn(nil), Page: page})
		if err := s.heard(r.Meta, err); err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		all = append(all, r.Jobs...)
		switch {
		case r.Complete && r.Next != "":
			return nil, errors.New("a page is complete and names a next one")
		case !r.Complete && r.Next == "":
			return nil, errors.New("the last page does not say that the listing is complete")
		case r.Next == "":
			return all, nil
		case seen[r.Next]:
			return nil, errors.New("a page names a next one that was read already")
		}
		seen[r.Next], page = true, r.Next
	}
	return nil, fmt.Errorf("the listing has not ended after %d pages", maxPages)
}

// jobs: the listing ends and names each job once.
func jobs(ctx context.Context, s *suite) error {
	all, err := s.allJobs(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return skip("the ATS has no jobs")
	}
	seen := map[string]bool{}
	for _, j := range all {
		if j.ID == "" || j.Name == "" {
			return errors.New("a job lacks id or name")
		}
		if seen[j.ID] {
			return errors.New("a job is listed twice")
		}
		seen[j.ID] = true
	}
	return nil
}

func pools(ctx context.Context, s *suite) error {
	r, err := bounded(ctx, s, s.client.ListPools, sdk.ListPoolsRequest{Connection: s.conn(nil)})
	if err := s.heard(r.Meta, err); err != nil {
		return err
	}
	for _, p := range r.Pools {
		if p.ID == "" || p.Name == "" {
			return errors.New("a pool lacks id or name")
		}
	}
	return nil
}

func vocabulary(ctx context.Context, s *suite) error {
	r, err := bounded(ctx, s, s.client.Vocabulary, sdk.VocabularyRequest{Connection: s.conn(nil)})
	if err := s.heard(r.Meta, err); err != nil {
		return err
	}
	for _, t := range r.Terms {
		if t.Name == "" || (t.Type != "status" && t.Type != "stage" && t.Type != "reason") {
			return fmt.Errorf("a term has no name or the type %q", t.Type)
		}
	}
	return nil
}

func trackingLink(ctx context.Context, s *suite) error {
	job, err := s.job(ctx)
	if err != nil {
		return err
	}
	r, err := bounded(ctx, s, s.client.TrackingLink, sdk.TrackingLinkRequest{Connection: s.conn(nil), JobID: job})
	if err := s.heard(r.Meta, err); err != nil {
		return err
	}
	if r.URL == "" {
		return errors.New("the tracking link is empty")
	}
	return nil
}

// pass walks one pass of changes from a cursor and returns its readings and the cursor after it.
func (s *suite) pass(ctx context.Context, cursor string) ([]sdk.Reading, string, error) {
	var all []sdk.Reading
	page := ""
	for range maxPages {
		r, err := bounded(ctx, s, s.client.Changes, sdk.ChangesRequest{Connection: s.conn(nil), Cursor: cursor, Page: page})
		if err := s.heard(r.Meta, err); err != nil {
			return nil, "", err
		}
		all = append(all, r.Readings...)
		last := r.Next == ""
		switch {
		case last != (r.CursorAfter != ""):
			return nil, "", errors.New("cursor_after is not on the last page of a pass and there only")
		case last != r.Complete:
			return nil, "", errors.New("complete is not on the last page of a pass and there only")
		case last:
			return all, r.CursorAfter, nil
		}
		page = r.Next
	}
	return nil, "", fmt.Errorf("a pass has not ended after %d pages", maxPages)
}

// changes: a pass ends, its cursor leads on, and what is new since then is in the next pass.
func changes(ctx context.Context, s *suite) error {
	_, cursor, err := s.pass(ctx, "")
	if err != nil {
		return err
	}
	if !s.mayWrite() || !s.manifest.Has(sdk.PowerSubmit) {
		_, _, err := s.pass(ctx, cursor)
		return err
	}
	item, receipt, err := s.submitted(ctx)
	if err != nil {
		return err
	}
	return s.shows(ctx, "a new application is not among the changes since the cursor before it", func() (bool, error) {
		readings, _, err := s.pass(ctx, cursor)
		return slices.ContainsFunc(readings, func(r sdk.Reading) bool {
			return r.ExternalID == item.ExternalID || r.CandidateID != "" && r.CandidateID == receipt.CandidateID
		}), err
	})
}

// lostCursor: a cursor that the ATS does not know starts a full pass, by its kind.
func lostCursor(ctx context.Context, s *suite) error {
	_, _, err := s.pass(ctx, "not-a-cursor")
	if err == nil {
		return errors.New("a cursor that nobody gave is taken")
	}
	if k := sdk.KindOf(err); k != sdk.KindCursorExpired {
		return fmt.Errorf("a cursor that nobody gave is an error of kind %q: %w", k, err)
	}
	return nil
}

// unknownIDs: what the ATS does not show is left out; it is no error.
func unknownIDs(ctx context.Context, s *suite) error {
	r, err := bounded(ctx, s, s.client.ReadStatuses, sdk.ReadStatusesRequest{
		Connection:   s.conn(nil),
		Applications: []sdk.ApplicationRef{{CandidateID: nobody, ApplicationID: nobody, ExternalID: "adaptertest-nobody"}},
	})
	if err := s.heard(r.Meta, err); err != nil {
		return fmt.Errorf("an unknown id is an error: %w", err)
	}
	if len(r.Readings) > 0 {
		return errors.New("an unknown id has a reading")
	}
	return nil
}

// noListOfJobs: an answer in which the list is not is no empty list, or every job would count as gone.
func noListOfJobs(ctx context.Context, s *suite) error {
	if err := s.fake.fault(ctx, faultNoList, 0); err != nil {
		return err
	}
	r, err := bounded(ctx, s, s.client.ListJobs, sdk.ListJobsRequest{Connection: s.conn(nil)})
	return noEmptyList(s.heard(r.Meta, err))
}

// noListOfStatuses: the same for applications, which would count as missing.
func noListOfStatuses(ctx context.Context, s *suite) error {
	if err := s.fake.fault(ctx, faultNoList, 0); err != nil {
		return err
	}
	r, err := bounded(ctx, s, s.client.ReadStatuses, sdk.ReadStatusesRequest{
		Connection: s.conn(nil), Applications: []sdk.ApplicationRef{{CandidateID: nobody, ApplicationID: nobody}},
	})
	return noEmptyList(s.heard(r.Meta, err))
}

func noEmptyList(err error) error {
	switch k := sdk.KindOf(err); k {
	case "":
		return errors.New("an answer that is no list is taken for an empty one")
	case sdk.KindRemoteChanged, sdk.KindTransient:
		return nil
	default:
		return fmt.Errorf("an answer that is no list is an error of kind %q: %w", k, err)
	}
}

func findNobody(ctx context.Context, s *suite) error {
	r, err := bounded(ctx, s, s.client.Find, sdk.FindRequest{
		Connection: s.conn(nil), ExternalID: "adaptertest-nobody", JobID: nobody, Emails: []string{"nobody-" + canaryEmail},
	})
	if err := s.heard(r.Meta, err); err != nil {
		return fmt.Errorf("a submission that is not there is an error: %w", err)
	}
	if len(r.Matches) > 0 {
		return errors.New("a submission that is not there is found")
	}
	return nil
}

// forgedWebhook: what nobody signed is answered, touches nothing, and is no error.
func forgedWebhook(ctx context.Context, s *suite) error {
	for _, body := range []string{"", "{}", `{"event":"x","application":{"id":"1"}}`, "\x00\xff"} {
		r, err := bounded(ctx, s, s.client.HandleWebhook, sdk.WebhookRequest{
			Connection: s.conn(nil), Method: http.MethodPost, Body: []byte(body),
			Header: http.Header{"Content-Type": {"application/json"}},
		})
		if err := s.heard(r.Meta, err); err != nil {
			return fmt.Errorf("a forged webhook is an error: %w", err)
		}
		if len(r.Touched) > 0 {
			return errors.New("a forged webhook touches an application")
		}
		if r.Status < 400 || r.Status > 499 {
			return fmt.Errorf("a forged webhook is answered with %d", r.Status)
		}
	}
	return nil
}
