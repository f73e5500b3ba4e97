package adaptertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The faults that a fake may offer.
const (
	faultDelay     = "delay"
	faultCutAfter  = "cut_after_write"
	faultFailAfter = "fail_after_write"
	faultNoList    = "no_list"
)

// fakeATS is the door of a fake for the suite; see the package documentation.
type fakeATS struct {
	base string
	http *http.Client
}

func newFakeATS(base string) *fakeATS {
	return &fakeATS{base: strings.TrimRight(base, "/"), http: &http.Client{Timeout: 10 * time.Second}}
}

// offer is how to connect to the fake.
type offer struct {
	Settings    map[string]string `json:"settings"`
	Credentials map[string]string `json:"credentials"`
	TwoStep     map[string]string `json:"two_step"`
}

// connection asks how to connect; a fake that does not say is no error, one that cannot be reached is.
func (f *fakeATS) connection(ctx context.Context) (offer, error) {
	var o offer
	if f.base == "" {
		return o, nil
	}
	_, err := f.do(ctx, http.MethodGet, "/adaptertest", nil, &o)
	return o, err
}

// people counts the persons of an external id; a fake that does not count is a skip.
func (f *fakeATS) people(ctx context.Context, externalID string) (int, error) {
	if f.base == "" {
		return 0, skip("a real ATS does not count people")
	}
	var n struct {
		People int `json:"people"`
	}
	there, err := f.do(ctx, http.MethodGet, "/adaptertest/people?external_id="+url.QueryEscape(externalID), nil, &n)
	if err == nil && !there {
		return 0, skip("the fake does not count people (GET /adaptertest/people)")
	}
	return n.People, err
}

// fault breaks the next request; a fake that does not break any is a skip.
func (f *fakeATS) fault(ctx context.Context, kind string, delay time.Duration) error {
	if f.base == "" {
		return skip("a real ATS is not broken on purpose")
	}
	in := map[string]any{"fault": kind, "delay_ms": delay.Milliseconds()}
	there, err := f.do(ctx, http.MethodPost, "/adaptertest/fault", in, nil)
	if err == nil && !there {
		return skip("the fake does not break requests (POST /adaptertest/fault)")
	}
	return err
}

// mend ends what fault left behind, also when the run was cancelled. A fake without that door keeps its faults; that a fake cannot be
// reached any more is no finding about the adapter.
func (f *fakeATS) mend(ctx context.Context) {
	if f.base == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = f.do(ctx, http.MethodDelete, "/adaptertest/fault", nil, nil)
}

// do makes one request and reports whether the fake has that door.
func (f *fakeATS) do(ctx context.Context, method, path string, in, out any) (bool, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return false, fmt.Errorf("encode for the fake: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.base+path, body)
	if err != nil {
		return false, fmt.Errorf("ask the fake: %w", err)
	}
	resp, err := f.http.Do(req)
	if err != nil {
		return false, fmt.Errorf("ask the fake: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return false, fmt.Errorf("ask the fake: %w", err)
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusMethodNotAllowed:
		return false, nil
	case resp.StatusCode/100 != 2:
		return false, fmt.Errorf("the fake answers %s %s with %s", method, path, resp.Status)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			return false, fmt.Errorf("the fake answers %s %s with something that is no JSON: %w", method, path, err)
		}
	}
	return true, nil
}
