package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// resumes is a host of resumes that notes what it was asked for.
type resumes struct {
	*httptest.Server
	asked   chan string
	release chan struct{}
}

const resumeText = "An invented life. "

func resumeHost(t *testing.T) *resumes {
	t.Helper()
	h := &resumes{asked: make(chan string, 100), release: make(chan struct{})}
	content := strings.Repeat(resumeText, 100)
	mux := http.NewServeMux()
	mux.HandleFunc("/ok.pdf", func(w http.ResponseWriter, r *http.Request) {
		h.asked <- strings.TrimSpace(r.Method + " " + r.Header.Get("Range"))
		w.Header().Set("Content-Type", "application/pdf")
		http.ServeContent(w, r, "ok.pdf", time.Time{}, strings.NewReader(content))
	})
	mux.Handle("/moved.pdf", http.RedirectHandler("/ok.pdf", http.StatusFound))
	mux.HandleFunc("/hang.pdf", func(_ http.ResponseWriter, r *http.Request) {
		h.asked <- "hang"
		select {
		case <-h.release:
		case <-r.Context().Done():
		}
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		close(h.release)
		h.Close()
	})
	return h
}

func (w *world) postResume(id, url string) answer {
	w.t.Helper()
	return w.post(w.person(id, field("resume", url)))
}

func (w *world) fetched(id string, n int) []ResumeFetchResult {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.e.ByExternalID(id)[0].Resumes) >= n }, waitFor, tick)
	return w.e.ByExternalID(id)[0].Resumes
}

func TestSwitch18_ResumeIsFetchedLate(t *testing.T) {
	t.Parallel()
	h := resumeHost(t)
	w := setup(t, with("resume_fetch", "later", "resume_delay", "1h"))
	w.postResume("never-yet", h.URL+"/ok.pdf").receipt()
	require.Equal(t, 1, w.s.ResumeCounts().Waiting)
	w.set("resume_delay", "20ms")
	w.postResume("soon", h.URL+"/ok.pdf").receipt()
	got := w.fetched("soon", 1)[0]
	content := strings.Repeat(resumeText, 100)
	sum := sha256.Sum256([]byte(content))
	require.Equal(t, hex.EncodeToString(sum[:]), got.SHA256)
	require.Equal(t, int64(len(content)), got.Bytes)
	require.Equal(t, "application/pdf", got.ContentType)
	require.Equal(t, []string{"GET"}, got.Methods)
	require.GreaterOrEqual(t, got.At.Sub(w.e.ByExternalID("soon")[0].CreatedAt), 15*time.Millisecond)
	require.Empty(t, w.e.ByExternalID("never-yet")[0].Resumes)
	require.Eventually(t, func() bool { return w.s.ResumeCounts() == ResumeCounts{Waiting: 1, Fetched: 1} }, waitFor, tick)
}

func TestSwitch18_ResumeNever(t *testing.T) {
	t.Parallel()
	h := resumeHost(t)
	w := setup(t, with("resume_fetch", "never", "resume_delay", "0s"))
	w.postResume("x", h.URL+"/ok.pdf").receipt()
	require.Equal(t, ResumeCounts{}, w.s.ResumeCounts())
	require.Empty(t, h.asked)
}

func TestSwitch18_ResumeRepeatedThreeTimes(t *testing.T) {
	t.Parallel()
	h := resumeHost(t)
	w := setup(t, with("resume_fetch", "repeated", "resume_delay", "1ms"))
	w.postResume("x", h.URL+"/ok.pdf").receipt()
	got := w.fetched("x", 3)
	require.Equal(t, []int{1, 2, 3}, []int{got[0].Attempt, got[1].Attempt, got[2].Attempt})
}

func TestSwitch18_ResumeMethods(t *testing.T) {
	t.Parallel()
	for variant, want := range map[string][]string{
		"get": {"GET"}, "head_first": {"HEAD", "GET"}, "range": {"GET bytes=0-1023", "GET bytes=1024-"},
	} {
		h := resumeHost(t)
		w := setup(t, with("resume_fetch", "in_post", "resume_method", variant))
		w.postResume("x", h.URL+"/moved.pdf").receipt()
		got := w.e.ByExternalID("x")[0].Resumes[0]
		require.Empty(t, got.Error)
		require.Equal(t, int64(1800), got.Bytes, "redirects are followed, parts add up")
		var asked []string
		for range want {
			asked = append(asked, <-h.asked)
		}
		require.Equal(t, want, asked)
	}
}

func TestSwitch18_FailingFetch(t *testing.T) {
	t.Parallel()
	h := resumeHost(t)
	w := setup(t, with("resume_fetch", "in_post"))
	w.postResume("silent", h.URL+"/gone.pdf").receipt()
	got := w.e.ByExternalID("silent")[0].Resumes[0]
	require.Equal(t, 404, got.Status)
	require.Contains(t, got.Error, "404")
	w.set("resume_failure", "refuse_422")
	a := w.postResume("loud", h.URL+"/gone.pdf")
	require.Equal(t, "resume", a.errors()[0].Field)
	require.Empty(t, w.e.ByExternalID("loud"))
	w.postResume("good", h.URL+"/ok.pdf").receipt()
	require.Equal(t, ResumeCounts{Fetched: 1, Failed: 2}, w.s.ResumeCounts())
}

func TestResumeHost_ThatHangsBlocksNeitherTheAPINorTheEnd(t *testing.T) {
	t.Parallel()
	h := resumeHost(t)
	w := setup(t, with("resume_fetch", "later", "resume_delay", "0s"))
	for range resumeWorkers + 4 {
		w.postResume("x", h.URL+"/hang.pdf").receipt()
	}
	for range resumeWorkers {
		require.Equal(t, "hang", <-h.asked)
	}
	require.Equal(t, 200, w.get("jobs").status)
	w.s.Close()
	w.s.Close()
	require.Contains(t, w.e.Candidates()[0].Resumes[0].Error, "fetch the resume")
}

func TestResumeClient_TimesOut(t *testing.T) {
	t.Parallel()
	h := resumeHost(t)
	w := setup(t, with("resume_fetch", "in_post"), func(o *Options) { o.ResumeClient = &http.Client{Timeout: 20 * time.Millisecond} })
	w.postResume("x", h.URL+"/hang.pdf").receipt()
	require.NotEmpty(t, w.e.ByExternalID("x")[0].Resumes[0].Error)
}

func TestResumeWorkers_DrainManyDueAtOnce(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		served.Add(1)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}}, nil
	})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := newResumeFetcher(ctx, client)
	sw := DefaultSwitches()
	sw.ResumeDelay = 0
	e := &Employer{}
	for range 500 {
		f.schedule(fetchJob{employer: e, candidate: new(candidate), url: "https://files.example.com/r", sw: &sw})
	}
	require.Eventually(t, func() bool { return f.summary() == ResumeCounts{Fetched: 500} }, waitFor, tick)
	require.Equal(t, int64(500), served.Load())
	cancel()
	f.stop()
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
