package connectpage

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// credentialsPage asks for what a connection needs. What was typed into a secret field is never shown again.
type credentialsPage struct {
	naming
	Fields []page.Field
	Checks []atssync.CheckResult
	Repair bool
	// Other is the user or account that was reached, when it is another one than Before and has to be meant.
	Other         *atssync.Reached
	Before, Found string
}

// credentials asks for the key and the user, for the first time or anew.
func (v *visit) credentials() error {
	return v.askCredentials(http.StatusOK, nil, nil)
}

// askCredentials shows the form, after a refusal with what was wrong.
func (v *visit) askCredentials(status int, refused error, message *page.Message) error {
	d := credentialsPage{naming: v.naming(3), Repair: v.conn != nil}
	view := page.View{Title: "Connect", Lead: "Enter the key and the user. Both are checked with " + v.adapter.Label + " before anything is saved.", Message: message}
	if d.Repair {
		d.Steps = nil
		view.Title, view.Lead = "Replace the key", "What was entered before is kept secret and is not shown. Leave a field empty to keep its value."
	}
	wrong := fieldErrors(refused, "fields.")
	for _, f := range v.adapter.Fields {
		if f.Who == sdk.WhoOperator {
			continue
		}
		field := page.Field{
			Name: "field." + f.Name, Label: f.Label, Help: joinSentences(f.Help, where(f)), Error: wrong[f.Name],
			Optional: !f.Required || d.Repair, Auto: "off",
		}
		switch {
		case f.Secret:
			field.Type, field.Auto = "password", "new-password"
		case status != http.StatusOK:
			field.Value = v.r.PostFormValue(field.Name)
		case d.Repair:
			field.Value = v.conn.Settings[f.Name]
		default:
			field.Value = f.Default
		}
		if field.Error != "" && view.Message == nil {
			view.Message = &page.Message{Kind: page.KindBad, Title: "Nothing was saved. Please look at this:"}
		}
		if field.Error != "" {
			view.Message.Items = append(view.Message.Items, page.Link{Text: f.Label + ": " + field.Error, URL: "#" + page.Anchor(field.Name)})
		}
		d.Fields = append(d.Fields, field)
	}
	if e, ok := errors.AsType[*atssync.Error](refused); ok {
		d.Checks = e.Checks
		if d.Repair && e.Reached != nil {
			d.Other = e.Reached
			d.Before = named(v.conn.ActingUser, v.conn.AccountName, v.conn.Host)
			d.Found = named(e.Reached.User, e.Reached.AccountName, e.Reached.Host)
		}
	}
	view.Data = d
	return v.write(status, "credentials", view)
}

func where(f manage.Field) string {
	if f.Where == "" {
		return ""
	}
	return "Where to find it: " + f.Where + "."
}

func joinSentences(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// connect checks what was entered with the ATS, and saves it when the ATS accepts it.
func (v *visit) connect() error {
	if err := v.form(); err != nil {
		return err
	}
	if v.conn != nil && v.r.PostFormValue("repair") == "yes" {
		return v.repair(v.given())
	}
	// Whoever presses the button twice has the browser leave the first request, which goes on nevertheless; the second waits for it and
	// sees what it did.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx), patience)
	defer cancel()
	done, err := v.turns.take(v.ctx, v.link.ID)
	if err != nil {
		return err
	}
	defer done()
	link, err := v.Manage.OpenConnectLink(ctx, v.r.PathValue("token"))
	if err != nil {
		return deadLink{err}
	}
	if err := v.about(ctx, link); err != nil {
		return err
	}
	req := manage.ConnectRequest{Account: link.Account, Adapter: link.Adapter, Name: link.Name, Fields: v.given()}
	switch {
	case v.conn != nil:
		req.Only = v.conn.ID
	case link.Limited:
		req.Only = link.Connection
	}
	res, err := v.account.Connect(ctx, req)
	switch e := asError(err); {
	case e != nil && e.Code == atssync.CodeExists && v.conn != nil && e.Connection == v.conn.ID: // the first of two clicks made it
		page.Back(v.w, v.r, v.at("jobs"), "connected")
		return nil
	case e != nil && e.Code == atssync.CodeConflict && req.Only != "":
		return v.onlyTheSame()
	case err != nil:
		return v.refusedCredentials(err)
	}
	if err := v.account.BindConnectLink(ctx, link.ID, res.Connection.ID); err != nil {
		return err
	}
	// The list is there when the next page asks for it; that it cannot be had yet is told there.
	_, _ = v.account.RefreshJobs(ctx, res.Connection.ID)
	page.Back(v.w, v.r, v.at("jobs"), "connected")
	return nil
}

// given is what the form says of the employer's fields. Empty is no change where there is a connection.
func (v *visit) given() map[string]sdk.Secret {
	out := make(map[string]sdk.Secret)
	repair := v.conn != nil && v.r.PostFormValue("repair") == "yes"
	for _, f := range v.adapter.Fields {
		if value := v.r.PostFormValue("field." + f.Name); f.Who != sdk.WhoOperator && (value != "" || !repair) {
			out[f.Name] = sdk.Secret(value)
		}
	}
	return out
}

// onlyTheSame says that what was entered works and is not what this page may connect.
func (v *visit) onlyTheSame() error {
	m := &page.Message{Kind: page.KindWarn, Title: "This is another user or account than before", Text: "Nothing was saved. This page is about one connection, which was ended. " +
		"Enter a key of the same user as before, or ask " + v.Platform.Name + " for a new link."}
	if v.conn != nil {
		m.Title, m.Text = "Somebody else connected meanwhile", "Nothing was overwritten: another user or account of "+v.adapter.Label+" is connected now. If yours is the right one, replace the key with it."
	}
	return v.askCredentials(http.StatusConflict, nil, m)
}

// repair gives a connection new credentials.
func (v *visit) repair(given map[string]sdk.Secret) error {
	res, err := v.ours.Repair(v.ctx, v.conn.ID, manage.RepairRequest{Fields: given, OtherAccount: v.r.PostFormValue("other")})
	if err != nil {
		return v.refusedCredentials(err)
	}
	if len(res.Notices) > 0 { // jobs have to be connected anew
		page.Back(v.w, v.r, v.at("jobs"), "other-account")
		return nil
	}
	page.Back(v.w, v.r, v.base, "repaired")
	return nil
}

// named is an ATS user and account as an employer tells them from others.
func named(u atssync.User, account, host string) string {
	out := cmp.Or(u.Name, u.Email, u.ID, "an unnamed user")
	if u.Email != "" && u.Email != out {
		out += " (" + u.Email + ")"
	}
	if account != "" {
		out += " of " + account
	}
	if host != "" {
		out += ", at " + host
	}
	return out
}

// refusedCredentials shows the form again, with each cause in words and what to do about it.
func (v *visit) refusedCredentials(err error) error {
	e, ok := errors.AsType[*atssync.Error](err)
	if !ok {
		return err
	}
	m := &page.Message{Kind: page.KindBad}
	switch e.Code {
	case atssync.CodeInvalid:
		return v.askCredentials(http.StatusUnprocessableEntity, err, nil)
	case atssync.CodeCheckFailed:
		m.Title = v.adapter.Label + " does not accept this yet"
		m.Text = "Nothing was saved. Below stands what was found and what to do about it."
	case atssync.CodeExists:
		m.Title, m.Text = "This is connected already", "The same user of the same "+v.adapter.Label+" account has a connection. Ask for a link to that one if you want to change it."
	case atssync.CodeATS:
		m.Title, m.Text = v.adapter.Label+" could not be asked", "Nothing was saved: "+v.adapter.Label+" did not answer. Please try again in a few minutes."
	case atssync.CodeConflict:
		m.Kind, m.Title = page.KindWarn, "This key belongs to somebody else"
		m.Text = "It works, but it reaches another user or account of " + v.adapter.Label + " than before. Nothing was saved."
		if e.Reached == nil {
			return err
		}
	case atssync.CodeChanged:
		m.Kind, m.Title, m.Text = page.KindInfo, "Somebody else replaced the key meanwhile", "Nothing was overwritten. Check whether the connection works now."
	case atssync.CodeForbidden:
		m.Title, m.Text = "This connection is kept elsewhere", v.Platform.Name+" keeps it in a configuration of its own, and can change it for you."
	default:
		return err
	}
	return v.askCredentials(http.StatusUnprocessableEntity, err, m)
}
