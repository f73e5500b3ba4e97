package readme_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"
)

// quickStart runs where the module is.
func quickStart() []step {
	return []step{
		{line: "scripts/demo", says: `Nothing is left running`},
		{line: "scripts/demo --console", says: `(?s)http://.*/connect/\S+.*goes on until Ctrl-C`, ends: true},
	}
}

// mainJob is what a platform's engineer does first, from nothing to statuses, with the simulator instead of an employer.
func mainJob() []step {
	return []step{
		{line: "export PATH=$PWD/bin:$PATH"},
		{line: "export ATSSYNC_CONFIG=atssync.toml"},
		{line: "atssync simulate greenhouse --listen 127.0.0.1:8091", says: `(?s)site_admin.*\n.*\n`, stays: true, first: (*world).withoutSimulator, then: (*world).simulated},
		{line: "atssync config check FILE", with: map[string]string{"FILE": "atssync.toml"}, says: `atssync.toml is good`, first: (*world).configure},
		{line: "atssync run --config atssync.toml &", says: `adapter is running.*"adapter":"greenhouse"`, stays: true},
		{
			line: "atssync connect --adapter greenhouse --account acme", says: `(?s)ok +Greenhouse accepts the key.*^name +acme`,
			asked: [][2]string{{"(not shown): ", "KEY"}, {"E-mail address of the Greenhouse user: ", "WHO"}},
		},
		{line: "atssync platform-jobs import jobs.ndjson", says: `1 read, 1 stored`, first: (*world).jobs},
		{line: "atssync link --suggest acme", says: `backend +Backend Engineer +6409000001 .*same_title`},
		{line: "atssync link --suggest acme --all", says: `0 jobs connected, 0 refused, 1 left`},
		{line: "atssync link backend 6409000001 --connection acme", says: `Connected backend → 6409000001`},
		{line: "atssync submit --example", says: `"external_id": "application-24680"`},
		{line: "atssync submit --dry-run FILE", with: map[string]string{"FILE": "applications.ndjson"}, says: `goes-1.: would be queued`, exit: 3, first: (*world).applications},
		{line: "atssync submit applications.ndjson", says: `2 `},
		{line: "atssync submissions list --state held", says: `waits-1.*job_not_linked`},
		{line: "atssync health", says: `1 held`, until: true},
		{line: "atssync ledger --recount", says: `^ *acme +2 +1 .*yes`, until: true},
		{line: "atssync ledger", says: `^acme +2 +1 .*yes`},
		{line: "atssync events --follow", says: `submission.*follow-`, ends: true, meanwhile: func(w *world, n int) {
			w.write("more.ndjson", w.document(fmt.Sprintf("follow-%d", n), "backend"))
			w.one(step{}, "atssync submit more.ndjson")
		}},
	}
}

// uncertainties are what a person does about applications of which nobody knows whether they arrived.
func uncertainties() []step {
	sub := map[string]string{"SUB": "LOST"}
	return []step{
		{line: "atssync submissions list --state uncertain", says: `^(sub_\w+).*lost-1`, keep: "LOST", until: true, first: lose("lost-1", "cut_after")},
		{line: "atssync submissions show", of: shown, says: `atssync submissions show ID`},
		{line: "atssync resolve", of: shown, says: `--send-again`},
		{
			line: "atssync resolve SUB --submitted URL", with: map[string]string{"SUB": "LOST", "URL": "FOUND"}, says: `is submitted`, until: true,
			first: (*world).find,
		},
		{line: "--send-again --attempt N", of: "atssync resolve SUB", with: map[string]string{"SUB": "LOST", "N": "1"}, says: `is queued`, first: func(w *world) {
			lose("lost-2", "cut_before")(w)
			w.one(uncertain("lost-2"), "atssync submissions list --state uncertain")
		}},
		{line: "--give-up", of: "atssync resolve SUB", with: sub, says: `is cancelled`, first: func(w *world) {
			w.one(step{says: `lost-2`, until: true}, "atssync submissions list --state submitted")
			lose("lost-3", "cut_before")(w)
			w.one(uncertain("lost-3"), "atssync submissions list --state uncertain")
		}},
		{line: "atssync applications --question", says: `^sub_\w+ .*lost-1`, until: true, first: (*world).moveOn},
		{line: "atssync applications answer", of: shown, says: `--none`},
	}
}

// uncertain waits until an application is, and keeps its id.
func uncertain(external string) step {
	return step{says: `^(sub_\w+).*` + external, keep: "LOST", until: true}
}

// shown are commands that the README names without what they are given: their help is asked for.
const shown = "--help"

// lookUps are what is looked at beside the main job, and what the connect page and programs need.
func lookUps() []step {
	acme := map[string]string{"NAME": "acme"}
	return []step{
		{line: "atssync version --modules", says: `^github.com/spf13/cobra `},
		{line: "atssync help exit-codes", says: `^ +5 `},
		{line: "atssync help states", says: `job_not_linked`},
		{line: "atssync openapi", says: `"openapi": *"3.1`},
		{line: "--json", of: "atssync submissions list", says: `"external_id":"goes-1"`},
		{line: "--backlog", of: "atssync link backend 6409000001 --connection acme", with: map[string]string{"--backlog": "--backlog all"}, says: `backend`},
		{line: "atssync tokens create", of: shown, says: `--scope`},
		{line: "atssync tokens create NAME --scope submit", with: map[string]string{"NAME": "product"}, says: `\batt?[a-z]*_\w+`},
		{line: "atssync console", says: `^https://ats-sync.example.com/console/open/`},
		{
			line: "atssync connect-link --account acme --adapter greenhouse --return-url https://app.example.com/settings",
			says: `https://ats-sync.example.com/connect/`,
		},
		{line: "atssync connect-links list", says: `^cln_\w+ +acme`},
		{line: "atssync connections hook NAME", with: acme, says: `.`, exit: 5},
		{line: "--rotate", of: "atssync connections hook acme", says: `.`, exit: 5},
		{line: "atssync applications import earlier.csv --connection acme", says: `goes-1|has this external_id already`, exit: 3, first: (*world).earlier},
	}
}

// operations are what those do who run it, but for what needs the package or a system.
func operations() []step {
	return []step{
		{line: "atssync doctor", says: ` well; `, until: true, exit: judged},
		{line: "--only disk,hosts", of: "atssync doctor", says: ` well; `, exit: judged},
		{line: "--all", of: "atssync doctor", says: ` well; `, exit: judged},
		{line: "--json --strict", of: "atssync doctor", says: `"whose_turn"`, exit: 1},
		{line: "atssync log-level debug --for 10m", says: `debug`},
		{line: "--list", of: "atssync support-bundle", says: `doctor\.json`},
		{line: "atssync support-bundle", says: `atssync-support-\S+\.tar\.gz`},
		{line: "atssync audit", says: `acme`},
		{line: "atssync restore", of: shown, says: `atssync restore FILE`},
		{line: "atssync reconcile --from events.ndjson", says: `never restored`, exit: 5, first: func(w *world) {
			w.write("events.ndjson", w.one(step{says: `submission.submitted`}, "atssync events --json"))
		}},
		{line: "atssync connections release NAME", with: map[string]string{"NAME": "acme"}, says: `is not held for a restore`, exit: 5},
		{line: "atssync keys rotate", says: `keep the older copy`, asked: [][2]string{{"(yes/no)", "yes"}}},
		{line: "atssync keys list", says: ` removed`, until: true},
		{line: "atssync erase --email -", says: `acme .* submitted +held`, asked: [][2]string{{"address", "ada@example.com"}, {"(yes/no)", "yes"}}},
		{
			line: "atssync erase --external-id X --connection C | --person ID | --email ADDRESS", of: "atssync erase", says: `.`,
			with: map[string]string{"X": "waits-1 --yes", "C": "acme", "ID": "person-13579 --yes", "ADDRESS": "ada@example.com --yes"},
		},
		{line: "atssync erasures list --pending", says: `^`},
	}
}

// authors are what an author of an adapter does: first with ours, then with a copy of the reference.
func authors() []step {
	return []step{
		{line: "atssync adapters call ./bin/adapters/greenhouse check --from-file creds.json --trace", says: `(?s)> GET .*: 200, .*"ok": true.*"jobs_visible": 7`, first: (*world).creds},
		{line: "atssync adapters test ./bin/adapters/greenhouse --fake http://127.0.0.1:8091", says: `conforms to the contract: \d+ passed, 0 failed`},
		{line: "atssync adapters test", of: shown, says: `atssync adapters test PATH`},
		{line: "cp -r adapters/reference ../workable && cd ../workable", says: `^`, first: (*world).checkout},
		{line: "go mod init example.com/workable", says: `^`},
		{line: "go mod edit -replace github.com/atssync/atssync=../atssync", says: `^`},
		{line: "sed -i 's,github.com/atssync/atssync/adapters/reference,example.com/workable,' *.go simulator/*.go", says: `^`},
		{line: "go mod tidy && go build && go test ./...", says: `(?s)ok\s+example.com/workable.*ok\s+example.com/workable/simulator`},
		{line: "atssync simulate ./workable --listen 127.0.0.1:8092 &", says: `127.0.0.1:\d+`, stays: true, then: (*world).second},
		{line: "atssync adapters test ./workable --fake http://127.0.0.1:8092", says: `conforms to the contract: \d+ passed, 0 failed`},
	}
}

// lose submits an application whose answer gets lost.
func lose(external, fault string) func(*world) {
	return func(w *world) {
		w.control(http.MethodPost, "/faults", map[string]any{"kind": fault, "method": "POST", "endpoint": "candidates", "count": 1})
		w.write("lost.json", w.document(external, "backend"))
		w.one(step{says: ".", exit: 0}, "atssync submit lost.json")
	}
}

// find looks for the lost one in the ATS, as a person does.
func (w *world) find() {
	w.t.Helper()
	w.kept["FOUND"] = fmt.Sprintf("https://app.greenhouse.io/people/%d", w.sent("lost-1").ID)
}

// moveOn is a recruiter who has lost-1 considered for two other jobs, and no more for the one that was applied for.
func (w *world) moveOn() {
	w.t.Helper()
	const acme = "/employers/harbor-robotics"
	for _, job := range []string{"Data Scientist", "Frontend Engineer"} {
		w.control(http.MethodPost, acme+"/apply", map[string]string{"external_id": "lost-1", "job": job})
	}
	w.control(http.MethodPost, acme+"/remove", map[string]any{"application_id": w.sent("lost-1").Applications[0].ID})
	w.one(step{}, "atssync schedule run status")
}

// arrivedPerson is a candidate of the simulator.
type arrivedPerson struct {
	ID           int64 `json:"id"`
	Applications []struct {
		ID int64 `json:"id"`
	} `json:"applications"`
}

// sent is the candidate that was made of a submission.
func (w *world) sent(external string) arrivedPerson {
	w.t.Helper()
	var found []arrivedPerson
	require.NoError(w.t, json.Unmarshal(w.control(http.MethodGet, "/employers/harbor-robotics/candidates?external_id="+external, nil), &found))
	require.Len(w.t, found, 1)
	return found[0]
}

// control asks the simulator's control API.
func (w *world) control(method, path string, body any) []byte {
	w.t.Helper()
	b, err := json.Marshal(body)
	require.NoError(w.t, err)
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.places["127.0.0.1:8091"]+"/control"+path, strings.NewReader(string(b)))
	require.NoError(w.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	require.Less(w.t, res.StatusCode, http.StatusBadRequest, "%s", answer)
	return answer
}

// document is the example of a document as a person edits it, on one line.
func (w *world) document(external, job string) string {
	w.t.Helper()
	var d map[string]any
	require.NoError(w.t, json.Unmarshal([]byte(w.one(step{}, "atssync submit --example")), &d))
	d["connection"], d["external_id"], d["job"] = "acme", external, job
	delete(d, "resume") // an address that is nobody's
	b, err := json.Marshal(d)
	require.NoError(w.t, err)
	return string(b) + "\n"
}

func (w *world) applications() {
	w.write("applications.ndjson", w.document("goes-1", "backend")+w.document("waits-1", "not-linked"))
}

// jobs writes the file whose content the README shows beside the command that takes it.
func (w *world) jobs() {
	w.t.Helper()
	for _, c := range commands(w.t, readme(w.t)) {
		if c.line == "atssync platform-jobs import jobs.ndjson" {
			require.Contains(w.t, c.comment, `"id":"backend"`)
			w.write("jobs.ndjson", c.comment+"\n")
		}
	}
}

// withoutSimulator is the config of an operator who does not yet have a simulator, which is all but what names it.
func (w *world) withoutSimulator() {
	w.t.Helper()
	w.places["127.0.0.1:8091"], w.places["127.0.0.1:8470"] = "127.0.0.1:0", "127.0.0.1:0"
	w.config(func(block string) bool { return !strings.Contains(block, "base_url") })
}

// simulated reads where the simulator is, and who lives there.
func (w *world) simulated(said string) {
	w.t.Helper()
	for name, pattern := range map[string]string{"KEY": `^ +key +(\S+)`, "WHO": `^ +site_admin +(\S+)`} {
		w.kept[name] = regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(said)[1]
	}
	w.places["127.0.0.1:8091"] = regexp.MustCompile(`base_url http://(\S+)`).FindStringSubmatch(said)[1]
}

// configure writes all that the README shows of a config file into one.
func (w *world) configure() { w.config(func(string) bool { return true }) }

func (w *world) config(taken func(string) bool) {
	w.t.Helper()
	var text strings.Builder
	for _, b := range blocks(readme(w.t), "toml") {
		if taken(b) {
			text.WriteString(w.here(b))
		}
	}
	w.write("atssync.toml", text.String())
}

// earlier writes what an earlier integration knew: the application that was just sent, as if it had been sent by it under another job.
func (w *world) earlier() {
	w.t.Helper()
	was := w.sent("goes-1")
	w.write("earlier.csv", fmt.Sprintf("external_id,job,candidate_id,application_id\ngoes-1,backend,%d,%d\n", was.ID, was.Applications[0].ID))
}

// creds writes the file that the README shows, with a key that the simulator printed.
func (w *world) creds() {
	w.t.Helper()
	shown := regexp.MustCompile("`([{]\"api_key\".*[}])`").FindStringSubmatch(readme(w.t))
	require.NotNil(w.t, shown)
	w.write("creds.json", strings.Replace(w.here(shown[1]), "…", w.kept["KEY"], 1))
}

// checkout takes the reader to a checkout of the module, of which the copy is made.
func (w *world) checkout() {
	w.t.Helper()
	module, err := filepath.Abs(root)
	require.NoError(w.t, err)
	below := filepath.Join(w.dir, "atssync")
	require.NoError(w.t, os.Mkdir(below, 0o755))
	require.NoError(w.t, os.Symlink(filepath.Join(module, "adapters"), filepath.Join(below, "adapters")))
	w.shell = strings.ReplaceAll(w.shell, "$PWD", w.dir)
	w.dir, w.places["=../atssync"], w.places["127.0.0.1:8092"] = below, "="+module, "127.0.0.1:0"
}

// second reads where the copy's simulator is.
func (w *world) second(said string) {
	w.places["127.0.0.1:8092"] = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(said)
}
