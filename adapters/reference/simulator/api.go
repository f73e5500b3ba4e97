package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	jobsPerPage    = 2 // small, so that every listing has pages
	changesPerPage = 100
	maxBody        = 4 << 20
)

// endpoint answers one request of an account with a status and a JSON value.
type endpoint func(*account, *http.Request) (int, any)

// ats is what stands before every endpoint of the ATS: faults, latency and the key.
func (s *Simulator) ats(next endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := s.faults.take(r)
		wait(r, s.opts.Latency+f.delay())
		if f.before(w) {
			return
		}
		a := s.byKey[r.Header.Get("X-Api-Key")]
		if a == nil || a.isRevoked() {
			answer(w, http.StatusUnauthorized, problem("bad_key", "", "the API key is not known"))
			return
		}
		status, body := next(a, r)
		if f.after(w) {
			return
		}
		answer(w, status, body)
	})
}

func wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

func (a *account) isRevoked() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.revoked
}

func decode(r *http.Request, v any) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	return json.Unmarshal(b, v)
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func problem(code, field, message string) any {
	return map[string]any{"errors": []map[string]string{{"code": code, "field": field, "message": message}}}
}

func getAccount(a *account, _ *http.Request) (int, any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return http.StatusOK, map[string]any{
		"id": a.ID, "name": a.Name, "jobs": len(a.jobs),
		"user": map[string]string{"id": "usr-" + a.ID, "name": "Robin Sample", "email": "robin@" + a.ID + ".example.com"},
	}
}

func listJobs(a *account, r *http.Request) (int, any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from, ok := index(r.URL.Query().Get("page"), len(a.jobs))
	if !ok {
		return http.StatusBadRequest, problem("bad_page", "page", "there is no such page")
	}
	to := min(from+jobsPerPage, len(a.jobs))
	page := make([]Job, 0, to-from)
	for _, j := range a.jobs[from:to] {
		page = append(page, *j)
	}
	return http.StatusOK, map[string]any{"jobs": page, "next": next(to, len(a.jobs))}
}

// index reads a page or cursor, which is a number of entries to leave out.
func index(s string, most int) (int, bool) {
	if s == "" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n <= most
}

func next(to, of int) string {
	if to >= of {
		return ""
	}
	return strconv.Itoa(to)
}

func listPools(a *account, _ *http.Request) (int, any) {
	type named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	type pool struct {
		named

		Stages []named `json:"stages"`
	}
	return http.StatusOK, map[string]any{"pools": []pool{{
		named:  named{"pool-" + a.ID, "Later"},
		Stages: []named{{"pool-" + a.ID + "-1", "To be asked"}, {"pool-" + a.ID + "-2", "Asked"}},
	}}}
}

func listWords(*account, *http.Request) (int, any) {
	type word struct {
		Type string `json:"type"`
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	var words []word
	for i, st := range Stages() {
		words = append(words, word{"stage", "stage-" + strconv.Itoa(i+1), st})
	}
	for _, st := range []string{statusActive, statusHired, statusRejected, statusWithdrawn} {
		words = append(words, word{"status", st, st})
	}
	words = append(words, word{"reason", "reason-1", "Position filled"}, word{"reason", "reason-2", "Better offer elsewhere"})
	return http.StatusOK, map[string]any{"words": words}
}

// readApplications looks applications up by ids, by external ids, by the reference of a pending one, or by
// person; what is not there is left out. A person without an application is an entry without an id.
func readApplications(a *account, r *http.Request) (int, any) {
	q := r.URL.Query()
	a.mu.Lock()
	defer a.mu.Unlock()
	found := []Application{}
	for id := range strings.SplitSeq(q.Get("people"), ",") {
		externalID, known := a.people[id]
		if known && len(a.byPerson[id]) == 0 {
			found = append(found, Application{PersonID: id, ExternalID: externalID})
		}
		for _, app := range a.byPerson[id] {
			found = append(found, *app)
		}
	}
	add := func(list string, in map[string]*Application) {
		for id := range strings.SplitSeq(list, ",") {
			if app := in[id]; app != nil {
				found = append(found, *app)
			}
		}
	}
	add(q.Get("ids"), a.apps)
	add(q.Get("external_ids"), a.byExternal)
	for ref := range strings.SplitSeq(q.Get("pending"), ",") {
		if app := a.byPending[ref]; app != nil {
			one := *app
			one.Pending = ref
			found = append(found, one)
		}
	}
	return http.StatusOK, map[string]any{"applications": found}
}

// findPeople answers the ids of the persons who carry an external id.
func findPeople(a *account, r *http.Request) (int, any) {
	want, ids := r.URL.Query().Get("external_id"), []string{}
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, externalID := range a.people {
		if externalID == want {
			ids = append(ids, id)
		}
	}
	return http.StatusOK, map[string]any{"people": ids}
}

// listChanges answers what changed since a cursor, each application once a page and as it is now.
func listChanges(a *account, r *http.Request) (int, any) {
	q := r.URL.Query()
	a.mu.Lock()
	defer a.mu.Unlock()
	from, ok := index(q.Get("cursor"), len(a.log))
	if !ok {
		return http.StatusGone, problem("cursor", "cursor", "the cursor is too old or not ours")
	}
	if p := q.Get("page"); p != "" {
		if from, ok = index(p, len(a.log)); !ok {
			return http.StatusBadRequest, problem("bad_page", "page", "there is no such page")
		}
	}
	to := min(from+changesPerPage, len(a.log))
	seen, changed := map[string]bool{}, []Application{}
	for _, app := range a.log[from:to] {
		if !seen[app.ID] {
			seen[app.ID] = true
			changed = append(changed, *app)
		}
	}
	out := map[string]any{"applications": changed, "next": next(to, len(a.log))}
	if to == len(a.log) {
		out["cursor"] = strconv.Itoa(to)
	}
	return http.StatusOK, out
}
