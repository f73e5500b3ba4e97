package page

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

const hostile = `<script>alert("x")</script>`

func site(t *testing.T, p Platform) *Site {
	t.Helper()
	s, err := New(Options{Platform: p, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return s
}

func written(t *testing.T, s *Site, v View, main string) (int, string) {
	t.Helper()
	p, err := s.Parse(fstest.MapFS{"pages/one.html": {Data: []byte(`{{define "main"}}` + main + `{{end}}`)}}, "pages", nil)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	p.Write(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, "one", v)
	return w.Code, w.Body.String()
}

func TestWrite_FramesAPage(t *testing.T) {
	t.Parallel()
	s := site(t, Platform{Name: "Example Talent", LogoURL: "https://cdn.example.com/logo.svg", SupportContact: "help@example.com", SupportHours: "9 to 5"})
	status, body := written(t, s, View{Title: "Jobs", Nav: []Link{{Text: "All", URL: "/all", Current: true}}}, `<p>Here</p>`)
	require.Equal(t, http.StatusOK, status)
	for _, want := range []string{
		`<title>Jobs – Example Talent</title>`, `<h1>Jobs</h1>`, `<p>Here</p>`, `<a class="skip" href="#main">`, `<main id="main"`,
		`<a href="/all" aria-current="page">`, `src="https://cdn.example.com/logo.svg"`, `<a href="mailto:help@example.com">`, "(9 to 5)",
	} {
		require.Contains(t, body, want)
	}
}

func TestWrite_StandsBelowTheBase(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Base: "/sync", Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, body := written(t, s, View{}, `<a href="{{path "/console"}}">x</a>`)
	require.Contains(t, body, `href="/sync/assets/page.`)
	require.Contains(t, body, `<a href="/sync/console">`)
}

func TestWrite_WhatOthersWroteIsText(t *testing.T) {
	t.Parallel()
	s := site(t, Platform{Name: hostile, SupportContact: "javascript:alert(1)", SupportHours: hostile})
	v := View{
		Title: hostile, Lead: hostile, Brand: hostile, Nav: []Link{{Text: hostile, URL: "javascript:alert(1)", Note: hostile}}, Trail: []Link{{Text: hostile}},
		Message: &Message{Kind: KindBad, Title: hostile, Text: hostile, Items: []Link{{Text: hostile, URL: "javascript:alert(1)"}, {Text: hostile, Note: hostile}}},
		Data: map[string]any{
			"F": Field{Name: hostile, Label: hostile, Help: hostile, Value: hostile, Error: hostile, Placeholder: hostile},
			"C": Choices{Name: hostile, Legend: hostile, Of: []Choice{{Value: hostile, Label: hostile, Help: hostile}}},
			"P": Pager{Next: "javascript:alert(1)", Summary: hostile},
		},
	}
	_, body := written(t, s, v, `{{template "field" .Data.F}}{{template "choices" .Data.C}}{{template "pager" .Data.P}}{{badge "ok" .Title}}`)
	require.NotContains(t, body, "<script>alert")
	require.NotRegexp(t, `href="javascript:`, body)
	require.Equal(t, 1, strings.Count(body, "<script"), "its own, and no other")
}

func TestWrite_AFieldSaysWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	s := site(t, Platform{})
	for name, tt := range map[string]struct {
		field Field
		want  []string
		not   []string
	}{
		"plain":    {Field{Name: "name", Label: "Name", Value: "Ada"}, []string{`<label for="f-name">Name</label>`, `type="text"`, `value="Ada"`, " required"}, []string{"aria-invalid"}},
		"wrong":    {Field{Name: "a.b", Label: "E-mail", Type: "email", Error: "is missing"}, []string{`id="f-a-b-error">is missing`, `aria-invalid="true"`, `aria-describedby="f-a-b-error"`, `type="email"`}, nil},
		"password": {Field{Name: "key", Label: "Key", Type: "password", Value: "never shown", Optional: true, Help: "Once."}, []string{`type="password"`, `aria-describedby="f-key-help "`}, []string{"never shown", " required"}},
	} {
		_, body := written(t, s, View{Data: tt.field}, `{{template "field" .Data}}`)
		for _, want := range tt.want {
			require.Contains(t, body, want, name)
		}
		for _, not := range tt.not {
			require.NotContains(t, body, not, name)
		}
	}
}

func TestWrite_ABrokenPageIsAFailureWithoutAHalfOfIt(t *testing.T) {
	t.Parallel()
	status, body := written(t, site(t, Platform{}), View{}, `half of it{{.Data.Missing.Field}}{{index .Nav 5}}`)
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, body, "Something went wrong on our side")
	require.NotContains(t, body, "half of it")
}

func TestGuard_KeepsAPageToItself(t *testing.T) {
	t.Parallel()
	s := site(t, Platform{LogoURL: "https://cdn.example.com/logo.svg"})
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	w := httptest.NewRecorder()
	s.Guard(nil, next).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https://cdn.example.com; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		w.Header().Get("Content-Security-Policy"))
	require.Equal(t, "same-origin", w.Header().Get("Referrer-Policy"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "DENY", w.Header().Get("X-Frame-Options"))

	w = httptest.NewRecorder()
	s.Guard([]string{"https://app.example.com", "https://www.example.com"}, next).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors https://app.example.com https://www.example.com")
	require.Empty(t, w.Header().Get("X-Frame-Options"))
}

func TestGuard_RefusesFormsOfOtherSites(t *testing.T) {
	t.Parallel()
	acted := 0
	h := site(t, Platform{}).Guard([]string{"https://app.example.com"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { acted++ }))
	for from, want := range map[string]int{"cross-site": http.StatusForbidden, "same-site": http.StatusForbidden, "same-origin": http.StatusOK, "none": http.StatusOK} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Sec-Fetch-Site", from)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, from)
	}
	r := httptest.NewRequest(http.MethodPost, "http://here.example.com/", nil)
	r.Header.Set("Origin", "https://app.example.com")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusForbidden, w.Code, "a site that may show the page may still not send its forms")
	require.Contains(t, w.Body.String(), "This form was sent from another site")
	require.Equal(t, 2, acted)
}

func TestAssets_AreKeptForEverUnderTheirChecksum(t *testing.T) {
	t.Parallel()
	_, body := written(t, site(t, Platform{}), View{}, "")
	found := regexp.MustCompile(`"(/assets/[a-z]+\.[0-9a-f]{16}\.(css|js|svg))"`).FindAllStringSubmatch(body, -1)
	require.Len(t, found, 3)
	for _, m := range found {
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, m[1], nil))
		require.Equal(t, http.StatusOK, w.Code, m[1])
		require.Contains(t, w.Header().Get("Cache-Control"), "immutable")
		require.NotEmpty(t, w.Header().Get("Content-Type"))
	}
	for _, path := range []string{"/assets/page.css", "/assets/", "/assets/../page.go", "/assets/page.0000000000000000.css"} {
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
		require.Equal(t, http.StatusNotFound, w.Code, path)
	}
}

func TestSaid_TakesWordsOfTheTableOnly(t *testing.T) {
	t.Parallel()
	table := map[string]Message{"linked": {Kind: KindOK, Title: "Connected"}}
	for to, want := range map[string]string{"/a": "/a?said=linked", "/a?b=c": "/a?b=c&said=linked", "/a#x": "/a?said=linked#x"} {
		w := httptest.NewRecorder()
		Back(w, httptest.NewRequest(http.MethodPost, "/", nil), to, "linked")
		require.Equal(t, http.StatusSeeOther, w.Code)
		require.Equal(t, want, w.Header().Get("Location"))
		seen, _, _ := strings.Cut(want, "#")
		require.Equal(t, "Connected", Said(httptest.NewRequest(http.MethodGet, seen, nil), table).Title)
	}
	require.Nil(t, Said(httptest.NewRequest(http.MethodGet, "/a?said="+url.QueryEscape(hostile), nil), table))
	require.Nil(t, Said(httptest.NewRequest(http.MethodGet, "/a", nil), table))
}

func TestNumbersAndTimes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -5: "-5", -1234: "-1,234", 100000: "100,000"} {
		require.Equal(t, want, Number(n))
	}
	at := time.Date(2026, 3, 4, 23, 6, 0, 0, time.FixedZone("", -3600))
	require.Equal(t, `<time datetime="2026-03-05T00:06:00Z">5 Mar 2026, 00:06 UTC</time>`, string(When(at)))
	require.Contains(t, string(When(time.Time{})), "–")
}

func TestNew_WantsALogoOfTheWeb(t *testing.T) {
	t.Parallel()
	for _, logo := range []string{"logo.svg", "javascript:alert(1)", "data:image/png;base64,AA", "https://"} {
		_, err := New(Options{Platform: Platform{LogoURL: logo}, Log: slog.New(slog.DiscardHandler)})
		require.ErrorContains(t, err, logo)
	}
}

func TestSentence_BeginsWithACapitalOfAnyAlphabet(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "a": "A.", "it is so": "It is so.", "is it so?": "Is it so?", "do!": "Do!", "done.": "Done.",
		"ärger": "Ärger.", "élan": "Élan.", "жизнь": "Жизнь.", "東京": "東京.", "ǆ": "ǅ.", "“so”": "“so”.", "7 jobs": "7 jobs.", "\xff?": "\xff?",
	} {
		require.Equal(t, want, Sentence(text), text)
	}
	require.Equal(t, "Übung", Capital("übung"))
}
