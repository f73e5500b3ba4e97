package kv

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// PutPlatformJobs stores or replaces the platform's jobs: all of them, or none when one is another account's.
func (s *Store) PutPlatformJobs(ctx context.Context, jobs []atssync.PlatformJob, within atssync.Scope, now time.Time) error {
	if err := s.view(ctx, func(r reader) error { return r.ownJobs(jobs, within) }); err != nil {
		return err
	}
	return inParts(len(jobs), partItems, func(from, to int) error {
		return s.update(ctx, now, func(st *step) error { return st.putPlatformJobs(jobs[from:to], within) })
	})
}

// ownJobs refuses jobs that are known under another account, or that the list itself gives to two.
func (r reader) ownJobs(jobs []atssync.PlatformJob, within atssync.Scope) error {
	accounts := make(map[string]string, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		if j.ID == "" || j.Account == "" {
			return atssync.Errorf(atssync.CodeInvalid, "platform job %d of the list has no id or no account", i+1)
		}
		if a, ok := accounts[j.ID]; ok && a != j.Account {
			return atssync.Errorf(atssync.CodeAccountMismatch, "the list gives platform job %s to two accounts", j.ID)
		}
		accounts[j.ID] = j.Account
		if err := r.checkOwner(j.Account, j.ID, within); err != nil {
			return err
		}
	}
	return nil
}

// ownedByPart stands at a platform job's owner where it was named by a caller who sees a part only. It keeps nobody else from giving
// the same id to an account: that caller was not told that another one has it, and must not be able to take ids away from others.
var ownedByPart = []byte{1}

func (st *step) putPlatformJobs(jobs []atssync.PlatformJob, within atssync.Scope) error {
	if err := st.ownJobs(jobs, within); err != nil {
		return err
	}
	account, same := jobs[0].Account, true
	for i := range jobs {
		j := jobs[i]
		j.UpdatedAt = st.now
		same = same && j.Account == account
		st.put(keyPlatformJob(j.Account, j.ID), j)
		if err := st.own(&j, within); err != nil {
			return err
		}
	}
	if !same {
		account = ""
	}
	st.note("platform_jobs.put", account, strconv.Itoa(len(jobs))+" jobs")
	return nil
}

// own gives a platform job to its account.
func (st *step) own(j *atssync.PlatformJob, within atssync.Scope) error {
	k := keyPlatformOwner(j.ID, j.Account)
	if within.Whole() {
		st.w.Set(k, []byte{})
		return nil
	}
	was, err := st.r.Value(k)
	if err == nil && was == nil {
		st.w.Set(k, ownedByPart)
	}
	return err
}

// PlatformJobs lists the platform's jobs by account and then by id.
func (s *Store) PlatformJobs(ctx context.Context, q atssync.JobQuery) (atssync.Page[atssync.PlatformJob], error) {
	spans := []span{{prefix: table(tabPlatformJob)}}
	switch {
	case q.Account != "":
		spans[0].prefix = spans[0].prefix.text(q.Account)
	case len(q.Within.Accounts) > 0:
		spans = spans[:0]
		for _, account := range slices.Sorted(slices.Values(q.Within.Accounts)) {
			spans = append(spans, span{prefix: table(tabPlatformJob).text(account)})
		}
	}
	var out atssync.Page[atssync.PlatformJob]
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = page(ctx, r.r, q.Paging, listing[atssync.PlatformJob]{
			spans: spans,
			load: func(k, v []byte) (*atssync.PlatformJob, error) {
				j, err := decode[atssync.PlatformJob](k, v)
				if err != nil || q.OpenOnly && !j.Open || q.ID != "" && j.ID != q.ID || !q.Within.Account(j.Account) {
					return nil, err
				}
				return j, nil
			},
		})
		return err
	})
	return out, err
}

// PlatformJob returns one job of an account.
func (s *Store) PlatformJob(ctx context.Context, account, id string) (atssync.PlatformJob, error) {
	var out atssync.PlatformJob
	err := s.view(ctx, func(r reader) error {
		j, err := record[atssync.PlatformJob](r.r, keyPlatformJob(account, id))
		if err == nil && j == nil {
			err = missing("platform job", id)
		}
		if err == nil {
			out = *j
		}
		return err
	})
	return out, err
}

// ATSJobs lists a connection's jobs in the order of their ids.
func (s *Store) ATSJobs(ctx context.Context, q atssync.JobQuery) (atssync.Page[atssync.ATSJob], error) {
	var out atssync.Page[atssync.ATSJob]
	if q.Connection == "" {
		return out, atssync.Errorf(atssync.CodeInvalid, "the jobs of an ATS are listed by connection: none is named")
	}
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = page(ctx, r.r, q.Paging, listing[atssync.ATSJob]{
			spans: []span{{prefix: table(tabATSJob).text(q.Connection)}},
			load: func(k, v []byte) (*atssync.ATSJob, error) {
				j, err := decode[atssync.ATSJob](k, v)
				if err != nil || q.OpenOnly && !j.Takes() || q.ID != "" && j.ID != q.ID ||
					q.State != "" && string(j.State) != q.State || q.Visibility != "" && j.Visibility != q.Visibility {
					return nil, err
				}
				return j, nil
			},
		})
		return err
	})
	return out, err
}
