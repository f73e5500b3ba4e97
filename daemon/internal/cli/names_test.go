package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
)

func TestAmbiguous_TellsTheIDs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tell(&out, ambiguous("acme", []api.Connection{{ID: "con_1", Name: "Acme", Account: "a"}, {ID: "con_2", Name: "ACME", Account: "b"}}))
	require.Equal(t, "atssync: \"acme\" may be any of 2 connections\n  con_1: Acme of a\n  con_2: ACME of b\n  what to do: give the id of the one that is meant\n",
		out.String())
}

func TestAdapterLines_AreReadByPeopleHoweverTheyAreCut(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := &adapterLines{out: &out}
	text := "{\"@level\":\"INFO\",\"@message\":\"listed\",\"@timestamp\":\"x\",\"jobs\":3}\nplain \x1b[31mtext\n{\"level\":\"warn\",\"msg\":\"last\"}"
	for i := range len(text) {
		_, err := l.Write([]byte(text[i : i+1]))
		require.NoError(t, err)
	}
	l.flush()
	require.Equal(t, "| info listed jobs=3\nplain [31mtext\n| warn last\n", out.String())
}

func TestTell_SaysWhatIsToBeDoneOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tell(&out, &api.Error{
		Code: "check_failed", Message: "nothing was saved: the key is wrong", Remedy: "make a new one",
		Checks: []api.CheckResult{{ID: "key", Cause: "the key is wrong", WhoseTurn: "employer", Remedy: "make a new one"}},
	})
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("the key is wrong")))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("make a new one")))
	require.Contains(t, out.String(), "whose turn: employer")
}
