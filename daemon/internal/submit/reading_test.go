package submit

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// What turns the direction of a text or has no shape does not reach a recruiter, and a name of it is none.
func TestLane_TheATSGetsWhatCanBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		var got sdk.SubmitItem
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said { got = it; return passes() }
		})
		_, err := b.store.UpdateConnection(t.Context(), b.conns[0].ID, 0, func(c *atssync.Connection) error {
			c.LastNameFallback = "(none)"
			return nil
		}, time.Now())
		require.NoError(t, err)
		in := document(b.conns[0], atssync.NewID(atssync.PrefixSubmission, time.Now()), "job")
		var d atssync.Document
		require.NoError(t, json.Unmarshal(in.Payload, &d))
		d.Person.FirstName, d.Person.LastName = "A\u202eda\u202c\r", " \u200b "
		d.Person.Phones = []atssync.Phone{{Number: "\u202a+1 202 555 0101\u202c"}}
		d.Resume = &atssync.Resume{URL: "https://files.example.com/1", FileName: "resume\u202efdp.exe"}
		in.Payload, err = json.Marshal(d)
		require.NoError(t, err)
		b.take([]atssync.NewSubmission{in})
		b.after(time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 1}, b.states(b.conns[0].ID))
		require.Equal(t, "Ada", got.Person.FirstName)
		require.Equal(t, "(none)", got.Person.LastName)
		require.Equal(t, "+1 202 555 0101", got.Person.Phones[0].Number)
		require.Equal(t, "resumefdp.exe", got.Resume.FileName)
	})
}
