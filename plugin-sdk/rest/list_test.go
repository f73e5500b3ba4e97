package rest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type listed struct {
	ID    ID       `json:"id"`
	Words Text     `json:"words"`
	Parts List[of] `json:"parts"`
}

type of struct {
	Name Text `json:"name"`
	Live bool `json:"live"`
}

func TestDecodeList_TakesAnArrayOrTheOnlyRecord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]List[listed]{
		`[{"id":1},{"id":"2"}]`: {{ID: "1"}, {ID: "2"}}, `{"id":1}`: {{ID: "1"}}, `[]`: {}, "\xef\xbb\xbf [{\"id\":1}] ": {{ID: "1"}},
		`[{"id":1,"parts":null}]`: {{ID: "1"}}, `[{"id":1,"parts":{"name":"a"}}]`: {{ID: "1", Parts: List[of]{{Name: "a"}}}},
	} {
		var l List[listed]
		require.NoError(t, DecodeList([]byte(in), &l), in)
		require.Equal(t, want, l, in)
	}
}

func TestDecodeList_WhatIsNoListIsNoEmptyOne(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, ` `, `null`, `{}`, `{"message":"ok"}`, `{"jobs":[{"id":1}]}`, `{"id":null}`, `{"id":""}`, `"x"`, `3`, `true`, `[`, `[]x`, `[1]`, `<html>`,
	} {
		var l List[listed]
		require.Error(t, DecodeList([]byte(in), &l), in)
	}
	for _, in := range []string{``, `null`, `{}`, `{"message":"ok"}`, `{"jobs":[{"id":1}]}`, `"x"`, `[`, `<html>`} {
		var l Elements[listed]
		require.Error(t, DecodeList([]byte(in), &l), in)
	}
}

func TestForm_NamesThePlaceAndQuotesNothing(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`[{"id":1},{"id":2,"words":{"Ada":1}}]`:              "[1].words is an object",
		`[{"id":1,"parts":[{"name":"a"},{"name":["Ada"]}]}]`: "[0].parts[1].name is a list",
		`[{"id":1,"parts":[{"live":"Ada"}]}]`:                "[0].parts[0].live is a text",
		`[{"id":1.5}]`:                                       "[0].id is a number",
		`[{"id":1,"parts":"x"}]`:                             "[0].parts[0] is a text",
		`[7]`:                                                "[0] is a number",
		`{"message":"Ada"}`:                                  "it is an object without an id and no list",
		`null`:                                               "it is null and no list",
	} {
		var l List[listed]
		err := DecodeList([]byte(in), &l)
		require.Error(t, err, in)
		require.NotNil(t, Form(err), in)
		require.Equal(t, want, Form(err).Error(), in)
	}
	require.Nil(t, Form(errEmpty))
	require.Nil(t, Form(nil))
}

func TestElements_OneThatCannotBeReadSpoilsNoOther(t *testing.T) {
	t.Parallel()
	var l Elements[listed]
	require.NoError(t, DecodeList([]byte(`[
		{"id":1,"words":"a"}, {"id":2,"words":{"name":"b"}}, {"words":"c"}, 7, {"id":{"x":1}}, {"id":6,"parts":[{"name":[]}]}
	]`), &l))
	require.Equal(t, Elements[listed]{
		{ID: "1", Value: listed{ID: "1", Words: "a"}},
		{ID: "2", Err: &FormError{"words", "an object"}},
		{Value: listed{Words: "c"}, Err: &FormError{"id", "missing"}},
		{Err: &FormError{"", "a number"}},
		{Err: &FormError{"id", "an object"}},
		{ID: "6", Err: &FormError{"parts[0].name", "a list"}},
	}, l)
}

func TestHasList_AMemberThatIsMissingIsNoEmptyList(t *testing.T) {
	t.Parallel()
	require.NoError(t, HasList([]byte(`{"jobs":[],"next":""}`), "jobs"))
	for in, want := range map[string]string{
		`{}`: "jobs is missing", `null`: "jobs is missing", `{"message":"Ada"}`: "jobs is missing", `{"jobs":{"Ada":1}}`: "jobs is an object",
		`{"jobs":null}`: "jobs is of another type",
	} {
		require.EqualError(t, HasList([]byte(in), "jobs"), want, in)
	}
	for _, in := range []string{``, `[]`, `<html>`} {
		require.Error(t, HasList([]byte(in), "jobs"), in)
	}
}
