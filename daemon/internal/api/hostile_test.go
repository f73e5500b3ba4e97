package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// hostile are bodies that nobody can mean, whatever the route. Where a body holds a value, it is one that must not come back.
func hostile() map[string]string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("{}"))
	_ = z.Close()
	return map[string]string{
		"half an object":       `{"name":`,
		"half a text":          `{"name":"` + goodKey,
		"no JSON":              "nonsense",
		"no JSON, 1 MB":        strings.Repeat("nonsense ", 100_000),
		"a key of 200 kB":      `{"` + strings.Repeat("k", 200<<10) + `":[` + strings.Repeat(`{"a":`+"\"\xff\"},", 60) + `0]}`,
		"a list":               `["` + goodKey + `"]`,
		"a text":               `"nonsense"`,
		"a number":             `4711`,
		"nothing in it":        "null",
		"unknown key":          `{"nobody_knows_this":"` + goodKey + `"}`,
		"more after the end":   `{} {"name":"` + goodKey + `"}`,
		"deep lists":           strings.Repeat("[", 100_000),
		"deep lists, closed":   strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"deep objects":         strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"a text of 10 MB":      `{"name":"` + strings.Repeat("a", 10<<20) + `"}`,
		"a key of 10 MB":       `{"` + strings.Repeat("a", 10<<20) + `":1}`,
		"a number of 200 kB":   `{"name":` + strings.Repeat("9", 200_000) + `}`,
		"a number too large":   `{"name":1e999999999}`,
		"no number":            `{"name":NaN}`,
		"invalid UTF-8":        "{\"name\":\"\xff\xfe" + goodKey + "\"}",
		"invalid UTF-8 key":    "{\"\xff\xfe\":\"" + goodKey + "\"}",
		"half a surrogate":     `{"name":"\ud800` + goodKey + `"}`,
		"surrogates reversed":  `{"name":"\udc00\ud800"}`,
		"NUL":                  "{\"name\":\"\x00" + goodKey + "\"}",
		"NUL outside":          "{}\x00",
		"a key twice":          `{"name":"` + goodKey + `","name":"` + goodKey + `"}`,
		"the same key escaped": `{"name":"` + goodKey + `","\u006eame":"` + goodKey + `"}`,
		"a comment":            `{/* "name" */}`,
		"a comma too many":     `{"name":"a",}`,
		"UTF-16":               "\xff\xfe{\x00}\x00",
		"packed":               packed.String(),
		"a form":               "name=nonsense",
		"a million keys":       `{` + strings.Repeat(`"a":1,`, 150_000) + `"b":1}`,
	}
}

// told are routes whose answer of 2xx tells line by line, or finding by finding, what is wrong.
var told = map[string]bool{
	"POST /v1/submissions:preflight": true, "POST /v1/submissions:batch": true, "POST /v1/platform-jobs:import": true,
	"POST /v1/applications:import": true, "POST /v1/submissions:resolve": true,
}

// requireRefused holds an answer to what every refusal is: no fault, a problem, small, and without what was sent.
func requireRefused(t *testing.T, at string, rec *httptest.ResponseRecorder, taken bool) {
	t.Helper()
	text := rec.Body.String()
	require.Less(t, rec.Code, 500, "%s: %.500s", at, text)
	require.Less(t, len(text), 64<<10, at)
	require.NotContains(t, text, goodKey, at)
	require.NotContains(t, text, "goroutine", at)
	if rec.Code < 300 {
		require.True(t, taken, "%s is taken: %d %.500s", at, rec.Code, text)
		require.NotContains(t, text, `"result":"accepted"`, at)
		return
	}
	require.GreaterOrEqual(t, rec.Code, 400, at)
	require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"), at)
	p := decodeJSON[Problem](t, rec.Body.Bytes())
	require.Equal(t, rec.Code, p.Status, at)
	require.NotEmpty(t, p.Code, at)
	require.NotEmpty(t, p.Detail, at)
	for _, e := range p.Errors {
		require.Less(t, len(e.Message), 500, at)
	}
}

func TestHostile_NoBodyIsAFaultAndNothingIsStored(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	token := w.whole[atssync.TokenAdmin]
	before := w.state(w.own)
	bodies := hostile()
	for _, pattern := range slices.Sorted(maps.Keys(routeRows)) {
		row := routeRows[pattern]
		method, path := row.split(pattern)
		if method == http.MethodGet || row.body == "" {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(bodies)) {
			requireRefused(t, pattern+" with "+name, w.ask(token, method, w.own.fill(path), bodies[name]), told[pattern])
		}
	}
	require.Equal(t, before, w.state(w.own), "something was stored")
	require.NotContains(t, w.log.String(), goodKey)
}

func TestHostile_NoQueryIsAFault(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	token := w.whole[atssync.TokenAdmin]
	for pattern, row := range routeRows {
		method, path := row.split(pattern)
		if row.of == anybody {
			continue
		}
		more := "?"
		if strings.Contains(path, "?") {
			more = "&"
		}
		for _, query := range []string{
			"nobody_knows_this=" + goodKey, "limit=0", "limit=501000", "limit=-1", "limit=99999999999999999999", "limit=" + goodKey, "after=" + goodKey,
			"after=%00", "after=AAAA", "after=%ff%fe", "after=" + strings.Repeat("a", 20<<10), "after=e1-1", "after=e1zzzzzzzzzzzzzzzzzz", "%zz=1", "a;b=c",
			"account=acme&account=globex", "account=acme%zz", "connection=%ff%fe", "connection=%00",
		} {
			rec := w.ask(token, method, w.nobody.fill(path)+more+query, w.nobody.fill(row.body))
			requireRefused(t, fmt.Sprintf("%s?%.60s", pattern, query), rec, false)
		}
	}
}

func TestHostile_IfMatchIsHeededOrRefused(t *testing.T) {
	t.Parallel()
	w := scopedSetup(t)
	token := w.whole[atssync.TokenAdmin]
	before := w.state(w.own)
	for pattern, row := range routeRows {
		method, path := row.split(pattern)
		if row.of == anybody {
			continue
		}
		for _, value := range []string{goodKey, `W/"1"`, `"-1"`, `"1", "2"`, `"99999999999999999999"`, `"4711"`, strings.Repeat("9", 10<<10), `""`, `"`, "\x00"} {
			r := httptest.NewRequestWithContext(t.Context(), method, w.own.fill(path), strings.NewReader(w.own.fill(row.body)))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("If-Match", value)
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			requireRefused(t, fmt.Sprintf("%s with If-Match: %.40s", pattern, value), rec, false)
		}
	}
	require.Equal(t, before, w.state(w.own), "something was changed")
}
