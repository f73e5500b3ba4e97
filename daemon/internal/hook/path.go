package hook

import (
	"strings"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const maxConnection = 255

// parse takes a path apart. Only the one form of it that atssync.HookPath writes is one.
func parse(path string) (connection, secret string, ok bool) {
	rest, ok := strings.CutPrefix(path, Prefix)
	if !ok {
		return "", "", false
	}
	connection, secret, ok = strings.Cut(rest, "/")
	if !ok || connection == "" || len(connection) > maxConnection || len(secret) != atssync.HookSecretLen {
		return "", "", false
	}
	for _, b := range []byte(secret) {
		if (b < '0' || b > '9') && (b < 'a' || b > 'f') {
			return "", "", false
		}
	}
	for _, b := range []byte(connection) {
		if (b < '0' || b > '9') && (b < 'a' || b > 'z') && b != '_' && b != '-' {
			return "", "", false
		}
	}
	return connection, secret, true
}
