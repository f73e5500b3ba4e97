package console

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// place is what one connection has, under ids that occur nowhere else.
type place struct{ account, connection, name, job, external, submission, link string }

func (p place) names() *strings.Replacer {
	return strings.NewReplacer("{account}", p.account, "{connection}", p.connection, "{job}", p.job, "{external}", p.external, "{submission}", p.submission, "{connect_link}", p.link)
}

// blank turns the place's ids in a page back into names, and leaves out what is different each time, so that pages about two
// places can be compared.
func (p place) blank(text string) string {
	text = regexp.MustCompile(`(?s)<time.*?</time>`).ReplaceAllString(text, "TIME")
	return strings.NewReplacer(p.account, "{account}", p.connection, "{connection}", p.job, "{job}", p.external, "{external}", p.submission, "{submission}", p.link, "{connect_link}").Replace(text)
}

// scoped is a daemon with two accounts, one of them with two connections, and somebody logged in by each kind of token.
type scoped struct {
	*world
	own, sibling, foreign, nobody place
	whole, account, connects      map[atssync.TokenPower]*browser
}

func scopedSetup(t *testing.T) *scoped {
	t.Helper()
	w := &scoped{world: setup(t)}
	w.own, w.sibling, w.foreign = w.place("acme", "ada"), w.place("acme", "bea"), w.place("globex", "cyd")
	now := time.Now()
	w.nobody = place{"nobody", atssync.NewID(atssync.PrefixConnection, now), "nobody", "job-of-nobody", "app-of-nobody", atssync.NewID(atssync.PrefixSubmission, now), atssync.NewID(atssync.PrefixConnectLink, now)}
	hook, err := w.m.CreateWebhook(t.Context(), manage.WebhookRequest{URL: "https://hooks.example.com/of-the-daemon"})
	require.NoError(t, err)
	_, err = w.m.PauseWebhook(t.Context(), hook.ID, "a test", 0)
	require.NoError(t, err)
	w.whole, w.account, w.connects = w.browsers(), w.browsers("acme"), w.browsers("", w.own.connection)
	return w
}

func (w *scoped) place(account, user string) place {
	w.t.Helper()
	p := place{account: account, job: "job-of-" + user, external: "app-of-" + user}
	c := w.connected(account, user, p.job)
	p.connection, p.name = c.ID, c.Name
	p.submission = w.submitted(c.ID, p.external, p.job)
	w.submitted(c.ID, "held-"+p.external, "unlinked-"+p.job)
	w.uncertain(c.ID, w.submitted(c.ID, "lost-"+p.external, p.job))
	l, err := w.m.CreateConnectLink(w.t.Context(), manage.ConnectLinkRequest{Connection: c.ID})
	require.NoError(w.t, err)
	p.link = l.ID
	return p
}

func (w *scoped) browsers(limits ...string) map[atssync.TokenPower]*browser {
	out := make(map[atssync.TokenPower]*browser)
	for _, p := range atssync.TokenPowers() {
		out[p] = w.by(w.token(p, limits...))
	}
	return out
}

// ask makes the request of a row for a place.
func (w *scoped) ask(b *browser, pattern string, p place) *httptest.ResponseRecorder {
	w.t.Helper()
	row := routeRows[pattern]
	method, below, _ := strings.Cut(pattern, " ")
	if row.path != "" {
		below = row.path
	}
	form, err := url.ParseQuery(p.names().Replace(row.form))
	require.NoError(w.t, err)
	return b.do(method, Root+p.names().Replace(below), form)
}

func TestScope_EveryRouteHasARow(t *testing.T) {
	t.Parallel()
	w := setup(t)
	known := make(map[string]bool)
	for _, r := range w.c.routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		pattern := method + " " + strings.TrimPrefix(path, Root)
		known[pattern] = true
		row, ok := routeRows[pattern]
		require.True(t, ok, "say in routeRows who may use %q, and what it must not show", pattern)
		require.NotEqual(t, unruled, r.access, pattern)
		require.Equal(t, row.of == anybody, r.access == open, pattern)
		require.Equal(t, row.of == daemon, r.access.whole(), "%s: who is limited must not see the daemon as a whole", pattern)
	}
	for pattern := range routeRows {
		require.True(t, known[pattern], "the row %q has no route", pattern)
	}
}

func TestScope_WithoutALogInNothingIsServed(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	for pattern, row := range routeRows {
		if row.of == anybody {
			continue
		}
		for _, cookie := range []string{"", "nonsense", secret()} {
			b := w.browser()
			b.cookie = cookie
			rec := w.ask(b, pattern, w.own)
			if strings.HasPrefix(pattern, "POST") {
				require.Equal(t, http.StatusUnauthorized, rec.Code, pattern)
			} else {
				require.Equal(t, http.StatusSeeOther, rec.Code, pattern)
				require.True(t, strings.HasPrefix(rec.Header().Get("Location"), "/console/login"), pattern)
			}
			for _, canary := range []string{w.own.connection, w.own.submission, w.own.name} {
				require.NotContains(t, strings.ReplaceAll(rec.Body.String(), url.QueryEscape(canary), ""), ">"+canary, pattern)
			}
		}
	}
}

func TestScope_EachPowerOpensItsPagesAndNoOthers(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	for pattern, row := range routeRows {
		if row.of == anybody {
			continue
		}
		for _, p := range atssync.TokenPowers() {
			may := slices.Contains(strings.Fields(row.powers), string(p))
			for kind, b := range map[string]*browser{"whole": w.whole[p], "of an account": w.account[p]} {
				rec := w.ask(b, pattern, w.nobody)
				allowed := may && (row.of != daemon || kind == "whole")
				require.Equal(t, allowed, rec.Code != http.StatusForbidden, "%s with the scope %s, %s: %d", pattern, p, kind, rec.Code)
			}
		}
	}
	for _, act := range []string{"hold", "release", "retry", "send_again", "give_up"} {
		b := w.whole[atssync.TokenSubmit]
		require.Equal(t, http.StatusForbidden, b.post("/submissions", url.Values{"act": {act}, "submission": {w.own.submission}}).Code, act)
		require.Equal(t, http.StatusForbidden, b.post("/submissions/"+w.own.submission+"/act", url.Values{"act": {act}}).Code, act)
	}
}

func TestScope_NobodySeesWhatIsNotTheirs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		by     func(*scoped) map[atssync.TokenPower]*browser
		hidden func(*scoped) []place
	}{
		{"a token of an account", func(w *scoped) map[atssync.TokenPower]*browser { return w.account }, func(w *scoped) []place { return []place{w.foreign} }},
		{"a token of a connection", func(w *scoped) map[atssync.TokenPower]*browser { return w.connects }, func(w *scoped) []place { return []place{w.foreign, w.sibling} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := scopedSetup(t)
			b := tt.by(w)[atssync.TokenAdmin]
			var before []string
			for _, p := range tt.hidden(w) {
				before = append(before, w.state(p))
			}
			for _, pattern := range slices.Sorted(maps.Keys(routeRows)) {
				switch routeRows[pattern].of {
				case daemon:
					require.Equal(t, http.StatusForbidden, w.ask(b, pattern, w.own).Code, pattern)
				case lists, nothing:
					w.listHolds(b, pattern, tt.hidden(w))
				case item:
					for _, p := range tt.hidden(w) {
						w.itemIsUnknown(b, pattern, p)
					}
				}
			}
			for i, p := range tt.hidden(w) {
				require.Equal(t, before[i], w.state(p), "something of another was changed")
			}
		})
	}
}

// state is everything that a place has, as the operator sees it.
func (w *scoped) state(p place) string {
	w.t.Helper()
	ctx := w.t.Context()
	c, err := w.m.Connection(ctx, p.connection)
	require.NoError(w.t, err)
	subs, err := w.m.Submissions(ctx, atssync.SubmissionQuery{Connection: p.connection})
	require.NoError(w.t, err)
	links, err := w.m.JobLinks(ctx, atssync.LinkQuery{Connection: p.connection})
	require.NoError(w.t, err)
	audit, err := w.m.Audit(ctx, p.connection, atssync.Paging{})
	require.NoError(w.t, err)
	invited, err := w.m.ConnectLinks(ctx, p.account, true, atssync.Paging{})
	require.NoError(w.t, err)
	invited.Items = slices.DeleteFunc(invited.Items, func(l manage.ConnectLink) bool { return l.ID != p.link })
	text, err := json.MarshalIndent([]any{c, subs, links, audit, invited.Items}, "", " ")
	require.NoError(w.t, err)
	return string(text)
}

// listHolds opens a list in every way and looks for what must not be there.
func (w *scoped) listHolds(b *browser, pattern string, hidden []place) {
	w.t.Helper()
	_, below, _ := strings.Cut(pattern, " ")
	for _, p := range hidden {
		for _, query := range []string{"", "?q=" + url.QueryEscape(p.name), "?external=" + p.external, "?job=" + p.job, "?state=uncertain", "?state=held&reason=job_not_linked", "?show=names", "?type=submission.held"} {
			rec := b.get(below + query)
			require.Equal(w.t, http.StatusOK, rec.Code, "%s%s: %s", pattern, query, rec.Body)
			text := rec.Body.String()
			for _, asked := range []string{p.name, p.external, p.job} {
				text = strings.NewReplacer(`value="`+asked+`"`, "", "“"+asked+"”", "").Replace(text)
			}
			for _, canary := range []string{p.connection, p.external, p.submission, p.name, p.link, "of-the-daemon"} {
				require.NotContains(w.t, text, canary, "%s%s", pattern, query)
			}
		}
		if below == "/events" || below == "/submissions" {
			there, none := b.get(below+"?connection="+p.connection), b.get(below+"?connection="+w.nobody.connection)
			require.Equal(w.t, http.StatusNotFound, there.Code, pattern)
			require.Equal(w.t, w.nobody.blank(none.Body.String()), p.blank(there.Body.String()), pattern)
		}
	}
}

// itemIsUnknown asks for what is another's and for what there is not: the answers are the same but for the ids asked for.
func (w *scoped) itemIsUnknown(b *browser, pattern string, p place) {
	w.t.Helper()
	row := routeRows[pattern]
	there, none := w.ask(b, pattern, p), w.ask(b, pattern, w.nobody)
	want := row.unknown
	if want == 0 {
		want = http.StatusNotFound
	}
	require.Equal(w.t, want, none.Code, "%s: %s", pattern, none.Body)
	require.Equal(w.t, none.Code, there.Code, "%s: %s", pattern, there.Body)
	require.Equal(w.t, w.nobody.blank(none.Body.String()), p.blank(there.Body.String()), pattern)
	require.NotContains(w.t, p.blank(there.Body.String()), p.name, pattern)
}

// Who only submits sees of an application what the API shows of it, and nothing besides.
func TestScope_WhoSubmitsSeesNoEventsNoDeliveriesAndNoRecord(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	_, err := w.m.Act(atssync.WithActor(t.Context(), atssync.Actor{Name: "uid:7(somebody)", Via: "socket"}), w.own.submission, atssync.ActHold)
	require.NoError(t, err)
	below := "/submissions/" + w.own.submission
	text := w.whole[atssync.TokenSubmit].shows(below)
	require.Contains(t, text, w.own.external)
	require.NotContains(t, text, "of the connection")
	require.NotContains(t, text, "uid:7(somebody)")
	require.NotContains(t, text, w.own.name)
	require.NotContains(t, w.whole[atssync.TokenSubmit].shows("/submissions"), w.own.name)
	require.Equal(t, "/console/submissions", w.whole[atssync.TokenSubmit].get("").Header().Get("Location"))
	text = w.whole[atssync.TokenRead].shows(below)
	require.Contains(t, text, "of the connection")
	require.NotContains(t, text, "uid:7(somebody)")
	require.Contains(t, w.whole[atssync.TokenAdmin].shows(below), "uid:7(somebody)")
	require.NotContains(t, w.account[atssync.TokenAdmin].shows(below), "uid:7(somebody)")
	for kind, b := range map[string]*browser{"reader": w.whole[atssync.TokenRead], "of an account": w.account[atssync.TokenAdmin]} {
		require.NotContains(t, b.shows("/adapters"), "of-the-daemon", kind)
	}
}

// What the rows ask for is answered to those whose it is: else the refusals above would prove nothing.
func TestScope_WhatIsTheirsIsServed(t *testing.T) {
	t.Parallel()
	for pattern, row := range routeRows {
		if row.of == anybody {
			continue
		}
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			w := scopedSetup(t)
			b := w.account[atssync.TokenAdmin]
			if row.of == daemon {
				b = w.whole[atssync.TokenAdmin]
			}
			rec := w.ask(b, pattern, w.own)
			if row.own != 0 {
				require.Equal(t, row.own, rec.Code, "%.800s", rec.Body)
				require.NotContains(t, rec.Body.String(), "left alone")
				return
			}
			require.Contains(t, []int{http.StatusOK, http.StatusSeeOther}, rec.Code, "%s", rec.Body)
			if row.of == lists {
				require.Contains(t, rec.Body.String(), w.own.connection)
			}
		})
	}
}
