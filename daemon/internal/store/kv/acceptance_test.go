package kv_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// Submissions of every state stand in one list, in the order of their acceptance, whatever the pages.
func TestSubmissions_TheListOfAllStatesIsInTheOrderOfAcceptance(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 255, 257, 900} {
		s, _, c := setup(t, kv.Options{})
		_, _, err := s.PutJobLink(t.Context(), atssync.PutJobLink{Link: atssync.JobLink{Connection: c.ID, PlatformJob: "linked", ATSJob: "1"}}, 0, now)
		require.NoError(t, err)
		var want []string
		at := func(i int) time.Time { return now.Add(time.Duration(i/3) * time.Second) } // three of each instant
		for i := range n {
			d := document(c, fmt.Sprint("external-", i))
			d.Payload, d.Submission.PlatformJob = []byte("x"), []string{"linked", "other"}[i%2]
			d.Submission.ID = atssync.NewID(atssync.PrefixSubmission, at(i))
			_, err := s.Accept(t.Context(), []atssync.NewSubmission{d}, at(i))
			require.NoError(t, err)
			if i%5 == 0 {
				_, err := s.Act(t.Context(), d.Submission.ID, atssync.ActCancel, at(i))
				require.NoError(t, err)
			}
			want = append(want, d.Submission.ID)
			if i%3 == 2 { // those of one instant stand by id
				slices.Sort(want[i-2:])
			}
		}
		slices.Sort(want[n-n%3:])
		for _, limit := range []int{1, 7, 128, 500} {
			require.Equal(t, want, listed(t, s, atssync.SubmissionQuery{Connection: c.ID, Paging: atssync.Paging{Limit: limit}}), "%d by %d", n, limit)
		}
		if n > 3 {
			q := atssync.SubmissionQuery{Connection: c.ID, Since: at(n / 3), Until: at(n / 2), Paging: atssync.Paging{Limit: 50}}
			require.Equal(t, want[n/3/3*3:n/2/3*3], listed(t, s, q), "%d in a window", n)
		}
	}
}

func listed(t *testing.T, s *kv.Store, q atssync.SubmissionQuery) (ids []string) {
	t.Helper()
	for {
		p, err := s.Submissions(t.Context(), q)
		require.NoError(t, err)
		for _, x := range p.Items {
			ids = append(ids, x.ID)
		}
		if q.After = p.Next; p.Next == "" {
			return ids
		}
	}
}
