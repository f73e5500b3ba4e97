package main

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReceiver_SeesWhatIsMissingDoubledAndChanged(t *testing.T) {
	t.Parallel()
	first := event{ID: "evt_1", Type: "submission.submitted", Connection: "con_1", Sequence: 1, Data: []byte(`{"a":1}`)}
	second := event{ID: "evt_2", Type: "submission.submitted", Connection: "con_1", Sequence: 2, Data: []byte(`{"a":2}`)}
	body := map[string][]byte{
		"evt_1": []byte(`{"id":"evt_1","type":"submission.submitted","connection":"con_1","sequence":1,"endpoint_sequence":1,"data":{"a": 1}}`),
		"evt_2": []byte(`{"id":"evt_2","type":"submission.submitted","connection":"con_1","sequence":2,"endpoint_sequence":2,"data":{"a": 2}}`),
	}
	other := second
	other.Data = []byte(`{"a":3}`)
	for name, c := range map[string]struct {
		bodies  map[string][]byte
		numbers map[int64]string
		feed    []event
		problem string
	}{
		"all is well":        {body, map[int64]string{1: "evt_1", 2: "evt_2"}, []event{first, second}, ""},
		"one never came":     {map[string][]byte{"evt_1": body["evt_1"]}, map[int64]string{1: "evt_1"}, []event{first, second}, "never came"},
		"one is another":     {body, map[int64]string{1: "evt_1", 2: "evt_2"}, []event{first, other}, "another one"},
		"the numbers jump":   {body, map[int64]string{1: "evt_1", 3: "evt_2"}, []event{first, second}, "number 2 of 2"},
		"one is of no feed":  {body, map[int64]string{1: "evt_1", 2: "evt_2"}, []event{first}, "2 events came and the feed has 1"},
		"nothing is nothing": {nil, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &receiver{bodies: c.bodies, numbers: c.numbers}
			feed := make(map[string]event)
			for _, e := range c.feed {
				feed[e.ID] = e
			}
			got := strings.Join(r.compare(feed), "\n")
			if c.problem == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.problem)
		})
	}
}

func TestCutter_CountsEveryPostAndCutsAfterTheATSHasActed(t *testing.T) {
	t.Parallel()
	acted := make(chan string, 4)
	url, stop, err := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		acted <- string(b)
		w.WriteHeader(http.StatusCreated)
	}))
	require.NoError(t, err)
	defer stop()
	dice := (&trial{settings: settings{seed: 1}}).random("cut", 0)
	for _, c := range []struct {
		rate float64
		cut  bool
	}{{0, false}, {1, true}} {
		cut, err := newCutter(url, c.rate, dice)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, cut.url, strings.NewReader(`{"external_id":"x"}`))
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			require.NoError(t, res.Body.Close())
		}
		require.Equal(t, c.cut, err != nil)
		require.Equal(t, `{"external_id":"x"}`, <-acted)
		cut.mu.Lock()
		require.Equal(t, 1, cut.posts["x"])
		require.Equal(t, c.cut, cut.cut["x"])
		cut.mu.Unlock()
		cut.stop()
	}
}

func TestTrial_TheSameSeedThrowsTheSame(t *testing.T) {
	t.Parallel()
	throw := func(seed uint64, what string, i int) uint64 {
		return (&trial{settings: settings{seed: seed}}).random(what, i).Uint64()
	}
	require.Equal(t, throw(7, "kill", 3), throw(7, "kill", 3))
	require.NotEqual(t, throw(7, "kill", 3), throw(8, "kill", 3))
	require.NotEqual(t, throw(7, "kill", 3), throw(7, "kill", 4))
	require.NotEqual(t, throw(7, "kill", 3), throw(7, "power", 3))
}

func TestRepeated_IsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	n, err := bufio.NewReader(endless("abc", 1000)).Discard(2000)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 1000, n)
}

func TestReport_CountsWhatWasKeptAndBroken(t *testing.T) {
	t.Parallel()
	tr := &trial{settings: settings{seed: 9}, part: part{Name: "kill"}}
	tr.check("nothing is lost", true, "")
	tr.check("nothing is lost", false, "%d", 3)
	r := report{Parts: []part{tr.part}}
	var out strings.Builder
	r.print(&out)
	require.Contains(t, out.String(), "1 passed, 1 failed\n")
	require.Contains(t, out.String(), "FAILED kill: nothing is lost: 3 (seed 9)")
}
