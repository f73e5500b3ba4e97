package submit

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestDiscreet_TextsLoseThePersonAndNothingElse(t *testing.T) {
	t.Parallel()
	d := about([]ready{{item: sdk.SubmitItem{Person: sdk.Person{
		FirstName: "Zoë", LastName: "Job-Öztürk", Emails: []sdk.Email{{Address: "zoe@example.com"}},
		Phones: []sdk.Phone{{Number: "+1 555-0100"}}, Addresses: []sdk.Address{{Text: "1 Example Street"}},
	}}}})
	for text, want := range map[string]string{
		"":                                "",
		"the job is closed":               "the job is closed",
		"Zoë is known as ZOE@example.com": "[…] is known as […]",
		"zoë job-öztürk exists":           "[…] exists",
		"Job-Öztürk, Zoë":                 "[…]",
		"candidate Öztürk (+1 555-0100) exists": "candidate […] ([…]) exists",
		"lives at 1 example street, it says":    "lives at […], it says",
	} {
		require.Equal(t, want, d.text(text))
	}
	none := about([]ready{{}})
	require.Equal(t, "any text at all", none.text("any text at all"))
}

func FuzzDiscreet(f *testing.F) {
	f.Add("Ada", "Example", "Ada Example exists, ada@example.com")
	f.Add("", " ", ", ")
	f.Add("\xff", "(", "\xff(")
	f.Fuzz(func(t *testing.T, first, last, text string) {
		d := about([]ready{{item: sdk.SubmitItem{Person: sdk.Person{FirstName: first, LastName: last}}}})
		for _, word := range strings.FieldsFunc(d.text(text), notOfAWord) {
			require.False(t, d.words[word], "a name is left")
		}
	})
}

// An adapter that repeats what an ATS repeats tells nobody's name to anybody.
func TestLane_AnEchoOfThePersonReachesNoEventAndNoRecord(t *testing.T) {
	t.Parallel()
	echo := "Ada Example <SUB@example.com> applied already"
	for name, answer := range map[string]*said{
		"refused": fails(&sdk.Error{
			Kind: sdk.KindInvalid, Message: echo, Remedy: "ask Ada", Fields: []sdk.FieldError{{Path: "person", Message: echo}},
		}),
		"uncertain": fails(&sdk.Error{Kind: sdk.KindAmbiguous, Message: echo}),
		"blocked":   {o: sdk.SubmitOutcome{Kind: sdk.OutcomeBlocked, Message: echo}},
		"held":      fails(&sdk.Error{Kind: sdk.KindJobClosed, Message: echo}),
		"the whole call": {err: &sdk.Error{
			Kind: sdk.KindAuth, Message: echo, Meta: sdk.Meta{Exchanges: []sdk.Exchange{{Method: "POST", Excerpt: echo}}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				b.ats.set(func(a *ats) { a.rule = func(string, sdk.SubmitItem) *said { return answer } })
				c := b.conns[0].ID
				id := b.submit(b.conns[0], "job", 1)[0]
				b.after(time.Minute)
				attempts, err := b.store.Attempts(t.Context(), id)
				require.NoError(t, err)
				require.NotEmpty(t, attempts)
				for i := range attempts {
					require.NotNil(t, attempts[i].Trouble)
					require.Contains(t, attempts[i].Trouble.Message, "applied already")
					attempts[i].Note = nil // sealed where it counts
				}
				sub := b.sub(id)
				sub.ExternalID = ""
				text, err := json.Marshal([]any{sub, attempts, b.lane(c), b.events(c, atssync.EventTypes()...)})
				require.NoError(t, err)
				for _, private := range []string{"Ada", "Example", "ada"} {
					require.NotContains(t, string(text), private)
				}
			})
		})
	}
}
