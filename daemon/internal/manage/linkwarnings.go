package manage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// poolPatience is how long linking waits for the ATS's pools: not knowing them is no reason not to link.
const poolPatience = 3 * time.Second

// warnings tells what is allowed about a link and may not be meant.
func (l *linker) warnings(ctx context.Context, k *linkable, req LinkRequest) ([]string, error) {
	out, err := l.unknownJob(ctx, k, req)
	if err != nil {
		return nil, err
	}
	if req.Pool != "" {
		if pools := l.poolsOf(ctx, k); pools != nil {
			out = append(out, unknownPool(pools, req)...)
		}
	}
	if req.ATSJob == "" {
		return out, nil
	}
	page, err := l.s.o.Store.JobLinks(ctx, atssync.LinkQuery{Connection: k.c.ID, ATSJob: req.ATSJob, Paging: atssync.Paging{Limit: 2}})
	if err != nil {
		return nil, err
	}
	for _, other := range page.Items {
		if other.PlatformJob != req.PlatformJob {
			return append(out, fmt.Sprintf("platform job %s is linked to the ATS job %s as well: whoever applies to both arrives there twice", other.PlatformJob, req.ATSJob)), nil
		}
	}
	return out, nil
}

// unknownJob warns of a job that the platform never told of, where it told of others: it may be mistyped.
func (l *linker) unknownJob(ctx context.Context, k *linkable, req LinkRequest) ([]string, error) {
	_, err := l.s.o.Store.PlatformJob(ctx, k.c.Account, req.PlatformJob)
	if atssync.CodeOf(err) != atssync.CodeNotFound {
		return nil, err
	}
	page, err := l.s.o.Store.PlatformJobs(ctx, atssync.JobQuery{Account: k.c.Account, Paging: atssync.Paging{Limit: 1}})
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	return []string{fmt.Sprintf("the platform's jobs of %s were imported, and %s is not among them: it may be mistyped, or is to be imported yet", k.c.Account, req.PlatformJob)}, nil
}

// poolsOf asks the ATS for its pools, once for all links of a request; nil when it did not tell.
func (l *linker) poolsOf(ctx context.Context, k *linkable) map[string]Pool {
	if k.asked || k.manifest == nil || !k.manifest.Has(sdk.PowerListPools) {
		return k.pools
	}
	k.asked = true
	ctx, cancel := context.WithTimeout(ctx, poolPatience)
	defer cancel()
	pools, err := l.s.Pools(ctx, k.c.ID)
	if err != nil {
		return nil
	}
	k.pools = make(map[string]Pool, len(pools))
	for _, p := range pools {
		k.pools[p.ID] = p
	}
	return k.pools
}

func unknownPool(pools map[string]Pool, req LinkRequest) []string {
	p, ok := pools[req.Pool]
	switch {
	case !ok:
		return []string{fmt.Sprintf("the pool %s is not among the ATS's %d pools: it may refuse what is sent there", req.Pool, len(pools))}
	case req.PoolStage != "" && !slices.ContainsFunc(p.Stages, func(st PoolStage) bool { return st.ID == req.PoolStage }):
		return []string{fmt.Sprintf("the pool %s (%s) has no stage %s: the ATS may refuse what is sent there", p.ID, p.Name, req.PoolStage)}
	}
	return nil
}
