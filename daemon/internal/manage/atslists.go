package manage

import (
	"context"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Pool is a prospect pool.
type Pool struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Stages []PoolStage `json:"stages,omitempty"`
}

// PoolStage is one stage of a pool.
type PoolStage struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// TrackingLink is the ATS's own link that credits the platform.
type TrackingLink struct {
	URL      string `json:"url"`
	JobName  string `json:"job_name,omitempty"`
	Source   string `json:"source,omitempty"`
	Referrer string `json:"referrer,omitempty"`
}

// Term is one word that the ATS account uses.
type Term struct {
	Type  string `json:"type"` // status stage reason
	ID    string `json:"id,omitempty"`
	Name  string `json:"name"`
	JobID string `json:"job_id,omitempty"`
}

// Pools asks the ATS for the prospect pools of a connection.
func (s *Service) Pools(ctx context.Context, connection string) ([]Pool, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return nil, err
	}
	reply, err := call(ctx, s, c, sdk.PowerListPools, func(cl sdk.Client, sc sdk.Connection) (sdk.ListPoolsReply, error) {
		return cl.ListPools(ctx, sdk.ListPoolsRequest{Connection: sc})
	})
	out := make([]Pool, 0, len(reply.Pools))
	for _, p := range reply.Pools {
		v := Pool{ID: p.ID, Name: p.Name}
		for _, st := range p.Stages {
			v.Stages = append(v.Stages, PoolStage{ID: st.ID, Name: st.Name})
		}
		out = append(out, v)
	}
	return out, err
}

// TrackingLink asks the ATS for its own link to a job that credits the platform.
func (s *Service) TrackingLink(ctx context.Context, connection, atsJob string) (TrackingLink, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return TrackingLink{}, err
	}
	r, err := call(ctx, s, c, sdk.PowerTrackingLink, func(cl sdk.Client, sc sdk.Connection) (sdk.TrackingLinkReply, error) {
		return cl.TrackingLink(ctx, sdk.TrackingLinkRequest{Connection: sc, JobID: atsJob})
	})
	return TrackingLink{URL: r.URL, JobName: r.JobName, Source: r.Source, Referrer: r.Referrer}, err
}

// Vocabulary asks the ATS for the words that the connection's account uses.
func (s *Service) Vocabulary(ctx context.Context, connection string) ([]Term, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return nil, err
	}
	reply, err := call(ctx, s, c, sdk.PowerVocabulary, func(cl sdk.Client, sc sdk.Connection) (sdk.VocabularyReply, error) {
		return cl.Vocabulary(ctx, sdk.VocabularyRequest{Connection: sc})
	})
	out := make([]Term, 0, len(reply.Terms))
	for _, t := range reply.Terms {
		out = append(out, Term{Type: t.Type, ID: t.ID, Name: t.Name, JobID: t.JobID})
	}
	return out, err
}
