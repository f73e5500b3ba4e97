package sdk

import (
	"net/http"
	"time"
)

// WebhookRequest is a call that the ATS made to the host, untouched.
type WebhookRequest struct {
	Connection Connection
	Method     string
	Header     http.Header
	Query      string
	Body       []byte
}

// WebhookReply is the answer to give, after what was touched is durable.
type WebhookReply struct {
	Status  int
	Header  http.Header
	Body    []byte
	Touched []Touched
	// EventID is the ATS's id of the delivery, for recognising a repetition; "" when it has none.
	EventID string
	Meta
}

// Touched is one application that a webhook hints at. Receipt is set when the hint proves a submission.
type Touched struct {
	CandidateID, ApplicationID, ExternalID string
	Receipt                                *Receipt
}

// BeginAuthRequest starts an OAuth authorisation.
type BeginAuthRequest struct {
	Connection         Connection
	RedirectURL, State string
}

// BeginAuthReply is where to send the employer's user.
type BeginAuthReply struct {
	URL string
	Meta
}

// CompleteAuthRequest brings back the query of the redirect.
type CompleteAuthRequest struct {
	Connection         Connection
	RedirectURL, Query string
}

// RefreshAuthRequest asks for a new token pair.
type RefreshAuthRequest struct {
	Connection   Connection
	RefreshToken Secret
}

// TokensReply is a token pair. ExpiresAt is zero when the ATS does not say.
type TokensReply struct {
	AccessToken, RefreshToken Secret
	ExpiresAt                 time.Time
	Meta
}
