// Package main is the reference adapter: the template to copy for a new ATS, and the adapter of the
// daemon's end-to-end tests. The ATS it speaks to is its own simulator, which "simulate" runs.
//
// Read it in the order of an application's life: manifest.go says what the adapter is and needs, check.go
// looks at a connection, jobs.go lists what applications can go to, submit.go sends them once and judges
// the answers, read.go reads them back, webhook.go takes hints. This file opens a connection for a call.
//
// To make an adapter of your own: copy the folder, leave out the files of powers that your ATS does not
// have together with their lines in the manifest, and let the conformance suite tell you what is missing
// (adapter_test.go shows how it is called). Everything that touches HTTP goes through package rest, which
// decides what a lost answer means.
package main

import (
	"context"
	"net/http"
	"net/url"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// The names of the fields in the manifest.
const (
	fieldKey     = "api_key"
	fieldSecret  = "webhook_secret"
	fieldBase    = "base_url"
	fieldTwoStep = "two_step"
)

// adapter implements sdk.Adapter and the powers of the manifest. It keeps connections alive and nothing
// else: no limits, no cursors, no tokens.
type adapter struct{ client *rest.Client }

func newAdapter() *adapter { return &adapter{client: rest.New(rest.FromEnv(label))} }

// session is one call's use of one connection: where to ask, as whom, and what was exchanged so far.
type session struct {
	client  *rest.Client
	base    *url.URL
	auth    rest.Auth
	twoStep bool
	meta    sdk.Meta
}

// open reads the connection and asks nothing. What is missing is KindConfigRequired.
func (a *adapter) open(c sdk.Connection) (*session, error) {
	base, err := rest.ParseBase(c.Value(fieldBase))
	if err != nil {
		return nil, err
	}
	key := c.Value(fieldKey)
	if key == "" {
		return nil, &sdk.Error{
			Kind: sdk.KindConfigRequired, Message: "the API key is missing", Turn: sdk.TurnEmployer,
			Remedy: "Enter the API key.", NotApplied: true,
		}
	}
	return &session{
		client: a.client, base: base, auth: rest.Header("X-Api-Key", sdk.Secret(key)), twoStep: c.Value(fieldTwoStep) == "true",
	}, nil
}

// get reads path into v.
func (s *session) get(ctx context.Context, path string, query url.Values, v any) error {
	_, err := s.client.Do(ctx, rest.Call{
		Method: http.MethodGet, Base: s.base, Path: path, Query: query.Encode(), Auth: s.auth,
		Decode: func(body []byte) error { return rest.Decode(body, v) },
	}, &s.meta)
	return explain(err)
}

// list is get for an answer that has a list under that name: one that lacks it says nothing, and least of all that the list
// is empty.
func (s *session) list(ctx context.Context, path, name string, query url.Values, v any) error {
	_, err := s.client.Do(ctx, rest.Call{
		Method: http.MethodGet, Base: s.base, Path: path, Query: query.Encode(), Auth: s.auth,
		Decode: func(body []byte) error {
			if err := rest.HasList(body, name); err != nil {
				return err
			}
			return rest.Decode(body, v)
		},
	}, &s.meta)
	return explain(err)
}

// post writes body to path and reads the answer with read. A lost or unreadable answer is an error of
// KindAmbiguous: Write says that something may have happened.
func (s *session) post(ctx context.Context, path string, body any, read func([]byte) error) error {
	_, err := s.client.Do(ctx, rest.Call{
		Method: http.MethodPost, Base: s.base, Path: path, Auth: s.auth, Body: body, Write: true, Decode: read,
	}, &s.meta)
	return explain(err)
}

// explain adds to a refusal what only the adapter knows: what to do about it in this ATS.
func explain(err error) error {
	if err == nil {
		return nil
	}
	e := sdk.AsError(err)
	if e.Kind == sdk.KindAuth {
		e.Turn, e.Message = sdk.TurnEmployer, "the Reference ATS does not know the API key"
		e.Remedy = "Make a new API key under Settings, Integrations, and enter it."
	}
	return e
}
