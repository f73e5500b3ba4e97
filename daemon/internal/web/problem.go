package web

import (
	"encoding/json"
	"net/http"
)

// Problem is what every refusal looks like on the wire (RFC 9457), whichever layer refused.
type Problem struct {
	Type      string `json:"type" doc:"the address of what is known about the code" example:"/v1/docs#problem-not_found"`
	Title     string `json:"title" doc:"the HTTP status in words"`
	Status    int    `json:"status" doc:"the HTTP status"`
	Code      string `json:"code" doc:"the stable code to switch on" example:"not_found"`
	Detail    string `json:"detail" doc:"what happened, to which thing"`
	Remedy    string `json:"remedy,omitempty" doc:"what to do"`
	RequestID string `json:"request_id,omitempty" doc:"stands in the daemon's log as well"`
}

// TypePrefix begins the type of every problem; the code follows. It is an address on this listener, with the whole path as
// RFC 9457 wants it: that of the code's row in the docs.
const TypePrefix = "/v1/docs#problem-"

// Complete fills in what follows from status, code and request.
func (p Problem) Complete(r *http.Request) Problem {
	p.Type, p.Title, p.RequestID = TypePrefix+p.Code, http.StatusText(p.Status), RequestID(r.Context())
	return p
}

// WriteProblem answers a request with a problem.
func WriteProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p.Complete(r)) // the caller is gone; there is nobody to tell
}
