package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// HandleWebhook implements sdk.WebhookHandler: it compares the signature over the raw bytes in constant
// time and names what was touched. The host reads the application before it believes anything.
func (a *adapter) HandleWebhook(_ context.Context, req sdk.WebhookRequest) (sdk.WebhookReply, error) {
	if !signed(req.Connection.Value(fieldSecret), req.Body, req.Header.Get("X-Reference-Signature")) {
		return sdk.WebhookReply{Status: http.StatusUnauthorized}, nil
	}
	var hook struct {
		Event       string  `json:"event"`
		Application reading `json:"application"`
	}
	if err := rest.Decode(req.Body, &hook); err != nil || hook.Application.ID == "" {
		return sdk.WebhookReply{Status: http.StatusBadRequest}, nil
	}
	app := hook.Application
	return sdk.WebhookReply{
		Status:  http.StatusOK,
		EventID: hook.Event,
		Touched: []sdk.Touched{{
			CandidateID: app.PersonID, ApplicationID: app.ID, ExternalID: app.ExternalID,
			// The ATS names our external id together with its own ids: that proves a submission.
			Receipt: &sdk.Receipt{CandidateID: app.PersonID, ApplicationID: app.ID, ProfileURL: app.URL},
		}},
	}, nil
}

// signed is false without a secret: an empty key would let anybody sign.
func signed(secret string, body []byte, signature string) bool {
	got, err := hex.DecodeString(signature)
	if err != nil || secret == "" {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}
