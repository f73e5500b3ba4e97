package hook

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// The bounds of what an adapter has an ATS answered.
const (
	maxReplyBody    = 64 << 10
	maxReplyHeaders = 32
	maxHeaderBytes  = 8 << 10
)

// ours are the header fields that no adapter says anything about: those of the connection and of the transfer, which net/http
// writes, and those by which an answer would reach beyond itself in whoever reads it.
var ours = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Content-Length", "Content-Encoding", "Date", "Server", "X-Request-Id",
	"Set-Cookie", "Set-Cookie2", "Location", "Refresh", "Alt-Svc", "Strict-Transport-Security", "Clear-Site-Data",
	"X-Content-Type-Options", "Content-Security-Policy",
}

// answer gives the ATS the reply that its adapter dictates, as far as it is harmless. A redirect is no answer to a call.
func answer(w http.ResponseWriter, reply sdk.WebhookReply) {
	h := w.Header()
	maps.Copy(h, harmless(reply.Header))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	status := reply.Status
	if status < 200 || status > 599 || status >= 300 && status < 400 {
		status = http.StatusBadGateway
	}
	if len(reply.Body) > 0 && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(status)
	if status == http.StatusNoContent || len(reply.Body) > maxReplyBody {
		return
	}
	_, _ = w.Write(reply.Body) // the caller is gone; there is nobody to tell
}

// harmless returns the header fields that may go out, in the form that net/http knows them by.
func harmless(in http.Header) http.Header {
	out := make(http.Header, len(in))
	left := maxHeaderBytes
	for _, name := range slices.Sorted(maps.Keys(in)) {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if !token(key) || slices.Contains(ours, key) || len(out) == maxReplyHeaders {
			continue
		}
		for _, v := range in[name] {
			if left -= len(key) + len(v) + 4; left < 0 {
				return out
			}
			if printable(v) {
				out[key] = append(out[key], v)
			}
		}
	}
	return out
}

func token(s string) bool {
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(b)) {
			return false
		}
	}
	return s != ""
}

func printable(s string) bool {
	for _, b := range []byte(s) {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
