package intake

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// onStore is a service over the memory store, with one connection that has the job "job-1001" linked.
func onStore(t *testing.T) (*Service, *kv.Store, atssync.Connection) {
	t.Helper()
	engine := memory.New()
	require.NoError(t, kv.Prepare(t.Context(), engine))
	store := kv.New(engine, kv.Options{SoleOwner: true})
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	now := time.Now()
	c, err := store.CreateConnection(t.Context(), atssync.Connection{Name: "Acme", Account: "acme", Adapter: "fake", IdentityKeys: []string{"k"}}, now)
	require.NoError(t, err)
	_, _, err = store.PutJobLink(t.Context(), atssync.PutJobLink{
		Link: atssync.JobLink{Connection: c.ID, PlatformJob: "job-1001", ATSJob: "1", As: sdk.AsCandidate},
	}, 0, now)
	require.NoError(t, err)
	require.NoError(t, store.PutPlatformJobs(t.Context(), []atssync.PlatformJob{{ID: "theirs", Account: "globex", Title: "X"}}, atssync.Scope{}, now))
	return New(Options{Store: store, Connections: store, Keys: testKeys{}, Sealer: testSealer{}}), store, c
}

func TestStore_OneExternalIDIsOneSubmissionThroughItsWholeLife(t *testing.T) {
	t.Parallel()
	s, store, c := onStore(t)
	doc := document("1")
	doc.Connection = "Acme"
	first, err := s.Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, atssync.StateQueued, first.Submission.State)
	again, err := s.Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedReplay, again.Result)

	doc.Job = "not-linked"
	revised, err := s.Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedRevision, revised.Result)
	require.Equal(t, first.Submission.ID, revised.Submission.ID)
	require.Equal(t, atssync.HeldJobNotLinked, revised.Submission.HeldReason)
	payload, err := store.Payload(t.Context(), first.Submission.ID)
	require.NoError(t, err)
	opened, err := s.vault.OpenDocument(revised.Submission, payload)
	require.NoError(t, err)
	require.Equal(t, "not-linked", opened.Job)

	doc.Job = "theirs"
	_, err = s.Submit(t.Context(), doc)
	require.Equal(t, atssync.CodeAccountMismatch, atssync.CodeOf(err))
	ledger, err := store.Ledger(t.Context(), c.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, ledger.Accepted)
	require.True(t, ledger.Balanced())
}

func TestStore_ARepetitionIsAnsweredEvenWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, c := onStore(t)
		doc := document("1")
		doc.Connection = c.ID
		first, err := s.Submit(t.Context(), doc)
		require.NoError(t, err)
		time.Sleep(8 * 24 * time.Hour) // the resume's address is over
		again, err := s.Submit(t.Context(), doc)
		require.NoError(t, err)
		require.Equal(t, atssync.AcceptedReplay, again.Result)
		require.Equal(t, first.Submission.ID, again.Submission.ID)
		got, err := batch(t, s, bytes.NewReader(ndjson(t, doc)))
		require.NoError(t, err)
		require.Equal(t, atssync.AcceptedReplay, got[0].Result)
		require.Equal(t, first.Submission.ID, got[0].ID)

		changed := doc
		changed.Job = "job-2"
		_, err = s.Submit(t.Context(), changed)
		require.ErrorContains(t, err, "resume.expires_at: is in the past")
		other := doc
		other.ExternalID = "2"
		_, err = s.Submit(t.Context(), other)
		require.ErrorContains(t, err, "resume.expires_at: is in the past")
	})
}

// A document was taken before its characters were looked at; who asks for it again is answered, as it is where it was.
func TestStore_ARepetitionIsAnsweredWhateverItsTextsHold(t *testing.T) {
	t.Parallel()
	s, store, c := onStore(t)
	doc := document("1")
	doc.Connection, doc.Person.FirstName, doc.Person.LastName = c.ID, "A\x00", "  "
	in, err := s.seal(c, doc, time.Now())
	require.NoError(t, err)
	first, err := store.Accept(t.Context(), []atssync.NewSubmission{in}, time.Now())
	require.NoError(t, err)
	require.NoError(t, first[0].Err)
	again, err := s.Submit(t.Context(), doc)
	require.NoError(t, err)
	require.Equal(t, atssync.AcceptedReplay, again.Result)
	require.Equal(t, first[0].Submission.ID, again.Submission.ID)
	doc.Job = "job-2"
	_, err = s.Submit(t.Context(), doc)
	require.ErrorContains(t, err, "person.first_name: holds the character U+0000")
	require.ErrorContains(t, err, "person.last_name: is required")
}

func TestStore_ABatchSentAgainAfterAReconnectDoublesNobody(t *testing.T) {
	t.Parallel()
	s, store, c := onStore(t)
	docs := make([]atssync.Document, 700)
	for i := range docs {
		docs[i] = document(time.Duration(i).String())
		docs[i].Connection = c.ID
	}
	body := ndjson(t, docs...)
	send := func() map[atssync.AcceptResult]int {
		got, err := batch(t, s, bytes.NewReader(body))
		require.NoError(t, err)
		count := make(map[atssync.AcceptResult]int)
		for _, r := range got {
			count[r.Result]++
		}
		return count
	}
	require.Equal(t, map[atssync.AcceptResult]int{atssync.AcceptedNew: 700}, send())
	require.Equal(t, map[atssync.AcceptResult]int{atssync.AcceptedReplay: 700}, send())
	_, err := store.RemoveConnection(t.Context(), c.ID, 0, time.Now())
	require.NoError(t, err)
	tasks, err := store.Tasks(t.Context(), c.ID)
	require.NoError(t, err)
	for _, task := range tasks {
		for done := false; !done; {
			done, _, err = store.WorkTask(t.Context(), task.ID, 500, time.Now())
			require.NoError(t, err)
		}
	}
	require.Equal(t, map[atssync.AcceptResult]int{atssync.AcceptRefused: 700}, send())
	revived, err := store.CreateConnection(t.Context(), atssync.Connection{Name: "Acme", Account: "acme", Adapter: "fake", IdentityKeys: []string{"k"}}, time.Now())
	require.NoError(t, err)
	require.Equal(t, c.ID, revived.ID)
	// What only the removal cancelled is judged again; it is the same submissions.
	require.Equal(t, map[atssync.AcceptResult]int{atssync.AcceptedRevision: 700}, send())
	require.Equal(t, map[atssync.AcceptResult]int{atssync.AcceptedReplay: 700}, send())
	ledger, err := store.Ledger(t.Context(), c.ID)
	require.NoError(t, err)
	require.EqualValues(t, 700, ledger.Accepted)
	require.True(t, ledger.Balanced())
}

func TestStore_AnExternalIDThatWentThroughAnEarlierConnectionIsRefused(t *testing.T) {
	t.Parallel()
	s, store, c := onStore(t)
	doc := document("app-7")
	doc.Connection = c.ID
	first, err := s.Submit(t.Context(), doc)
	require.NoError(t, err)
	other, err := store.CreateConnection(t.Context(), atssync.Connection{Name: "Acme 2", Account: "acme", Adapter: "fake", IdentityKeys: []string{"k2"}}, time.Now())
	require.NoError(t, err)
	doc.Connection = other.ID
	_, err = s.Submit(t.Context(), doc)
	require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err))
	require.ErrorContains(t, err, first.Submission.ID)
}
