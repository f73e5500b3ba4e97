package wire

import (
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// shortestSecret is the length from which a credential is searched for in texts; shorter ones would turn
// ordinary words into stars.
const shortestSecret = 6

// unsupported is the answer of an adapter that lacks the power.
func unsupported(p sdk.Power) *Error {
	return errorToWire(&sdk.Error{
		Kind:       sdk.KindUnsupported,
		Message:    "this adapter does not have the power " + string(p),
		Turn:       sdk.TurnOperator,
		NotApplied: true,
	})
}

// failure converts an adapter's error for the call on that connection (nil when there is none).
func failure(c *Connection, err error) *Error {
	e := errorToWire(err)
	scrubError(c, e)
	return e
}

// scrub is the second line of defence behind the adapter's own care: no credential of the connection that
// a call was for leaves the adapter in a text.
func scrub(c *Connection, s string) string {
	if s == "" {
		return s
	}
	for _, secret := range c.GetCredentials() {
		if len(secret) >= shortestSecret {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return s
}

func scrubError(c *Connection, e *Error) {
	if e == nil {
		return
	}
	e.Message, e.Remedy = scrub(c, e.Message), scrub(c, e.Remedy)
	for _, f := range e.Fields {
		f.Message = scrub(c, f.Message)
	}
	scrubMeta(c, e.Meta)
}

func scrubMeta(c *Connection, m *Meta) {
	if m == nil {
		return
	}
	for _, x := range m.Exchanges {
		x.Endpoint, x.Excerpt = scrub(c, x.Endpoint), scrub(c, x.Excerpt)
	}
}
