package kv

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// AppendAudit writes a record of an act that no step of the store writes by itself.
func (s *Store) AppendAudit(ctx context.Context, a atssync.Audit) error {
	return s.update(ctx, a.At, func(st *step) error {
		if a.ID == "" {
			a.ID = atssync.NewID(atssync.PrefixAudit, st.now)
		}
		a.At = st.now
		st.putAudit(a)
		return nil
	})
}

// AuditRecords lists what people did, the newest first.
func (s *Store) AuditRecords(ctx context.Context, object string, p atssync.Paging) (atssync.Page[atssync.Audit], error) {
	var out atssync.Page[atssync.Audit]
	err := s.view(ctx, func(r reader) error {
		var err error
		if object == "" {
			out, err = pageBack(r.r, p, table(tabAudit), decode[atssync.Audit])
			return err
		}
		prefix := table(tabAuditOf).text(object)
		out, err = pageBack(r.r, p, prefix, func(k, _ []byte) (*atssync.Audit, error) {
			f := fieldsOf(k, len(prefix))
			at, id := f.at(), f.text()
			return record[atssync.Audit](r.r, keyAudit(at, id))
		})
		return err
	})
	return out, err
}
