package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/page"
)

// loginView is the page on which a token is entered.
type loginView struct {
	Token page.Field
	Next  string // below the console, where it goes on
}

// toLogin sends somebody who is not logged in to the log-in page; what failed otherwise is told.
func (c *Console) toLogin(w http.ResponseWriter, r *http.Request, err error) {
	v := &visit{Console: c, w: w, r: r, m: c.Manage}
	switch {
	case atssync.CodeOf(err) != atssync.CodeUnauthenticated:
		v.refused(err)
	case r.Method == http.MethodPost:
		v.refused(atssync.Errorf(atssync.CodeUnauthenticated, "the session is over, and nothing was done").WithRemedy("log in again"))
	default:
		q := url.Values{}
		if below := strings.TrimPrefix(r.URL.RequestURI(), Root); below != "" && below != "/" {
			q.Set("next", below)
		}
		word := ""
		if err == errEnded { //nolint:errorlint // it is this very value.
			word = "ended"
		}
		to := c.path("/login")
		if len(q) > 0 {
			to += "?" + q.Encode()
		}
		page.Back(w, r, to, word)
	}
}

// nextOf is where a log-in leads to: something below the console, else the overview.
func nextOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "?") || strings.HasPrefix(text, "//") ||
		strings.ContainsAny(text, "\\\r\n") || strings.HasPrefix(text, "/login") || strings.HasPrefix(text, openPath) {
		return ""
	}
	return text
}

func (c *Console) loginPage(v *visit) error {
	return v.loginWith(http.StatusOK, "", v.r.URL.Query().Get("next"))
}

func (v *visit) loginWith(status int, wrong, next string) error {
	view := page.View{
		Title: "Log in to the console",
		Lead:  "For those who run this daemon.",
		Data: loginView{
			Token: page.Field{
				Name: "token", Label: "Token", Type: "password", Auto: "current-password", Error: wrong,
				Help: "As atssync tokens create printed it; it begins with ats_. What it may do and sees holds here too.",
			},
			Next: nextOf(next),
		},
	}
	if wrong != "" {
		view.Message = &page.Message{Kind: page.KindBad, Title: "You were not let in", Text: wrong}
	}
	return v.showAs(status, "login", view)
}

// login lets the holder of a token in.
func (c *Console) login(v *visit) error {
	now := time.Now()
	next := v.r.PostForm.Get("next")
	t, err := c.Manage.Authenticate(v.ctx(), v.r.PostForm.Get("token"))
	if atssync.CodeOf(err) == atssync.CodeUnauthenticated {
		// Only wrong ones wait: behind a proxy everybody has one address, and nobody may keep the others out.
		if wait := c.wrong.wait(v.r, now); wait > 0 {
			return v.tooOften(wait, next)
		}
		c.wrong.miss(v.r, now)
		c.LoggedIn("refused")
		return v.loginWith(http.StatusUnauthorized, told(err), next)
	}
	if err != nil {
		return err
	}
	who := session{actor: atssync.Actor{Name: t.ID + "(" + t.Name + ")", Via: via}, name: t.Name, tokenID: t.ID}
	return v.enter(who, "by token", nextOf(next))
}

// told is what is wrong with a token; what else the error says is for programs.
func told(err error) string {
	if e, ok := errors.AsType[*atssync.Error](err); ok {
		return sentence(plain{e})
	}
	return sentence(err)
}

func (v *visit) tooOften(wait time.Duration, next string) error {
	v.LoggedIn("throttled")
	seconds := int(wait.Seconds()) + 1
	v.w.Header().Set("Retry-After", fmt.Sprint(seconds))
	return v.loginWith(http.StatusTooManyRequests, fmt.Sprintf("Too many wrong ones came from this address: wait %d seconds, and try again.", seconds), next)
}

// enter begins a session. What the browser held before is worth nothing from then on.
func (v *visit) enter(who session, how, next string) error {
	v.sessions.end(v.r)
	if err := v.Manage.NoteConsole(atssync.WithActor(v.ctx(), who.actor), "login", how); err != nil {
		return err
	}
	v.LoggedIn("ok")
	http.SetCookie(v.w, v.cookie(v.sessions.begin(who, time.Now())))
	return v.back(next, "")
}

// openPage asks for a click before a one-time link is used: what looks at links in mails and chats must not use it up.
func (c *Console) openPage(v *visit) error {
	if !c.links.good(v.r.PathValue("secret"), time.Now()) {
		return v.usedLink()
	}
	return v.show("open", page.View{Title: "Open the console", Lead: "This link lets you in once."})
}

func (v *visit) usedLink() error {
	v.fail(v.w, v.r, page.Failure{
		Status: http.StatusGone, Title: "This link was used, or is too old",
		Text:   "A link to the console is good for five minutes and for one log-in. Nobody was let in.",
		Remedy: "Make another one on the daemon's machine with: atssync console",
	})
	return nil
}

// openLink lets the first user of a one-time link in.
func (c *Console) openLink(v *visit) error {
	who, ok := c.links.use(v.r.PathValue("secret"), time.Now())
	if !ok {
		if wait := c.wrong.wait(v.r, time.Now()); wait > 0 {
			return v.tooOften(wait, "")
		}
		c.wrong.miss(v.r, time.Now())
		c.LoggedIn("refused")
		return v.usedLink()
	}
	return v.enter(who, "by link", "")
}

// logout ends the session.
func (c *Console) logout(v *visit) error {
	c.sessions.end(v.r)
	gone := c.cookie("")
	gone.MaxAge = -1
	http.SetCookie(v.w, gone)
	return v.back("/login", "out")
}
