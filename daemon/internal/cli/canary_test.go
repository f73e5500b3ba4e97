package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCanary_NothingPersonalOrSecretLeavesItsPlace seeds every personal and secret field, lets everything go wrong that can, and
// then looks for what was seeded in all that was told, logged and stored.
func TestCanary_NothingPersonalOrSecretLeavesItsPlace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.secretsShownOnce()
	r.submit(1, "pass", "submitted")
	r.submit(2, "422", "refused")
	r.submit(3, "500", "uncertain")
	r.settle("app-500-3")
	r.submit(4, "200", "uncertain")
	r.settle("app-200-4")
	r.crashedAdapter()
	r.refusals()
	r.revoked()
	r.watch()
	bundle := r.bundle("goroutines.txt", "metrics.txt", "connections.json", "webhooks.json", "adapters.json")
	r.kill()
	bundle += r.bundle("config.json", "store.json")
	r.start()
	r.watch()

	people, err := r.run("", "submissions", "show", r.id("app-pass-1"), "--document", "--json")
	require.NoError(t, err)
	for _, what := range []string{"person.first_name", "person.emails.address", "private answer", "notes"} {
		require.Contains(t, people, r.people[what+" of app-pass-1"], "who asks for the document is shown it")
	}
	r.ats.mu.Lock()
	sent := r.ats.seen.String()
	r.ats.mu.Unlock()
	require.Contains(t, sent, r.people["person.last_name of app-422-2"], "the ATS was sent it, and repeated it")

	require.Contains(t, r.atssync("", "submissions", "show", r.id("app-422-2")), "[…]", "what the ATS said is kept, without the person")

	all := canaries{}
	maps.Copy(all, r.secret)
	maps.Copy(all, r.people)
	require.Greater(t, len(all), 100)
	r.look("at the end")
	metrics := r.ask(http.MethodGet, r.listener("ops")+"/metrics", "", "")
	require.Contains(t, metrics, "atssync_")
	backup := r.backup()
	for place, text := range map[string]string{
		"what commands and the API said": r.told.String(), "the log": r.log.String(), "the processes": r.ran.String(),
		"the data folder": r.files("data"), "the runtime folder": r.files("run"), "the metrics": metrics,
		"the journal of attempts": r.journal(), "a backup": backup, "support bundles": bundle,
	} {
		require.NotEmpty(t, text, place)
		require.Empty(t, all.found(text), place)
	}
	for _, name := range []string{"Acme", "Refused", `"acme"`, "globex", "hooli", "from-file", `"called"`, `"broken"`} {
		require.NotContains(t, bundle, name, "a support bundle names nobody")
	}
	for _, stands := range []string{`"file-connection-1"`, `"file-connection-2"`, `"account-1"`, `"account-3"`, `"file-webhook-1"`, r.connection()} {
		require.Contains(t, bundle, stands)
	}
	require.Contains(t, r.files("data"), r.id("app-422-2"), "the data is in these files")
	require.Contains(t, r.journal(), r.id("app-422-2"), "attempts are in the journal")
	require.Contains(t, r.told.String(), "fields", "problems of fields were told")

	erased := r.atssync(r.people["person.emails.address of app-pass-1"], "erase", "--email", "-", "--yes")
	require.Contains(t, erased, "/people/")
	shown, err := r.run("", "submissions", "show", r.id2(erased), "--document", "--json")
	require.NoError(t, err)
	require.Empty(t, all.found(shown), "and after the erasure not even who asks is shown it")
	require.Empty(t, all.found(r.told.String()))
}

var submissionID = regexp.MustCompile(`sub_[0-9a-z]{26}`)

func (r *rig) id(external string) string {
	r.t.Helper()
	return r.id2(r.atssync("", "submissions", "list", "--connection", "Acme", "--external-id", external, "--json"))
}

func (r *rig) id2(text string) string {
	r.t.Helper()
	id := submissionID.FindString(text)
	require.NotEmpty(r.t, id, text)
	return id
}

// settle gives an uncertain one up, so that the lane goes on.
func (r *rig) settle(external string) {
	r.t.Helper()
	r.atssync("", "resolve", r.id(external), "--submitted", "https://app.greenhouse.io/people/1")
	r.atssync("", "resolve", r.id(external), "--give-up")
}

// secretsShownOnce makes what is shown at its making, and lets a webhook go wrong that repeats what it gets.
func (r *rig) secretsShownOnce() {
	r.t.Helper()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		http.Error(w, fmt.Sprint(q.Header)+string(b), http.StatusInternalServerError)
	}))
	r.t.Cleanup(echo.Close)
	secret, err := r.run("", "webhooks", "create", echo.URL+"/hook")
	require.NoError(r.t, err)
	r.secret["webhook secret"] = strings.TrimPrefix(strings.TrimSpace(secret), "whsec_")
	token, err := r.run("", "tokens", "create", "platform", "--scope", "admin")
	require.NoError(r.t, err)
	r.secret["token"] = strings.TrimSpace(token)
	require.Greater(r.t, len(r.secret["token"]), 60)
	require.Greater(r.t, len(r.secret["webhook secret"]), 30)
	key, err := os.ReadFile(r.at("data/seal.key"))
	require.NoError(r.t, err)
	var file struct {
		IndexKey string `json:"index_key"`
		Sealing  struct {
			Key []struct {
				Data struct {
					Value string `json:"value"`
				} `json:"keyData"`
			} `json:"key"`
		} `json:"sealing_keys"`
	}
	require.NoError(r.t, json.Unmarshal(key, &file))
	r.secret["index key"], r.secret["sealing key"] = file.IndexKey, file.Sealing.Key[0].Data.Value
	require.NotEmpty(r.t, r.secret["sealing key"])
	hook, err := r.run("", "connections", "hook", "called", "--rotate")
	require.NoError(r.t, err)
	r.secret["address that an ATS calls"] = path.Base(strings.TrimSpace(hook))
	require.Greater(r.t, len(r.secret["address that an ATS calls"]), 30)
}

// backup makes one, and has it verified, so that it is known to hold what is looked for.
func (r *rig) backup() string {
	r.t.Helper()
	at := r.at("canary.backup")
	r.atssync("", "backup", at)
	b, err := os.ReadFile(at)
	require.NoError(r.t, err)
	require.Contains(r.t, r.atssync("", "backup", "verify", at), "submissions")
	return string(b)
}

// bundle makes a support bundle and returns what is in all of its members, of which it has these.
func (r *rig) bundle(has ...string) string {
	r.t.Helper()
	archive, err := r.run("", "support-bundle", "--to", "-")
	require.NoError(r.t, err)
	members := unpack(r.t, []byte(archive))
	for _, name := range has {
		require.NotEmpty(r.t, members[name], name)
	}
	var out strings.Builder
	for name, text := range members {
		fmt.Fprintf(&out, "%s: %s\n", name, text)
	}
	return out.String()
}

func (r *rig) journal() string {
	r.t.Helper()
	b, err := os.ReadFile(r.at("data/attempts.log"))
	require.NoError(r.t, err)
	return string(b)
}

// look takes down what every process shows of itself.
func (r *rig) look(when string) {
	r.t.Helper()
	_, _ = fmt.Fprintf(r.ran, "%s: %s\n", when, r.processes())
}

// crashedAdapter ends the adapter in the middle of a call.
func (r *rig) crashedAdapter() {
	r.t.Helper()
	var list struct {
		Items []struct {
			PID int `json:"pid"`
		} `json:"items"`
	}
	out := r.atssync("", "adapters", "list", "--json")
	require.NoError(r.t, json.Unmarshal([]byte(out), &list), out)
	doc, people := personal(r.t, r.connection(), "app-hang-5", 5)
	for what, v := range people {
		r.people[what+" of app-hang-5"] = v
	}
	r.ats.mode.Store("hang")
	r.atssync(string(doc), "submit", "-")
	require.Eventually(r.t, func() bool {
		return strings.Contains(r.atssync("", "submissions", "list", "--connection", "Acme", "--external-id", "app-hang-5"), " sending")
	}, patience, 50*time.Millisecond)
	r.look("while an application is being sent")
	for _, a := range list.Items {
		require.NoError(r.t, syscall.Kill(a.PID, syscall.SIGABRT)) // with every goroutine's stack on stderr
	}
	r.ats.mode.Store("pass")
	require.Eventually(r.t, func() bool {
		return strings.Contains(r.atssync("", "submissions", "list", "--connection", "Acme", "--external-id", "app-hang-5"), " uncertain")
	}, patience, 100*time.Millisecond)
	require.Eventually(r.t, func() bool {
		return strings.Contains(r.atssync("", "adapters", "list", "--json"), `"running"`)
	}, patience, 100*time.Millisecond)
	r.settle("app-hang-5")
}

// refusals sends what is refused, and files that cannot be read.
func (r *rig) refusals() {
	r.t.Helper()
	at, token := r.listener("http"), r.secret["token"]
	doc, people := personal(r.t, r.connection(), "app-bad-6", 6)
	for what, v := range people {
		r.people[what+" of app-bad-6"] = v
	}
	email := people["person.emails.address"]
	for _, bad := range []string{
		strings.Replace(string(doc), email, strings.Replace(email, "@", " at ", 1), 1),
		strings.Replace(string(doc), `"job":"job-1"`, `"job":7`, 1),
		strings.Replace(string(doc), "https://p.example.com", "ftp://p.example.com", 1),
		strings.Replace(string(doc), `"person":{`, `"person":{"bytes":"`+email+`",`, 1),
		strings.Replace(string(doc), `"answers":[`, `"answers":"`+people["answers.answer"]+`","x":[`, 1),
		strings.Replace(string(doc), people["person.first_name"], people["person.first_name"]+strings.Repeat("x", 400), 1),
		string(doc[:len(doc)-40]),
	} {
		require.Contains(r.t, r.ask(http.MethodPost, at+"/v1/submissions", token, bad), `"code"`)
		r.atssync(bad, "submit", "-")
		r.atssync(bad, "submit", "--dry-run", "-")
	}
	r.people["bad e-mail of app-bad-6"] = strings.Replace(email, "@", " at ", 1)
	require.Contains(r.t, r.ask(http.MethodPost, at+"/v1/erasures", token, fmt.Sprintf(`{"email":%q,"person":%q}`, email, people["person.id"])), "exactly one")
	r.ask(http.MethodPost, at+"/v1/erasures", token, fmt.Sprintf(`{"mail":%q}`, email))
	r.ask(http.MethodGet, at+"/v1/submissions", token[:len(token)-4]+"0000", "")
	r.ask(http.MethodGet, at+"/v1/nothing", token, "")
	hook, err := http.Post(at+"/hooks/called/"+r.secret["address that an ATS calls"], "application/json", strings.NewReader(string(doc)))
	require.NoError(r.t, err)
	require.NoError(r.t, hook.Body.Close())
	require.GreaterOrEqual(r.t, hook.StatusCode, 400, "it is not signed")
	r.ask(http.MethodPost, at+"/hooks/"+r.connection()+"/"+strings.Repeat("0", 32), "", string(doc))
	r.ask(http.MethodPost, at+"/v1/connections", token, fmt.Sprintf(`{"account":"acme","adapter":"greenhouse","fields":{"api_key":%q,"on_behalf_of":7}}`, r.secret["wrong API key"]))

	config, err := os.ReadFile(r.at("atssync.toml"))
	require.NoError(r.t, err)
	wrong := r.secret["wrong API key"]
	for i, bad := range []string{
		strings.Replace(string(config), `{ file = "wrong.key" }`, `"`+wrong, 1),
		strings.Replace(string(config), `{ file = "wrong.key" }`, `{ value = "`+wrong+`" }`, 1),
		strings.Replace(string(config), `secret = { file = "hook.secret" }`, `secret = "whsec_`+r.secret["webhook secret of the file"]+`"`, 1),
		strings.Replace(string(config), `secret = { file = "hook.secret" }`, `secret = { file = "wrong.key" }`, 1),
	} {
		name := fmt.Sprintf("bad%d.toml", i)
		r.write(name, bad)
		_, err := r.run("", "config", "check", r.at(name))
		require.Error(r.t, err, name)
		r.atssync("", "run", "--config", r.at(name))
	}
}

// revoked has the ATS refuse the key while work waits.
func (r *rig) revoked() {
	r.t.Helper()
	r.submit(7, "401", "queued")
	r.ats.mode.Store("401")
	r.atssync("", "connections", "check", "Acme")
	r.atssync("", "schedule", "run", "status")
	r.atssync("", "schedule", "run", "jobs")
	r.atssync("", "schedule", "run", "check")
	require.Eventually(r.t, func() bool {
		return strings.Contains(r.atssync("", "health"), "auth")
	}, patience, 100*time.Millisecond)
	r.ats.mode.Store("pass")
}

// watch looks at everything that people look at.
func (r *rig) watch() {
	r.t.Helper()
	for _, args := range [][]string{
		{"health", "--ok", "--json"},
		{"submissions", "list", "--json"},
		{"applications", "--json"},
		{"events", "--json"},
		{"ledger", "--recount"},
		{"connections", "list", "--json"},
		{"connections", "show", "Acme", "--json"},
		{"connections", "show", "from-file", "--json"},
		{"restore", "none.backup"},
		{"webhooks", "list", "--json"},
		{"webhooks", "deliveries", "broken", "--json"},
		{"tasks", "--json"},
		{"audit", "--json"},
		{"runs", "--json"},
		{"checkpoints", "--json"},
		{"adapters", "list", "--json"},
		{"adapters", "show", "greenhouse", "--json"},
		{"keys", "list", "--json"},
		{"tokens", "list", "--json"},
		{"erasures", "list", "--json"},
		{"schedule", "list", "--json"},
		{"version", "--json"},
	} {
		r.atssync("", args...)
	}
	for _, id := range slices.Compact(submissionID.FindAllString(r.atssync("", "submissions", "list", "--json"), -1)) {
		r.atssync("", "submissions", "show", id)
		r.atssync("", "submissions", "show", id, "--json")
	}
	for _, id := range slices.Compact(regexp.MustCompile(`whk_[0-9a-z]{26}`).FindAllString(r.atssync("", "webhooks", "list", "--json"), -1)) {
		r.atssync("", "webhooks", "test", id)
		r.atssync("", "webhooks", "deliveries", id, "--json")
	}
	r.ask(http.MethodGet, r.listener("ops")+"/metrics", "", "")
	r.ask(http.MethodGet, r.listener("ops")+"/readyz", "", "")
	r.ask(http.MethodGet, r.listener("http")+"/v1/openapi.json", "", "")
}
