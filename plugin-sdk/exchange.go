package sdk

import "time"

// Meta travels with every reply and every error: what was exchanged with the ATS, and what its limit
// headers said.
type Meta struct {
	Exchanges []Exchange
	Budget    *Budget
}

// Exchange is one request to the ATS, fit to be shown to an operator: no secret, no personal data.
type Exchange struct {
	Method    string        `json:"method"`
	Endpoint  string        `json:"endpoint"`         // template without values: "/v1/partner/candidates"
	Status    int           `json:"status,omitempty"` // 0 when no answer came
	StartedAt time.Time     `json:"started_at"`
	Duration  time.Duration `json:"duration_ns"`
	RequestID string        `json:"request_id,omitempty"` // the ATS's own, when it gives one
	Excerpt   string        `json:"excerpt,omitempty"`    // redacted, ≤ 512 bytes
}

// Budget is what the ATS's limit headers said last.
type Budget struct {
	Limit, Remaining int
	ResetAfter       time.Duration
}
