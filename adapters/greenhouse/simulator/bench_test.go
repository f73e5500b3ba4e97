package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPostCandidates measures writes in process, without a socket, over the given number of organisations.
func BenchmarkPostCandidates(b *testing.B) {
	for _, employers := range []int{1, 50} {
		b.Run(strconv.Itoa(employers)+"-employers", func(b *testing.B) {
			s, err := New(Options{Seed: GenerateSeed(employers, 8), Switches: SwitchPatch{"resume_fetch": mustJSON("never")}})
			require.NoError(b, err)
			defer s.Close()
			all := s.Employers()
			notes := strings.Repeat("A question and its answer. ", 20)
			var n atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					e := all[int(i)%len(all)]
					body := fmt.Sprintf(`{"prospect":false,"job_id":%d,"first_name":"Mo","last_name":"Tran","external_id":"app-%d",`+
						`"emails":[{"email":"mo%d@example.com","type":"personal"}],"phone_numbers":[{"phone_number":"555-0100","type":"mobile"}],`+
						`"notes":%q}`, e.jobOrder[0].ID, i, i, notes)
					r := httptest.NewRequest(http.MethodPost, partnerPath+"candidates", strings.NewReader(body))
					r.SetBasicAuth(e.keys[0].Key, "")
					r.Header.Set("On-Behalf-Of", e.userOrder[0].Email)
					w := httptest.NewRecorder()
					s.ServeHTTP(w, r)
					if w.Code != http.StatusOK {
						b.Fatal(w.Body.String())
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
		})
	}
}

// BenchmarkGetCandidates measures look-ups of 50 ids among 100,000 candidates.
func BenchmarkGetCandidates(b *testing.B) {
	s, err := New(Options{Seed: GenerateSeed(1, 8), Switches: SwitchPatch{"read_lag": mustJSON("0s")}, ForgetBodies: true})
	require.NoError(b, err)
	defer s.Close()
	e := s.Employers()[0]
	sw := e.Switches()
	for i := range 100_000 {
		d := Document{FirstName: "Mo", LastName: "Tran", ExternalID: strconv.Itoa(i), JobID: e.jobOrder[0].ID, Prospect: ProspectFlag{Given: true}}
		e.create(&d, nil, e.userOrder[0], &sw)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var ids []string
		for k := range 50 {
			ids = append(ids, strconv.FormatInt(e.order[(i*50+k)%len(e.order)].id, 10))
		}
		r := httptest.NewRequest(http.MethodGet, partnerPath+"candidates?candidate_ids="+strings.Join(ids, ","), http.NoBody)
		r.SetBasicAuth(e.keys[0].Key, "")
		r.Header.Set("On-Behalf-Of", e.userOrder[0].Email)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body.String())
		}
	}
	b.ReportMetric(50*float64(b.N)/b.Elapsed().Seconds(), "candidates/s")
}
