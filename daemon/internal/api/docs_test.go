package api

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

var (
	hrefs = regexp.MustCompile(`href="([^"]*)"`)
	ids   = regexp.MustCompile(` id="([^"]*)"`)
)

func TestDocs_EveryLinkLeadsSomewhereAndEveryProblemHasItsRow(t *testing.T) {
	t.Parallel()
	s, err := unserved("1.2.3")
	require.NoError(t, err)
	texts, anchors := map[string]string{}, map[string]bool{}
	for path, file := range map[string]string{"/v1/docs": "guide.html", "/v1/docs/reference": "reference.html"} {
		b, err := s.written(file)
		require.NoError(t, err)
		texts[path] = string(b)
		for _, m := range ids.FindAllStringSubmatch(string(b), -1) {
			require.False(t, anchors[path+"#"+m[1]], "%s stands twice on %s", m[1], path)
			anchors[path+"#"+m[1]] = true
		}
	}
	for path, text := range texts {
		for _, m := range hrefs.FindAllStringSubmatch(text, -1) {
			u, err := url.Parse(m[1])
			require.NoError(t, err)
			if u.Path == "" {
				u.Path = path
			}
			require.NotEmpty(t, s.routes["GET "+u.Path].id, "%s leads nowhere", m[1])
			if u.Fragment != "" {
				require.True(t, anchors[u.Path+"#"+u.Fragment], "%s on %s leads nowhere", m[1], path)
			}
		}
	}
	for _, code := range problemCodes() {
		require.True(t, anchors[web.TypePrefix+code], "the docs have no row for %s", code)
	}
	for id := range operationWords {
		require.True(t, anchors["/v1/docs/reference#"+id], "the reference has no %s", id)
	}
}

func TestScope_FiltersOfTheFeedAndOfApplicationsShowNothingOfOthers(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	token := w.account[atssync.TokenRead]
	for _, p := range []place{w.foreign, w.nobody} {
		for _, query := range []string{"/v1/events?connection={connection}", "/v1/events?connection={connection}&external_id={external}", "/v1/applications?connection={connection}&external_id={external}"} {
			rec := w.ask(token, http.MethodGet, p.fill(query), "")
			if rec.Code == http.StatusOK {
				require.NotContains(t, rec.Body.String(), p.submission, query)
				require.Contains(t, rec.Body.String(), `"items":[]`, query)
				continue
			}
			require.Equal(t, http.StatusNotFound, rec.Code, query)
		}
		rec := w.ask(token, http.MethodGet, p.fill("/v1/events?job={job}"), "")
		require.Equal(t, http.StatusOK, rec.Code)
		require.Contains(t, rec.Body.String(), `"items":[]`)
	}
	rec := w.ask(token, http.MethodGet, w.own.fill("/v1/events?connection={connection}&external_id=other-{external}"), "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Contains(t, rec.Body.String(), "submission.held")
}
