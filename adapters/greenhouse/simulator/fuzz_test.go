package simulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzServer is a simulator that a fuzz target calls in process.
func fuzzServer(f *testing.F, patch SwitchPatch) *Server {
	f.Helper()
	s, err := New(Options{Switches: patch, ReadLog: -1})
	require.NoError(f, err)
	f.Cleanup(s.Close)
	return s
}

func FuzzPostCandidates(f *testing.F) {
	samples, err := filepath.Glob(filepath.Join("..", "testdata", "partner", "*.json"))
	require.NoError(f, err)
	require.NotEmpty(f, samples)
	for _, name := range samples {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
		f.Add(append(append([]byte("["), data...), ']'))
	}
	s := fuzzServer(f, SwitchPatch{
		"resume_fetch": mustJSON("never"), "unknown_key": mustJSON("refuse"), "batch_failure": mustJSON("partial"), "duplicate": mustJSON("same_ids"),
	})
	e := s.Employers()[0]
	f.Fuzz(func(t *testing.T, body []byte) {
		before := e.Counts().Candidates
		r := httptest.NewRequest(http.MethodPost, partnerPath+"candidates", strings.NewReader(string(body)))
		r.SetBasicAuth(e.Key(), "")
		r.Header.Set("On-Behalf-Of", e.Users()[0].Email)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.True(t, json.Valid(w.Body.Bytes()))
		require.Contains(t, []int{200, 400, 403, 404, 422}, w.Code)
		sent := e.Received()
		made := e.Counts().Candidates - before
		require.Len(t, sent[len(sent)-1].Created, made)
		require.Equal(t, made > 0, sent[len(sent)-1].Applied)
		e.log.clear()
		e.ForgetCandidates()
	})
}

func FuzzControl(f *testing.F) {
	f.Add("move", `{"external_id":"x","stage":"Offer"}`)
	f.Add("fault", `{"kind":"latency","delay":"1ms","probability":0.5}`)
	f.Add("set_switches", `{"read_lag":"1s"}`)
	f.Add("change_user", `{"email":"basic@harbor-robotics.example.com","assign_job":6409000001}`)
	f.Add("merge", `{"candidate_id":1e30}`)
	f.Add("add_job", `{"name":"x","stages":[null]}`)
	s := fuzzServer(f, nil)
	f.Fuzz(func(t *testing.T, action, args string) {
		_, err := s.Do(action, "harbor-robotics", json.RawMessage(args))
		if err != nil {
			var in *InputError
			require.True(t, errors.As(err, &in), "%T", err)
			require.True(t, strings.HasPrefix(in.Path, "$"), in.Path)
		}
		raw, err := json.Marshal(s.Seed())
		require.NoError(t, err)
		_, err = LoadSeed(raw)
		require.NoError(t, err, "what the control API made must be a valid seed")
	})
}

func FuzzScript(f *testing.F) {
	f.Add("after 2s move external_id=app-1 stage=\"Phone Screen\"\nevery 500ms move-random 20 times=3\neach 3s advance")
	f.Add(`{"after": "2s", "do": "move", "args": {"external_id": "app-1", "stage": "Offer"}}`)
	f.Add("after 1s set_switches read_lag=0s post_status=201\nafter 1s fault kind=down count=2")
	f.Fuzz(func(t *testing.T, text string) {
		script, err := ParseScript(strings.NewReader(text))
		if err != nil {
			require.Contains(t, err.Error(), "line ")
			return
		}
		for _, l := range script.lines {
			require.NoError(t, decodeStrict(mustJSON(l.arguments()), new(any)))
			require.NotEmpty(t, l.action.Name)
		}
	})
}

func FuzzSeed(f *testing.F) {
	f.Add([]byte(`{"employers":[{"name":"a","keys":[{"key":"k"}],"users":[{"email":"a@example.com","level":"basic"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		seed, err := LoadSeed(data)
		if err != nil {
			return
		}
		s, err := New(Options{Seed: seed})
		require.NoError(t, err)
		s.Close()
	})
}
