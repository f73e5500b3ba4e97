package simulator

import "slices"

// Pool is a prospect pool with its stages, in the configured order.
type Pool struct {
	ID     int64       `json:"id"`
	Name   string      `json:"name"`
	Stages []PoolStage `json:"stages"`
}

// PoolStage is one stage of a pool.
type PoolStage struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Pools lists the prospect pools.
func (e *Employer) Pools() []Pool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	pools := make([]Pool, 0, len(e.pools))
	for _, p := range e.pools {
		v := *p
		v.Stages = slices.Clone(p.Stages)
		pools = append(pools, v)
	}
	return pools
}

func (e *Employer) pool(id int64) *Pool {
	for _, p := range e.pools {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// stageIndex finds a stage by id; -1 when the pool has none of that id.
func (p *Pool) stageIndex(id int64) int {
	return slices.IndexFunc(p.Stages, func(s PoolStage) bool { return s.ID == id })
}

func (p *Pool) stageNamed(name string) int {
	return slices.IndexFunc(p.Stages, func(s PoolStage) bool { return s.Name == name })
}

func (p *Pool) stageNames() []string {
	var names []string
	for _, s := range p.Stages {
		names = append(names, s.Name)
	}
	return names
}
