package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// ErrEnded says that the daemon ended before it was ready.
var ErrEnded = errors.New("the daemon ended")

// Run starts the daemon with a config file, its log appended to a file, and waits until its ops listener says that it is
// ready. It returns the process also beside an error, and how long it took.
func Run(ctx context.Context, program, config, log, ops string) (*Process, time.Duration, error) {
	logs, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = logs.Close() }() // the daemon has its own
	cmd := exec.Command(program, "run")
	cmd.Env = append(os.Environ(), "ATSSYNC_CONFIG="+config)
	cmd.Stdout, cmd.Stderr = logs, logs
	began := time.Now()
	p, err := Start(cmd)
	if err != nil {
		return nil, 0, err
	}
	err = Until(ctx, 2*time.Minute, 5*time.Millisecond, func() (bool, error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("%w: %s", ErrEnded, p.Ended())
		default:
		}
		return Ready(ctx, ops), nil
	})
	if err != nil {
		err = fmt.Errorf("the daemon did not become ready: %w", err)
	}
	return p, time.Since(began), err
}

// Ready asks an ops listener.
func Ready(ctx context.Context, ops string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false // it is not listening yet
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Employer is how to connect an employer of the Greenhouse simulator, and the job to link.
type Employer struct {
	Name, Key, User string
	Job             int64
}

// Connect connects an employer as an account of its own name and links one platform job of its own.
func Connect(ctx context.Context, api *Client, e Employer) (connection, job string, err error) {
	return ConnectAs(ctx, api, Account{
		Name: e.Name, Adapter: "greenhouse", Fields: map[string]string{"api_key": e.Key, "on_behalf_of": e.User}, Job: fmt.Sprint(e.Job),
	})
}

// Account is how to connect an employer of any simulator, and the job to link.
type Account struct {
	Name, Adapter string
	Fields        map[string]string
	Job           string
}

// ConnectAs is Connect for any adapter.
func ConnectAs(ctx context.Context, api *Client, a Account) (connection, job string, err error) {
	var made struct {
		Connection struct {
			ID string `json:"id"`
		} `json:"connection"`
	}
	err = api.Call(ctx, http.MethodPost, "/v1/connections", map[string]any{
		"account": a.Name, "name": a.Name, "adapter": a.Adapter, "fields": a.Fields,
	}, &made)
	if err != nil {
		return "", "", err
	}
	connection, job = made.Connection.ID, "job-"+a.Name
	if err = api.Call(ctx, http.MethodPost, "/v1/connections/"+connection+"/jobs/refresh", nil, nil); err != nil {
		return "", "", err
	}
	return connection, job, link(ctx, api, JobLink{Connection: connection, Account: a.Name, Job: job}, a.Job)
}

// JobLink is a platform job of an account, and the job of the ATS that it is on a connection.
type JobLink struct {
	Connection, Account, Job string
	ATSJob                   int64
}

// Link makes the platform job and links it.
func Link(ctx context.Context, api *Client, l JobLink) error {
	return link(ctx, api, l, fmt.Sprint(l.ATSJob))
}

func link(ctx context.Context, api *Client, l JobLink, atsJob string) error {
	if err := api.Call(ctx, http.MethodPut, "/v1/platform-jobs", map[string]any{
		"jobs": []map[string]string{{"id": l.Job, "account": l.Account, "title": "Engineer"}},
	}, nil); err != nil {
		return err
	}
	return api.Call(ctx, http.MethodPut, "/v1/connections/"+l.Connection+"/job-links/"+l.Job, map[string]string{"ats_job": atsJob}, nil)
}
