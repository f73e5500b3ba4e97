package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const goodSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// eventTypes stands in for what the domain knows.
func eventTypes(name string) error {
	if !strings.HasPrefix(name, "application.") {
		return errors.New("there is no such type of event")
	}
	return nil
}

func TestWebhooks_AreReadCompletelyAndHideTheirSecrets(t *testing.T) {
	t.Parallel()
	vars := environment(map[string]string{"NEW": goodSecret, "OLD": "whsec_c2Vjb25kLXNlY3JldC1vZi10aGUtdGVzdHM="})
	c, err := parse("a.toml", []byte(`
[delivery]
timeout = "20s"
max_in_flight = 10
keep_delivered = "7d"
allow_networks = ["10.20.0.0/16", "fd00::/8", "192.0.2.7"]
[[webhooks]]
id = "platform"
url = "https://hooks.example.com/atssync"
secret = { env = "NEW" }
old_secret = { env = "OLD" }
types = ["application.status_changed", "application.reopened"]
accounts = ["acme"]
connections = ["globex-greenhouse"]
paused = true
`), Checks{EventType: eventTypes}, vars)
	require.NoError(t, err)
	require.Equal(t, Delivery{
		Timeout: 20 * time.Second, MaxInFlight: 10, KeepDelivered: 7 * day, AllowNetworks: []string{"10.20.0.0/16", "fd00::/8", "192.0.2.7"},
	}, c.Delivery)
	w := c.Webhooks[0]
	require.Equal(t, goodSecret, w.Secret.Reveal())
	require.NotEmpty(t, w.OldSecret.Reveal())
	require.Equal(t, []string{"application.status_changed", "application.reopened"}, w.Types)
	require.Equal(t, []string{"acme"}, w.Accounts)
	require.Equal(t, []string{"globex-greenhouse"}, w.Connections)
	require.True(t, w.Paused)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", *c, *c, *c), "whsec_")
}

func TestWebhooks_EveryMistakeIsToldWithItsLineAndNoSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "short"), []byte("whsec_Y2FuYXJ5"), 0o600))
	for text, want := range map[string]string{
		`[delivery]` + "\n" + `allow_networks = ["10.0.0.0/33"]`:                               "2: delivery.allow_networks[0]: must be a network",
		`[delivery]` + "\n" + `allow_networks = ["fe80::1%eth0"]`:                              "must be a network",
		`[delivery]` + "\n" + `allow_networks = "10.0.0.0/8"`:                                  "expected a list of strings",
		`[delivery]` + "\n" + `allow_networks = [7]`:                                           "expected a string",
		`[delivery]` + "\n" + `max_in_flight = 0`:                                              "from 1 to 500",
		`[delivery]` + "\n" + `timeout = "10m"`:                                                "must be from",
		`[delivery]` + "\n" + `ca_file = "none.pem"`:                                           "does not exist",
		`[[webhooks]]` + "\n" + `url = "https://hooks.example.com/"`:                           "webhooks[0]: id is missing",
		`[[webhooks]]` + "\n" + `id = "a"`:                                                     "webhooks[0]: secret is missing",
		`[[webhooks]]` + "\n" + `secret = "whsec_canary"`:                                      "2: webhooks[0].secret: a secret must not stand in the file",
		`[[webhooks]]` + "\n" + `secret = 7`:                                                   "expected a reference to a secret",
		`[[webhooks]]` + "\n" + `secret = { file = "short" }`:                                  "is not whsec_ and 24 to 64 bytes",
		`[[webhooks]]` + "\n" + `secret = { file = "none" }`:                                   "does not exist",
		`[[webhooks]]` + "\n" + `url = "hooks.example.com"`:                                    "must be an address",
		`[[webhooks]]` + "\n" + `url = ""`:                                                     "must not be empty",
		`[[webhooks]]` + "\n" + `types = ["application.hired", "job.open"]`:                    "webhooks[0].types[1]: there is no such type",
		`[[webhooks]]` + "\n" + `secret = { env = "S" }` + "\n" + `old_secret = { env = "S" }`: "3: webhooks[0].old_secret: is the same as secret",
		`[[webhooks]]` + "\n" + `id = "a"` + "\n" + `[[webhooks]]` + "\n" + `id = "a"`:         "4: webhooks[1].id: the id a is taken by another webhook (line 2)",
		`[[webhooks]]` + "\n" + `secrets = { env = "S" }`:                                      "unknown key",
	} {
		_, err := parse(filepath.Join(dir, "a.toml"), []byte(text), Checks{EventType: eventTypes}, environment(map[string]string{"S": goodSecret}))
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "canary")
		require.NotContains(t, err.Error(), "Y2FuYXJ5")
		require.NotContains(t, err.Error(), goodSecret)
	}
}
