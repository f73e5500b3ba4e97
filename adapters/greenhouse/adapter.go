// Package main is the Greenhouse adapter: the partner API ("Candidate Ingestion") of Greenhouse behind the
// contract of package sdk. The daemon starts it as a process of its own and calls it once per step; it holds
// no state but kept-alive connections.
//
// Read it in the order of an application's life: manifest.go says what the adapter is and needs, check.go
// looks at a connection, jobs.go lists what applications can go to, candidate.go turns an application into
// Greenhouse's document, submit.go sends it once and judges the answer, statuses.go reads it back. Everything
// that touches HTTP goes through a session (this file) and package rest, which decides what a lost answer
// means.
//
// Three properties of the partner API shape all of it. A write cannot be repeated safely, because Greenhouse
// neither recognises a repetition nor lets anybody look a candidate up by our id. What the acting user may
// not see is left out of answers without a word. And the documentation leaves much open (status codes, the
// shape of errors, one object or a list), so that whatever is read is read leniently.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// The endpoints of the partner API.
const (
	pathCurrentUser  = "/v1/partner/current_user"
	pathJobs         = "/v1/partner/jobs"
	pathCandidates   = "/v1/partner/candidates"
	pathPools        = "/v1/partner/prospect_pools"
	pathTrackingLink = "/v1/partner/tracking_link"
)

// defaultBaseURL is Greenhouse itself. Only an operator can name another address.
const defaultBaseURL = "https://api.greenhouse.io"

// adapter implements sdk.Adapter and the powers that Describe announces.
type adapter struct{ client *rest.Client }

func newAdapter() *adapter { return &adapter{client: rest.New(rest.FromEnv("Greenhouse"))} }

// session is one call's use of one connection: where to ask, as whom, and what was exchanged so far.
type session struct {
	client *rest.Client
	base   *url.URL
	auth   rest.Auth
	actor  string // the On-Behalf-Of e-mail address
	meta   sdk.Meta
}

// open reads the connection. What is missing or cannot be is KindConfigRequired; nothing is asked.
func (a *adapter) open(c sdk.Connection) (*session, error) {
	base, err := baseURL(c)
	if err != nil {
		return nil, err
	}
	key, actor := strings.TrimSpace(c.Value(fieldKey)), strings.TrimSpace(c.Value(fieldActor))
	switch {
	case key == "":
		return nil, incomplete("the API key of Greenhouse is missing", "Enter the API key.")
	case !plain(key):
		return nil, incomplete("the API key of Greenhouse holds characters that no key has", "Copy the API key again, and only it.")
	case actor == "":
		return nil, incomplete("the e-mail address of the acting Greenhouse user is missing", "Enter the e-mail address.")
	case !isEmail(actor):
		return nil, incomplete("what was entered for the acting Greenhouse user is not an e-mail address",
			"Enter the e-mail address with which the user signs in to Greenhouse.")
	}
	return &session{client: a.client, base: base, auth: rest.Basic(sdk.Secret(key), ""), actor: actor}, nil
}

func baseURL(c sdk.Connection) (*url.URL, error) {
	raw := c.Value(fieldBaseURL)
	if raw == "" {
		raw = defaultBaseURL
	}
	return rest.ParseBase(raw)
}

func incomplete(message, remedy string) *sdk.Error {
	return &sdk.Error{
		Kind: sdk.KindConfigRequired, Message: message, Turn: sdk.TurnEmployer, Remedy: remedy, NotApplied: true,
	}
}

// call fills in what every request to Greenhouse carries.
func (s *session) call(method, path string) rest.Call {
	return rest.Call{
		Method: method, Base: s.base, Path: path, Auth: s.auth, Header: map[string]string{"On-Behalf-Of": s.actor},
	}
}

// get reads path into v, which decides how lenient the reading is.
func (s *session) get(ctx context.Context, path, query string, v any) (rest.Reply, error) {
	return s.ask(ctx, path, query, func(body []byte) error { return rest.Decode(body, v) })
}

// list is get for an answer that is a list; v is a *rest.List or a *rest.Elements.
func (s *session) list(ctx context.Context, path, query string, v any) (rest.Reply, error) {
	return s.ask(ctx, path, query, func(body []byte) error { return rest.DecodeList(body, v) })
}

func (s *session) ask(ctx context.Context, path, query string, decode func([]byte) error) (rest.Reply, error) {
	call := s.call(http.MethodGet, path)
	call.Query, call.Decode = query, decode
	reply, err := s.client.Do(ctx, call, &s.meta)
	return reply, explain(err)
}

// maxRemarks is how many places of one answer are named.
const maxRemarks = 5

// places names the first of the places that cannot be read.
func places(broken []string) string {
	if n := len(broken) - maxRemarks; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(broken[:maxRemarks], "; "), n)
	}
	return strings.Join(broken, "; ")
}

// remark notes at the last exchange what of its answer could not be read.
func (s *session) remark(broken []string) {
	if len(broken) > 0 && len(s.meta.Exchanges) > 0 {
		s.meta.Exchanges[len(s.meta.Exchanges)-1].Excerpt = "not in the documented form: " + places(broken)
	}
}

// changed is the error about an answer of which too little could be read.
func (s *session) changed(path string, broken []string) error {
	s.remark(broken)
	return &sdk.Error{
		Kind: sdk.KindRemoteChanged, Turn: sdk.TurnAdapter, Status: http.StatusOK, Meta: s.meta,
		Message: fmt.Sprintf("Greenhouse answered, but not in the documented form (%s, %s)", path, places(broken)),
		Remedy:  "Look for a newer version of the adapter, and tell its author what is said here; it is tried again by itself.",
	}
}

// explain puts Greenhouse's own circumstances into a refusal that holds for any endpoint. An error that has a
// subject already was explained by who knows better.
func explain(err error) error {
	if err == nil {
		return nil
	}
	e := sdk.AsError(err)
	if e.Subject != "" {
		return e
	}
	switch e.Kind {
	case sdk.KindAuth:
		e.Message = "Greenhouse does not accept the API key together with the acting user"
		e.Remedy = "Check the connection: make a new key of the type Candidate Ingestion, or make sure that the user " +
			"is active and that the e-mail address is the one of its Greenhouse log-in."
	case sdk.KindPermission:
		e.Subject = sdk.SubjectUser
		e.Message = "Greenhouse does not permit this to the acting user or to this kind of key"
		e.Remedy = "Ask a Site Admin of Greenhouse to look at the permissions of the acting user and at the type of the key, " +
			"which must be Candidate Ingestion."
	case sdk.KindNotFound:
		e.Subject, e.Turn = sdk.SubjectEndpoint, sdk.TurnOperator
		e.Message = "the partner API of Greenhouse was not found at this address"
		e.Remedy = "Check base_url in the configuration of the adapter."
	}
	return e
}

// isEmail asks for no more than what may stand in the header and can be an address.
func isEmail(v string) bool {
	local, domain, ok := strings.Cut(v, "@")
	return ok && local != "" && domain != "" && !strings.Contains(domain, "@") && plain(v)
}

// plain reports whether v is printable ASCII without spaces.
func plain(v string) bool {
	for _, r := range v {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}
