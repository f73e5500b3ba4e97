package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// place is what one connection has, under ids that occur nowhere else.
type place struct {
	account, connection, name, job, external, submission string
}

// fill puts a place's ids where a text has their names.
func (p place) fill(text string) string {
	return strings.NewReplacer("{account}", p.account, "{connection}", p.connection, "{job}", p.job, "{external}", p.external,
		"{submission}", p.submission).Replace(text)
}

// blank turns the place's ids in an answer back into names, so that answers about two places can be compared.
func (p place) blank(text string) string {
	return strings.NewReplacer(p.account, "{account}", p.connection, "{connection}", p.job, "{job}", p.external, "{external}",
		p.submission, "{submission}").Replace(text)
}

// scoped is a daemon with two accounts, one of them with two connections, behind tokens.
type scoped struct {
	*world
	server                   *server
	handler                  http.Handler
	own, sibling, foreign    place
	nobody                   place
	whole, account, connects map[atssync.TokenPower]string // tokens that see everything, acme, one connection of acme
}

func scopedSetup(t *testing.T) *scoped {
	t.Helper()
	w := &scoped{world: setup(t)}
	o := w.served
	o.Authenticate = Bearer(o.Manage)
	s, mux, err := build(o)
	require.NoError(t, err)
	w.server, w.handler = s, s.gate(mux)
	w.own, w.sibling, w.foreign = w.place("acme", "ada"), w.place("acme", "bea"), w.place("globex", "cyd")
	now := time.Now()
	w.nobody = place{
		"nobody", atssync.NewID(atssync.PrefixConnection, now), "nobody", "job-of-nobody", "app-of-nobody", atssync.NewID(atssync.PrefixSubmission, now),
	}
	hook, err := w.CreateWebhook(t.Context(), WebhookRequest{URL: "https://hooks.example.com/of-the-platform"})
	require.NoError(t, err)
	_, err = w.PauseWebhook(t.Context(), hook.ID, "a test") // so that its health is of interest
	require.NoError(t, err)
	w.whole, w.account, w.connects = w.tokens(), w.tokens("acme"), w.tokens("", w.own.connection)
	return w
}

// place connects an account as a user, links a job, and has one submission that is queued and one that is held.
func (w *scoped) place(account, user string) place {
	w.t.Helper()
	c := w.connected(account, user)
	p := place{account: account, connection: c.ID, name: c.Name, job: "job-of-" + user, external: "app-of-" + user}
	w.linked(c, p.job)
	_, err := w.CreateConnectLink(w.t.Context(), ConnectLinkRequest{Connection: c.ID})
	require.NoError(w.t, err)
	p.submission = w.submitted(c, p.external, p.job).ID
	w.submitted(c, "other-"+p.external, "unlinked-"+p.job)
	return p
}

// tokens makes a token of each power for accounts and connections, "" is none.
func (w *scoped) tokens(limits ...string) map[atssync.TokenPower]string {
	w.t.Helper()
	r := TokenRequest{}
	if len(limits) > 0 && limits[0] != "" {
		r.Accounts = limits[:1]
	}
	if len(limits) > 1 {
		r.Connections = limits[1:]
	}
	out := make(map[atssync.TokenPower]string)
	for _, p := range atssync.TokenPowers() {
		r.Name, r.Scopes = fmt.Sprintf("%s %v", p, limits), []string{string(p)}
		t, err := w.CreateToken(w.t.Context(), r)
		require.NoError(w.t, err)
		out[p] = t.Secret
	}
	return out
}

// ask makes one request. An empty token sends none.
func (w *scoped) ask(token, method, path, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// split takes a pattern apart and puts what a row says in place of its path.
func (row routeRow) split(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	if row.path != "" {
		path = row.path
	}
	return method, path
}

func TestScope_EveryRouteHasARow(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	for pattern, r := range w.server.routes {
		row, ok := routeRows[pattern]
		require.True(t, ok, "say in routeRows who may use %q, and what it must not show", pattern)
		require.NotEqual(t, unruled, r.access, "%s is open to nobody over HTTP", pattern)
		require.Equal(t, row.of == anybody, r.access == open, pattern)
		require.Equal(t, row.of == daemon, r.access.whole(), "%s: who is limited must not see the daemon as a whole", pattern)
	}
	for pattern := range routeRows {
		require.Contains(t, w.server.routes, pattern, "the row has no route")
	}
}

func TestScope_WithoutAGoodTokenNothingIsServed(t *testing.T) {
	t.Parallel()
	w, ctx := scopedSetup(t), t.Context()
	good := w.whole[atssync.TokenAdmin]
	revoked, err := w.CreateToken(ctx, TokenRequest{Name: "revoked", Scopes: []string{"admin"}})
	require.NoError(t, err)
	_, err = w.RevokeToken(ctx, revoked.ID)
	require.NoError(t, err)
	last := byte('0')
	if good[len(good)-1] == last {
		last = '1'
	}
	id, elsewhere, hash := atssync.NewTokenSecret(time.Now())
	_, err = w.store.CreateToken(ctx, atssync.Token{ID: id, Name: "expired", Hash: hash, Powers: atssync.TokenPowers(), ExpiresAt: time.Now()}, time.Now())
	require.NoError(t, err)
	_, unknown, _ := atssync.NewTokenSecret(time.Now())
	headers := map[string]string{
		"none": "", "empty": "Bearer ", "another scheme": "Basic " + good, "bare": good, "a word": "Bearer nonsense", "revoked": "Bearer " + revoked.Secret,
		"unknown": "Bearer " + unknown.Reveal(), "expired": "Bearer " + elsewhere.Reveal(), "cut": "Bearer " + good[:len(good)-1],
		"another secret": "Bearer " + good[:len(good)-1] + string(last), "longer": "Bearer " + good + "0", "two": "Bearer " + good + " " + good,
		"NUL": "Bearer " + good + "\x00", "huge": "Bearer " + strings.Repeat("a", 30<<10), "quoted": `Bearer "` + good + `"`,
	}
	for pattern, row := range routeRows {
		if row.of == anybody {
			method, path := row.split(pattern)
			require.Equal(t, http.StatusOK, w.ask("", method, path, "").Code, pattern)
			continue
		}
		for name, header := range headers {
			method, path := row.split(pattern)
			r := httptest.NewRequestWithContext(ctx, method, w.own.fill(path), strings.NewReader(w.own.fill(row.body)))
			if header != "" {
				r.Header.Set("Authorization", header)
			}
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			require.Equal(t, http.StatusUnauthorized, rec.Code, "%s with %s", pattern, name)
			require.Contains(t, rec.Header().Get("WWW-Authenticate"), "Bearer")
			require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
			require.Contains(t, rec.Body.String(), `"code":"unauthenticated"`)
			require.NotContains(t, rec.Body.String(), good[len(good)-52:], "the answer shows a secret")
		}
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/version", nil)
	r.Header["Authorization"] = []string{"Bearer " + good, "Bearer " + good}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	require.Equal(t, http.StatusUnauthorized, rec.Code, "two headers say nothing")
	require.Equal(t, http.StatusUnauthorized, w.ask("", http.MethodGet, "/v1/version?token="+good, "").Code)
	require.Equal(t, http.StatusUnauthorized, w.ask("", http.MethodGet, "/v1/nonsense", "").Code, "what there is, is told to nobody")
	require.Equal(t, http.StatusOK, w.ask(good, http.MethodGet, "/v1/version", "").Code)
	require.NotContains(t, w.log.String(), good)

	page, err := w.Tokens(ctx, true, "", 100)
	require.NoError(t, err)
	for _, tok := range page.Items {
		require.Equal(t, tok.Name == "admin []", !tok.LastUsedAt.IsZero(), "the use of %s: only that of the good one is noted", tok.Name)
	}
}

func TestScope_EachPowerOpensItsRoutesAndNoOthers(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	for pattern, row := range routeRows {
		for _, p := range atssync.TokenPowers() {
			may := row.of == anybody || slices.Contains(strings.Fields(row.powers), string(p))
			method, path := row.split(pattern)
			for kind, tokens := range map[string]map[atssync.TokenPower]string{"whole": w.whole, "of an account": w.account} {
				rec := w.ask(tokens[p], method, w.nobody.fill(path), `{"nothing":"that is taken"}`)
				allowed := may && (row.of != daemon || kind == "whole")
				require.Equal(t, allowed, rec.Code != http.StatusForbidden, "%s with the scope %s, %s: %s", pattern, p, kind, rec.Body)
			}
		}
	}
}

// state is everything that a place has, as an operator sees it.
func (w *scoped) state(p place) string {
	w.t.Helper()
	var out strings.Builder
	for _, path := range []string{
		"/v1/connections/{connection}", "/v1/connections/{connection}/jobs", "/v1/connections/{connection}/events?limit=1000", "/v1/job-links?connection={connection}",
		"/v1/platform-jobs?account={account}", "/v1/submissions?connection={connection}", "/v1/applications?connection={connection}",
		"/v1/ledger?recount=true&connection={connection}", "/v1/tasks?connection={connection}",
	} {
		_, _, text := w.raw(http.MethodGet, p.fill(path), "")
		out.WriteString(text)
	}
	return out.String()
}

func TestScope_NobodySeesWhatIsNotTheirs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		tokens func(*scoped) map[atssync.TokenPower]string
		hidden func(*scoped) []place
	}{
		{"a token of an account", func(w *scoped) map[atssync.TokenPower]string { return w.account }, func(w *scoped) []place { return []place{w.foreign} }},
		{"a token of a connection", func(w *scoped) map[atssync.TokenPower]string { return w.connects }, func(w *scoped) []place { return []place{w.foreign, w.sibling} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := scopedSetup(t)
			token := tt.tokens(w)[atssync.TokenAdmin]
			var before []string
			for _, p := range tt.hidden(w) {
				before = append(before, w.state(p))
			}
			for _, pattern := range slices.Sorted(maps.Keys(routeRows)) {
				row := routeRows[pattern]
				method, path := row.split(pattern)
				switch row.of {
				case daemon:
					require.Equal(t, http.StatusForbidden, w.ask(token, method, path, row.body).Code, pattern)
				case lists:
					w.listHolds(token, pattern, path, tt.hidden(w))
				case item:
					for _, p := range tt.hidden(w) {
						w.itemIsUnknown(token, pattern, row, p)
					}
				}
			}
			for i, p := range tt.hidden(w) {
				require.Equal(t, before[i], w.state(p), "something of another was changed")
			}
		})
	}
}

// listHolds asks a list in every way and looks for what must not be there.
func (w *scoped) listHolds(token, pattern, path string, hidden []place) {
	w.t.Helper()
	more := "?"
	if strings.Contains(path, "?") {
		more = "&"
	}
	rec := w.ask(token, http.MethodGet, path, "")
	require.Equal(w.t, http.StatusOK, rec.Code, "%s: %s", pattern, rec.Body)
	require.NotContains(w.t, rec.Body.String(), "of-the-platform", "%s shows a webhook, which is the daemon's", pattern)
	for _, p := range hidden {
		for _, query := range []string{"", "account=" + p.account, "limit=1"} {
			rec := w.ask(token, http.MethodGet, path+more+query, "")
			for _, canary := range []string{p.connection, p.external, p.submission, p.name} {
				require.NotContains(w.t, rec.Body.String(), canary, "%s?%s", pattern, query)
			}
		}
		hiddenOne, none := w.ask(token, http.MethodGet, path+more+"connection="+p.connection, ""), w.ask(token, http.MethodGet, path+more+"connection="+w.nobody.connection, "")
		require.Equal(w.t, w.nobody.blank(none.Body.String()), p.blank(hiddenOne.Body.String()), pattern)
		require.Equal(w.t, none.Code, hiddenOne.Code, pattern)
	}
}

// itemIsUnknown asks for what is another's and for what there is not: the answers are the same but for the ids asked for.
func (w *scoped) itemIsUnknown(token, pattern string, row routeRow, p place) {
	w.t.Helper()
	method, path := row.split(pattern)
	hidden, none := w.ask(token, method, p.fill(path), p.fill(row.body)), w.ask(token, method, w.nobody.fill(path), w.nobody.fill(row.body))
	if p.account == w.own.account && strings.Contains(row.body, "{account}") {
		// The account is its own and not its to change: this is told, and nothing of the other connection.
		require.Contains(w.t, hidden.Body.String(), "limited to some connections", pattern)
		require.NotContains(w.t, hidden.Body.String(), p.connection)
		return
	}
	want := row.unknown
	if want == 0 {
		want = http.StatusNotFound
	}
	require.Equal(w.t, want, none.Code, "%s: %s", pattern, none.Body)
	require.Equal(w.t, none.Code, hidden.Code, "%s: %s", pattern, hidden.Body)
	require.Equal(w.t, w.nobody.blank(none.Body.String()), p.blank(hidden.Body.String()), pattern)
	require.NotContains(w.t, p.blank(hidden.Body.String()), p.name, pattern)
}

// What the rows ask for is answered to those whose it is: else the refusals above would prove nothing.
func TestScope_WhatIsTheirsIsServed(t *testing.T) {
	t.Parallel()
	for pattern, row := range routeRows {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			w := scopedSetup(t)
			token := w.account[atssync.TokenAdmin]
			if row.of == daemon {
				token = w.whole[atssync.TokenAdmin]
			}
			method, path := row.split(pattern)
			rec := w.ask(token, method, w.own.fill(path), w.own.fill(row.body))
			if row.own != 0 || row.of == anybody {
				require.Equal(t, max(row.own, 200), rec.Code, "%.500s", rec.Body)
				return
			}
			require.Less(t, rec.Code, 300, rec.Body.String())
			require.NotContains(t, rec.Body.String(), `"refused":1`)
			require.NotContains(t, rec.Body.String(), `"result":"refused"`)
			require.NotContains(t, rec.Body.String(), `"error":{`)
			if row.of == lists && pattern != "GET /v1/applications" && pattern != "GET /v1/checkpoints" && pattern != "GET /v1/tasks" {
				require.Regexp(t, w.own.connection+"|"+w.own.job, rec.Body.String(), "the list is empty")
			}
		})
	}
}

func TestScope_NoTokenMakesAWiderOne(t *testing.T) {
	t.Parallel()
	w, ctx := scopedSetup(t), t.Context()
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	short, err := w.CreateToken(ctx, TokenRequest{Name: "short", Scopes: []string{"admin"}, ExpiresAt: end})
	require.NoError(t, err)
	body := func(name string, expires time.Time) string {
		text := ""
		if !expires.IsZero() {
			text = `,"expires_at":"` + expires.UTC().Format(time.RFC3339) + `"`
		}
		return fmt.Sprintf(`{"name":%q,"scopes":["admin"]%s}`, name, text)
	}
	for name, expires := range map[string]time.Time{"for ever": {}, "longer": end.Add(time.Second)} {
		rec := w.ask(short.Secret, http.MethodPost, "/v1/tokens", body(name, expires))
		require.Equal(t, http.StatusUnprocessableEntity, rec.Code, rec.Body.String())
		require.Contains(t, rec.Body.String(), `"path":"expires_at"`)
	}
	require.Equal(t, http.StatusCreated, w.ask(short.Secret, http.MethodPost, "/v1/tokens", body("as long", end)).Code)
	for _, tokens := range []map[atssync.TokenPower]string{w.account, w.connects} {
		for _, secret := range tokens {
			require.Equal(t, http.StatusForbidden, w.ask(secret, http.MethodPost, "/v1/tokens", body("wider", time.Time{})).Code)
		}
	}
	require.Equal(t, http.StatusForbidden, w.ask(w.whole[atssync.TokenRead], http.MethodPost, "/v1/tokens", body("wider", time.Time{})).Code)
}

// A consumer that sees a part must not learn from its cursor how many others there are.
func TestScope_CursorsOfTheFeedTellNothing(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	token := w.account[atssync.TokenRead]
	read := func(after string) EventPage {
		t.Helper()
		rec := w.ask(token, http.MethodGet, "/v1/events?limit=1&after="+after, "")
		require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
		return decodeJSON[EventPage](t, rec.Body.Bytes())
	}
	n, after := 0, ""
	for {
		p := read(after)
		require.True(t, strings.HasPrefix(p.Next, cursorSealed), p.Next)
		if after = p.Next; len(p.Items) == 0 {
			break
		}
		n += len(p.Items)
	}
	require.Positive(t, n)
	require.NotEqual(t, read(after).Next, read(after).Next, "two cursors of one place are told apart, else a change would show that somebody got an event")
	require.Empty(t, read("last").Items)
	require.Equal(t, http.StatusUnprocessableEntity, w.ask(token, http.MethodGet, "/v1/events?after=e11", "").Code, "places could be found by trying")
	require.Equal(t, http.StatusOK, w.ask(w.whole[atssync.TokenRead], http.MethodGet, "/v1/events?after="+after, "").Code)
	p := w.ask(token, http.MethodGet, "/v1/connections/"+w.own.connection+"/events?submission="+w.foreign.submission, "")
	require.JSONEq(t, `{"items":[],"next":"0"}`, p.Body.String())
}

// What stands in the way on another connection of the account is not told to who does not see it.
func TestScope_ConflictsElsewhereAreNotNamed(t *testing.T) {
	t.Parallel()
	w, ctx := scopedSetup(t), t.Context()
	rec := w.ask(w.connects[atssync.TokenAdmin], http.MethodPatch, "/v1/connections/"+w.own.connection, `{"name":"`+w.sibling.name+`"}`)
	require.Equal(t, http.StatusConflict, rec.Code)
	require.NotContains(t, rec.Body.String(), w.sibling.connection)
	rec = w.ask(w.account[atssync.TokenAdmin], http.MethodPatch, "/v1/connections/"+w.own.connection, `{"name":"`+w.sibling.name+`"}`)
	require.Contains(t, rec.Body.String(), w.sibling.connection)

	doc := string(document(w.own.connection, w.sibling.external, w.own.job))
	for path, body := range map[string]string{
		"/v1/submissions": doc, "/v1/submissions:batch": doc, "/v1/submissions:preflight": doc,
		"/v1/applications:import": w.own.fill(`{"connection":"{connection}","job":"{job}","candidate_id":"1","external_id":"` + w.sibling.external + `"}`),
	} {
		rec := w.ask(w.connects[atssync.TokenAdmin], http.MethodPost, path, body)
		require.NotContains(t, rec.Body.String(), w.sibling.connection, path)
		require.NotContains(t, rec.Body.String(), w.sibling.submission, path)
		require.Contains(t, rec.Body.String(), "does not see", path)
		rec = w.ask(w.account[atssync.TokenAdmin], http.MethodPost, path, body)
		require.Contains(t, rec.Body.String(), w.sibling.submission, path)
	}
	_, err := w.Connection(ctx, w.own.connection)
	require.NoError(t, err)
}

func TestScope_ManageServesNothingWithoutAScope(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	_, err := w.served.Manage.Within(atssync.Scope{Accounts: []string{"acme"}}).Act(t.Context(), w.foreign.submission, atssync.ActCancel)
	requireCode(t, err, atssync.CodeNotFound)
	_, err = w.served.Manage.Within(atssync.Scope{Accounts: []string{"acme"}}).Resolve(t.Context(), manage.ResolveRequest{ID: w.foreign.submission, Action: atssync.ResolvedGiveUp})
	requireCode(t, err, atssync.CodeNotFound)
}
