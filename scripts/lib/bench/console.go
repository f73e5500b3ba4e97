package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

const (
	pageAim   = 200 * time.Millisecond
	pageTimes = 20 // how often each page is opened
)

// console measures how long whole pages of the console take to arrive, with many connections and applications.
func console(ctx context.Context, b *bench) (result, error) {
	n := b.growth[len(b.growth)-1]
	address, err := rig.FreeAddress()
	if err != nil {
		return result{}, err
	}
	w, err := b.open(ctx, plan{name: "con", employers: n, more: fmt.Sprintf("[http]\nlisten = %q\n", address)})
	if err != nil {
		return result{}, err
	}
	if err := w.filled(ctx, b.applications); err != nil {
		return result{}, err
	}
	r, err := newReader(ctx, w)
	if err != nil {
		return result{}, err
	}
	var list struct {
		Items []struct {
			ID         string `json:"id"`
			Connection string `json:"connection"`
			ExternalID string `json:"external_id"`
		} `json:"items"`
	}
	if err := w.api.Call(ctx, http.MethodGet, "/v1/submissions?limit=1", nil, &list); err != nil {
		return result{}, err
	}
	if len(list.Items) == 0 {
		return result{}, errors.New("there is no application")
	}
	one := list.Items[0]
	out := result{Target: "≤ " + ms(pageAim) + " a page", Met: true, Numbers: map[string]float64{"connections": float64(n), "applications": float64(w.written)}}
	var worst time.Duration
	var how []string
	profiled := b.profile(ctx, w, "console", b.seconds)
	for _, p := range [][2]string{
		{"overview", ""},
		{"connections", "/connections"},
		{"applications", "/submissions"},
		{"uncertain", "/submissions?state=uncertain"},
		{"submitted", "/submissions?state=submitted"},
		{"external id", "/submissions?external=" + url.QueryEscape(one.ExternalID)},
		{"one application", "/submissions/" + one.ID},
		{"one connection", "/connections/" + one.Connection},
		{"events", "/events"},
	} {
		times, err := r.open(ctx, p[1])
		if err != nil {
			return result{}, err
		}
		p95 := times[len(times)*95/100]
		worst = max(worst, p95)
		how = append(how, fmt.Sprintf("%s %s", p[0], ms(p95)))
		out.Numbers[strings.ReplaceAll(p[0], " ", "_")] = p95.Seconds()
	}
	if err := profiled(); err != nil {
		return result{}, err
	}
	out.Met = worst <= pageAim
	out.Measured = "p95 " + ms(worst) + " the slowest page"
	out.How = fmt.Sprintf("%s connections and %s applications, each page opened %d times over HTTP, one after the other, p95: %s",
		thousands(int64(n)), thousands(w.written), pageTimes, strings.Join(how, ", "))
	return out, nil
}

// reader is a browser that is logged in.
type reader struct {
	http *http.Client
	base string
}

func newReader(ctx context.Context, w *world) (*reader, error) {
	var link struct {
		URL string `json:"url"`
	}
	if err := w.api.Call(ctx, http.MethodPost, "/v1/console/links", nil, &link); err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	base, _, _ := strings.Cut(link.URL, "/open/")
	r := &reader{&http.Client{Jar: jar}, base}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, link.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	_, err = r.read(req)
	return r, err
}

// open opens a page many times and returns how long each took, the quickest first.
func (r *reader) open(ctx context.Context, below string) ([]time.Duration, error) {
	var times []time.Duration
	for range pageTimes {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+below, http.NoBody)
		if err != nil {
			return nil, err
		}
		took, err := r.read(req)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	return times, nil
}

// read reads a whole page and returns how long it took.
func (r *reader) read(req *http.Request) (time.Duration, error) {
	began := time.Now()
	res, err := r.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || strings.HasSuffix(res.Request.URL.Path, "/login")) {
		err = fmt.Errorf("a page of the console answered %s", res.Status) // the address may hold a secret
	}
	return time.Since(began), err
}
