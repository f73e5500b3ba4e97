package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// verdict is what a status says whatever the call was for: the ATS understood the request well enough to
// refuse it, so that nothing was applied.
type verdict struct {
	kind sdk.Kind
	turn sdk.Turn
	what string
}

// verdicts maps the statuses that refuse. A status that is not here proves nothing about a write.
func verdicts(status int) (verdict, bool) {
	switch status {
	case 400, 422:
		return verdict{sdk.KindInvalid, sdk.TurnPlatform, "refused the data"}, true
	case 401:
		return verdict{sdk.KindAuth, sdk.TurnEmployer, "did not accept the credential"}, true
	case 402, 403, 451:
		return verdict{sdk.KindPermission, sdk.TurnEmployer, "does not permit this"}, true
	case 404, 410:
		return verdict{sdk.KindNotFound, sdk.TurnEmployer, "does not know or does not show what was asked for"}, true
	case 405, 406, 411, 414, 415, 426, 431:
		return verdict{sdk.KindUnsupported, sdk.TurnAdapter, "does not take this kind of request"}, true
	case 407:
		return verdict{sdk.KindConfigRequired, sdk.TurnOperator, "was not asked: the proxy wants a credential"}, true
	case 409:
		return verdict{sdk.KindDuplicate, sdk.TurnEmployer, "refused this as a repetition"}, true
	case 413:
		return verdict{sdk.KindInvalid, sdk.TurnPlatform, "refused the request as too large"}, true
	case 429:
		return verdict{sdk.KindRateLimited, sdk.TurnATS, "asks for fewer requests"}, true
	default:
		return verdict{}, false
	}
}

// refused classifies an answer other than 2xx.
func (c *Client) refused(call Call, reply Reply) *sdk.Error {
	status := reply.Status
	e := &sdk.Error{Status: status, RetryAfter: retryAfter(reply.Header, status, time.Now())}
	if v, ok := verdicts(status); ok && (v.kind != sdk.KindDuplicate || call.Write) {
		e.Kind, e.Turn, e.NotApplied = v.kind, v.turn, call.Write
		e.Message = fmt.Sprintf("%s %s (status %d, %s)", c.opt.Name, v.what, status, call.endpoint())
		if v.kind == sdk.KindInvalid {
			e.Fields = fields(reply.Problems)
		}
		return e
	}
	switch {
	case call.Write && slices.Contains(call.RefusedBeforeProcessing, status):
		e.Kind, e.Turn, e.NotApplied = sdk.KindTransient, sdk.TurnATS, true
		e.Message = fmt.Sprintf("%s took nothing (status %d, %s)", c.opt.Name, status, call.endpoint())
	case call.Write:
		return c.ambiguous(e, call, fmt.Sprintf("%s answered %d", c.opt.Name, status))
	case status >= 500 || status == 408 || status == 425:
		e.Kind, e.Turn = sdk.KindTransient, sdk.TurnATS
		e.Message = fmt.Sprintf("%s has trouble (status %d, %s)", c.opt.Name, status, call.endpoint())
		e.Remedy = "Nothing to do now; it is tried again."
	case status >= 300 && status < 400:
		e.Kind, e.Turn = sdk.KindRemoteChanged, sdk.TurnOperator
		e.Message = fmt.Sprintf("%s answered with a redirect (status %d, %s)", c.opt.Name, status, call.endpoint())
		e.Remedy = "Check that base_url and the proxy lead to the ATS itself; redirects are not followed."
	default:
		e.Kind, e.Turn = sdk.KindRemoteChanged, sdk.TurnAdapter
		e.Message = fmt.Sprintf("%s gave an unexpected answer (status %d, %s)", c.opt.Name, status, call.endpoint())
		e.Remedy = changed(c.opt.Name)
	}
	return e
}

// lost classifies a call that got no answer.
func (c *Client) lost(call Call, err error, wrote bool) *sdk.Error {
	what, turn, remedy := faultWords(err)
	e := &sdk.Error{Turn: turn, Remedy: remedy}
	if call.Write && wrote {
		return c.ambiguous(e, call, fmt.Sprintf("%s did not answer (%s)", c.opt.Name, what))
	}
	e.Kind, e.NotApplied = sdk.KindTransient, call.Write
	e.Message = fmt.Sprintf("%s could not be reached (%s, %s)", c.opt.Name, what, call.endpoint())
	if wrote {
		e.Message = fmt.Sprintf("%s did not answer (%s, %s)", c.opt.Name, what, call.endpoint())
	}
	return e
}

// cutShort classifies a 2xx answer whose body could not be read to its end.
func (c *Client) cutShort(call Call, status int, err error) *sdk.Error {
	e := &sdk.Error{Status: status, Turn: sdk.TurnATS}
	what := "the answer broke off"
	if errors.Is(err, errTooLarge) {
		what = "the answer is larger than the adapter reads"
	}
	if call.Write {
		return c.ambiguous(e, call, fmt.Sprintf("%s answered %d, but %s", c.opt.Name, status, what))
	}
	e.Kind, e.Remedy = sdk.KindTransient, "Nothing to do now; it is tried again."
	if errors.Is(err, errTooLarge) {
		e.Kind, e.Turn, e.Remedy = sdk.KindRemoteChanged, sdk.TurnAdapter, changed(c.opt.Name)
	}
	e.Message = fmt.Sprintf("%s answered %d, but %s (%s)", c.opt.Name, status, what, call.endpoint())
	return e
}

// unreadable classifies a 2xx answer that the adapter could not decode. The decoder's own words may quote the
// answer and are left out.
func (c *Client) unreadable(call Call, status int, err error) *sdk.Error {
	e := &sdk.Error{Status: status, Turn: sdk.TurnAdapter}
	if call.Write {
		return c.ambiguous(e, call, fmt.Sprintf("%s answered %d, but not in the documented form", c.opt.Name, status))
	}
	e.Kind = sdk.KindRemoteChanged
	e.Message = fmt.Sprintf("%s answered %d, but not in the documented form (%s)", c.opt.Name, status, call.endpoint())
	e.Remedy = changed(c.opt.Name)
	if f := Form(err); f != nil {
		e.Message = fmt.Sprintf("%s answered %d, but not in the documented form (%s: %s)", c.opt.Name, status, call.endpoint(), f)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, errEmpty) || errors.Is(err, io.ErrUnexpectedEOF) {
		e.Kind, e.Turn = sdk.KindTransient, sdk.TurnATS
		e.Message = fmt.Sprintf("%s answered %d, but with something that is not JSON (%s)", c.opt.Name, status, call.endpoint())
		e.Remedy = "Nothing to do now; it is tried again. If it goes on, check that base_url and the proxy lead to the ATS itself."
	}
	return e
}

// changed is what to do about an answer that is not as documented.
func changed(ats string) string {
	return "Look for a newer version of the adapter, and tell its author what is said here about the answer of " + ats + "; it is tried again by itself."
}

// ambiguous makes e say that nobody knows whether the write took place.
func (c *Client) ambiguous(e *sdk.Error, call Call, what string) *sdk.Error {
	e.Kind, e.NotApplied = sdk.KindAmbiguous, false
	if e.Turn == "" {
		e.Turn = sdk.TurnATS
	}
	e.Message = fmt.Sprintf("%s after the request was sent, so it is not known whether it took effect (%s)", what, call.endpoint())
	e.Remedy = "Look in " + c.opt.Name + " whether it is there, and say so; it is not sent again by itself."
	return e
}

// faultWords says in fixed words what kept an answer away. The error's own text may hold addresses and is
// left out.
func faultWords(err error) (what string, turn sdk.Turn, remedy string) {
	var (
		dns       *net.DNSError
		cert      *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
		op        *net.OpError
		timeout   net.Error
	)
	const network = "Check the network, the proxy and base_url of this machine."
	switch {
	case errors.Is(err, context.Canceled):
		return "the call was cancelled", sdk.TurnATS, ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "time-out", sdk.TurnATS, ""
	case errors.As(err, &dns):
		return "its name was not found", sdk.TurnOperator, network
	case errors.As(err, &cert), errors.As(err, &authority):
		return "its certificate is not trusted", sdk.TurnOperator,
			"Check base_url; behind a proxy that opens TLS, name its authority in ca_file of the section [adapters]."
	case errors.As(err, &record):
		return "no TLS was spoken", sdk.TurnOperator, network
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused", sdk.TurnOperator, network
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		return "the connection was cut", sdk.TurnATS, ""
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection", sdk.TurnOperator, network
	default:
		return "the connection failed", sdk.TurnATS, ""
	}
}
