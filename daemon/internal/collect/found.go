package collect

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ask makes one look-up call.
func (w *Worker) ask(ctx context.Context, v *visit, apps []atssync.Application) (found, error) {
	refs := make([]sdk.ApplicationRef, len(apps))
	for i := range apps {
		refs[i] = apps[i].Ref()
	}
	client, done, err := w.reserve(ctx, v, sdk.PowerReadStatuses)
	if err != nil {
		return found{}, err
	}
	defer done()
	reply, err := client.ReadStatuses(ctx, sdk.ReadStatusesRequest{Connection: v.sc, Applications: refs})
	if err != nil {
		return found{}, err
	}
	return sorted(reply.Readings), nil
}

// found is a reply's readings by what they are asked by. A key that the ATS left empty is no key.
type found struct{ byCandidate, byApplication, byPending map[string][]sdk.Reading }

func sorted(readings []sdk.Reading) found {
	f := found{
		byCandidate: make(map[string][]sdk.Reading, len(readings)), byApplication: make(map[string][]sdk.Reading),
		byPending: make(map[string][]sdk.Reading),
	}
	for _, rd := range readings {
		keep(f.byCandidate, rd.CandidateID, rd)
		keep(f.byApplication, rd.ApplicationID, rd)
		keep(f.byPending, rd.Pending, rd)
	}
	return f
}

func keep(by map[string][]sdk.Reading, key string, rd sdk.Reading) {
	if key != "" {
		by[key] = append(by[key], rd)
	}
}

// of returns everything that the ATS showed of an application's person, or else of the application itself.
func (f found) of(a *atssync.Application) []sdk.Reading {
	for _, look := range []struct {
		key string
		by  map[string][]sdk.Reading
	}{{a.CandidateID, f.byCandidate}, {a.ApplicationID, f.byApplication}, {a.Pending, f.byPending}} {
		if got := look.by[look.key]; look.key != "" && len(got) > 0 {
			return got
		}
	}
	return nil
}
