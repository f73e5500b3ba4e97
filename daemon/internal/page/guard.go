package page

import (
	"net/http"
	"strings"

	"github.com/atssync/atssync/daemon/internal/web"
)

// Guard puts the manners of a page around a handler: nothing is loaded from elsewhere but the platform's logo, nothing is kept
// in between, no other site learns the address or sends a form, and only the sites in frames, if any, show the page inside
// their own.
func (s *Site) Guard(frames []string, next http.Handler) http.Handler {
	policy := s.policy(frames)
	forms := http.NewCrossOriginProtection()
	forms.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Fail(w, r, Failure{
			Status: http.StatusForbidden, Title: "This form was sent from another site",
			Text: "Nothing was changed. Open the page itself, and send the form from there.",
		})
	}))
	guarded := forms.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		// With "no-referrer" a browser says "Origin: null" of the page's own forms, and one that sends no Sec-Fetch-Site, over plain
		// HTTP or an old one, would be taken for another site.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		if len(frames) == 0 {
			h.Set("X-Frame-Options", "DENY")
		}
		guarded.ServeHTTP(w, r)
	})
}

func (s *Site) policy(frames []string) string {
	ancestors := "'none'"
	if len(frames) > 0 {
		ancestors = strings.Join(frames, " ")
	}
	img := "'self'"
	if s.logo != "" {
		img += " " + s.logo
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src " + img +
		"; form-action 'self'; base-uri 'none'; frame-ancestors " + ancestors
}

// Failure is a page that says what went wrong, and whom to ask. What is left out is said in general words.
type Failure struct {
	Status int
	Title  string
	Text   string
	Remedy string
	Home   string
	Brand  string
}

// Fail answers with the page for what went wrong.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, f Failure) {
	if f.Title == "" {
		f.Title, f.Text = general(f.Status)
	}
	v := View{Title: f.Title, Home: f.Home, Brand: f.Brand, Data: struct{ Text, Remedy, Request string }{f.Text, f.Remedy, web.RequestID(r.Context())}}
	s.failure.Write(w, r, f.Status, "failure", v)
}

func general(status int) (title, text string) {
	switch status {
	case http.StatusNotFound:
		return "There is no such page", "The address may be incomplete, or what it led to is gone."
	case http.StatusMethodNotAllowed:
		return "This page takes no forms", "Nothing was changed."
	case http.StatusForbidden:
		return "This is not allowed here", "Nothing was changed."
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return "This does not work at the moment", "Please try again in a few minutes."
	}
	return "Something went wrong on our side", "It was written down. Please try again in a few minutes."
}
