package main

import (
	"context"
	"strconv"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Check implements sdk.Adapter. What the ATS refuses becomes a failed item that tells whose turn it is and
// what to do; an error is returned only where the check itself could not be made.
func (a *adapter) Check(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return failedCheck("settings", "Settings", err, sdk.CheckReply{JobsVisible: -1})
	}
	out := sdk.CheckReply{Host: s.base.Host, JobsVisible: -1}
	var account struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Jobs int    `json:"jobs"`
		User struct {
			ID    string `json:"id"`
			Name  string `json:"name"`
			Email string `json:"email"`
		} `json:"user"`
	}
	err = s.get(ctx, "/v1/account", nil, &account)
	out.Meta = s.meta
	if err != nil {
		return failedCheck("credentials", "API key", err, out)
	}
	out.AccountID, out.AccountName, out.JobsVisible = account.ID, account.Name, account.Jobs
	out.ActingUser = sdk.User{ID: account.User.ID, Name: account.User.Name, Email: account.User.Email}
	out.Items = []sdk.CheckItem{
		{ID: "credentials", Label: "API key", OK: true},
		{ID: "acting_user", Label: "User " + account.User.Name, OK: true},
		{ID: "jobs", Label: strconv.Itoa(account.Jobs) + " jobs are visible", OK: account.Jobs > 0},
	}
	if account.Jobs == 0 {
		jobs := &out.Items[2]
		jobs.Warning, jobs.Kind, jobs.Turn = true, sdk.KindPermission, sdk.TurnEmployer
		jobs.Cause, jobs.Remedy = "The key sees no job.", "Open a job, or give the key access to the office of the jobs."
	}
	return out, nil
}

// failedCheck puts a refusal into the reply, and returns as an error what says nothing about the
// connection: an ATS that is down, a limit.
func failedCheck(id, name string, err error, out sdk.CheckReply) (sdk.CheckReply, error) {
	e := sdk.AsError(err)
	switch e.Kind {
	case sdk.KindAuth, sdk.KindPermission, sdk.KindConfigRequired:
	default:
		return sdk.CheckReply{}, e
	}
	out.Items = append(out.Items, sdk.CheckItem{
		ID: id, Label: name, Kind: e.Kind, Cause: e.Message, Turn: e.Turn, Remedy: e.Remedy,
	})
	return out, nil
}
