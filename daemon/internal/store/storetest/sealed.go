package storetest

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

var (
	oldMark = []byte{1, 1, 0xfb, 0xff, 0x3e, 0x07}
	newMark = []byte{1, 1, 0x0c, 0x5a, 0x99, 0xfe}
)

// under is a value as if it were sealed with the key of a mark.
func under(mark []byte, text string) []byte { return append(slices.Clone(mark), text...) }

// sealedOfEachKind stores one value of each kind under the old key, and returns how many there are.
func (w *world) sealedOfEachKind() (atssync.Connection, atssync.Submission, int) {
	w.t.Helper()
	in := w.newConnection("acme")
	in.Credentials, in.Hook = under(oldMark, "credentials"), under(oldMark, "hook")
	c, err := w.s.CreateConnection(w.ctx, in, w.now)
	require.NoError(w.t, err)
	w.link(c, "job-1")
	w.endpoint(func(e *atssync.Endpoint) {
		e.Secrets = []atssync.EndpointSecret{{Sealed: under(newMark, "secret")}, {Sealed: under(oldMark, "old secret")}}
	})
	l := w.lease(c, "daemon-1")
	doc := w.document(c, "app-1", "job-1")
	doc.Payload = under(oldMark, "document")
	s := w.accept(doc)[0].Submission
	a := w.attempt(s)
	a.Note = under(oldMark, "note")
	begun, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{a}, w.now)
	require.NoError(w.t, err)
	w.finish(l, atssync.Finish{
		Submission: s.ID, Attempt: begun[0].Number, To: atssync.StateQueued, NextAt: w.now, Continuation: under(oldMark, "continuation"),
	})
	return c, w.sub(s.ID), 6
}

// walkSealed walks over everything.
func (w *world) walkSealed(reseal func(atssync.SealedValue) ([]byte, error)) (found, resealed int, err error) {
	q := atssync.SealedQuery{Marks: [][]byte{oldMark}, Reseal: reseal}
	for {
		share, err := w.s.WalkSealed(w.ctx, q, w.now)
		if err != nil {
			return found, resealed, err
		}
		found, resealed = found+share.Found[0], resealed+share.Resealed
		if share.Next == "" {
			return found, resealed, nil
		}
		require.NotEqual(w.t, q.After, share.Next)
		q.After = share.Next
	}
}

var sealedTests = map[string]func(*world){
	"every kind is found with its place and stored anew": func(w *world) {
		c, s, n := w.sealedOfEachKind()
		found, resealed, err := w.walkSealed(nil)
		require.NoError(w.t, err)
		require.Equal(w.t, n, found)
		require.Zero(w.t, resealed, "counting changes nothing")
		places := map[atssync.SealedKind]string{}
		found, _, err = w.walkSealed(func(v atssync.SealedValue) ([]byte, error) {
			places[v.Kind] = v.Connection + " " + v.Record
			require.Equal(w.t, oldMark, v.Sealed[:len(oldMark)])
			return under(newMark, string(v.Sealed[len(oldMark):])), nil
		})
		require.NoError(w.t, err)
		require.Equal(w.t, n, found)
		require.Equal(w.t, map[atssync.SealedKind]string{
			atssync.SealedCredentials: c.ID + " ", atssync.SealedHook: c.ID + " ", atssync.SealedSecret: w.liveEndpoints()[0].ID + " ",
			atssync.SealedDocument: c.ID + " " + s.ExternalKey, atssync.SealedNote: c.ID + " " + s.ID, atssync.SealedContinuation: c.ID + " " + s.ID,
		}, places)
		found, _, err = w.walkSealed(nil)
		require.NoError(w.t, err)
		require.Zero(w.t, found)

		got, err := w.s.Connection(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, under(newMark, "credentials"), got.Credentials)
		require.Equal(w.t, under(newMark, "hook"), got.Hook)
		require.Equal(w.t, c.Version, got.Version, "nobody changed it")
		p, err := w.s.Payload(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.Payload(under(newMark, "document")), p)
		attempts, err := w.s.Attempts(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, under(newMark, "note"), attempts[0].Note)
		require.Equal(w.t, under(newMark, "continuation"), w.sub(s.ID).Continuation)
		for i, text := range []string{"secret", "old secret"} {
			require.Equal(w.t, under(newMark, text), w.liveEndpoints()[0].Secrets[i].Sealed)
		}
		w.balanced(c)
	},
	"what changed meanwhile is left alone": func(w *world) {
		c, s, _ := w.sealedOfEachKind()
		_, _, err := w.walkSealed(func(v atssync.SealedValue) ([]byte, error) {
			if v.Kind == atssync.SealedContinuation {
				w.act(s, atssync.ActCancel)
			}
			return under(newMark, "x"), nil
		})
		require.NoError(w.t, err)
		require.Equal(w.t, "cancelled", w.state(s.ID))
		require.Equal(w.t, under(oldMark, "continuation"), w.sub(s.ID).Continuation, "the next walk finds it")
		w.balanced(c)
	},
	"a key that cannot open its value stops the walk": func(w *world) {
		w.sealedOfEachKind()
		no := errors.New("not this key")
		_, _, err := w.walkSealed(func(atssync.SealedValue) ([]byte, error) { return nil, no })
		require.ErrorIs(w.t, err, no)
	},
	"a mark where nobody seals is an error and not passed over": func(w *world) {
		require.NoError(w.t, w.s.AppendAudit(w.ctx, atssync.Audit{At: w.now, Action: "a", Detail: base64.StdEncoding.EncodeToString(under(oldMark, "x"))}))
		found, _, err := w.walkSealed(nil)
		require.NoError(w.t, err)
		require.Equal(w.t, 1, found)
		_, _, err = w.walkSealed(func(v atssync.SealedValue) ([]byte, error) { return v.Sealed, nil })
		require.ErrorContains(w.t, err, "nothing knows")
	},
	"a value under a refused key is stored by no step": func(w *world) {
		c, s, n := w.sealedOfEachKind()
		w.s.RefuseSealed([][]byte{oldMark})
		require.NoError(w.t, w.s.NeedKeys(w.ctx, []string{"new"}, w.now))
		doc := w.document(c, "app-2", "job-1")
		doc.Payload = under(oldMark, "late")
		_, err := w.s.Accept(w.ctx, []atssync.NewSubmission{doc}, w.now)
		w.code(err, atssync.CodeUnavailable)
		found, _, err := w.walkSealed(nil)
		require.NoError(w.t, err)
		require.Equal(w.t, n, found)
		doc.Payload = under(newMark, "in time")
		require.NoError(w.t, w.accept(doc)[0].Err)
		w.s.RefuseSealed(nil)
		w.act(s, atssync.ActCancel)
		w.balanced(c)
	},
	"many take many shares": func(w *world) {
		c := w.connect("acme")
		for range 3 {
			var in []atssync.NewSubmission
			for range 400 {
				d := w.document(c, w.unique("app"), "job-1")
				d.Payload = under(oldMark, "document")
				in = append(in, d)
			}
			w.accept(in...)
		}
		_, resealed, err := w.walkSealed(func(atssync.SealedValue) ([]byte, error) { return under(newMark, "document"), nil })
		require.NoError(w.t, err)
		require.Equal(w.t, 1200, resealed)
		w.pass(time.Second)
		_, err = w.s.WalkSealed(w.ctx, atssync.SealedQuery{After: "%"}, w.now)
		w.code(err, atssync.CodeInvalid)
	},
}

func (w *world) liveEndpoints() []atssync.Endpoint {
	w.t.Helper()
	page, err := w.s.Endpoints(w.ctx, atssync.EndpointQuery{})
	require.NoError(w.t, err)
	return page.Items
}
