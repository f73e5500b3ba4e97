package simulator

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultSeed_IsValid(t *testing.T) {
	t.Parallel()
	seed := DefaultSeed()
	require.NoError(t, seed.fill())
	require.Len(t, seed.Employers, 3)
	for _, e := range seed.Employers {
		require.Len(t, e.Jobs, 8)
		require.Len(t, e.Pools, 2)
		got := make(map[Level]bool)
		for _, u := range e.Users {
			got[u.Level] = true
			require.Contains(t, u.Email, ".example.com")
		}
		require.Len(t, got, 4)
		for _, j := range e.Jobs {
			require.Greater(t, j.ID, int64(1)<<32)
		}
	}
	require.Equal(t, DefaultSeed(), DefaultSeed(), "the same at every start")
}

func TestSeed_PrintedIsLoadedAsTheSame(t *testing.T) {
	t.Parallel()
	seed := DefaultSeed()
	seed.Switches = SwitchPatch{"read_lag": json.RawMessage(`"0s"`)}
	seed.Employers[0].Switches = SwitchPatch{"post_status": json.RawMessage(`201`)}
	seed.Employers[1].ProspectsOff = true
	s, err := New(Options{Seed: seed})
	require.NoError(t, err)
	defer s.Close()
	raw, err := json.MarshalIndent(s.Seed(), "", "  ")
	require.NoError(t, err)
	back, err := LoadSeed(raw)
	require.NoError(t, err)
	require.Equal(t, seed, back)
}

func TestNew_DoesNotTouchTheSeedItIsGiven(t *testing.T) {
	t.Parallel()
	seed := Seed{Employers: []SeedEmployer{{
		Name: "one", Keys: []Key{{Key: "k"}}, Jobs: []Job{{Name: "A", Live: true}},
		Users: []User{{Email: "a@example.com", Level: Basic}}, Pools: []Pool{{Name: "P", Stages: []PoolStage{{Name: "S"}}}},
	}}}
	for range 2 {
		s, err := New(Options{Seed: seed})
		require.NoError(t, err)
		s.Close()
		require.NotZero(t, s.Employers()[0].Pools()[0].Stages[0].ID)
	}
	require.Zero(t, seed.Employers[0].Jobs[0].ID)
	require.Empty(t, seed.Employers[0].Keys[0].Type)
	require.Zero(t, seed.Employers[0].Pools[0].Stages[0].ID)
}

func TestGenerateSeed_GivesEmployersThatShareNothing(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Seed: GenerateSeed(200, 3)})
	require.NoError(t, err)
	defer s.Close()
	ids := make(map[int64]bool)
	keys := make(map[string]bool)
	for _, e := range s.Employers() {
		require.Len(t, e.Jobs(), 3)
		for _, j := range e.Jobs() {
			require.False(t, ids[j.ID])
			ids[j.ID] = true
		}
		require.False(t, keys[e.Key()])
		keys[e.Key()] = true
	}
	_, err = New(Options{Seed: Seed{}, Switches: SwitchPatch{"nonsense": nil}})
	require.ErrorContains(t, err, "$.nonsense")
}

func TestLoadSeed_NamesThePathOfTheProblem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                               "$: the document is empty",
		`{`:                              "$: not valid JSON",
		`{"employers":[]}`:               "$.employers: at least one",
		`{"employer":[]}`:                `$.employer: unknown key, did you mean "employers"?`,
		`{"employers":[{}]}`:             "$.employers[0].name",
		`{"employers":[{"name":"a b"}]}`: "$.employers[0].name",
		`{"employers":[{"name":"a"},{"name":"a"}]}`:                                                                                  "$.employers[1].name",
		`{"employers":[{"name":"a","keys":[{"key":""}]}]}`:                                                                           "$.employers[0].keys[0].key",
		`{"employers":[{"name":"a","keys":[{"key":"k","type":"x"}]}]}`:                                                               "$.employers[0].keys[0].type",
		`{"employers":[{"name":"a","keys":[{"key":"k"}]},{"name":"b","keys":[{"key":"k"}]}]}`:                                        "$.employers[1].keys[0].key",
		`{"employers":[{"name":"a","users":[{"email":"x"}]}]}`:                                                                       "$.employers[0].users[0].email",
		`{"employers":[{"name":"a","users":[{"email":"x@example.com","level":"boss"}]}]}`:                                            "$.employers[0].users[0].level",
		`{"employers":[{"name":"a","users":[{"email":"x@example.com","level":"basic","jobs":[1]}]}]}`:                                "$.employers[0].users[0].jobs[0]",
		`{"employers":[{"name":"a","users":[{"email":"x@example.com","level":"basic"},{"email":"X@example.com","level":"basic"}]}]}`: "$.employers[0].users[1].email",
		`{"employers":[{"name":"a","jobs":[{}]}]}`:                                                                                   "$.employers[0].jobs[0].name",
		`{"employers":[{"name":"a","jobs":[{"id":1,"name":"x"},{"id":1,"name":"y"}]}]}`:                                              "$.employers[0].jobs[1].id",
		`{"employers":[{"name":"a","jobs":[{"id":1.5,"name":"x"}]}]}`:                                                                "$.employers[0].jobs[0].id: expected a whole number",
		`{"employers":[{"name":"a","switches":{"post_status":1}}]}`:                                                                  "$.employers[0].switches.post_status",
		`{"switches":{"x":1},"employers":[{"name":"a"}]}`:                                                                            "$.switches.x",
		`{"employers":[{"name":"a","pools":{}}]}`:                                                                                    "$.employers[0].pools: expected a list, got an object",
		`{"employers":[{"name":"a","prospects_off":"no"}]}`:                                                                          "$.employers[0].prospects_off: expected true or false",
	} {
		_, err := LoadSeed([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
