package wire

import (
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// connectionToWire is the one place where credentials are revealed to leave the process.
func connectionToWire(c *sdk.Connection) *Connection {
	w := &Connection{Id: textToWire(c.ID)}
	if len(c.Settings) > 0 {
		w.Settings = make(map[string]string, len(c.Settings))
		for k, v := range c.Settings {
			w.Settings[textToWire(k)] = textToWire(v)
		}
	}
	if len(c.Credentials) > 0 {
		w.Credentials = make(map[string]string, len(c.Credentials))
		for k, v := range c.Credentials {
			w.Credentials[textToWire(k)] = textToWire(v.Reveal())
		}
	}
	return w
}

// connectionFromWire always makes both maps, so that an adapter may add defaults to what it got.
func connectionFromWire(w *Connection) sdk.Connection {
	c := sdk.Connection{ID: w.GetId(), Settings: w.GetSettings()}
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	c.Credentials = make(map[string]sdk.Secret, len(w.GetCredentials()))
	for k, v := range w.GetCredentials() {
		c.Credentials[k] = sdk.Secret(v)
	}
	return c
}

func checkRequestToWire(r *sdk.CheckRequest) *CheckRequest {
	return &CheckRequest{Connection: connectionToWire(&r.Connection), PartnerName: textToWire(r.PartnerName)}
}

func checkRequestFromWire(w *CheckRequest) sdk.CheckRequest {
	return sdk.CheckRequest{Connection: connectionFromWire(w.Connection), PartnerName: w.PartnerName}
}

func checkReplyToWire(r *sdk.CheckReply) *CheckReply {
	return &CheckReply{
		Meta:        metaToWire(&r.Meta),
		Host:        textToWire(r.Host),
		AccountId:   textToWire(r.AccountID),
		AccountName: textToWire(r.AccountName),
		ActingUser: &User{
			Id: textToWire(r.ActingUser.ID), Name: textToWire(r.ActingUser.Name), Email: textToWire(r.ActingUser.Email),
		},
		JobsVisible: intToWire(r.JobsVisible),
		Items:       listToWire(r.Items, checkItemToWire),
	}
}

func checkReplyFromWire(w *CheckReply) (sdk.CheckReply, error) {
	var b bounds
	b.id("host", w.Host)
	b.id("account_id", w.AccountId)
	b.id("acting_user.id", w.ActingUser.GetId())
	b.count("items", len(w.Items), maxItems)
	if b.err != nil {
		return sdk.CheckReply{}, b.err
	}
	return sdk.CheckReply{
		Meta:        metaFromWire(w.Meta),
		Host:        w.Host,
		AccountID:   w.AccountId,
		AccountName: cut(w.AccountName, maxText),
		ActingUser: sdk.User{
			ID:    w.ActingUser.GetId(),
			Name:  cut(w.ActingUser.GetName(), maxText),
			Email: cut(w.ActingUser.GetEmail(), maxID),
		},
		JobsVisible: int(w.JobsVisible),
		Items:       listFromWire(w.Items, checkItemFromWire),
	}, nil
}

func checkItemToWire(w *CheckItem, i *sdk.CheckItem) {
	w.Id, w.Label, w.Ok, w.Warning = textToWire(i.ID), textToWire(i.Label), i.OK, i.Warning
	w.Kind, w.Cause = textToWire(string(i.Kind)), textToWire(i.Cause)
	w.Turn, w.Remedy = textToWire(string(i.Turn)), textToWire(i.Remedy)
}

func checkItemFromWire(i *sdk.CheckItem, w *CheckItem) {
	i.ID, i.Label, i.OK, i.Warning = cut(w.Id, maxID), cut(w.Label, maxText), w.Ok, w.Warning
	i.Kind, i.Cause = known(w.Kind, sdk.Kinds(), sdk.KindInternal), cut(w.Cause, maxText)
	i.Turn, i.Remedy = known(w.Turn, turns(), sdk.TurnAdapter), cut(w.Remedy, maxText)
}
