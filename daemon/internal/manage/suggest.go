package manage

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Reason is why two jobs are suggested as a pair, the surest first.
type Reason string

// Reasons of a suggestion. The first two are the same thing said twice; the others are words that look alike.
const (
	ReasonSameID          Reason = "same_id"
	ReasonSameRequisition Reason = "same_requisition"
	ReasonSameTitle       Reason = "same_title"
	ReasonSimilarTitle    Reason = "similar_title"
)

var reasonOrder = []Reason{ReasonSameID, ReasonSameRequisition, ReasonSameTitle, ReasonSimilarTitle}

// Suggestion is a pair of jobs that may be the same.
type Suggestion struct {
	PlatformJob atssync.PlatformJob `json:"platform_job"`
	ATSJob      atssync.ATSJob      `json:"ats_job"`
	Reason      Reason              `json:"reason"`
	Confidence  float64             `json:"confidence"` // 0..1
	// Ambiguous says that another pair looks as good for one of the two.
	Ambiguous bool `json:"ambiguous,omitempty"`
	// Backlog counts the submissions that wait for the link.
	Backlog int `json:"backlog,omitempty"`
}

// AcceptSuggestions says which suggestions to link.
type AcceptSuggestions struct {
	// Reasons is empty for same_id and same_requisition.
	Reasons []Reason
	// PlatformJobs, when not empty, are the only ones. Naming a job is a yes to its suggestion even where that is
	// ambiguous.
	PlatformJobs []string
	Backlog      *atssync.Backlog
}

// Suggest proposes pairs of jobs that are not linked yet, the surest first: each job at most once. Closed jobs and
// those that the ATS does not show are left out. Where no job was ever listed the ATS is asked now.
func (s *Service) Suggest(ctx context.Context, connection string) ([]Suggestion, error) {
	out, c, err := s.pairs(ctx, connection, s.listJobs)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Backlog, _, err = s.o.Store.Backlog(ctx, c.ID, out[i].PlatformJob.ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Proposals is Suggest for pages, which are reloaded at will: it counts no backlog, and asks an ATS whose list is empty once a minute at
// most. Between, the answer is what the last time gave.
func (s *Service) Proposals(ctx context.Context, connection string) ([]Suggestion, error) {
	out, _, err := s.pairs(ctx, connection, func(ctx context.Context, connection string) error {
		return s.listed.lately(connection, time.Now(), func() error { return s.listJobs(ctx, connection) })
	})
	return out, err
}

func (s *Service) listJobs(ctx context.Context, connection string) error {
	_, err := s.RefreshJobs(ctx, connection)
	return err
}

// pairs makes the suggestions, after list where no job is known.
func (s *Service) pairs(ctx context.Context, connection string, list func(ctx context.Context, connection string) error) ([]Suggestion, atssync.Connection, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return nil, c, err
	}
	ats, err := s.jobsOf(ctx, c.ID)
	if err != nil {
		return nil, c, err
	}
	if len(ats) == 0 && c.State == atssync.ConnectionActive {
		if err := list(ctx, c.ID); err != nil {
			return nil, c, err
		}
		if ats, err = s.jobsOf(ctx, c.ID); err != nil {
			return nil, c, err
		}
	}
	in, err := s.unlinked(ctx, c, ats)
	return suggest(in), c, err
}

// unlinked gathers the jobs of both sides that a link may be missing for.
func (s *Service) unlinked(ctx context.Context, c atssync.Connection, ats map[string]atssync.ATSJob) (pairing, error) {
	linked, taken := make(map[string]bool), make(map[string]bool)
	err := each(func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
		return s.o.Store.JobLinks(ctx, atssync.LinkQuery{Connection: c.ID, Paging: p})
	}, func(l atssync.JobLink) error {
		linked[l.PlatformJob], taken[l.ATSJob] = true, true
		return nil
	})
	if err != nil {
		return pairing{}, err
	}
	in := pairing{places: make(places)}
	err = each(func(p atssync.Paging) (atssync.Page[atssync.PlatformJob], error) {
		return s.o.Store.PlatformJobs(ctx, atssync.JobQuery{Account: c.Account, Paging: p})
	}, func(j atssync.PlatformJob) error {
		in.places.add(j.Location)
		if j.Open && !linked[j.ID] {
			in.platform = append(in.platform, j)
		}
		return nil
	})
	for _, j := range ats {
		in.places.add(j.Location)
		if j.Takes() && j.Visibility == atssync.Visible && !taken[j.ID] {
			in.ats = append(in.ats, j)
		}
	}
	slices.SortFunc(in.platform, func(a, b atssync.PlatformJob) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(in.ats, func(a, b atssync.ATSJob) int { return strings.Compare(a.ID, b.ID) })
	return in, err
}

// AcceptSuggestions links what Suggest proposes: for the reasons asked for, and nothing that is ambiguous unless its
// platform job is named.
func (s *Service) AcceptSuggestions(ctx context.Context, connection string, a AcceptSuggestions) ([]LinkResult, error) {
	if len(a.Reasons) == 0 {
		a.Reasons = []Reason{ReasonSameID, ReasonSameRequisition}
	}
	for _, r := range a.Reasons {
		if !slices.Contains(reasonOrder, r) {
			return nil, invalid("the request", []atssync.FieldError{{Path: "reasons", Message: "must be of " + joined(reasonOrder)}})
		}
	}
	list, err := s.Suggest(ctx, connection)
	if err != nil {
		return nil, err
	}
	var reqs []LinkRequest
	for _, g := range list {
		named := slices.Contains(a.PlatformJobs, g.PlatformJob.ID)
		if !slices.Contains(a.Reasons, g.Reason) || len(a.PlatformJobs) > 0 && !named || g.Ambiguous && !named {
			continue
		}
		reqs = append(reqs, LinkRequest{
			Connection: connection, PlatformJob: g.PlatformJob.ID, ATSJob: g.ATSJob.ID, Backlog: a.Backlog,
		})
	}
	return s.LinkMany(ctx, reqs), nil
}

// pairing is what suggestions are made of.
type pairing struct {
	platform []atssync.PlatformJob
	ats      []atssync.ATSJob
	places   places
}

// pair is a candidate for a suggestion.
type pair struct {
	p, a  int
	rank  int // of its reason
	score float64
}

const (
	leastSimilar = 0.55 // a score below says nothing
	asGood       = 0.07 // a score this near is as good
)

// suggest chooses the surest pairs, each job at most once: reason by reason, so that what a surer reason paired is no
// rival any more.
func suggest(in pairing) []Suggestion {
	pairs := append(in.sameIDs(), in.alike()...)
	usedP, usedA := make([]bool, len(in.platform)), make([]bool, len(in.ats))
	var out []Suggestion
	for rank, reason := range reasonOrder {
		var left []pair
		for _, x := range pairs {
			if x.rank == rank && !usedP[x.p] && !usedA[x.a] {
				left = append(left, x)
			}
		}
		slices.SortFunc(left, func(x, y pair) int {
			return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(x.p, y.p), cmp.Compare(x.a, y.a))
		})
		rivals, first := newRivals(left), len(out)
		for _, x := range left {
			if usedP[x.p] || usedA[x.a] {
				continue
			}
			usedP[x.p], usedA[x.a] = true, true
			g := Suggestion{PlatformJob: in.platform[x.p], ATSJob: in.ats[x.a], Reason: reason, Ambiguous: rivals.of(x)}
			g.Confidence = confidence(g, x.score)
			out = append(out, g)
		}
		slices.SortStableFunc(out[first:], func(x, y Suggestion) int { return cmp.Compare(y.Confidence, x.Confidence) })
	}
	return out
}

// confidence tells how sure a suggestion is, to two digits.
func confidence(g Suggestion, score float64) float64 {
	v := 0.0
	switch g.Reason {
	case ReasonSameID:
		v = 0.99
	case ReasonSameRequisition:
		v = 0.97
	case ReasonSameTitle:
		v = 0.75 + 0.15*score
	case ReasonSimilarTitle:
		v = 0.7 * score
	}
	if g.Ambiguous {
		v *= 0.6
	}
	return math.Round(v*100) / 100
}

// sameIDs pairs what is the same by id or by requisition.
func (in pairing) sameIDs() []pair {
	byID, byRequisition := make(map[string][]int), make(map[string][]int)
	for i, j := range in.ats {
		byID[j.ID] = append(byID[j.ID], i)
		if r := requisition(j.RequisitionID); r != "" {
			byRequisition[r] = append(byRequisition[r], i)
		}
	}
	var out []pair
	for p, j := range in.platform {
		for _, a := range byID[j.ID] {
			out = append(out, pair{p: p, a: a, rank: 0, score: 1})
		}
		if r := requisition(j.RequisitionID); r != "" {
			for _, a := range byRequisition[r] {
				out = append(out, pair{p: p, a: a, rank: 1, score: 1})
			}
		}
	}
	return out
}

func requisition(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// rivals knows the two best scores of each job.
type rivals struct{ p, a map[int][2]float64 }

func newRivals(pairs []pair) rivals {
	r := rivals{p: make(map[int][2]float64), a: make(map[int][2]float64)}
	put := func(m map[int][2]float64, k int, score float64) {
		best := m[k]
		switch {
		case score > best[0]:
			best = [2]float64{score, best[0]}
		case score > best[1]:
			best[1] = score
		}
		m[k] = best
	}
	for _, x := range pairs {
		put(r.p, x.p, x.score)
		put(r.a, x.a, x.score)
	}
	return r
}

// of reports whether another pair of one of the two jobs is as good as x.
func (r rivals) of(x pair) bool {
	for _, best := range [][2]float64{r.p[x.p], r.a[x.a]} {
		if best[1] > 0 && best[1] >= x.score-asGood {
			return true
		}
	}
	return false
}
