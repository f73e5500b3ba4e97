package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// fresh is a world in which changes in the ATS are awaited: employers of an ATS that calls, and employers of one that does
// not.
type fresh struct {
	*world
	calling calling     // the simulator of the reference ATS
	moves   *rig.Client // its control API
	hooked  int         // the first so many targets are its employers
	events  *arrivals
	next    int // the application that is changed next
}

// calling is what the simulator of the reference ATS says when it starts.
type calling struct {
	BaseURL   string `json:"base_url"`
	Employers []struct {
		Key           string `json:"key"`
		WebhookSecret string `json:"webhook_secret"`
		Jobs          []struct {
			ID string `json:"id"`
		} `json:"jobs"`
	} `json:"employers"`
}

// arrivals notes when something about an application came first.
type arrivals struct {
	mu   sync.Mutex
	came map[string]time.Time // by external id
	of   func(body []byte) string
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	now := time.Now()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := a.of(body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, again := a.came[id]; !again {
		a.came[id] = now
	}
	w.WriteHeader(http.StatusNoContent)
}

// at is when something came, if it did.
func (a *arrivals) at(id string) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.came[id]
	return t, ok
}

// eventOf is whom an event of the daemon is about, and hookOf whom a call of the ATS is about.
func eventOf(body []byte) string {
	var e struct {
		Data struct {
			ExternalID string `json:"external_id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &e)
	return e.Data.ExternalID
}

func hookOf(body []byte) string {
	var h struct {
		Application struct {
			ExternalID string `json:"external_id"`
		} `json:"application"`
	}
	_ = json.Unmarshal(body, &h)
	return h.Application.ExternalID
}

// awaiting is the world of the rows about freshness: everything is submitted and was read once.
func (b *bench) awaiting(ctx context.Context) (*fresh, error) {
	if b.fresh != nil {
		return b.fresh, nil
	}
	f := &fresh{hooked: freshEmployers, events: &arrivals{came: make(map[string]time.Time), of: eventOf}}
	cmd := exec.Command(filepath.Join(b.bin, "adapters", "reference"), "simulate", "--json", "--employers", fmt.Sprint(freshEmployers), "--jobs", "1")
	simulator, err := announced(cmd, &f.calling)
	if err != nil {
		return nil, err
	}
	f.moves = &rig.Client{HTTP: http.DefaultClient, Base: f.calling.BaseURL + "/control"}
	receiver := httptest.NewServer(f.events)
	stop := func() { receiver.Close(); simulator.Stop() }
	address, err := rig.FreeAddress()
	if err != nil {
		stop()
		return nil, err
	}
	schedules := noPasses
	if !b.quick {
		schedules = strings.Replace(schedules, `status = "@every 24h"`, fmt.Sprintf("status = %q", "@every "+polledEvery.String()), 1)
	}
	f.world, err = b.open(ctx, plan{
		name: "f", employers: freshEmployers, adapter: "reference", schedules: schedules, stop: stop,
		more: fmt.Sprintf("[adapters.reference.settings]\nbase_url = %q\n\n[http]\nlisten = %q\npublic_url = %q\n",
			f.calling.BaseURL, address, "http://"+address),
	})
	if err == nil {
		err = f.prepare(ctx, receiver.URL)
	}
	if err != nil {
		return nil, err
	}
	b.fresh = f
	return f, nil
}

// prepare connects the employers of the ATS that calls, submits for everybody, has all of it read once, and has changes
// told from then on.
func (f *fresh) prepare(ctx context.Context, receiver string) error {
	hooks := make([]string, f.hooked)
	both := make([]target, 0, 2*f.hooked)
	for i, e := range f.calling.Employers {
		name := fmt.Sprintf("calling-%02d", i)
		connection, job, err := rig.ConnectAs(ctx, f.api, rig.Account{
			Name: name, Adapter: "reference", Fields: map[string]string{"api_key": e.Key, "webhook_secret": e.WebhookSecret}, Job: e.Jobs[0].ID,
		})
		if err != nil {
			return err
		}
		var hook struct {
			URL string `json:"url"`
		}
		if err := f.api.Call(ctx, http.MethodGet, "/v1/connections/"+connection+"/hook", nil, &hook); err != nil {
			return err
		}
		hooks[i] = hook.URL
		both = append(both, target{connection, job})
	}
	f.targets = append(both, f.targets...)
	var err error
	if f.forms, err = newForms(f.targets); err != nil {
		return err
	}
	if err := f.accept(ctx, len(f.targets)*freshEach); err != nil {
		return err
	}
	if err := f.arrived(ctx); err != nil {
		return err
	}
	if _, err := f.pass(ctx, "status"); err != nil {
		return err
	}
	want := map[string]any{"url": receiver, "types": []string{"application.status_changed"}}
	if err := f.api.Call(ctx, http.MethodPost, "/v1/webhooks", want, nil); err != nil {
		return err
	}
	return f.tell(ctx, hooks)
}

// tell has the ATS call those addresses, one for each employer.
func (f *fresh) tell(ctx context.Context, addresses []string) error {
	var errs []error
	for i, e := range f.calling.Employers {
		errs = append(errs, f.moves.Call(ctx, http.MethodPost, "/hooks", map[string]string{"key": e.Key, "url": addresses[i]}, nil))
	}
	return errors.Join(errs...)
}
