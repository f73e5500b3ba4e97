package simulator

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"sync"
	"time"
)

// Bounds of the resume fetcher. A server that answers slowly or never costs one worker its timeout and nothing else.
const (
	resumeWorkers  = 8
	resumeTimeout  = 10 * time.Second
	resumeMaxBytes = 100 << 20
	resumeTries    = 3
	rangeFirst     = 1024
)

// ResumeFetchResult is one attempt to fetch a resume.
type ResumeFetchResult struct {
	At      time.Time `json:"at"`
	URL     string    `json:"url"`
	Attempt int       `json:"attempt"`
	// Methods are the requests made, such as HEAD and GET.
	Methods     []string `json:"methods"`
	Status      int      `json:"status,omitempty"`
	ContentType string   `json:"content_type,omitempty"`
	Bytes       int64    `json:"bytes"`
	SHA256      string   `json:"sha256,omitempty"`
	// Error is empty when the document was had.
	Error string `json:"error,omitempty"`
}

// ResumeCounts sums up the fetches of a simulator.
type ResumeCounts struct {
	Waiting int `json:"waiting"`
	Fetched int `json:"fetched"`
	Failed  int `json:"failed"`
}

// fetchJob is a fetch that is due at some time.
type fetchJob struct {
	employer  *Employer
	candidate *candidate
	url       string
	sw        *Switches
	attempt   int
	due       time.Time
}

// resumeFetcher fetches what is due, away from the requests that asked for it. Its goroutines start with the first job.
type resumeFetcher struct {
	client *http.Client
	// life ends with the simulator: this type owns goroutines, so it holds their context.
	life context.Context

	mu      sync.Mutex
	queue   fetchQueue
	wake    chan struct{}
	started bool
	stopped bool
	counts  ResumeCounts
	wg      sync.WaitGroup
}

func newResumeFetcher(life context.Context, client *http.Client) *resumeFetcher {
	if client == nil {
		client = &http.Client{Timeout: resumeTimeout}
	}
	return &resumeFetcher{client: client, life: life, wake: make(chan struct{}, 1)}
}

// schedule plans a fetch; it never waits.
func (f *resumeFetcher) schedule(j fetchJob) {
	j.attempt++
	j.due = time.Now().Add(j.sw.ResumeDelay)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	f.counts.Waiting++
	heap.Push(&f.queue, j)
	if !f.started {
		f.started = true
		for range resumeWorkers {
			f.wg.Go(f.work)
		}
	}
	f.rouse()
}

func (f *resumeFetcher) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// work takes due jobs until the simulator ends. A worker that takes one wakes the next, as more may be due.
func (f *resumeFetcher) work() {
	for {
		job, wait, ok := f.next(time.Now())
		if ok {
			f.rouse()
			f.run(job)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-f.life.Done():
			t.Stop()
			return
		case <-f.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// next gives a job that is due, or how long to wait for the next one.
func (f *resumeFetcher) next(now time.Time) (fetchJob, time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || len(f.queue) == 0 {
		return fetchJob{}, time.Hour, false
	}
	if wait := f.queue[0].due.Sub(now); wait > 0 {
		return fetchJob{}, wait, false
	}
	job, ok := heap.Pop(&f.queue).(fetchJob)
	return job, 0, ok
}

func (f *resumeFetcher) run(j fetchJob) {
	result := f.fetch(j.url, j.sw.ResumeMethod, j.attempt)
	j.employer.mu.Lock()
	j.candidate.fetches = append(j.candidate.fetches, result)
	j.employer.mu.Unlock()
	f.count(result)
	f.mu.Lock()
	f.counts.Waiting--
	f.mu.Unlock()
	if j.sw.ResumeFetch == ResumeRepeated && j.attempt < resumeTries {
		f.schedule(j)
	}
}

func (f *resumeFetcher) count(r ResumeFetchResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Error == "" {
		f.counts.Fetched++
	} else {
		f.counts.Failed++
	}
}

func (f *resumeFetcher) summary() ResumeCounts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// stop ends the workers; fetches under way are cut by the context of their request.
func (f *resumeFetcher) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.wg.Wait()
}

// fetch makes one attempt, by the method the switches name. It ends by its timeout or with the simulator.
func (f *resumeFetcher) fetch(url string, method ResumeMethod, attempt int) ResumeFetchResult {
	ctx, cancel := context.WithTimeout(f.life, resumeTimeout)
	defer cancel()
	r := ResumeFetchResult{At: time.Now().UTC(), URL: url, Attempt: attempt}
	sum := sha256.New()
	var err error
	switch method {
	case ResumeHeadFirst:
		if err = f.request(ctx, &r, http.MethodHead, "", nil); err == nil {
			err = f.request(ctx, &r, http.MethodGet, "", sum)
		}
	case ResumeRange:
		err = f.request(ctx, &r, http.MethodGet, fmt.Sprintf("bytes=0-%d", rangeFirst-1), sum)
		if err == nil && r.Status == http.StatusPartialContent && r.Bytes == rangeFirst {
			err = f.request(ctx, &r, http.MethodGet, fmt.Sprintf("bytes=%d-", rangeFirst), sum)
		}
	default:
		err = f.request(ctx, &r, http.MethodGet, "", sum)
	}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	r.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return r
}

func (f *resumeFetcher) request(ctx context.Context, r *ResumeFetchResult, method, byteRange string, sum hash.Hash) error {
	req, err := http.NewRequestWithContext(ctx, method, r.URL, http.NoBody)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("User-Agent", "greenhouse-simulator")
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
	}
	r.Methods = append(r.Methods, method)
	res, err := f.client.Do(req)
	if err != nil {
		return fmt.Errorf("fetch the resume: %w", err)
	}
	defer res.Body.Close()
	r.Status, r.ContentType = res.StatusCode, res.Header.Get("Content-Type")
	if byteRange != "" && r.Bytes > 0 && res.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		// The first part was the whole document.
		return nil
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("%s answered %s", method, res.Status)
	}
	if sum == nil {
		return nil
	}
	n, err := io.Copy(sum, io.LimitReader(res.Body, resumeMaxBytes+1))
	r.Bytes += n
	if err != nil {
		return fmt.Errorf("read the resume: %w", err)
	}
	if r.Bytes > resumeMaxBytes {
		return fmt.Errorf("the resume is larger than %d bytes", resumeMaxBytes)
	}
	return nil
}

// fetchQueue is a heap by due time.
type fetchQueue []fetchJob

// Len, Less, Swap, Push and Pop are for container/heap.
func (q fetchQueue) Len() int           { return len(q) }
func (q fetchQueue) Less(i, k int) bool { return q[i].due.Before(q[k].due) }
func (q fetchQueue) Swap(i, k int)      { q[i], q[k] = q[k], q[i] }

// Push adds a job at the end.
func (q *fetchQueue) Push(x any) {
	if j, ok := x.(fetchJob); ok {
		*q = append(*q, j)
	}
}

// Pop takes the last job.
func (q *fetchQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = fetchJob{}
	*q = old[:len(old)-1]
	return last
}
