package api

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func (s *server) ledger() {
	register(s, get("/v1/ledger", "read-ledger", "Account for every submission that was ever accepted").slowly().by(reads), s.readLedger)
}

type ledgerInput struct {
	Connection string `query:"connection"`
	Recount    bool   `query:"recount" doc:"count the records too, and compare"`
	Paging
}

func (s *server) readLedger(ctx context.Context, in *ledgerInput) (*body[LedgerView], error) {
	if in.Recount {
		return answer(s.manage(ctx).Recount(ctx, in.Connection, atssync.Paging(in.Paging)))
	}
	return answer(s.manage(ctx).Ledger(ctx, in.Connection, atssync.Paging(in.Paging)))
}

// Ledger returns the ledger of one connection, or a page of all with "". Recount counts the records too.
func (c *Client) Ledger(ctx context.Context, connection string, recount bool, after string, limit int) (LedgerView, error) {
	return call[LedgerView](ctx, c, request{path: "/v1/ledger", query: query{}.set("connection", connection).
		flag("recount", recount).page(atssync.Paging{After: after, Limit: limit})})
}
